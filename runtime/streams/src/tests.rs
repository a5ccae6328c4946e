//! Stories of streams over a simulated world: what is put is read, and outlives a restart.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use log::{Log, ViewKind};
use model::{
    AccountId, HashKey, NewRecord, Region, ShardId, StreamKey, StreamName,
    seams::{Page, ReadFrom, ReadLimit, Source, SourceError},
};
use platform::Platform;

use super::*;

pub(super) const ALL: ReadLimit = ReadLimit {
    records: 1000,
    bytes: 1 << 20,
};
const FIRST: ShardId = ShardId(0);

pub(super) fn key(name: &str) -> StreamKey {
    StreamKey {
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
        name: StreamName::parse(name).unwrap(),
    }
}

pub(super) fn record(data: &str, hash_key: u128) -> NewRecord {
    NewRecord {
        partition_key: Bytes::from_static(b"k"),
        explicit_hash_key: Some(HashKey(hash_key)),
        data: Bytes::copy_from_slice(data.as_bytes()),
    }
}

pub(super) fn declared(shards: u32, retention: Duration) -> Declared {
    Declared {
        shards,
        retention,
        durability: None,
        mode: None,
    }
}

pub(super) async fn start(platform: &Platform) -> (Streams, Log) {
    let settings = log::Settings {
        view: ViewKind::Memory,
        ..log::Settings::default()
    };
    let log = Log::open(platform, Path::new("/data"), settings)
        .await
        .unwrap();
    let streams = Streams::open(platform, log.clone(), Settings::default()).unwrap();
    (streams, log)
}

pub(super) async fn started() -> (Platform, Streams) {
    let platform = Platform::simulated(1);
    let (streams, _) = start(&platform).await;
    (platform, streams)
}

async fn put(streams: &Streams, data: &[&str]) -> PutAnswer {
    let records = data.iter().map(|data| record(data, 0)).collect();
    streams.put(&key("flights"), records, None).await.unwrap()
}

pub(super) fn texts(page: &Page) -> Vec<String> {
    let text = |record: &model::Record| String::from_utf8_lossy(&record.data).into_owned();
    page.records.iter().map(text).collect()
}

