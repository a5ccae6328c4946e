//! Who shares what: readers behind one another, far behind, at once, and alone.

use std::{cell::Cell, convert::Infallible};

use bytes::Bytes;
use model::{ShardId, Timestamp};
use tokio::sync::Notify;

use super::*;
use crate::number::ShardNumbers;

const SLOT: ShardSlot = ShardSlot(1);
const PAGE: u64 = 100;
const LIMIT: ReadLimit = ReadLimit {
    records: 100,
    bytes: 8 << 20,
};

fn record(index: u64, bytes: usize) -> Record {
    let numbers = ShardNumbers {
        shard: ShardId(0),
        created_s: 1_700_000_000,
    };
    let arrived = Timestamp::from_millis(1_700_000_001_000);
    Record {
        sequence: numbers.of_record(index, arrived),
        arrived,
        partition_key: Bytes::from_static(b"key"),
        explicit_hash_key: None,
        data: vec![0; bytes].into(),
        encrypted: false,
    }
}

fn stretch(begins: u64, records: u64, bytes: usize) -> Stretch {
    let ends = begins + records;
    let records: Vec<Record> = (begins..ends).map(|index| record(index, bytes)).collect();
    Stretch {
        records: records.into(),
        begins,
        ends,
    }
}

#[derive(Default)]
struct Desk {
    pages: Pages,
    loads: Cell<u64>,
}

impl Desk {
    /// Reads one page of records of 1 KiB; how many had to be loaded for it.
    async fn read(&self, start: u64) -> (Stretch, u64) {
        self.read_of(start, 1 << 10).await
    }

    async fn read_of(&self, start: u64, bytes: usize) -> (Stretch, u64) {
        let before = self.loads.get();
        let load = || async {
            self.loads.set(before + 1);
            Ok::<_, Infallible>(stretch(start, PAGE, bytes))
        };
        let Ok(read) = self.pages.read(SLOT, start, LIMIT, load).await;
        (read, self.loads.get() - before)
    }

    fn bytes(&self) -> usize {
        self.pages.held().bytes
    }
}

fn indexes(stretch: &Stretch) -> (u64, u64, usize) {
    let first = stretch.records.first().map(|it| index_of(it.sequence));
    (
        first.unwrap_or_default(),
        stretch.ends,
        stretch.records.len(),
    )
}

#[tokio::test]
async fn one_reader_keeps_nothing() {
    let desk = Desk::default();
    for page in 0..10 {
        let (read, loads) = desk.read(page * PAGE).await;
        assert_eq!(indexes(&read), (page * PAGE, (page + 1) * PAGE, 100));
        assert_eq!((loads, desk.bytes()), (1, 0));
    }
}

#[tokio::test]
async fn who_reads_behind_another_reads_for_all() {
    let desk = Desk::default();
    desk.read(0).await;
    for (start, loads) in [
        (0, 1),
        (100, 1),
        (0, 0),
        (100, 0),
        (200, 1),
        (200, 0),
        (0, 0),
    ] {
        assert_eq!(desk.read(start).await.1, loads, "{start}");
    }
    let (part, loads) = desk.read(130).await;
    assert_eq!((indexes(&part), loads), ((130, 200, 70), 0));
}

#[tokio::test]
async fn who_is_too_far_behind_reads_alone() {
    let desk = Desk::default();
    let bytes = 64 << 10;
    let pages = u64::try_from(SHARED_PAGES_BYTES_MAX / bytes).unwrap() / PAGE + 1;
    desk.read_of(0, bytes).await;
    for page in 0..=pages {
        desk.read_of(page * PAGE, bytes).await;
        desk.read_of(page * PAGE, bytes).await;
        assert!(desk.bytes() <= SHARED_PAGES_BYTES_MAX);
    }
    assert_eq!(desk.read_of(0, bytes).await.1, 1);
}

#[tokio::test]
async fn pages_that_nobody_wants_again_are_not_kept_for_long() {
    let desk = Desk::default();
    let bytes = SHARED_PAGES_BYTES_MAX / usize::try_from(PAGE).unwrap() / 2;
    // Behind itself once, as after a seek.
    for start in [0, 0, 100, 200, 300] {
        desk.read_of(start, bytes).await;
    }
    let kept = desk.bytes();
    desk.read_of(400, bytes).await;
    assert_eq!(desk.bytes(), kept);
}

#[tokio::test]
async fn short_pages_are_not_kept() {
    let desk = Desk::default();
    desk.read(0).await;
    for _ in 0..3 {
        assert_eq!((desk.read_of(0, 10).await.1, desk.bytes()), (1, 0));
    }
}

#[tokio::test]
async fn of_those_who_want_the_same_at_once_one_loads_it() {
    let (desk, go) = (Desk::default(), Notify::new());
    desk.read(0).await;
    let slow = || async {
        go.notified().await;
        Ok::<_, Infallible>(stretch(0, PAGE, 1 << 10))
    };
    let first = desk.pages.read(SLOT, 0, LIMIT, slow);
    let others = async {
        let (one, other, ()) = tokio::join!(desk.read(0), desk.read(0), async { go.notify_one() });
        (one.1, other.1)
    };
    let (first, others) = tokio::join!(biased; first, others);
    let Ok(first) = first;
    assert_eq!((indexes(&first), others), ((0, 100, 100), (0, 0)));
}

#[tokio::test]
async fn what_cannot_be_loaded_is_asked_for_again() {
    let desk = Desk::default();
    desk.read(0).await;
    let fails = || async { Err("no such disk") };
    let failed = desk.pages.read(SLOT, 0, LIMIT, fails).await;
    assert_eq!(failed.map(drop), Err("no such disk"));
    assert_eq!(desk.read(0).await.1, 1);
}

#[tokio::test]
async fn nothing_is_left_of_a_shard_that_is_gone() {
    let desk = Desk::default();
    for start in [0, 0, 100] {
        desk.read(start).await;
    }
    assert!(desk.bytes() > 0);
    desk.pages.forget(SLOT);
    let held = desk.pages.held();
    assert_eq!((held.bytes, held.order.len(), held.shards.len()), (0, 0, 0));
}
