//! Stories of one log in a directory of its own: a crash is a handle dropped without a stop, damage is bytes changed.

use std::path::PathBuf;

use bytes::Bytes;
use model::{Expected, FencingToken, Guard, LeaseSlot, NewRecord, ShardSlot, Timestamp, ViewWrite};
use platform::{OpenMode, Platform};

use super::*;

mod archive;
mod cleaning;
mod crashes;
mod durability;
mod encryption;
mod filling;
mod formats;
mod full;
mod opening;
mod reading;
mod sealing;
mod stopped;

const A: ShardSlot = ShardSlot(1);
const B: ShardSlot = ShardSlot(2);
const ALL: ReadLimit = ReadLimit {
    records: usize::MAX,
    bytes: usize::MAX,
};

struct World {
    platform: Platform,
    dir: tempfile::TempDir,
    settings: Settings,
}

impl World {
    fn new() -> Self {
        Self {
            platform: Platform::real(),
            dir: tempfile::tempdir().unwrap(),
            settings: Settings {
                segment_bytes: 8192,
                view: ViewKind::Memory,
                ..Settings::default()
            },
        }
    }

    async fn try_open(&self) -> Result<Log, OpenError> {
        let log = Log::open(&self.platform, self.dir.path(), self.settings.clone()).await?;
        log.open_shard(A, 7, 100);
        log.open_shard(B, 7, 100);
        Ok(log)
    }

    async fn open(&self) -> Log {
        self.try_open().await.unwrap()
    }

    async fn segments(&self) -> Vec<PathBuf> {
        let dir = self.dir.path().join("log");
        let names = self.platform.disk.list(&dir).await.unwrap();
        let segments = names.iter().filter(|name| name.ends_with(".seg"));
        segments.map(|name| dir.join(name)).collect()
    }

    /// Flips one bit of a segment, counted from the front or, where negative, from the end of what is not zeros.
    async fn flip(&self, segment: usize, at: i64) {
        let path = &self.segments().await[segment];
        let file = self
            .platform
            .disk
            .open(path, OpenMode::ReadWrite)
            .await
            .unwrap();
        let whole = self.platform.disk.read(path).await.unwrap();
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
        let offset = u64::try_from(at).unwrap_or_else(|_| end - at.unsigned_abs());
        let byte = file.read_at(1, offset).await.unwrap()[0] ^ 1;
        file.write_all_at(&[Bytes::from(vec![byte])], offset)
            .await
            .unwrap();
    }
}

fn records(texts: &[&str]) -> Vec<NewRecord> {
    let record = |text: &&str| NewRecord {
        partition_key: Bytes::from_static(b"key"),
        explicit_hash_key: None,
        data: Bytes::copy_from_slice(text.as_bytes()),
    };
    texts.iter().map(record).collect()
}

fn puts(slot: ShardSlot, texts: &[&str]) -> Commit {
    let records = records(texts);
    Commit {
        appends: vec![Append { slot, records }],
        ..Commit::default()
    }
}

fn sets(key: &'static str, value: Option<&'static str>) -> Commit {
    let value = value.map(|value| Bytes::from_static(value.as_bytes()));
    let key = Bytes::from_static(key.as_bytes());
    Commit {
        writes: vec![ViewWrite { key, value }],
        ..Commit::default()
    }
}

async fn durably(log: &Log, commit: Commit) -> Placed {
    let placed = log.place(commit).await.unwrap();
    log.durable(placed.at).await.unwrap();
    placed
}

async fn all_records(log: &Log, slot: ShardSlot, mut from: Cursor) -> Vec<StoredRecord> {
    let mut records = Vec::new();
    loop {
        let chunk = log.read(slot, from, ALL).await.unwrap();
        from = chunk.next;
        records.extend(chunk.records);
        if chunk.at_tip {
            return records;
        }
    }
}

async fn texts(log: &Log, slot: ShardSlot) -> Vec<(u64, String)> {
    let text = |record: &StoredRecord| String::from_utf8(record.data.to_vec()).unwrap();
    all_records(log, slot, Cursor::Index(0))
        .await
        .iter()
        .map(|record| (record.index, text(record)))
        .collect()
}

fn seen(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected
        .iter()
        .map(|(index, text)| (*index, (*text).to_owned()))
        .collect()
}

