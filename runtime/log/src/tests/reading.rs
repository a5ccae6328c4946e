//! Old frames are read many at a time, and each is still judged by itself.

use super::*;
use crate::limits::{READ_AHEAD_BYTES, READ_GAP_BYTES_MAX};

/// Records of one shard, each in its own frame, with some of another between them; opened again, so that none is in memory.
async fn stored(data_bytes: &[usize], between_bytes: usize) -> (World, Log) {
    let mut world = World::new();
    world.settings.segment_bytes = 16 << 20;
    let log = world.open().await;
    for bytes in data_bytes {
        durably(&log, puts(A, &["a".repeat(*bytes).as_str()])).await;
        durably(&log, puts(B, &["b".repeat(between_bytes).as_str()])).await;
    }
    log.stop().await;
    drop(log);
    let log = world.open().await;
    (world, log)
}

#[tokio::test]
async fn frames_near_and_far_small_and_large_come_back_as_they_were() {
    let ahead = READ_AHEAD_BYTES;
    for between in [1, READ_GAP_BYTES_MAX - 100, READ_GAP_BYTES_MAX + 100] {
        let sizes = [
            1,
            5_000,
            ahead - 9_000,
            7,
            7,
            ahead + 1,
            300_000,
            300_000,
            1,
        ];
        let (_world, log) = stored(&sizes, between).await;
        let read = all_records(&log, A, Cursor::Index(0)).await;
        let found: Vec<usize> = read.iter().map(|record| record.data.len()).collect();
        assert_eq!(found, sizes, "with {between} bytes between them");
        assert!(
            read.iter()
                .all(|record| record.data.iter().all(|byte| *byte == b'a'))
        );
    }
}

#[tokio::test]
async fn a_damaged_frame_is_named_and_does_not_spoil_those_before_it() {
    let (world, log) = stored(&[100; 20], 100).await;
    let one = ReadLimit {
        records: 1,
        bytes: usize::MAX,
    };
    world.flip(0, 4096 + 5_000).await;
    let mut whole = 0;
    let mut at = Cursor::Index(0);
    let damaged = loop {
        // Of all that is asked for, nothing is handed out beside what is damaged.
        let all = log.read(A, at, ALL).await;
        assert!(matches!(all, Err(ReadError::Damaged { .. })), "{all:?}");
        match log.read(A, at, one).await {
            Ok(chunk) => (whole, at) = (whole + chunk.records.len(), chunk.next),
            Err(error) => break error,
        }
    };
    assert!((1..20).contains(&whole), "{whole} whole ones before it");
    assert!(matches!(damaged, ReadError::Damaged { .. }), "{damaged}");
}
