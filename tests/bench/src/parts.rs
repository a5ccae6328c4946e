//! The parts of a put, measured in the same run: what a server that did nothing else would need.
//!
//! The parts are an HTTP request whose body is thrown away, reading the body into a frame (JSON, base64, MD5 of each
//! key, a copy, a checksum), writing the answer, and the log alone with commits of the same shape. A floor below their sum
//! has a raw write with a sync in the log's place. All are processor time, so that the ratio to what our server needs says
//! how much of it is not one of the parts.

use std::{fmt::Write as _, fs::File, os::unix::fs::FileExt as _, path::Path};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use log::{Commit, Log, Settings};
use model::{HashKey, ShardSlot};
use platform::Platform;
use tokio::task::JoinSet;

use crate::{
    commits::{append, joined, one_shard, record, spread},
    load::{self, Call},
    machine,
    noop::NoOp,
    report::{Report, Row, say},
    requests::{RECORDS_PER_PUT, put_record, put_records},
};

const KIB: usize = 1 << 10;
/// Requests of one measurement of a part.
const ROUNDS: usize = 1_000;
/// Records that share a write when 64 connections put one each.
const GROUP: usize = 64;
/// The raw write goes over the same bytes again: a log writes over blocks that are there.
const FILE_BYTES: usize = 64 << 20;
const KEY_BYTES: usize = 16;
/// Of the stream that the server is measured with.
const SHARDS: u32 = 4;
/// Commits of the log alone: so many of 500 records, and of one.
const LARGE_COMMITS: usize = 480;
const SMALL_COMMITS: usize = 48_000;
const LARGE_IN_FLIGHT: usize = 4;

/// What one request costs at least, in microseconds of processor time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// With the log as it is.
    pub(crate) sum: f64,
    /// With a raw write instead of the log.
    pub(crate) floor: f64,
}

/// Of each kind of request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AllParts {
    pub(crate) put_records_100: Parts,
    pub(crate) put_records_1024: Parts,
    pub(crate) put_record: Parts,
}

pub(crate) async fn measure(report: &mut Report, folder: &Path) -> Result<AllParts> {
    say("the parts of a put");
    let server = NoOp::start()?;
    let file = RawFile::new(folder)?;
    let alone = folder.join("parts");
    let mut many = Vec::new();
    for (record_bytes, size) in [(100, "100 B"), (KIB, "1 KiB")] {
        let bodies = put_records("puts", record_bytes);
        let http = load::run(&server, 1, Call::InVain, &bodies).await?;
        let frame_bytes = RECORDS_PER_PUT * (record_bytes + KEY_BYTES);
        let record = record(record_bytes);
        let commit = |_| spread(SHARDS, &record, RECORDS_PER_PUT);
        let shared = [
            ("HTTP", http.server_us(1)),
            ("body to frame", read_bodies(&bodies)?),
            ("answer", write_answers(RECORDS_PER_PUT)?),
        ];
        let last = [
            (
                "log",
                log_alone(&alone, LARGE_COMMITS, LARGE_IN_FLIGHT, commit).await?,
            ),
            ("raw write", file.write(frame_bytes)?),
        ];
        many.push(add(
            report,
            &format!("PutRecords 500 x {size}"),
            &shared,
            last,
        ));
    }
    let bodies = put_record("puts", KIB);
    let http = load::run(&server, GROUP, Call::InVain, &bodies).await?;
    let record = record(KIB);
    let commit = |number| one_shard(number % SHARDS, &record, 1);
    let group = file.write(GROUP * (KIB + KEY_BYTES))?;
    let shared = [
        ("HTTP", http.server_us(1)),
        ("body to frame", read_bodies(&bodies)?),
        ("answer", write_answers(1)?),
    ];
    let last = [
        (
            "log, 64 producers",
            log_alone(&alone, SMALL_COMMITS, GROUP, commit).await?,
        ),
        ("raw write, a 64th of one", group / GROUP as f64),
    ];
    let put_record = add(report, "PutRecord 1 KiB", &shared, last);
    let &[put_records_100, put_records_1024] = many.as_slice() else {
        bail!("two kinds of PutRecords were measured");
    };
    Ok(AllParts {
        put_records_100,
        put_records_1024,
        put_record,
    })
}

/// A row for each part, for their sum with the log, and for the floor with the raw write.
fn add(report: &mut Report, what: &str, shared: &[(&str, f64)], last: [(&str, f64); 2]) -> Parts {
    for (part, us) in shared.iter().chain(&last) {
        report.add(Row::new(format!("{what}, part: {part}"), *us, "us of CPU"));
    }
    let shared: f64 = shared.iter().map(|(_, us)| us).sum();
    let [log, raw] = last.map(|(_, us)| shared + us);
    report.add(Row::new(format!("{what}, sum of parts"), log, "us of CPU"));
    report.add(Row::new(
        format!("{what}, floor with a raw write"),
        raw,
        "us of CPU",
    ));
    Parts {
        sum: log,
        floor: raw,
    }
}

