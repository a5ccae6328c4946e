//! One wrong bit anywhere in a stopped log: it opens whole, or not at all, or says which frame is damaged to whoever reads
//! a segment that recovery took over without a scan.

use std::path::PathBuf;

use super::*;

/// The files of a log that was filled and then stopped or killed.
async fn stopped_log(seed: u64, clean: bool) -> (Platform, Book, Vec<PathBuf>) {
    let platform = Platform::simulated(seed);
    let promised = Arc::new(Promised::default());
    let mut trace = Trace::begin(&platform, &promised, SOON).await.unwrap();
    while trace.book.sent.len() < 45 {
        trace.step().await.unwrap();
    }
    // The last two are in groups of their own.
    for _ in 0..2 {
        trace.put().await.unwrap();
    }
    let book = trace.end(clean).await;
    let dir: PathBuf = DIR.into();
    let mut files: Vec<PathBuf> = ["FORMAT", "CLEAN"].map(|name| dir.join(name)).into();
    for folder in ["log", "view", "archive"] {
        let folder = dir.join(folder);
        for name in platform.disk.list(&folder).await.unwrap() {
            files.push(folder.join(name));
        }
    }
    (platform, book, files)
}

async fn flip(disk: &Disk, path: &std::path::Path, bit: usize) {
    let file = disk.open(path, OpenMode::ReadWrite).await.unwrap();
    let at = bit as u64 / 8;
    let byte = file.read_at(1, at).await.unwrap()[0] ^ (1 << (bit % 8));
    file.write_all_at(&[vec![byte].into()], at).await.unwrap();
}

/// Whether every frame is as it was written; nothing else is an answer.
async fn is_read(log: &Log) -> bool {
    for slot in [A, B] {
        let mut from = Cursor::Index(0);
        loop {
            match log.read(slot, from, ALL).await {
                Ok(chunk) if chunk.at_tip => break,
                Ok(chunk) => from = chunk.next,
                Err(ReadError::Damaged { .. }) => return false,
                Err(other) => panic!("{other}"),
            }
        }
    }
    true
}

/// Flips one bit in every stretch of `stride`; of a killed log the last commit may be missing, because nothing tells it
/// from one that was never acknowledged.
async fn every_flip(seed: u64, clean: bool, stride: usize) {
    let (platform, book, files) = stopped_log(seed, clean).await;
    let last_but_one = book.sent[book.sent.len() - 2].placed.at.0;
    let promised = if clean { u64::MAX } else { last_but_one };
    let end = book.sent[book.sent.len() - 1].placed.at.0.min(promised);
    let (mut refused, mut whole) = (0, 0);
    for path in files {
        if !platform.disk.exists(&path).await {
            continue;
        }
        let bits = platform.disk.read(&path).await.unwrap().len() * 8;
        for bit in (0..bits).step_by(stride) {
            let disk = platform.disk.after_power_loss(Survival::Everything);
            flip(&disk, &path, bit).await;
            match open(&world_on(disk, seed), SOON).await {
                Err(OpenError::Damaged { .. } | OpenError::Newer { .. }) => refused += 1,
                Err(other) => panic!("{} bit {bit}: {other}", path.display()),
                Ok(log) if !is_read(&log).await => refused += 1,
                Ok(log) => {
                    let name = format!("{} bit {bit}", path.display());
                    book.clone().check(&name, &log, end).await;
                    whole += 1;
                }
            }
        }
    }
    assert!(refused > whole / 4 && whole > 0, "{refused} {whole}");
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_of_a_cleanly_stopped_log_is_refused_or_harmless() {
    every_flip(7, true, 997).await;
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_of_a_killed_log_is_refused_or_harmless() {
    every_flip(8, false, 997).await;
}
