//! The proof: a log is stopped at every operation of its disk, and every disk that may be left opens with everything that
//! was acknowledged, byte for byte, and with nothing half.
//!
//! `trace` draws what is done, `book` knows what must be there, `doubts` are what may be wrong with the view and the indexes
//! beside the log, which are taken over as far as they are right. All is one seed, so a failure names what repeats it.

mod book;
mod doubts;
mod drawn;
mod flips;
mod trace;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use platform::{Disk, DiskFault, Survival};

use super::*;
use book::Book;
use doubts::{Doubt, Known};
use trace::Trace;

const DIR: &str = "/volume/data";
/// Of a trace of which every crash point is tried.
const STEPS: usize = 1_000;
/// The same with an archive: each object costs some twenty operations, and each of those four disks to open.
const ARCHIVING_STEPS: usize = 250;
/// How old records are when they move: some segments wait for it, others move while more is put.
const SOON: Duration = Duration::from_millis(7);
const NEVER: Duration = Duration::from_hours(24 * 365);

fn settings(archive_after: Duration) -> Settings {
    Settings {
        segment_bytes: 16 << 10,
        view: ViewKind::File,
        archive: ArchiveSettings {
            after: archive_after,
            ..ArchiveSettings::default()
        },
        ..Settings::default()
    }
}

fn world_on(disk: Disk, seed: u64) -> Platform {
    Platform {
        disk,
        ..Platform::simulated(seed)
    }
}

async fn open(platform: &Platform, archive_after: Duration) -> Result<Log, OpenError> {
    let log = Log::open(platform, DIR.as_ref(), settings(archive_after)).await?;
    log.open_shard(A, 7, 100);
    log.open_shard(B, 7, 100);
    Ok(log)
}

/// What a log may never take back.
#[derive(Debug, Default)]
struct Promised {
    /// Everything up to here is durable.
    acknowledged: AtomicU64,
    /// No index up to this one is ever given again: somebody may have seen it.
    highest_index: AtomicU64,
}

