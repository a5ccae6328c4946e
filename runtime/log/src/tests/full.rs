//! A full disk: puts are refused, everything that frees it goes on, and nothing that was acknowledged is lost.

use std::{path::Path, time::Duration};

use platform::DiskFault;

use super::*;

const DIR: &str = "/volume/data";
const SEGMENT_BYTES: u64 = 16 << 10;
const DISK_BYTES: u64 = 12 * SEGMENT_BYTES;

async fn open(platform: &Platform) -> Log {
    let settings = Settings {
        segment_bytes: SEGMENT_BYTES,
        view: ViewKind::Memory,
        ..Settings::default()
    };
    let log = Log::open(platform, Path::new(DIR), settings).await.unwrap();
    log.open_shard(A, 7, 100);
    log
}

async fn settled(platform: &Platform) {
    platform.clock.sleep(Duration::from_secs(5)).await;
}

fn large_put() -> Commit {
    puts(A, &["x".repeat(3000).as_str()])
}

async fn fill(platform: &Platform, log: &Log) -> u64 {
    let mut count = 0;
    loop {
        match log.place(large_put()).await {
            Ok(placed) => log.durable(placed.at).await.unwrap(),
            Err(refused) => {
                assert_eq!(refused, Refused::Full);
                return count;
            }
        }
        count += 1;
        assert!(count < 1000);
        settled(platform).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_puts_takes_checkpoints_and_frees_itself_by_trimming() {
    let platform = Platform::simulated(1);
    platform.disk.limit(DISK_BYTES);
    let log = open(&platform).await;
    for round in 0..5 {
        let count = fill(&platform, &log).await;
        assert!(count >= 8, "round {round}: {count}");
        // Something else takes the rest of the disk.
        let free = platform.disk.free_bytes(Path::new("/")).await.unwrap();
        platform.disk.limit(DISK_BYTES - free);
        for n in 0..40 {
            let value = format!("checkpoint {round} {n} {}", "x".repeat(300));
            let value = Some(value.into());
            let key = Bytes::from_static(b"k-checkpoint");
            let writes = vec![ViewWrite { key, value }];
            durably(
                &log,
                Commit {
                    writes,
                    ..Commit::default()
                },
            )
            .await;
        }
        assert_eq!(log.place(large_put()).await, Err(Refused::Full));
        platform.disk.limit(DISK_BYTES);
        log.trim(A, Timestamp::from_millis(u64::MAX));
        settled(&platform).await;
    }
    assert_eq!(log.status().poisoned, None);
    let kept = log.get(b"k-checkpoint").unwrap();
    drop(log);
    platform.disk.crash();
    assert_eq!(open(&platform).await.get(b"k-checkpoint").unwrap(), kept);
}

#[tokio::test(start_paused = true)]
async fn room_that_others_make_is_seen_by_a_log_that_writes_nothing() {
    let platform = Platform::simulated(1);
    platform.disk.limit(DISK_BYTES);
    let log = open(&platform).await;
    fill(&platform, &log).await;
    platform.disk.limit(2 * DISK_BYTES);
    assert_eq!(log.place(large_put()).await, Err(Refused::Full));
    settled(&platform).await;
    durably(&log, large_put()).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_finds_no_room_waits_until_there_is_and_is_not_lost() {
    let platform = Platform::simulated(1);
    let log = open(&platform).await;
    durably(&log, puts(A, &["before"])).await;
    for ahead in 0..4 {
        let next = platform.disk.operations() + ahead;
        platform.disk.fault(next, DiskFault::Full);
        let text = format!("{ahead} {}", "x".repeat(9000));
        let placed = log.place(puts(A, &[text.as_str()])).await.unwrap();
        log.durable(placed.at).await.unwrap();
        settled(&platform).await;
        durably(&log, puts(A, &["after"])).await;
    }
    drop(log);
    platform.disk.crash();
    assert_eq!(texts(&open(&platform).await, A).await.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_finds_no_room_anywhere_is_begun_again() {
    // The next one is the sync of the commit itself, which is never tried again.
    for ahead in 0..5 {
        let platform = Platform::simulated(1);
        let log = open(&platform).await;
        let next = platform.disk.operations() + ahead;
        platform.disk.fault(next, DiskFault::Full);
        durably(&log, puts(A, &["first"])).await;
        drop(log);
        platform.disk.crash();
        assert_eq!(texts(&open(&platform).await, A).await.len(), 1, "{ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn segments_are_taken_from_spares_and_old_ones_become_spares_again() {
    let platform = Platform::simulated(1);
    let log = open(&platform).await;
    let dir = Path::new(DIR).join("log");
    for _ in 0..60 {
        durably(&log, large_put()).await;
        log.trim(A, Timestamp::from_millis(u64::MAX));
        settled(&platform).await;
    }
    let names = platform.disk.list(&dir).await.unwrap();
    let spares = names.iter().filter(|name| name.ends_with(".spare")).count();
    assert_eq!(
        (spares, names.len()),
        (3, log.status().segments + 3),
        "{names:?}"
    );
    for name in names {
        let len = platform.disk.read(&dir.join(&name)).await.unwrap().len() as u64;
        assert_eq!(len, SEGMENT_BYTES, "{name}");
    }
    durably(&log, puts(A, &["kept"])).await;
    drop(log);
    platform.disk.crash();
    let found = texts(&open(&platform).await, A).await;
    assert_eq!(found.last().unwrap().1, "kept");
}
