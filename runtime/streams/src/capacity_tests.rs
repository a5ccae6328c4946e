//! Stories of shards that are full, and of streams that grow and shrink with their traffic.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use log::{Log, ViewKind};
use model::{HashKey, NewRecord, ShardId, StreamKey, seams::ReadFrom};
use platform::Platform;

use super::{
    tests::{ALL, key, record},
    *,
};

const MIB: usize = 1 << 20;

pub(super) async fn started(
    aws_limits: bool,
    shards: u32,
    mode: StreamMode,
) -> (Platform, Streams) {
    let platform = Platform::simulated(1);
    let settings = log::Settings {
        view: ViewKind::Memory,
        ..log::Settings::default()
    };
    let log = Log::open(&platform, Path::new("/data"), settings)
        .await
        .unwrap();
    let settings = Settings {
        aws_limits,
        ..Settings::default()
    };
    let streams = Streams::open(&platform, log, settings).unwrap();
    let made = streams.create(flights(), shards, mode, Traits::default());
    made.await.unwrap();
    platform.clock.sleep(Duration::from_secs(1)).await;
    (platform, streams)
}

fn flights() -> StreamKey {
    key("flights")
}

fn of_size(bytes: usize, hash_key: u128) -> NewRecord {
    NewRecord {
        data: Bytes::from(vec![0; bytes - 1]),
        ..record("", hash_key)
    }
}

fn open(streams: &Streams) -> usize {
    streams.describe(&flights()).unwrap().open_shards
}