impl Promised {
    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

impl Clone for Promised {
    fn clone(&self) -> Self {
        Self {
            acknowledged: self.acknowledged().into(),
            highest_index: self.highest_index.load(Ordering::SeqCst).into(),
        }
    }
}

/// A disk as a power loss left it, and what had been promised by then.
struct Left {
    operation: u64,
    promised: Promised,
    disk: Disk,
}

/// What recovery made of view and indexes, over all that was opened.
#[derive(Debug, Default)]
struct TakenOver {
    segments: usize,
    objects: usize,
    views: usize,
    views_rebuilt: usize,
    /// Disks that were opened, and what they had to hold, all together.
    disks: u64,
    acknowledged: u64,
}

impl TakenOver {
    /// Of a log that was opened this moment.
    fn of(log: &Log) -> Self {
        let status = log.status();
        let rebuilt = status.recovered.view_rebuilt;
        Self {
            segments: log.shared.state().sealed.len(),
            objects: status.archived_objects,
            views: usize::from(!rebuilt),
            views_rebuilt: usize::from(rebuilt),
            disks: 1,
            acknowledged: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        self.segments += other.segments;
        self.objects += other.objects;
        self.views += other.views;
        self.views_rebuilt += other.views_rebuilt;
        self.disks += other.disks;
        self.acknowledged += other.acknowledged;
    }
}

/// Takes four disks before every operation: one that lost all, one that lost nothing, two that lost at random.
fn photograph(platform: &Platform, promised: &Arc<Promised>) -> Arc<Mutex<Vec<Left>>> {
    let left = Arc::new(Mutex::new(Vec::new()));
    let (disk, rng) = (platform.disk.clone(), platform.rng.fork("power"));
    let (promised, album) = (Arc::clone(promised), Arc::clone(&left));
    platform.disk.watch(move |operation| {
        for survival in [
            Survival::Nothing,
            Survival::Everything,
            Survival::Some(&rng),
            Survival::Some(&rng),
        ] {
            album.lock().unwrap().push(Left {
                operation,
                promised: Promised::clone(&promised),
                disk: disk.after_power_loss(survival),
            });
        }
    });
    left
}

/// What is checked is in the panics; this is how much of it there was.
fn say_enumerated(seed: u64, steps: usize, taken_over: &TakenOver) {
    drawn::say(&format!(
        "enumerate (seed {seed}, half of {steps} steps): {} rounds, {} commits acknowledged",
        taken_over.disks, taken_over.acknowledged
    ));
}

/// Of the steps whose number leaves `rest` when divided by two: two halves run side by side.
async fn every_crash_point(seed: u64, steps: usize, rest: usize, after: Duration) -> TakenOver {
    let platform = Platform::simulated(seed);
    let promised = Arc::new(Promised::default());
    let left = photograph(&platform, &promised);
    let mut trace = Trace::begin(&platform, &promised, after).await.unwrap();
    let mut known = Known::new(seed, after).await;
    let mut taken_over = TakenOver::default();
    for step in 0..steps {
        trace.step().await.unwrap();
        let taken = std::mem::take(&mut *left.lock().unwrap());
        if step % 2 != rest {
            continue;
        }
        for (number, left) in taken.into_iter().enumerate() {
            let mut name = format!("seed {seed} step {step} operation {}", left.operation);
            let inner = seed ^ ((left.operation << 2) | (number as u64 % 4));
            match number % 4 {
                1 => known.now(&left.disk),
                3 => {
                    let doubt = Doubt::turn(left.operation);
                    known.distort(&left.disk, doubt, &platform.rng).await;
                    name = format!("{name} {doubt:?}");
                }
                _ => {}
            }
            let opened = opens_whole(&name, left, inner, &trace.book, after);
            taken_over.add(&opened.await);
        }
    }
    taken_over
}

/// Opens what is left, compares, goes on a little, loses the power once more, in recovery or later, and compares again.
/// What came back is the log as it was opened first.
async fn opens_whole(name: &str, left: Left, seed: u64, book: &Book, after: Duration) -> TakenOver {
    let platform = world_on(left.disk, seed);
    let mut book = book.clone();
    if seed.is_multiple_of(3) {
        let late = platform.rng.below(12);
        platform.disk.fault(late, DiskFault::PowerLoss);
        if let Ok(log) = open(&platform, after).await {
            // The fault may come later, in the background, but nothing was promised yet.
            drop(log);
        }
        platform.disk.wear(platform.rng.clone(), Duration::ZERO);
        platform.disk.crash();
    }
    let log = open(&platform, after).await;
    let log = log.unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut found = TakenOver::of(&log);
    found.acknowledged = book.acknowledged(left.promised.acknowledged());
    book.check(name, &log, left.promised.acknowledged()).await;
    let promised = Arc::new(left.promised);
    let mut trace = Trace::on(&platform, log, book, &promised, after);
    for _ in 0..2 {
        trace.put().await.unwrap();
    }
    let mut book = trace.end(false).await;
    platform.disk.crash();
    let log = open(&platform, after).await;
    let log = log.unwrap_or_else(|error| panic!("{name}, second crash: {error}"));
    book.check(name, &log, promised.acknowledged()).await;
    found
}

/// One operation goes wrong; the log refuses or stops, and what it acknowledged is there when it is opened again.
async fn every_fault(seed: u64, steps: usize, fault: DiskFault) {
    let seed = drawn::seed(seed);
    let (mut operation, mut acknowledged) = (0, 0);
    loop {
        let platform = Platform::simulated(seed);
        platform.disk.fault(operation, fault);
        let promised = Arc::new(Promised::default());
        let name = format!("seed {seed} {fault:?} at operation {operation}");
        let mut trace = match Trace::begin(&platform, &promised, SOON).await {
            Ok(trace) => trace,
            Err(_) => Trace::begin(&platform, &promised, SOON)
                .await
                .unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        for _ in 0..steps {
            if trace.step().await.is_err() {
                break;
            }
        }
        let ended = platform.disk.operations();
        let mut book = trace.end(false).await;
        for power_loss in [false, true] {
            if power_loss {
                platform.disk.wear(platform.rng.clone(), Duration::ZERO);
                platform.disk.crash();
            }
            let log = match open(&platform, SOON).await {
                Ok(log) => log,
                Err(_) if !power_loss => open(&platform, SOON)
                    .await
                    .unwrap_or_else(|error| panic!("{name}: {error}")),
                Err(error) => panic!("{name}: {error}"),
            };
            acknowledged += book.acknowledged(promised.acknowledged());
            book.check(&name, &log, promised.acknowledged()).await;
        }
        operation += 1;
        if operation >= ended {
            let rounds = operation * 2;
            drawn::say(&format!(
                "enumerate ({fault:?}, seed {seed}): {rounds} rounds, {acknowledged} commits acknowledged"
            ));
            return;
        }
    }
}

/// One read fails; the log refuses it or stops, and takes nothing for damaged or for the end that is not. Returns how often
/// somebody was told.
async fn every_read_fault(seed: u64, steps: usize) -> usize {
    let mut noticed = 0;
    for read in 0.. {
        let platform = Platform::simulated(seed);
        let promised = Arc::new(Promised::default());
        let name = format!("seed {seed}, read {read} fails");
        let mut trace = Trace::begin(&platform, &promised, SOON).await.unwrap();
        platform.disk.fault_read(read);
        for _ in 0..steps {
            if trace.step().await.is_err() {
                noticed += 1;
                break;
            }
        }
        let mut book = trace.end(false).await;
        let opened = open(&platform, SOON).await;
        let ended = platform.disk.reads();
        platform.disk.fault_read(u64::MAX);
        match opened {
            Ok(log) => book.check(&name, &log, promised.acknowledged()).await,
            Err(error) => {
                assert!(matches!(error, OpenError::Io(_)), "{name}: {error}");
                noticed += 1;
            }
        }
        let log = open(&platform, SOON).await;
        let log = log.unwrap_or_else(|error| panic!("{name}: {error}"));
        book.check(&name, &log, promised.acknowledged()).await;
        if read >= ended {
            break;
        }
    }
    noticed
}

async fn a_thousand_steps(rest: usize) {
    let seed = drawn::seed(1);
    let taken_over = every_crash_point(seed, STEPS, rest, NEVER).await;
    say_enumerated(seed, STEPS, &taken_over);
    assert!(taken_over.segments > 10 * STEPS, "{taken_over:?}");
    assert!(taken_over.views > 5 * STEPS, "{taken_over:?}");
    assert!(taken_over.views_rebuilt > STEPS / 10, "{taken_over:?}");
}

async fn archiving_steps(rest: usize) {
    let seed = drawn::seed(6);
    let taken_over = every_crash_point(seed, ARCHIVING_STEPS, rest, SOON).await;
    say_enumerated(seed, ARCHIVING_STEPS, &taken_over);
    assert!(taken_over.objects > ARCHIVING_STEPS, "{taken_over:?}");
    assert!(taken_over.views > 5 * ARCHIVING_STEPS, "{taken_over:?}");
    assert!(taken_over.views_rebuilt > 0, "{taken_over:?}");
}

#[tokio::test(start_paused = true)]
async fn every_crash_point_of_a_thousand_steps_leaves_a_log_that_opens_whole_first_half() {
    a_thousand_steps(0).await;
}

#[tokio::test(start_paused = true)]
async fn every_crash_point_of_a_thousand_steps_leaves_a_log_that_opens_whole_second_half() {
    a_thousand_steps(1).await;
}

#[tokio::test(start_paused = true)]
async fn every_crash_point_beside_an_archive_leaves_a_log_that_opens_whole_first_half() {
    archiving_steps(0).await;
}

#[tokio::test(start_paused = true)]
async fn every_crash_point_beside_an_archive_leaves_a_log_that_opens_whole_second_half() {
    archiving_steps(1).await;
}

#[tokio::test(start_paused = true)]
async fn an_io_error_at_any_operation_loses_nothing_acknowledged() {
    every_fault(3, 25, DiskFault::Fails).await;
}

#[tokio::test(start_paused = true)]
async fn an_io_error_at_any_read_loses_nothing_acknowledged() {
    let noticed = every_read_fault(9, 40).await;
    assert!(noticed > 10, "{noticed}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_at_any_operation_loses_nothing_acknowledged() {
    every_fault(4, 25, DiskFault::Full).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_write_at_any_operation_loses_nothing_acknowledged() {
    every_fault(5, 25, DiskFault::Short).await;
}