#[tokio::test]
async fn shards_share_a_counter_and_survive_a_clean_stop() {
    let world = World::new();
    let log = world.open().await;
    durably(&log, puts(A, &["a", "b"])).await;
    durably(&log, puts(B, &["c"])).await;
    durably(&log, puts(A, &["d"])).await;
    assert_eq!(*log.tail(A).borrow(), 104);
    log.stop().await;
    assert!(matches!(
        log.place(puts(A, &["x"])).await,
        Err(Refused::Stopped(_))
    ));
    drop(log);
    let log = world.open().await;
    assert_eq!(
        texts(&log, A).await,
        seen(&[(100, "a"), (101, "b"), (103, "d")])
    );
    assert_eq!(texts(&log, B).await, seen(&[(102, "c")]));
    let placed = durably(&log, puts(B, &["e"])).await;
    assert_eq!(placed.appends[0].first_index, 104);
    assert_eq!(log.status().segments, 1);
}

#[tokio::test]
async fn a_crash_keeps_what_was_acknowledged_and_numbers_jump() {
    let world = World::new();
    let log = world.open().await;
    durably(&log, puts(A, &["a"])).await;
    drop(log);
    let log = world.open().await;
    assert_eq!(texts(&log, A).await, seen(&[(100, "a")]));
    let placed = durably(&log, puts(A, &["b"])).await;
    assert_eq!(
        placed.appends[0].first_index,
        101 + limits::UNCLEAN_JUMP_INDEXES
    );
    assert_eq!(world.segments().await.len(), 2);
}

#[tokio::test]
async fn a_torn_tail_is_left_behind_in_its_segment() {
    let world = World::new();
    let log = world.open().await;
    durably(&log, puts(A, &["kept"])).await;
    durably(&log, puts(A, &["torn"])).await;
    drop(log);
    world.flip(0, -10).await;
    for round in 0..2 {
        let log = world.open().await;
        assert_eq!(texts(&log, A).await[0], (100, "kept".to_owned()));
        assert_eq!(log.status().recovered.torn_tail, round == 0);
        durably(&log, puts(A, &["after"])).await;
    }
    assert_eq!(texts(&world.open().await, A).await.len(), 3);
}

#[tokio::test]
async fn damage_before_a_later_commit_fails_closed() {
    for at in [0, 20, 60, 4096, 4100, 4096 + 70, 4096 + 100] {
        let world = World::new();
        let log = world.open().await;
        durably(&log, puts(A, &["first"])).await;
        durably(&log, puts(A, &["second"])).await;
        drop(log);
        world.flip(0, at).await;
        let opened = world.try_open().await;
        // The rest of the header page is zeroes that mean nothing.
        assert_eq!(opened.is_err(), at != 60, "byte {at}");
    }
}

#[tokio::test]
async fn a_clean_stop_vouches_for_the_last_frame_too() {
    let world = World::new();
    let log = world.open().await;
    durably(&log, puts(A, &["only"])).await;
    log.stop().await;
    drop(log);
    world.flip(0, -10).await;
    assert!(matches!(
        world.try_open().await,
        Err(OpenError::Damaged { .. })
    ));
}

#[tokio::test]
async fn a_missing_segment_fails_closed() {
    let world = World::new();
    let log = world.open().await;
    for _ in 0..3 {
        durably(&log, puts(A, &["x".repeat(5000).as_str()])).await;
    }
    drop(log);
    let middle = &world.segments().await[1];
    world.platform.disk.remove_file(middle).await.unwrap();
    assert!(matches!(
        world.try_open().await,
        Err(OpenError::Damaged { .. })
    ));
}

#[tokio::test]
async fn a_producers_repeat_gets_the_first_answer_even_after_a_crash() {
    let world = World::new();
    let marked = |number, text| Commit {
        producer: Some(ProducerMark {
            id: "p".to_owned(),
            number,
        }),
        ..puts(A, &[text])
    };
    let log = world.open().await;
    let first = durably(&log, marked(1, "a")).await;
    drop(log);
    let log = world.open().await;
    let repeat = log.place(marked(1, "a")).await.unwrap();
    assert!(repeat.repeated && repeat.appends == first.appends && repeat.at == first.at);
    durably(&log, marked(2, "b")).await;
    let stale = log.place(marked(1, "a")).await;
    assert_eq!(stale, Err(Refused::StaleProducer { last: 2 }));
    assert_eq!(texts(&log, A).await.len(), 2);
}

