//! Full segments and their indexes: readers see no difference, memory holds little, and recovery reads no more than it must.

use std::{path::Path, time::Duration};

use super::*;
use crate::{clean::seal::index_path, layout::segment::Segment, read::index::Counted};

/// Enough for some segments of two shards, with the time and the index of every record.
pub(super) async fn fill(world: &World, log: &Log) -> Vec<(ShardSlot, u64, Timestamp)> {
    let mut put = Vec::new();
    for n in 0..120_usize {
        let slot = if n % 3 == 0 { B } else { A };
        let placed = durably(log, puts(slot, &["x".repeat(300 + n).as_str()])).await;
        let assigned = &placed.appends[0];
        put.push((slot, assigned.first_index, assigned.arrived));
        if n % 10 == 0 {
            world.platform.clock.sleep(Duration::from_millis(2)).await;
        }
    }
    put
}

/// What every way of asking answers, beside what was put.
pub(super) async fn compare(log: &Log, put: &[(ShardSlot, u64, Timestamp)]) {
    for slot in [A, B] {
        let ours: Vec<_> = put.iter().filter(|(at, _, _)| *at == slot).collect();
        for from in ours.iter().step_by(7) {
            let records = all_records(log, slot, Cursor::Index(from.1)).await;
            let found: Vec<u64> = records.iter().map(|record| record.index).collect();
            let expected = ours.iter().filter(|(_, index, _)| *index >= from.1);
            assert_eq!(
                found,
                expected.map(|(_, index, _)| *index).collect::<Vec<_>>()
            );
            let first = ours.iter().find(|(_, _, time)| *time >= from.2).unwrap();
            assert_eq!(log.index_at_time(slot, from.2), first.1);
            let counted = log.count(slot, from.1..u64::MAX);
            assert_eq!(counted.records, found.len() as u64);
            assert_eq!(counted.oldest, Some(from.2));
        }
        assert_eq!(log.oldest_index(slot), ours[0].1);
        let end = log.end_index(slot);
        assert_eq!(log.count(slot, end..u64::MAX), Counted::default());
    }
}

async fn sealed_world() -> (World, Vec<(ShardSlot, u64, Timestamp)>) {
    let mut world = World::new();
    world.settings.view = ViewKind::Sled;
    let log = world.open().await;
    let put = fill(&world, &log).await;
    compare(&log, &put).await;
    wait_until_sealed(&log).await;
    compare(&log, &put).await;
    let in_memory: usize = log
        .shared
        .state()
        .shards
        .values()
        .map(|shard| shard.frames.len())
        .sum();
    assert!(in_memory < 40, "{in_memory}");
    log.stop().await;
    (world, put)
}

async fn wait_until_sealed(log: &Log) {
    loop {
        let done = {
            let state = log.shared.state();
            state.sealed.len() + 1 == state.segments.len()
        };
        if done {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn indexes(log: &Log) -> Vec<PathBuf> {
    let state = log.shared.state();
    let segments = state
        .segments
        .values()
        .map(|segment: &Arc<Segment>| index_path(segment));
    segments.collect()
}

#[tokio::test]
async fn sealed_segments_answer_as_before_after_a_clean_and_an_unclean_stop() {
    let (world, put) = sealed_world().await;
    for _ in 0..3 {
        let log = world.open().await;
        assert!(log.shared.state().sealed.len() > 5);
        let unsealed = log
            .shared
            .state()
            .shards
            .values()
            .map(|shard| shard.frames.len())
            .sum::<usize>();
        assert!(unsealed < 40, "{unsealed}");
        compare(&log, &put).await;
        drop(log);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_power_loss_full_segments_are_taken_over_from_their_indexes() {
    let platform = Platform::simulated(1);
    let settings = Settings {
        segment_bytes: 8192,
        view: ViewKind::File,
        ..Settings::default()
    };
    let open = || Log::open(&platform, Path::new("/data"), settings.clone());
    let log = open().await.unwrap();
    log.open_shard(A, 7, 100);
    for _ in 0..120 {
        durably(&log, puts(A, &["x".repeat(300).as_str()])).await;
    }
    wait_until_sealed(&log).await;
    let sealed = log.shared.state().sealed.len();
    assert!(sealed > 3, "{sealed}");
    drop(log);
    platform.disk.crash();
    let log = open().await.unwrap();
    assert_eq!(log.shared.state().sealed.len(), sealed);
    assert_eq!(all_records(&log, A, Cursor::Index(0)).await.len(), 120);
}

#[tokio::test]
async fn a_damaged_or_missing_index_is_made_again_from_its_segment() {
    let (world, put) = sealed_world().await;
    let paths = {
        let log = world.open().await;
        let paths = indexes(&log);
        log.stop().await;
        paths
    };
    for at in [0, 9, 13, 20, 33, 50, 60, 85, 97, 120, 170, 200, 230, 260] {
        for path in &paths {
            if let Ok(bytes) = world.platform.disk.read(path).await {
                let mut bytes = bytes.to_vec();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 4;
                }
                std::fs::write(path, bytes).unwrap();
            }
        }
        let log = world.open().await;
        compare(&log, &put).await;
        log.stop().await;
    }
    for path in &paths {
        if world.platform.disk.exists(path).await {
            world.platform.disk.remove_file(path).await.unwrap();
        }
    }
    let log = world.open().await;
    compare(&log, &put).await;
    wait_until_sealed(&log).await;
    assert!(world.platform.disk.exists(&paths[0]).await);
    compare(&log, &put).await;
}

#[tokio::test]
async fn one_wrong_index_between_right_ones_hides_no_record() {
    let (world, put) = sealed_world().await;
    let paths = {
        let log = world.open().await;
        let paths = indexes(&log);
        log.stop().await;
        paths
    };
    for path in &paths[..4] {
        world.platform.disk.remove_file(path).await.unwrap();
        let log = world.open().await;
        compare(&log, &put).await;
        wait_until_sealed(&log).await;
        compare(&log, &put).await;
        log.stop().await;
    }
}

#[tokio::test]
async fn trimming_hides_exactly_and_frees_sealed_segments_with_their_indexes() {
    let (world, put) = sealed_world().await;
    let log = world.open().await;
    let middle = put[60].2;
    for slot in [A, B] {
        log.trim(slot, middle);
        let first = put
            .iter()
            .find(|(at, _, time)| *at == slot && *time >= middle)
            .unwrap();
        assert_eq!(log.oldest_index(slot), first.1);
        let chunk = log.read(slot, Cursor::Index(0), ALL).await.unwrap();
        assert_eq!(chunk.records[0].index, first.1);
        let visible = put
            .iter()
            .filter(|(at, _, time)| *at == slot && *time >= middle);
        assert_eq!(log.count(slot, 0..u64::MAX).records, visible.count() as u64);
        log.trim(slot, Timestamp::from_millis(u64::MAX));
        assert_eq!(log.oldest_index(slot), log.end_index(slot));
    }
    while log.status().segments > 2 {
        tokio::task::yield_now().await;
    }
    log.stop().await;
    let names = world
        .platform
        .disk
        .list(&world.dir.path().join("log"))
        .await
        .unwrap();
    let left = names.iter().filter(|name| name.ends_with(".idx")).count();
    assert!(left <= 2, "{names:?}");
}
