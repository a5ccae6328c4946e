//! Stories of records that retention takes: how many that were, as far as a reader can still ask.

use std::time::Duration;

use model::{
    HashKey, SequenceNumber, ShardId, StreamKey,
    seams::{Page, ReadFrom, Source},
};
use platform::Platform;

use super::{
    tests::{ALL, declared, key, record, start, started, texts},
    *,
};

const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);
const MIDDLE: u128 = 1 << 127;
const LEFT: ShardId = ShardId(0);
const RIGHT: ShardId = ShardId(1);

fn flights() -> StreamKey {
    key("flights")
}

async fn two_shards() -> (Platform, Streams) {
    let (platform, streams) = started().await;
    let two = declared(2, HOUR);
    streams.declare(flights(), two).await.unwrap();
    (platform, streams)
}

/// As many records as `per` says into each of both shards, one by one in turns, as long as both take some.
async fn put(streams: &Streams, per: [u32; 2]) {
    for round in 0..per[0].max(per[1]) {
        let wanted = [(per[0], 0), (per[1], MIDDLE)];
        for (_, hash_key) in wanted.into_iter().filter(|(count, _)| round < *count) {
            let records = vec![record(&round.to_string(), hash_key)];
            streams.put(&flights(), records, None).await.unwrap();
        }
    }
}

async fn read(streams: &Streams, shard: ShardId, from: ReadFrom) -> Page {
    let key = flights();
    Source::read(streams, &key, shard, from, ALL).await.unwrap()
}

async fn numbers(streams: &Streams, shard: ShardId) -> Vec<SequenceNumber> {
    let page = read(streams, shard, ReadFrom::Oldest).await;
    page.records.iter().map(|record| record.sequence).collect()
}

fn before(streams: &Streams, shard: ShardId, place: ReadFrom) -> Option<u64> {
    streams.records_before(&flights(), shard, place)
}

async fn expire(platform: &Platform, streams: &Streams) {
    platform.clock.shift(HOUR + SECOND);
    streams.trim_expired(platform.clock.wall()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn shards_that_share_a_counter_are_counted_apart() {
    let (platform, streams) = two_shards().await;
    put(&streams, [3, 50]).await;
    let [left, right] = [
        numbers(&streams, LEFT).await,
        numbers(&streams, RIGHT).await,
    ];
    platform.clock.shift(HOUR / 2);
    put(&streams, [1, 0]).await;
    platform.clock.shift(HOUR / 2 + SECOND);
    for trims in [false, true] {
        if trims {
            streams.trim_expired(platform.clock.wall()).await.unwrap();
        }
        // Whoever has read two of three lost one, whatever the other shard had meanwhile.
        let page = read(&streams, LEFT, ReadFrom::After(left[1])).await;
        assert_eq!(
            (texts(&page), page.records_before),
            (vec!["0".to_owned()], Some(3))
        );
        let goes_on = read(&streams, LEFT, page.next).await;
        assert_eq!((goes_on.records.len(), goes_on.records_before), (0, None));
        let nothing_left = read(&streams, RIGHT, ReadFrom::After(right[9])).await;
        assert_eq!(nothing_left.records_before, Some(50));
        // A place that is counted is gone; what lies behind it is not.
        assert_eq!(
            before(&streams, LEFT, ReadFrom::After(left[0])).is_none(),
            trims
        );
        assert_eq!(before(&streams, LEFT, page.next), Some(4));
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_shard_beside_a_busy_one_loses_nothing() {
    let (platform, streams) = two_shards().await;
    put(&streams, [1, 20]).await;
    let read_all = read(&streams, LEFT, ReadFrom::Oldest).await.next;
    for _ in 0..3 {
        expire(&platform, &streams).await;
        put(&streams, [0, 20]).await;
    }
    put(&streams, [1, 1]).await;
    let page = read(&streams, LEFT, read_all).await;
    let [lost, left] = [
        page.records_before.unwrap_or(1) - 1,
        page.records.len() as u64,
    ];
    assert_eq!((lost, left), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_counting_and_trimming_counts_nothing_twice() {
    let (platform, streams) = two_shards().await;
    put(&streams, [4, 2]).await;
    let first = ReadFrom::After(numbers(&streams, LEFT).await[0]);
    platform.clock.shift(HOUR + SECOND);
    let entry = streams.existing(&flights()).unwrap();
    let covered = entry.covered_from(platform.clock.wall());
    streams.count_expired(&entry, covered).await.unwrap();
    drop((streams, entry));
    for _ in 0..2 {
        let (streams, _) = start(&platform).await;
        for _ in 0..2 {
            assert_eq!(read(&streams, LEFT, first).await.records_before, Some(4));
            assert_eq!(before(&streams, RIGHT, ReadFrom::Latest), Some(2));
            streams.trim_expired(platform.clock.wall()).await.unwrap();
        }
    }
    let (streams, _) = start(&platform).await;
    put(&streams, [2, 0]).await;
    expire(&platform, &streams).await;
    put(&streams, [1, 0]).await;
    let page = read(&streams, LEFT, first).await;
    assert_eq!((page.records.len(), page.records_before), (1, Some(6)));
}

#[tokio::test(start_paused = true)]
async fn what_a_closed_shard_had_is_known_once_nothing_of_it_is_left() {
    let (platform, streams) = two_shards().await;
    put(&streams, [5, 1]).await;
    let second = ReadFrom::After(numbers(&streams, LEFT).await[1]);
    let at = HashKey(MIDDLE / 2);
    streams.split(flights(), LEFT, at).await.unwrap();
    platform.clock.sleep(SECOND).await;
    platform.clock.shift(HOUR + SECOND);
    for _ in 0..2 {
        let page = read(&streams, LEFT, second).await;
        assert_eq!((page.ended, page.records_before), (true, Some(5)));
        streams.trim_expired(platform.clock.wall()).await.unwrap();
    }
    drop(streams);
    let (streams, log) = start(&platform).await;
    assert_eq!(before(&streams, LEFT, second), Some(5));
    let counted = || log.scan(b"g", None, 10).unwrap().len();
    assert_eq!(counted(), 1);
    streams.delete(flights()).await.unwrap();
    expire(&platform, &streams).await;
    assert_eq!(counted(), 0);
}
