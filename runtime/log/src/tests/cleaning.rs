//! How segments go: nothing live is lost, the log stays small, and nothing is moved for ever.

use std::{path::Path, time::Duration};

use super::*;

const DIR: &str = "/volume/data";

fn small() -> Settings {
    Settings {
        segment_bytes: 8192,
        view: ViewKind::Memory,
        ..Settings::default()
    }
}

fn value(n: u32) -> Bytes {
    Bytes::from(format!("{n:04}").repeat(250))
}

async fn write(log: &Log, key: u32, n: u32) {
    let key = Bytes::from(format!("k{key:03}"));
    let value = Some(value(n));
    let writes = vec![ViewWrite { key, value }];
    let placed = log
        .place(Commit {
            writes,
            ..Commit::default()
        })
        .await
        .unwrap();
    log.durable(placed.at).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn entries_that_fill_whole_segments_are_not_moved_for_ever() {
    let platform = Platform::simulated(1);
    let log = Log::open(&platform, Path::new(DIR), small()).await.unwrap();
    for key in 0..60 {
        write(&log, key, key).await;
    }
    platform.clock.sleep(Duration::from_secs(60)).await;
    let before = log.status().placed;
    platform.clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(log.status().placed, before);
}

#[tokio::test(start_paused = true)]
async fn overwritten_entries_make_room_and_the_newest_survive_every_restart() {
    let platform = Platform::simulated(1);
    let (keys, mut n) = (30_u32, 0);
    let mut newest = std::collections::BTreeMap::new();
    for life in 0..4 {
        let log = Log::open(&platform, Path::new(DIR), small()).await.unwrap();
        for (key, n) in &newest {
            let got = log.get(format!("k{key:03}").as_bytes()).unwrap();
            assert_eq!(got, Some(value(*n)), "life {life}");
        }
        for _ in 0..600 {
            let key = u32::try_from(platform.rng.below(u64::from(keys))).unwrap();
            n += 1;
            write(&log, key, n).await;
            newest.insert(key, n);
        }
        platform.clock.sleep(Duration::from_secs(60)).await;
        // Live entries, as much again that need not move yet, and the ends.
        let live = 1200 * u64::from(keys);
        let bytes = log.status().bytes;
        assert!(bytes <= 2 * live + 3 * 8192, "{bytes}");
        drop(log);
        platform.disk.crash();
    }
}

#[tokio::test(start_paused = true)]
async fn entries_larger_than_a_carried_frame_move_one_by_one() {
    let platform = Platform::simulated(1);
    let log = Log::open(&platform, Path::new(DIR), small()).await.unwrap();
    let write = |key: String, len: usize| ViewWrite {
        key: key.into(),
        value: Some(vec![7; len].into()),
    };
    let mut writes: Vec<ViewWrite> = (0..3)
        .map(|key| write(format!("k{key}"), 3 << 20))
        .collect();
    writes.push(write("big".to_owned(), 12 << 20));
    durably(
        &log,
        Commit {
            writes,
            ..Commit::default()
        },
    )
    .await;
    durably(&log, sets("other", Some("value"))).await;
    let writes = vec![write("big".to_owned(), 6 << 20)];
    durably(
        &log,
        Commit {
            writes,
            ..Commit::default()
        },
    )
    .await;
    platform.clock.sleep(Duration::from_secs(60)).await;
    assert!(log.status().bytes < 16 << 20, "{:?}", log.status());
    drop(log);
    platform.disk.crash();
    let log = Log::open(&platform, Path::new(DIR), small()).await.unwrap();
    for key in ["k0", "k1", "k2"] {
        assert_eq!(log.get(key.as_bytes()).unwrap().unwrap().len(), 3 << 20);
    }
}
