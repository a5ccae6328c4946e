//! The log alone, in this process and without HTTP: how close it comes to what the disk does by itself.
//!
//! Everything here is durable when it counts. The device's writes are counted below the file system, so that whatever
//! else writes to the same device meanwhile is in the figure.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use log::{Commit, Cursor, Log, ReadLimit, Settings};
use model::ShardSlot;
use platform::Platform;
use tokio::task::JoinSet;

use crate::{
    calibration::{READ, SYNC_4, SYNC_4_IDLE, SYNC_64, SYNC_64_P99, WRITE, at},
    commits::{SHARDS, append, joined, one_shard, record, spread},
    load::{histogram, micros},
    machine::{self, Device, Spinners},
    report::{Report, Row, Target, say},
};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const ACKS: usize = 1_000;
const IN_FLIGHT: usize = 4;
/// Of which the middle one counts.
const READ_ROUNDS: usize = 5;
/// As much is kept at most before it expires: part of a segment, as if retention had passed.
const RELEASED_BYTES: usize = 16 * MIB;
/// Until the cleaner has made spare segments of those that are free.
const CLEANED: Duration = Duration::from_millis(200);

pub(crate) async fn measure(report: &mut Report, folder: &Path) -> Result<()> {
    say("the log alone");
    let platform = Platform::real();
    let folder = folder.join("storage");
    let log = Log::open(&platform, &folder, Settings::default()).await?;
    for slot in 0..=SHARDS {
        log.open_shard(ShardSlot(slot), slot, 0);
    }
    let fresh = acks(&log, 8, 10 * KIB).await?;
    let row = "log, 8 producers x 10 KiB in a segment that was never used, p50";
    report.add(Row::new(row, at(&fresh, 0.5), "us"));
    let bench = Bench {
        platform: &platform,
        log: &log,
        device: Device::below(&folder)?,
    };
    bench.appends(report).await?;
    // In segments that were used before, as the raw writes beside them are over blocks that are there.
    acknowledgements(report, &log).await?;
    bench.reads(report).await?;
    log.stop().await;
    Ok(std::fs::remove_dir_all(folder)?)
}

async fn acknowledgements(report: &mut Report, log: &Log) -> Result<()> {
    let idle = acks(log, 1, KIB).await?;
    report.add(
        Row::new(
            "log, 1 producer x 1 KiB on idle cores, p50",
            at(&idle, 0.5),
            "us",
        )
        .beside("the raw sync on idle cores", report.value(SYNC_4_IDLE)),
    );
    let spinners = Spinners::start();
    let one = acks(log, 1, KIB).await?;
    let ratio = |value: f64, most: f64| Target::AtMost(value * most);
    let raw = report.value(SYNC_4);
    report.add(
        Row::new("log, 1 producer x 1 KiB, p50", at(&one, 0.5), "us")
            .beside("the raw 4 KiB sync", raw)
            .target(ratio(raw, 1.6)),
    );
    let eight = acks(log, 8, 10 * KIB).await?;
    for (quantile, name, raw, most) in [(0.5, "p50", SYNC_64, 2.5), (0.99, "p99", SYNC_64_P99, 6.0)]
    {
        let raw = report.value(raw);
        report.add(
            Row::new(
                format!("log, 8 producers x 10 KiB, {name}"),
                at(&eight, quantile),
                "us",
            )
            .beside(format!("the raw 64 KiB sync, {name}"), raw)
            .target(ratio(raw, most)),
        );
    }
    drop(spinners);
    Ok(())
}

/// The times until records are durable, each producer sending its next when the last one is.
async fn acks(log: &Log, producers: usize, record_bytes: usize) -> Result<Histogram<u64>> {
    let mut running = JoinSet::new();
    for _ in 0..producers {
        let (log, record) = (log.clone(), record(record_bytes));
        running.spawn(async move {
            let mut times = histogram();
            for _ in 0..ACKS / producers {
                let began = Instant::now();
                append(&log, one_shard(0, &record, 1)).await?;
                times.saturating_record(micros(began.elapsed()));
            }
            anyhow::Ok(times)
        });
    }
    let mut times = histogram();
    while let Some(ended) = running.join_next().await {
        times.add(ended??)?;
    }
    Ok(times)
}

struct Bench<'a> {
    platform: &'a Platform,
    log: &'a Log,
    device: Option<Device>,
}

/// What so many commits did.
struct Appended {
    bytes: f64,
    records: f64,
    seconds: f64,
    cpu_seconds: f64,
    device_bytes: Option<f64>,
    /// What this process alone made dirty.
    own_bytes: f64,
}