#[tokio::test(start_paused = true)]
async fn a_full_shard_refuses_single_records_and_others_go_on() {
    let (platform, streams) = started(true, 2, StreamMode::Provisioned).await;
    let records: Vec<_> = [0, 1, u128::MAX, 2, 3]
        .into_iter()
        .map(|hash_key| of_size(MIB / 2, hash_key))
        .collect();
    let answer = streams
        .put(&flights(), records.clone(), None)
        .await
        .unwrap();
    let shards: Vec<u32> = answer.entries.iter().map(|(shard, _)| shard.0).collect();
    assert_eq!(shards, [0, 0, 1]);
    assert_eq!(answer.refused, [(3, ShardId(0)), (4, ShardId(0))]);
    let again = streams
        .put(&flights(), vec![of_size(9, 0)], None)
        .await
        .unwrap();
    assert_eq!((again.entries.len(), again.refused.len()), (0, 1));
    let told = streams.traffic(&flights()).unwrap();
    assert_eq!(told.totals.writes_refused, 3);
    assert_eq!(
        told.shards[1].totals.in_bytes,
        u64::try_from(MIB / 2).unwrap()
    );
    platform.clock.sleep(Duration::from_secs(1)).await;
    let answer = streams.put(&flights(), records[3..].to_vec(), None).await;
    assert_eq!(answer.unwrap().refused, []);
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_repeats_itself_is_refused_as_a_whole() {
    let (platform, streams) = started(true, 1, StreamMode::Provisioned).await;
    let mark = |number| {
        Some(ProducerMark {
            id: "demo".to_owned(),
            number,
        })
    };
    let many = vec![of_size(MIB, 0); 3];
    let first = streams
        .put(&flights(), many.clone(), mark(1))
        .await
        .unwrap();
    assert_eq!(first.entries.len(), 3, "what begins with room is taken");
    let refused = streams.put(&flights(), many.clone(), mark(2)).await;
    assert_eq!(refused, Err(PutError::ShardFull(ShardId(0))));
    platform.clock.sleep(Duration::from_secs(3)).await;
    let second = streams.put(&flights(), many, mark(2)).await.unwrap();
    assert_eq!(second.entries.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn reads_and_iterators_have_their_rates() {
    let (platform, streams) = started(true, 1, StreamMode::Provisioned).await;
    let passed = |count: usize| (0..count).filter(|_| streams.may_read(&flights(), ShardId(0)));
    assert_eq!(passed(9).count(), 5);
    let given = (0..9).filter(|_| streams.may_iterate(&flights(), ShardId(0)));
    assert_eq!(given.count(), 5);
    streams
        .put(&flights(), vec![of_size(MIB, 0)], None)
        .await
        .unwrap();
    platform.clock.sleep(Duration::from_secs(1)).await;
    let mut page = streams
        .read(&flights(), ShardId(0), ReadFrom::Oldest, ALL)
        .await
        .unwrap();
    page.records = vec![page.records[0].clone(); 10].into();
    streams.count_read(&flights(), ShardId(0), &page, true);
    platform.clock.sleep(Duration::from_millis(4_900)).await;
    assert_eq!(passed(1).count(), 0);
    platform.clock.sleep(Duration::from_millis(100)).await;
    assert_eq!(passed(1).count(), 1);
    assert_eq!(streams.traffic(&flights()).unwrap().totals.reads_refused, 5);
}

#[tokio::test(start_paused = true)]
async fn what_fan_out_delivers_takes_nothing_of_what_a_shard_gives_to_readers() {
    let (platform, streams) = started(false, 1, StreamMode::Provisioned).await;
    let large = vec![of_size(MIB, 0)];
    streams.put(&flights(), large, None).await.unwrap();
    let key = flights();
    let page = streams.read(&key, ShardId(0), ReadFrom::Oldest, ALL);
    let page = page.await.unwrap();
    for (shared, taken) in [(false, false), (true, true)] {
        streams.observe();
        streams.count_read(&flights(), ShardId(0), &page, shared);
        platform.clock.sleep(Duration::from_secs(2)).await;
        streams.observe();
        let told = streams.traffic(&flights()).unwrap();
        assert_eq!(told.now.read_bytes > 0, taken, "{:?}", told.now);
        assert_eq!(told.shards[0].now.read_bytes > 0, taken);
        assert!(told.totals.out_bytes > 0);
    }
}

/// Puts so many MiB a second for a while, evenly over all keys, looking every ten seconds.
async fn load(platform: &Platform, streams: &Streams, mibps: usize, seconds: u64) {
    let autoscaled = BTreeMap::new();
    for second in 0..seconds {
        let step = u128::MAX / 16;
        let records = (0..16).map(|part| of_size(MIB * mibps / 16, step * part + 9));
        streams
            .put(&flights(), records.collect(), None)
            .await
            .unwrap();
        platform.clock.sleep(Duration::from_secs(1)).await;
        if second % 10 == 9 {
            streams.observe();
            for done in streams.rebalance(&autoscaled).await {
                done.unwrap();
            }
        }
    }
    platform.clock.shift(Duration::from_secs(1));
    streams.trim_expired(platform.clock.wall()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_demand_follows_twice_its_highest_traffic_and_forgets_after_thirty_days() {
    let (platform, streams) = started(false, 4, StreamMode::OnDemand).await;
    load(&platform, &streams, 1, 20).await;
    assert_eq!(open(&streams), 4, "enough for 2 MiB a second");
    load(&platform, &streams, 6, 10).await;
    assert_eq!(open(&streams), 8, "twice as many at once at most");
    load(&platform, &streams, 6, 10).await;
    assert_eq!(open(&streams), 12, "twice 6");
    // Restarted and quiet for a month, it still has what the traffic needed.
    platform.clock.sleep(Duration::from_hours(24 * 29)).await;
    streams.observe();
    streams.rebalance(&BTreeMap::new()).await;
    assert_eq!(open(&streams), 12);
    platform.clock.sleep(Duration::from_hours(24 * 2)).await;
    for expected in [6, 4, 4] {
        streams.observe();
        streams.rebalance(&BTreeMap::new()).await;
        platform.clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(open(&streams), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hot_range_of_a_provisioned_stream_is_split_within_its_bounds() {
    let (platform, streams) = started(false, 2, StreamMode::Provisioned).await;
    let autoscale = Autoscale {
        shards_min: 2,
        shards_max: 4,
        target_percent: 70,
    };
    let autoscaled: BTreeMap<_, _> = [(flights(), autoscale)].into();
    let put = async |seconds: u64| {
        for _ in 0..seconds {
            // All of it in the upper eighth of the first shard.
            let records = (0..8).map(|part| of_size(MIB / 4, (1 << 127) - 1 - (part << 120)));
            streams
                .put(&flights(), records.collect(), None)
                .await
                .unwrap();
            platform.clock.sleep(Duration::from_secs(1)).await;
        }
        streams.observe();
        let done = streams.rebalance(&autoscaled).await;
        platform.clock.sleep(Duration::from_secs(1)).await;
        done
    };
    let done = put(10).await;
    assert_eq!(done.len(), 1);
    let shards = streams.shards(&flights()).unwrap();
    let opened: Vec<_> = shards.iter().filter(|shard| shard.facts.open).collect();
    let hot = opened
        .iter()
        .filter(|shard| shard.facts.range.contains(HashKey((1 << 127) - 1)));
    assert!(hot.clone().count() == 1 && opened.len() == 3);
    put(10).await;
    put(10).await;
    assert!(open(&streams) <= 4);
    platform.clock.sleep(Duration::from_secs(20 * 60)).await;
    for _ in 0..3 {
        streams.observe();
        streams.rebalance(&autoscaled).await;
        platform.clock.sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(open(&streams), 2, "quiet again");
    let unknown = BTreeMap::new();
    assert_eq!(streams.rebalance(&unknown).await, [], "nobody asked for it");
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_spread_records_whatever_their_keys() {
    let (_platform, streams) = started(false, 4, StreamMode::OnDemand).await;
    let set = |distribution| {
        streams.amend(flights(), move |amendment| {
            amendment.traits_mut().distribution = distribution;
            Ok::<_, ()>(())
        })
    };
    let shards = async || {
        let same_key = NewRecord {
            explicit_hash_key: None,
            ..record("a", 0)
        };
        let answer = streams
            .put(&flights(), vec![same_key; 400], None)
            .await
            .unwrap();
        let mut counts = [0; 4];
        for (shard, _) in answer.entries {
            counts[usize::try_from(shard.0).unwrap()] += 1;
        }
        counts
    };
    let one_shard = shards().await;
    assert!(one_shard.contains(&400), "{one_shard:?}");
    set(Some(Distribution::Auto)).await.unwrap();
    let spread = shards().await;
    assert!(
        spread.iter().all(|count| (60..140).contains(count)),
        "{spread:?}"
    );
    set(Some(Distribution::UserPartitionKey)).await.unwrap();
    assert_eq!(shards().await, one_shard);
}

#[tokio::test(start_paused = true)]
async fn a_warmed_stream_has_the_shards_it_was_warmed_for() {
    let (platform, streams) = started(false, 4, StreamMode::OnDemand).await;
    let warmed = streams.amend(flights(), |amendment| {
        amendment.begin_update();
        amendment.traits_mut().warm_mibps = Some(10);
        amendment.grow_to(10)
    });
    warmed.await.unwrap();
    platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(open(&streams), 10);
    platform.clock.shift(Duration::from_hours(24 * 90));
    streams.rebalance(&BTreeMap::new()).await;
    assert_eq!(open(&streams), 10);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_shard_takes_and_gives_nothing_for_a_while_without_any_limits() {
    let (platform, streams) = started(false, 2, StreamMode::Provisioned).await;
    let lasts = Duration::from_secs(3);
    assert!(!streams.throttle(&flights(), ShardId(7), lasts));
    assert!(streams.throttle(&flights(), ShardId(0), lasts));
    let put = async |producer: Option<ProducerMark>| {
        let records = vec![of_size(9, 0), of_size(9, u128::MAX)];
        streams.put(&flights(), records, producer).await
    };
    let mark = |number| {
        Some(ProducerMark {
            id: "p".to_owned(),
            number,
        })
    };
    assert_eq!(put(None).await.unwrap().refused, [(0, ShardId(0))]);
    let whole = put(mark(1)).await;
    assert_eq!(whole.unwrap_err(), PutError::ShardFull(ShardId(0)));
    assert!(!streams.may_read(&flights(), ShardId(0)));
    assert!(streams.may_read(&flights(), ShardId(1)));
    platform.clock.sleep(lasts).await;
    assert_eq!(put(None).await.unwrap().refused, []);
    assert_eq!(put(mark(1)).await.unwrap().refused, []);
    assert!(streams.may_read(&flights(), ShardId(0)));
}