#[tokio::test]
async fn an_older_token_is_fenced_even_after_a_crash() {
    let world = World::new();
    let slot = LeaseSlot(3);
    let log = world.open().await;
    let (old, new) = (log.next_fencing_token(), log.next_fencing_token());
    for token in [old, new] {
        let grants = vec![Guard { slot, token }];
        durably(
            &log,
            Commit {
                grants,
                ..Commit::default()
            },
        )
        .await;
    }
    let guarded = |token| Commit {
        guards: vec![Guard { slot, token }],
        ..puts(A, &["a"])
    };
    drop(log);
    let log = world.open().await;
    let fenced = log.place(guarded(old)).await;
    assert_eq!(fenced, Err(Refused::Fenced { current: new }));
    durably(&log, guarded(new)).await;
    assert!(log.next_fencing_token() > new);
    assert_eq!(
        log.place(guarded(FencingToken(0))).await,
        Err(Refused::Fenced { current: new })
    );
}

#[tokio::test]
async fn what_expects_another_value_is_refused_whether_that_is_in_the_view_or_on_its_way() {
    let world = World::new();
    let expecting = |value: Option<&'static str>, new| Commit {
        expects: vec![Expected {
            key: Bytes::from_static(b"row"),
            value: value.map(|value| Bytes::from_static(value.as_bytes())),
        }],
        ..sets("row", Some(new))
    };
    let log = world.open().await;
    log.place(expecting(None, "a")).await.unwrap();
    let twice = log.place(expecting(None, "b")).await;
    assert_eq!(twice, Err(Refused::Changed));
    durably(&log, expecting(Some("a"), "c")).await;
    drop(log);
    let log = world.open().await;
    for stale in [None, Some("a")] {
        let refused = log.place(expecting(stale, "d")).await;
        assert_eq!(refused, Err(Refused::Changed), "{stale:?}");
    }
    durably(&log, sets("row", None)).await;
    durably(&log, expecting(None, "e")).await;
    assert_eq!(log.get(b"row").unwrap().as_deref(), Some(b"e".as_slice()));
}

#[tokio::test]
async fn the_view_shows_what_is_placed_and_is_rebuilt_from_the_log() {
    for view in [ViewKind::Memory, ViewKind::Sled] {
        let mut world = World::new();
        world.settings.view = view;
        let log = world.open().await;
        log.place(sets("k1", Some("old"))).await.unwrap();
        log.place(sets("k1", Some("new"))).await.unwrap();
        log.place(sets("k2", Some("gone"))).await.unwrap();
        log.place(sets("k3", Some("kept"))).await.unwrap();
        log.place(sets("k2", None)).await.unwrap();
        let expected: Vec<(Bytes, Bytes)> = [("k1", "new"), ("k3", "kept")]
            .map(|(k, v)| (k.into(), v.into()))
            .into();
        assert_eq!(log.scan(b"k", None, 10).unwrap(), expected);
        log.stop().await;
        assert!(log.scan(b"k", None, 10).is_err());
        open::delete_view(&world.platform, world.dir.path())
            .await
            .unwrap();
        let log = world.open().await;
        assert_eq!(log.scan(b"k", None, 10).unwrap(), expected);
        assert_eq!(log.scan(b"k", Some(b"k1"), 10).unwrap(), expected[1..]);
        assert_eq!(log.get(b"k2").unwrap(), None);
        log.stop().await;
    }
}

#[tokio::test]
async fn trimming_frees_segments_and_carries_live_entries_forward() {
    let world = World::new();
    let log = world.open().await;
    durably(&log, sets("live", Some("value"))).await;
    for _ in 0..4 {
        durably(&log, puts(A, &["x".repeat(5000).as_str()])).await;
    }
    let before = world.segments().await;
    log.trim(A, Timestamp::from_millis(u64::MAX));
    assert_eq!((log.oldest_index(A), log.end_index(A)), (104, 104));
    log.stop().await;
    drop(log);
    let log = world.open().await;
    log.trim(A, Timestamp::from_millis(u64::MAX));
    while world.platform.disk.exists(&before[0]).await {
        tokio::task::yield_now().await;
    }
    drop(log);
    let log = world.open().await;
    assert_eq!(
        log.get(b"live").unwrap(),
        Some(Bytes::from_static(b"value"))
    );
    assert!(log.place(puts(A, &["y"])).await.unwrap().appends[0].first_index >= 104);
}