/// Processor time of one commit of a log that nobody else uses, in microseconds: placing it, its share of the write and
/// the sync, and waking its producer. The commits are made beforehand.
async fn log_alone(
    folder: &Path,
    commits: usize,
    producers: usize,
    commit: impl Fn(u32) -> Commit,
) -> Result<f64> {
    let log = Log::open(&Platform::real(), folder, Settings::default()).await?;
    for slot in 0..SHARDS {
        log.open_shard(ShardSlot(slot), 0, 0);
    }
    let share = commits / producers;
    let warm_up = share / 8;
    run_producers(&log, producers, warm_up, &commit).await?;
    let before = machine::living_threads_cpu_seconds("self", None)?;
    let made = run_producers(&log, producers, share, &commit).await?;
    let seconds = machine::living_threads_cpu_seconds("self", None)? - before - made;
    log.stop().await;
    std::fs::remove_dir_all(folder)?;
    Ok(seconds * 1e6 / (share * producers) as f64)
}

/// Returns the processor time of making the commits.
async fn run_producers(
    log: &Log,
    producers: usize,
    share: usize,
    commit: impl Fn(u32) -> Commit,
) -> Result<f64> {
    let before = machine::own_cpu_seconds();
    let shares: Vec<Vec<Commit>> = (0..producers)
        .map(|_| (0..).map(&commit).take(share).collect())
        .collect();
    let made = machine::own_cpu_seconds() - before;
    let mut running = JoinSet::new();
    for share in shares {
        let log = log.clone();
        running.spawn(async move {
            for commit in share {
                append(&log, commit).await?;
            }
            anyhow::Ok(())
        });
    }
    while !running.is_empty() {
        joined(&mut running).await?;
    }
    Ok(made)
}

/// Knows where the values stand and expects no escapes, so that no general reader of JSON is faster.
fn read_bodies(bodies: &[Bytes]) -> Result<f64> {
    each(bodies, |body, frame| {
        let mut name: &[u8] = &[];
        for text in texts(body) {
            match name {
                b"Data" => decode(text, frame)?,
                b"PartitionKey" => {
                    let hash = HashKey::of_partition_key(std::str::from_utf8(text)?);
                    std::hint::black_box(hash);
                    frame.extend_from_slice(text);
                }
                _ => {}
            }
            name = text;
        }
        Ok(())
    })
}

/// Whatever stands between quotes, in order.
fn texts(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quotes = memchr::memchr_iter(b'"', body);
    std::iter::from_fn(move || {
        let (begin, end) = (quotes.next()?, quotes.next()?);
        body.get(begin + 1..end)
    })
}

fn decode(data: &[u8], frame: &mut Vec<u8>) -> Result<()> {
    let start = frame.len();
    let length = base64_simd::STANDARD.decoded_length(data)?;
    frame.resize(start + length, 0);
    let space = frame.get_mut(start..).unwrap_or_default();
    base64_simd::STANDARD.decode(data, base64_simd::Out::from_slice(space))?;
    Ok(())
}

/// Processor time of one body, in microseconds; the frame is made once, as a server that reuses buffers would.
fn each(bodies: &[Bytes], mut read: impl FnMut(&[u8], &mut Vec<u8>) -> Result<()>) -> Result<f64> {
    let mut frame = Vec::new();
    let before = machine::own_cpu_seconds();
    for body in bodies.iter().cycle().take(ROUNDS) {
        frame.clear();
        read(body, &mut frame)?;
        std::hint::black_box(crc_fast::checksum(
            crc_fast::CrcAlgorithm::Crc32Iscsi,
            &frame,
        ));
    }
    Ok((machine::own_cpu_seconds() - before) * 1e6 / ROUNDS as f64)
}

fn write_answers(records: usize) -> Result<f64> {
    let mut answer = String::new();
    let before = machine::own_cpu_seconds();
    for round in 0..ROUNDS {
        answer.clear();
        answer.push_str("{\"FailedRecordCount\":0,\"Records\":[");
        for record in 0..records {
            let number = round * records + record;
            write!(
                answer,
                "{{\"SequenceNumber\":\"49590338271490256608559692538361571095921575989136588{number}\",\
                 \"ShardId\":\"shardId-000000000000\"}},"
            )?;
        }
        answer.push_str("]}");
        std::hint::black_box(&answer);
    }
    Ok((machine::own_cpu_seconds() - before) * 1e6 / ROUNDS as f64)
}

/// A file that was written once.
struct RawFile(File);

impl RawFile {
    fn new(folder: &Path) -> Result<Self> {
        let file = File::create(folder.join("raw")).context("make a file to write")?;
        file.write_all_at(&vec![0; FILE_BYTES], 0)?;
        file.sync_all()?;
        Ok(Self(file))
    }

    /// Processor time of a write of so many bytes with its sync, in microseconds.
    fn write(&self, bytes: usize) -> Result<f64> {
        let block = vec![7; bytes];
        let places = FILE_BYTES / bytes;
        let before = machine::own_cpu_seconds();
        for round in 0..ROUNDS {
            let place = (round % places) * bytes;
            self.0.write_all_at(&block, place as u64)?;
            self.0.sync_data()?;
        }
        Ok((machine::own_cpu_seconds() - before) * 1e6 / ROUNDS as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_a_body_are_its_names_and_values() {
        let body = br#"{"Records":[{"Data":"QQ==","PartitionKey":"k"}],"StreamName":"s"}"#;
        let texts: Vec<&str> = texts(body)
            .map(|text| std::str::from_utf8(text).unwrap())
            .collect();
        let expected = [
            "Records",
            "Data",
            "QQ==",
            "PartitionKey",
            "k",
            "StreamName",
            "s",
        ];
        assert_eq!(texts, expected);
        let mut frame = Vec::new();
        decode(b"QUJD", &mut frame).unwrap();
        assert_eq!(frame, b"ABC");
    }
}
