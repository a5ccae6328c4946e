//! One wrong bit anywhere in a stopped log: it opens whole, or not at all, or says which frame is damaged to whoever reads
//! a segment that recovery took over without a scan.

use std::{collections::BTreeSet, path::PathBuf};

use platform::Rng;

use super::*;
use crate::layout::frame::{HEADER_BYTES, looks_like_frame};

/// The rest of its page is zeros.
const SEGMENT_HEADER_USED: usize = 56;
/// Of all bits, and of those that decide what is read.
const SOME_BITS: [usize; 2] = [997, 61];
const ALL_BITS: [usize; 2] = [97, 1];

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
        if !platform.disk.exists(&folder).await {
            continue;
        }
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

/// Where each bit decides what is read: the headers of segments, those of frames, and indexes.
fn is_dense(path: &std::path::Path, bytes: &[u8]) -> Vec<bool> {
    let ends = |with| path.extension().is_some_and(|end| end == with);
    let mut dense = vec![ends("idx"); bytes.len()];
    if ends("seg") {
        dense[..SEGMENT_HEADER_USED].fill(true);
        for (at, start) in bytes.chunks_exact(8).enumerate() {
            if looks_like_frame(start) {
                let end = bytes.len().min(at * 8 + HEADER_BYTES);
                dense[at * 8..end].fill(true);
            }
        }
    }
    dense
}

/// One bit in every `sparse` from a drawn one on, and of those that decide what is read one in every `dense`.
fn bits(
    path: &std::path::Path,
    bytes: &[u8],
    rng: &Rng,
    [sparse, dense]: [usize; 2],
) -> Vec<usize> {
    let [sparsely, densely] = [sparse, dense].map(|stride| below(rng, stride));
    let is_dense = is_dense(path, bytes);
    let dense_bits = (0..bytes.len() * 8).filter(|bit| is_dense[bit / 8]);
    let mut bits: BTreeSet<usize> = dense_bits.skip(densely).step_by(dense).collect();
    bits.extend((sparsely..bytes.len() * 8).step_by(sparse));
    bits.into_iter().collect()
}

fn below(rng: &Rng, n: usize) -> usize {
    usize::try_from(rng.below(n as u64)).unwrap()
}

/// Flips them; of a killed log the last commit may be missing, because nothing tells it from one that was never
/// acknowledged.
async fn every_flip(seed: u64, clean: bool) {
    let seed = drawn::seed(seed);
    let strides = if drawn::is_asked() {
        ALL_BITS
    } else {
        SOME_BITS
    };
    let (platform, book, files) = stopped_log(seed, clean).await;
    let last_but_one = book.sent[book.sent.len() - 2].placed.at.0;
    let promised = if clean { u64::MAX } else { last_but_one };
    let end = book.sent[book.sent.len() - 1].placed.at.0.min(promised);
    let (mut refused, mut whole) = (0_u64, 0);
    let rng = Rng::seeded(seed);
    for path in files {
        if !platform.disk.exists(&path).await {
            continue;
        }
        let bytes = platform.disk.read(&path).await.unwrap();
        for bit in bits(&path, &bytes, &rng, strides) {
            let disk = platform.disk.after_power_loss(Survival::Everything);
            flip(&disk, &path, bit).await;
            match open(&world_on(disk, seed), SOON).await {
                Err(OpenError::Damaged { .. } | OpenError::Newer { .. }) => refused += 1,
                Err(other) => panic!("{} bit {bit}: {other}", path.display()),
                Ok(log) if !is_read(&log).await => refused += 1,
                Ok(log) => {
                    let name = format!("{} bit {bit}", path.display());
                    match book.clone().try_check(&name, &log, end).await {
                        Ok(()) => whole += 1,
                        // It was found by whoever carries forward, seals or archives what nobody reads.
                        Err(Refused::Stopped(why)) if why.ends_with("is damaged") => refused += 1,
                        Err(other) => panic!("{name}: {other}"),
                    }
                }
            }
        }
    }
    assert!(refused > whole / 4 && whole > 0, "{refused} {whole}");
    let kind = if clean { "clean" } else { "killed" };
    let acknowledged = book.sent.len() as u64 * (refused + whole);
    drawn::say(&format!(
        "flips ({kind}, seed {seed}): {} rounds, {acknowledged} commits acknowledged, {refused} refused, {whole} whole",
        refused + whole
    ));
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_of_a_cleanly_stopped_log_is_refused_or_harmless() {
    every_flip(7, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_of_a_killed_log_is_refused_or_harmless() {
    every_flip(8, false).await;
}
