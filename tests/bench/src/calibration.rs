//! What this machine can do without us: the disk, memory, and HTTP requests that do nothing.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::Path,
    time::Instant,
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hdrhistogram::Histogram;
use rustix::fs::{Mode, OFlags, open};

use crate::{
    load::{self, Call, histogram, micros},
    machine::Spinners,
    report::{Report, Row},
    server::Project,
};

pub(crate) const SYNC_4_IDLE: &str = "raw 4 KiB write + fdatasync on idle cores, p50";
pub(crate) const SYNC_4: &str = "raw 4 KiB write + fdatasync, p50";
pub(crate) const SYNC_64: &str = "raw 64 KiB write + fdatasync, p50";
pub(crate) const SYNC_64_P99: &str = "raw 64 KiB write + fdatasync, p99";
pub(crate) const WRITE: &str = "raw write of 1 GiB past the page cache + fdatasync";
pub(crate) const READ_DEVICE: &str = "raw read of 1 GiB past the page cache";
pub(crate) const READ: &str = "raw read of 256 KiB at a time, cached";
pub(crate) const NO_OP: &str = "GET /healthz, 1 connection, p50";
pub(crate) const NO_OP_64: &str = "GET /healthz, 64 connections";

const SYNCS: u64 = 300;
const BULK_BYTES: usize = 1 << 30;
/// What a write past the page cache begins at, in memory and in the file.
const PAGE_BYTES: usize = 4 << 10;
const CHUNK_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 64 << 20;

pub(crate) fn disk_and_memory(report: &mut Report, folder: &Path) -> Result<()> {
    let idle = syncs(folder, 4 << 10)?;
    report.add(Row::new(SYNC_4_IDLE, at(&idle, 0.5), "us"));
    // Without `chrt` the cores stay idle between syncs, here as in everything that is compared with it.
    let spinners = Spinners::start();
    let small = syncs(folder, 4 << 10)?;
    report.add(Row::new(SYNC_4, at(&small, 0.5), "us"));
    let large = syncs(folder, 64 << 10)?;
    report.add(Row::new(SYNC_64, at(&large, 0.5), "us"));
    report.add(Row::new(SYNC_64_P99, at(&large, 0.99), "us"));
    drop(spinners);
    let (written, read) = bulk(folder)?;
    report.add(Row::new(WRITE, written, "MB/s"));
    report.add(Row::new(READ_DEVICE, read, "MB/s"));
    report.add(Row::new(READ, reads(folder)?, "MB/s"));
    report.add(Row::new("memcpy of 1 MiB", memcpy(), "MB/s"));
    Ok(())
}

/// Requests that our own server answers with nothing.
pub(crate) async fn http(report: &mut Report, project: &Project) -> Result<()> {
    let server = project.start("calibration", "version: 1\n").await?;
    let none = [Bytes::new()];
    let one = load::run(&server, 1, Call::Get("/healthz"), &none).await?;
    report.add(Row::new(NO_OP, at(&one.trips, 0.5), "us").server_us(one.server_us(1)));
    let many = load::run(&server, 64, Call::Get("/healthz"), &none).await?;
    report.add(Row::new(NO_OP_64, many.per_second(), "requests/s").server_us(many.server_us(1)));
    Ok(())
}

pub(crate) fn at(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64
}

/// Overwrites a file that is written already, each time followed by a sync.
fn syncs(folder: &Path, bytes: usize) -> Result<Histogram<u64>> {
    let path = folder.join("syncs");
    let block = vec![7; bytes];
    let file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&path)
        .context("make a file to sync")?;
    let offset = |index: u64| index * bytes as u64;
    (0..SYNCS).try_for_each(|index| file.write_all_at(&block, offset(index)))?;
    file.sync_all()?;
    let mut times = histogram();
    for index in 0..SYNCS {
        let began = Instant::now();
        file.write_all_at(&block, offset(index))?;
        file.sync_data()?;
        times.saturating_record(micros(began.elapsed()));
    }
    std::fs::remove_file(&path)?;
    Ok(times)
}

/// Written and read again, each 1 MiB at a time.
fn bulk(folder: &Path) -> Result<(f64, f64)> {
    let path = folder.join("bulk");
    let mut space = vec![7; CHUNK_BYTES + PAGE_BYTES];
    let begins = space.as_ptr().align_offset(PAGE_BYTES);
    let chunk = &mut space[begins..][..CHUNK_BYTES];
    let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::RDWR;
    let mode = Mode::RUSR | Mode::WUSR;
    // Some file systems have nothing but their cache.
    let opened = open(&path, flags | OFlags::DIRECT, mode).or_else(|_| open(&path, flags, mode));
    let mut file = File::from(opened?);
    let rate = |began: Instant| BULK_BYTES as f64 / 1e6 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    for _ in 0..BULK_BYTES / CHUNK_BYTES {
        file.write_all(chunk)?;
    }
    file.sync_data()?;
    let written = rate(began);
    let began = Instant::now();
    for place in (0..BULK_BYTES).step_by(CHUNK_BYTES) {
        file.read_exact_at(chunk, place as u64)?;
    }
    let read = rate(began);
    std::fs::remove_file(&path)?;
    Ok((written, read))
}

fn reads(folder: &Path) -> Result<f64> {
    const ROUNDS: usize = 4_096;
    const PIECE_BYTES: usize = 256 << 10;
    let path = folder.join("reads");
    std::fs::write(&path, vec![7; READ_BYTES])?;
    let file = File::open(&path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let began = Instant::now();
    for round in 0..ROUNDS {
        let place = round % (READ_BYTES / PIECE_BYTES) * PIECE_BYTES;
        file.read_exact_at(&mut piece, place as u64)?;
        std::hint::black_box(&mut piece);
    }
    let seconds = began.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok((ROUNDS * PIECE_BYTES) as f64 / 1e6 / seconds)
}

fn memcpy() -> f64 {
    const ROUNDS: usize = 4_096;
    let from = vec![7_u8; CHUNK_BYTES];
    let mut to = vec![0_u8; CHUNK_BYTES];
    let began = Instant::now();
    for _ in 0..ROUNDS {
        to.copy_from_slice(std::hint::black_box(&from));
        std::hint::black_box(&mut to);
    }
    (ROUNDS * CHUNK_BYTES) as f64 / 1e6 / began.elapsed().as_secs_f64()
}
