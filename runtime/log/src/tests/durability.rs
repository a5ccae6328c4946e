//! What each durability promises: when it acknowledges, how often it syncs, and what a crash may take.

use std::{path::Path, time::Duration};

use super::*;

const DIR: &str = "/volume/data";

async fn open(platform: &Platform, durability: Durability) -> Log {
    let settings = Settings {
        segment_bytes: 64 << 10,
        view: ViewKind::Memory,
        durability,
        ..Settings::default()
    };
    let log = Log::open(platform, Path::new(DIR), settings).await.unwrap();
    log.open_shard(A, 7, 100);
    log.open_shard(B, 7, 100);
    log
}

/// What a process that comes after one that was killed finds, and one that comes after a power loss.
async fn after_kill_and_crash(platform: &Platform, durability: Durability) -> (usize, usize) {
    let log = open(platform, durability).await;
    let killed = texts(&log, A).await.len();
    drop(log);
    platform.disk.crash();
    let log = open(platform, durability).await;
    (killed, texts(&log, A).await.len())
}

#[tokio::test(start_paused = true)]
async fn relaxed_records_are_acknowledged_before_their_sync_and_survive_the_process() {
    for (durability, left) in [
        (Durability::Sync, 10),
        (Durability::INTERVAL, 0),
        (Durability::None, 0),
    ] {
        let platform = Platform::simulated(1);
        let log = open(&platform, durability).await;
        for _ in 0..10 {
            durably(&log, puts(A, &["a"])).await;
        }
        assert_eq!(texts(&log, A).await.len(), 10);
        assert_eq!(log.status().syncs, left);
        platform.disk.crash();
        drop(log);
        let log = open(&platform, durability).await;
        assert_eq!(texts(&log, A).await.len() as u64, left, "{durability:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interval_is_synced_by_time_by_bytes_and_at_the_stop() {
    let platform = Platform::simulated(1);
    let interval = Durability::Interval {
        every: Duration::from_millis(50),
        bytes: 4096,
    };
    let log = open(&platform, interval).await;
    durably(&log, puts(A, &["a"])).await;
    platform.clock.sleep(Duration::from_millis(49)).await;
    assert_eq!(log.status().syncs, 0);
    platform.clock.sleep(Duration::from_millis(2)).await;
    assert_eq!(log.status().syncs, 1);
    durably(&log, puts(A, &["x".repeat(5000).as_str()])).await;
    assert_eq!(log.status().syncs, 2);
    durably(&log, puts(A, &["b"])).await;
    log.stop().await;
    drop(log);
    platform.disk.crash();
    assert_eq!(after_kill_and_crash(&platform, interval).await, (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_shard_may_differ_and_a_commit_of_several_parts_follows_the_strictest() {
    let platform = Platform::simulated(1);
    let log = open(&platform, Durability::Sync).await;
    log.set_durability(A, Some(Durability::None));
    durably(&log, puts(A, &["a"])).await;
    assert_eq!(log.status().syncs, 0);
    let mut both = puts(A, &["a"]);
    both.appends.extend(puts(B, &["b"]).appends);
    durably(&log, both).await;
    assert_eq!(log.status().syncs, 1);
    durably(&log, puts(A, &["a"])).await;
    assert_eq!(log.status().syncs, 1);
    let mut checkpoint = puts(A, &["a"]);
    checkpoint.writes = sets("key", Some("value")).writes;
    durably(&log, checkpoint).await;
    assert_eq!(log.status().syncs, 2);
    log.set_durability(A, None);
    durably(&log, puts(A, &["a"])).await;
    assert_eq!(log.status().syncs, 3);
}

#[tokio::test(start_paused = true)]
async fn numbers_that_somebody_saw_are_never_given_again_however_often_it_crashes() {
    let platform = Platform::simulated(1);
    let mut highest = 0;
    for life in 0..6 {
        let log = open(&platform, Durability::None).await;
        let placed = durably(&log, puts(A, &["seen", "seen"])).await;
        let first = placed.appends[0].first_index;
        assert!(first > highest, "life {life}: {first} {highest}");
        highest = first + 1;
        drop(log);
        platform.disk.crash();
    }
}

#[tokio::test(start_paused = true)]
async fn a_torn_interval_is_a_torn_tail_and_what_was_synced_before_is_there() {
    for seed in 0..40 {
        let platform = Platform::simulated(seed);
        let log = open(&platform, Durability::None).await;
        log.set_durability(B, Some(Durability::Sync));
        for _ in 0..5 {
            durably(&log, puts(A, &["x".repeat(900).as_str()])).await;
        }
        durably(&log, puts(B, &["synced"])).await;
        for _ in 0..20 {
            durably(&log, puts(A, &["x".repeat(900).as_str()])).await;
        }
        drop(log);
        platform.disk.wear(platform.rng.clone(), Duration::ZERO);
        platform.disk.crash();
        let log = open(&platform, Durability::None).await;
        assert_eq!(texts(&log, B).await.len(), 1, "seed {seed}");
        assert!(
            (5..=25).contains(&texts(&log, A).await.len()),
            "seed {seed}"
        );
    }
}