#[tokio::test]
async fn what_lives_in_a_frame_of_very_many_parts_is_carried_forward() {
    let mut world = World::new();
    world.settings.segment_bytes = 256 << 10;
    let log = world.open().await;
    let parts = u32::try_from(limits::HEADERS_WINDOW_BYTES / 8).unwrap();
    let slots = || (10..10 + parts).map(ShardSlot);
    let mut wide = sets("live", Some("value"));
    for slot in slots() {
        log.open_shard(slot, 7, 100);
        wide.appends.extend(puts(slot, &["x"]).appends);
    }
    durably(&log, wide).await;
    for _ in 0..3 {
        durably(&log, puts(A, &["x".repeat(100_000).as_str()])).await;
    }
    let before = world.segments().await;
    for slot in slots().chain([A]) {
        log.trim(slot, Timestamp::from_millis(u64::MAX));
    }
    durably(&log, puts(A, &["y"])).await;
    while world.platform.disk.exists(&before[0]).await {
        assert_eq!(log.status().poisoned, None);
        tokio::task::yield_now().await;
    }
    log.stop().await;
    drop(log);
    world
        .platform
        .disk
        .remove_dir_all(&world.dir.path().join("view"))
        .await
        .ok();
    let log = world.open().await;
    let live = Some(Bytes::from_static(b"value"));
    assert_eq!(log.get(b"live").unwrap(), live);
}

#[tokio::test]
async fn reading_respects_limits_and_goes_on_where_it_stopped() {
    let world = World::new();
    let log = world.open().await;
    for text in ["a", "b", "c"] {
        durably(&log, puts(A, &[text, text])).await;
    }
    drop(log);
    let log = world.open().await;
    let limit = ReadLimit {
        records: 4,
        bytes: 12,
    };
    let (mut from, mut sizes) = (Cursor::Index(0), Vec::new());
    loop {
        let chunk = log.read(A, from, limit).await.unwrap();
        from = chunk.next;
        sizes.push(chunk.records.len());
        if chunk.at_tip {
            break;
        }
    }
    assert_eq!(sizes, [3, 3]);
}

#[tokio::test]
async fn only_one_may_hold_the_directory() {
    let world = World::new();
    let _log = world.open().await;
    assert!(matches!(
        world.try_open().await,
        Err(OpenError::Locked { .. })
    ));
}

#[tokio::test]
async fn a_log_that_was_let_go_or_stopped_can_be_opened_at_once_with_its_view() {
    let mut world = World::new();
    world.settings.view = ViewKind::Sled;
    let mut log = world.open().await;
    for round in 0..20 {
        for _ in 0..round {
            log.place(sets("key", Some("value"))).await.unwrap();
        }
        durably(&log, sets("key", Some("value"))).await;
        if round % 2 == 0 {
            drop(log);
        } else {
            log.stop().await;
        }
        log = world.open().await;
        assert!(!log.status().recovered.view_rebuilt, "round {round}");
    }
}

#[tokio::test]
async fn a_view_that_somebody_holds_is_left_alone() {
    let mut world = World::new();
    world.settings.view = ViewKind::Sled;
    let log = world.open().await;
    durably(&log, sets("key", Some("value"))).await;
    log.stop().await;
    let holder = loop {
        if let Ok(view) = view::sled::SledView::open(&world.dir.path().join("view")) {
            break view;
        }
        tokio::task::yield_now().await;
    };
    assert!(matches!(
        world.try_open().await,
        Err(OpenError::Locked { .. })
    ));
    drop(holder);
    assert!(!world.open().await.status().recovered.view_rebuilt);
}

#[tokio::test]
async fn a_stopped_log_answers_nothing_and_wakes_those_who_wait() {
    let world = World::new();
    let log = world.open().await;
    durably(&log, puts(A, &["a"])).await;
    let mut tail = log.tail(A);
    log.shared.poison("as the test wants");
    assert!(tail.wait_for(|end| *end > 101).await.is_err());
    assert!(log.tail(A).changed().await.is_err());
    assert!(log.get(b"key").is_err() && log.scan(b"", None, 1).is_err());
    assert!(matches!(
        log.read(A, Cursor::Index(0), ALL).await,
        Err(ReadError::Stopped(_))
    ));
    assert!(matches!(
        log.place(puts(A, &["b"])).await,
        Err(Refused::Stopped(_))
    ));
    // The handle is still here, but the directory is free.
    assert_eq!(texts(&world.open().await, A).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_directory_survives_a_power_loss_with_all_that_was_acknowledged() {
    let platform = Platform::simulated(1);
    let dir = std::path::Path::new("/volume/.shardmill/dev/data");
    let settings = Settings {
        view: ViewKind::Memory,
        ..Settings::default()
    };
    for life in 0..3 {
        let log = Log::open(&platform, dir, settings.clone()).await.unwrap();
        log.open_shard(A, 7, 100);
        let kept = log.read(A, Cursor::Index(0), ALL).await.unwrap();
        assert_eq!(kept.records.len(), life);
        durably(&log, puts(A, &["a"])).await;
        drop(log);
        platform.disk.crash();
    }
}