async fn read(streams: &Streams, from: ReadFrom) -> Page {
    let key = key("flights");
    streams.read(&key, FIRST, from, ALL).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_place_reads_from_where_it_says() {
    let (platform, streams) = started().await;
    let day = Duration::from_hours(24);
    streams
        .declare(key("flights"), declared(1, day))
        .await
        .unwrap();
    let first = put(&streams, &["a", "b"]).await.entries;
    platform.clock.shift(Duration::from_secs(10));
    let latest = streams.tip(&key("flights"), FIRST).unwrap();
    let between = platform.clock.wall();
    put(&streams, &["c"]).await;
    for (from, expected) in [
        (ReadFrom::Oldest, &["a", "b", "c"][..]),
        (ReadFrom::At(first[0].1), &["a", "b", "c"]),
        (ReadFrom::At(first[1].1), &["b", "c"]),
        (ReadFrom::After(first[0].1), &["b", "c"]),
        (ReadFrom::Arrived(between), &["c"]),
        (ReadFrom::At(latest), &["c"]),
        (ReadFrom::Latest, &[]),
    ] {
        assert_eq!(texts(&read(&streams, from).await), expected, "{from:?}");
    }
    let end = read(&streams, ReadFrom::Oldest).await;
    assert_eq!(end.behind_ms, 0);
    assert!(read(&streams, end.next).await.records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn triggers_behind_one_another_share_what_they_read() {
    let (platform, streams) = started().await;
    let day = Duration::from_hours(24);
    streams
        .declare(key("flights"), declared(1, day))
        .await
        .unwrap();
    let text = "x".repeat(1 << 10);
    put(&streams, &[text.as_str(); 200]).await;
    let source: &dyn Source = &streams;
    let stream = key("flights");
    let read = |from| source.read(&stream, FIRST, from, ALL);
    let alone = read(ReadFrom::Oldest).await.unwrap();
    assert!(!alone.records.is_shared() && alone.behind_ms == 0);
    let middle = ReadFrom::After(alone.records[99].sequence);
    for (from, count) in [(ReadFrom::Oldest, 200), (middle, 100)] {
        let page = read(from).await.unwrap();
        assert!(page.records.is_shared());
        assert_eq!(page.records[..], alone.records[200 - count..]);
        assert_eq!((page.next, page.ended), (alone.next, false));
    }
    // What lies behind a kept page is seen, and what retention no longer covers is not.
    platform.clock.shift(Duration::from_secs(3));
    put(&streams, &["y"]).await;
    assert!(read(ReadFrom::Oldest).await.unwrap().behind_ms >= 3_000);
    platform.clock.shift(day - Duration::from_secs(1));
    assert_eq!(texts(&read(ReadFrom::Oldest).await.unwrap()), ["y"]);
}

#[tokio::test(start_paused = true)]
async fn a_put_answers_in_the_order_of_the_request() {
    let (_, streams) = started().await;
    let day = Duration::from_hours(24);
    streams
        .declare(key("flights"), declared(2, day))
        .await
        .unwrap();
    let records = vec![
        record("a", u128::MAX),
        record("b", 0),
        record("c", u128::MAX),
    ];
    let answer = streams.put(&key("flights"), records, None).await.unwrap();
    let shards: Vec<u32> = answer.entries.iter().map(|(shard, _)| shard.0).collect();
    assert_eq!(shards, [1, 0, 1]);
    assert!(answer.entries[0].1 < answer.entries[2].1);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_gets_the_first_answer() {
    let (_, streams) = started().await;
    let day = Duration::from_hours(24);
    streams
        .declare(key("flights"), declared(1, day))
        .await
        .unwrap();
    let mark = || {
        Some(ProducerMark {
            id: "demo".to_owned(),
            number: 1,
        })
    };
    let key = key("flights");
    let put = |data: &'static [&str]| {
        let records = data.iter().map(|data| record(data, 0)).collect();
        streams.put(&key, records, mark())
    };
    let first = put(&["a"]).await.unwrap();
    assert_eq!(put(&["a"]).await.unwrap(), first);
    assert_eq!(put(&["a", "b"]).await, Err(PutError::OtherRequest));
    assert_eq!(texts(&read(&streams, ReadFrom::Oldest).await), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn states_pass_with_the_clock() {
    let (platform, streams) = started().await;
    let key = key("flights");
    let status = || streams.describe(&key).map(|facts| facts.status).ok();
    let create = || streams.create(key.clone(), 1, StreamMode::Provisioned, Traits::default());
    create().await.unwrap();
    assert_eq!(status(), Some(StreamStatus::Creating));
    assert_eq!(create().await, Err(CreateError::Exists(key.arn())));
    let refused = streams.put(&key, vec![record("a", 0)], None).await;
    assert_eq!(refused, Err(PutError::NotActive(StreamStatus::Creating)));
    platform.clock.shift(Duration::from_millis(500));
    assert_eq!(status(), Some(StreamStatus::Active));
    // A clock that goes back behind its creation makes it come no second time.
    let hour = Duration::from_hours(1);
    platform.clock.set_back(hour);
    assert_eq!(status(), Some(StreamStatus::Active));
    platform.clock.shift(hour);
    put(&streams, &["old"]).await;
    streams.delete(key.clone()).await.unwrap();
    assert_eq!(status(), Some(StreamStatus::Deleting));
    platform.clock.shift(Duration::from_millis(500));
    assert_eq!(status(), None);
    create().await.unwrap();
    assert!(read(&streams, ReadFrom::Oldest).await.records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_retention_no_longer_covers_is_invisible_before_it_is_trimmed() {
    let (platform, streams) = started().await;
    let hour = Duration::from_hours(1);
    streams
        .declare(key("flights"), declared(1, hour))
        .await
        .unwrap();
    put(&streams, &["old"]).await;
    platform.clock.shift(hour / 2);
    let young = platform.clock.wall();
    put(&streams, &["young"]).await;
    platform.clock.shift(hour / 2 + Duration::from_secs(1));
    assert_eq!(texts(&read(&streams, ReadFrom::Oldest).await), ["young"]);
    let backlog = || streams.backlog(&key("flights"), FIRST, ReadFrom::Oldest);
    let before = backlog().unwrap();
    assert_eq!((before.records, before.oldest), (1, Some(young)));
    streams.trim_expired(platform.clock.wall()).await.unwrap();
    assert_eq!(texts(&read(&streams, ReadFrom::Oldest).await), ["young"]);
    assert_eq!(backlog().unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_what_lies_behind_a_place() {
    let (platform, streams) = started().await;
    let day = Duration::from_hours(24);
    streams
        .declare(key("flights"), declared(1, day))
        .await
        .unwrap();
    let backlog = |from| {
        streams
            .backlog(&key("flights"), FIRST, from)
            .unwrap()
            .records
    };
    assert_eq!(backlog(ReadFrom::Oldest), 0);
    let tip = streams.tip(&key("flights"), FIRST).unwrap();
    let before = put(&streams, &["a", "b", "c"]).await.entries[1].1;
    platform.clock.shift(Duration::from_secs(1));
    put(&streams, &["d"]).await;
    for (from, records) in [
        (ReadFrom::Oldest, 4),
        (ReadFrom::At(tip), 4),
        (ReadFrom::At(before), 3),
        (ReadFrom::After(before), 2),
        (ReadFrom::Arrived(platform.clock.wall()), 1),
        (ReadFrom::Latest, 0),
    ] {
        assert_eq!(backlog(from), records, "{from:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_says_another_retention_changes_that_of_its_stream() {
    let platform = Platform::simulated(1);
    let (streams, log) = start(&platform).await;
    let hour = Duration::from_hours(1);
    streams
        .declare(key("flights"), declared(1, hour))
        .await
        .unwrap();
    put(&streams, &["a"]).await;
    streams
        .declare(key("flights"), declared(1, 3 * hour))
        .await
        .unwrap();
    drop(streams);
    log.stop().await;
    let (streams, _) = start(&platform).await;
    platform.clock.shift(2 * hour);
    assert_eq!(texts(&read(&streams, ReadFrom::Oldest).await), ["a"]);
    streams
        .declare(key("flights"), declared(1, hour))
        .await
        .unwrap();
    assert!(read(&streams, ReadFrom::Oldest).await.records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_shorter_retention_hid_does_not_come_back_with_a_longer_one() {
    let platform = Platform::simulated(1);
    let (streams, log) = start(&platform).await;
    let hour = Duration::from_hours(1);
    let keep = async |streams: &Streams, hours: u32| {
        let declared = declared(1, hours * hour);
        streams.declare(key("flights"), declared).await.unwrap();
    };
    keep(&streams, 48).await;
    put(&streams, &["old"]).await;
    platform.clock.shift(30 * hour);
    put(&streams, &["young"]).await;
    let read_all = async |streams: &Streams| texts(&read(streams, ReadFrom::Oldest).await);
    assert_eq!(read_all(&streams).await, ["old", "young"]);
    keep(&streams, 24).await;
    assert_eq!(read_all(&streams).await, ["young"]);
    keep(&streams, 8_760).await;
    assert_eq!(read_all(&streams).await, ["young"]);
    drop(streams);
    log.stop().await;
    let (streams, _) = start(&platform).await;
    assert_eq!(read_all(&streams).await, ["young"]);
    platform.clock.shift(8_000 * hour);
    assert_eq!(read_all(&streams).await, ["young"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_as_durable_as_its_file_says() {
    let platform = Platform::simulated(1);
    let (streams, log) = start(&platform).await;
    let mut flights = declared(1, Duration::from_hours(24));
    for (durability, syncs) in [
        (Some(Durability::None), 0),
        (Some(Durability::Sync), 1),
        (None, 1),
        (Some(Durability::None), 0),
    ] {
        flights.durability = durability;
        streams.declare(key("flights"), flights).await.unwrap();
        let before = log.status().syncs;
        put(&streams, &["a"]).await;
        assert_eq!(log.status().syncs - before, syncs, "{durability:?}");
    }
    drop(streams);
    log.stop().await;
    let (streams, log) = start(&platform).await;
    let before = log.status().syncs;
    put(&streams, &["a"]).await;
    assert_eq!(log.status().syncs, before);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_streams_records_and_numbers() {
    let platform = Platform::simulated(1);
    let (streams, log) = start(&platform).await;
    let day = Duration::from_hours(24);
    streams
        .declare(key("flights"), declared(1, day))
        .await
        .unwrap();
    let before = put(&streams, &["a"]).await.entries[0].1;
    drop(streams);
    log.stop().await;
    let (streams, _) = start(&platform).await;
    streams
        .declare(key("flights"), declared(3, day))
        .await
        .unwrap();
    assert_eq!(streams.shards(&key("flights")).unwrap().len(), 1);
    assert!(before < put(&streams, &["b"]).await.entries[0].1);
    assert_eq!(texts(&read(&streams, ReadFrom::Oldest).await), ["a", "b"]);
    streams
        .declare(key("other"), declared(1, day))
        .await
        .unwrap();
    let other = streams
        .read(&key("other"), FIRST, ReadFrom::Oldest, ALL)
        .await;
    assert!(other.unwrap().records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_stream_stays_forgotten_and_leaves_nothing_to_its_successor() {
    let platform = Platform::simulated(1);
    let (streams, log) = start(&platform).await;
    let (day, key) = (Duration::from_hours(24), key("flights"));
    streams
        .declare(key.clone(), declared(1, day))
        .await
        .unwrap();
    let old = put(&streams, &["old"]).await.entries[0].1;
    streams.delete(key.clone()).await.unwrap();
    platform.clock.shift(Duration::from_secs(1));
    streams.trim_expired(platform.clock.wall()).await.unwrap();
    drop(streams);
    log.stop().await;
    let (streams, _) = start(&platform).await;
    let unknown = Err(UnknownStream(key.arn()));
    assert_eq!(streams.describe(&key), unknown);
    streams
        .declare(key.clone(), declared(1, day))
        .await
        .unwrap();
    assert!(read(&streams, ReadFrom::At(old)).await.records.is_empty());
    put(&streams, &["new"]).await;
    assert_eq!(texts(&read(&streams, ReadFrom::Oldest).await), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_a_record_and_with_the_stream() {
    let (platform, streams) = started().await;
    let (day, key) = (Duration::from_hours(24), key("flights"));
    streams
        .declare(key.clone(), declared(1, day))
        .await
        .unwrap();
    let tip = read(&streams, ReadFrom::Oldest).await.next;
    let deadline = Duration::from_secs(60);
    let (woken, _) = tokio::join!(
        platform
            .clock
            .timeout(deadline, streams.wait(&key, FIRST, tip)),
        put(&streams, &["a"]),
    );
    assert_eq!(woken.unwrap(), Ok(()));
    streams.delete(key.clone()).await.unwrap();
    platform.clock.shift(Duration::from_secs(1));
    let gone = Err(SourceError::NoSuchStream(key.arn()));
    assert_eq!(streams.wait(&key, FIRST, tip).await, gone);
}

#[tokio::test(start_paused = true)]
async fn worlds_list_only_their_own_streams() {
    let (_, streams) = started().await;
    let day = Duration::from_hours(24);
    let elsewhere = StreamKey {
        region: Region::parse("eu-west-1").unwrap(),
        ..key("b")
    };
    for key in [key("a"), key("c"), key("d"), elsewhere] {
        streams.declare(key, declared(1, day)).await.unwrap();
    }
    let world = World {
        account: key("a").account,
        region: key("a").region,
    };
    for (after, limit, expected, more) in [
        (None, 2, &["a", "c"][..], true),
        (Some("b"), 2, &["c", "d"], false),
        (Some("d"), 2, &[], false),
    ] {
        let after = after.map(|name| StreamName::parse(name).unwrap());
        let listing = streams.list(&world, after.as_ref(), limit);
        let names: Vec<_> = listing
            .streams
            .iter()
            .map(|facts| facts.key.name.as_str())
            .collect();
        assert_eq!((names.as_slice(), listing.more), (expected, more));
    }
}

#[tokio::test(start_paused = true)]
async fn outputs_are_routed_to_appends_of_the_caller() {
    let (_, streams) = started().await;
    let day = Duration::from_hours(24);
    streams
        .declare(key("flights"), declared(2, day))
        .await
        .unwrap();
    let output = |data, hash_key| (key("flights"), record(data, hash_key));
    let outputs = vec![output("a", 0), output("b", u128::MAX), output("c", 1)];
    let appends = streams.route_outputs(outputs).unwrap();
    let counts: Vec<usize> = appends.iter().map(|append| append.records.len()).collect();
    assert_eq!(counts, [2, 1]);
    let unknown = streams.route_outputs(vec![(key("nowhere"), record("a", 0))]);
    assert_eq!(unknown.unwrap_err(), UnknownStream(key("nowhere").arn()));
}