impl Bench<'_> {
    async fn appends(&self, report: &mut Report) -> Result<()> {
        let kib = record(KIB);
        // Segments that were used before: what follows writes over blocks that are there.
        self.append(320 * MIB, IN_FLIGHT, || one_shard(0, &kib, 500))
            .await?;
        let bulk = self
            .append(320 * MIB, IN_FLIGHT, || one_shard(0, &kib, 500))
            .await?;
        let raw = report.value(WRITE);
        report.add(
            Row::new(
                "log, commits of 500 x 1 KiB, 4 in flight",
                bulk.rate(),
                "MB/s",
            )
            .beside("the raw write", raw)
            .target(Target::AtLeast(raw * 0.45)),
        );
        report.add(
            Row::new(
                "log, commits of 500 x 1 KiB, CPU for each record",
                bulk.cpu_seconds * 1e6 / bulk.records,
                "us",
            )
            .target(Target::AtMost(1.0)),
        );
        let wide = self
            .append(320 * MIB, IN_FLIGHT, || spread(SHARDS, &kib, 500))
            .await?;
        report.add(
            Row::new("log, 64 shards against 1", wide.rate() / bulk.rate(), "x")
                .target(Target::AtLeast(0.8)),
        );
        let small = self.append(64 * MIB, 1, || one_shard(0, &kib, 10)).await?;
        for (what, appended, most) in [("10 x 1 KiB", small, 1.3), ("500 x 1 KiB", bulk, 1.08)] {
            let what = format!("bytes that the device wrote for each byte, commits of {what}");
            match appended.device_bytes {
                Some(bytes) => report.add(
                    Row::new(what.clone(), bytes / appended.bytes, "x")
                        .target(Target::AtMost(most)),
                ),
                None => report.not_run(&what, "no block device is below the scratch folder"),
            }
            let what = format!("{what}, only those of this process");
            report.add(Row::new(what, appended.own_bytes / appended.bytes, "x"));
        }
        Ok(())
    }

    /// Appends so many bytes, and lets go of what is old meanwhile, so that its segments are used again.
    async fn append(
        &self,
        bytes: usize,
        in_flight: usize,
        mut commit: impl FnMut() -> Commit,
    ) -> Result<Appended> {
        let written =
            |device: &Option<Device>| device.as_ref().map(Device::written_bytes).transpose();
        let device_before = written(&self.device)?;
        let own_before = machine::file_bytes_written("self")?;
        let cpu_before = machine::living_threads_cpu_seconds("self", None)?;
        let began = Instant::now();
        let (mut done, mut released, mut records) = (0, 0, 0);
        let mut running = JoinSet::new();
        while done < bytes {
            if running.len() >= in_flight {
                joined(&mut running).await?;
            }
            let commit = commit();
            let parts = commit.appends.iter().flat_map(|append| &append.records);
            for record in parts {
                done += record.data.len() + record.partition_key.len();
                records += 1;
            }
            if done - released >= RELEASED_BYTES {
                self.release(Duration::ZERO);
                released = done;
            }
            let log = self.log.clone();
            running.spawn(async move { append(&log, commit).await });
        }
        while !running.is_empty() {
            joined(&mut running).await?;
        }
        let seconds = began.elapsed().as_secs_f64();
        let cpu_seconds = machine::living_threads_cpu_seconds("self", None)? - cpu_before;
        let own_bytes = machine::file_bytes_written("self")? - own_before;
        let device_after = written(&self.device)?;
        self.trim().await;
        Ok(Appended {
            bytes: done as f64,
            records: f64::from(records),
            seconds,
            cpu_seconds,
            device_bytes: device_after
                .zip(device_before)
                .map(|(after, before)| after - before),
            own_bytes,
        })
    }

    async fn trim(&self) {
        self.release(Duration::from_millis(1));
        tokio::time::sleep(CLEANED).await;
    }

    /// What arrived until so long after now expires.
    fn release(&self, after_now: Duration) {
        let before = self.platform.clock.wall().plus(after_now);
        for slot in 0..=SHARDS {
            self.log.trim(ShardSlot(slot), before);
        }
    }

    /// Reads behind what is kept in memory.
    async fn reads(&self, report: &mut Report) -> Result<()> {
        let raw = report.value(READ);
        for (what, records, target) in [
            ("frames of 500 x 1 KiB", 500, raw * 0.5),
            ("frames of one 1 KiB record", 1, 1_000.0),
        ] {
            let rate = self.read_back(records).await?;
            report.add(
                Row::new(
                    format!("log, cached read with checksums, {what}"),
                    rate,
                    "MB/s",
                )
                .beside("the raw read, cached", raw)
                .target(Target::AtLeast(target)),
            );
        }
        Ok(())
    }

    async fn read_back(&self, records: usize) -> Result<f64> {
        const READ_SLOT: u32 = SHARDS;
        let kib = record(KIB);
        let from = self.log.end_index(ShardSlot(READ_SLOT));
        for (slot, records) in [(READ_SLOT, records), (0, 500)] {
            let mut running = JoinSet::new();
            for _ in 0..96 * MIB / KIB / records {
                if running.len() >= 512 {
                    joined(&mut running).await?;
                }
                let (log, commit) = (self.log.clone(), one_shard(slot, &kib, records));
                running.spawn(async move { append(&log, commit).await });
            }
            while !running.is_empty() {
                joined(&mut running).await?;
            }
        }
        let limit = ReadLimit {
            records: 10_000,
            bytes: 10 * MIB,
        };
        let mut rates = Vec::new();
        for _ in 0..READ_ROUNDS {
            rates.push(self.read_from(from, ShardSlot(READ_SLOT), limit).await?);
        }
        self.trim().await;
        rates.sort_by(f64::total_cmp);
        Ok(rates[READ_ROUNDS / 2])
    }

    /// Megabytes a second.
    async fn read_from(&self, from: u64, slot: ShardSlot, limit: ReadLimit) -> Result<f64> {
        let (mut at, mut bytes) = (Cursor::Index(from), 0);
        let began = Instant::now();
        loop {
            let chunk = self.log.read(slot, at, limit).await?;
            let data = chunk.records.iter().map(|record| record.data.len());
            bytes += data.sum::<usize>();
            at = chunk.next;
            if chunk.at_tip {
                break;
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        if bytes < 95 * MIB {
            bail!("read {bytes} bytes where 96 MiB were put");
        }
        Ok(bytes as f64 / 1e6 / seconds)
    }
}

impl Appended {
    /// Megabytes a second.
    fn rate(&self) -> f64 {
        self.bytes / 1e6 / self.seconds
    }
}
