//! Stories of shards that close and open: nothing is lost or doubled, and children come after their parents.

use std::{collections::BTreeSet, time::Duration};

use model::{
    HashKey, HashKeyRange, ShardId, StreamKey,
    seams::{Page, ReadFrom, ShardFacts, Source},
};
use platform::Platform;
use proptest::prelude::*;

use super::{
    reshard::Reshard,
    tests::{ALL, declared, key, record, start, started},
    *,
};

const DAY: Duration = Duration::from_hours(24);
const MIDDLE: HashKey = HashKey(1 << 127);

async fn with_shards(shards: u32) -> (Platform, Streams) {
    let (platform, streams) = started().await;
    streams
        .declare(flights(), declared(shards, DAY))
        .await
        .unwrap();
    (platform, streams)
}

fn flights() -> StreamKey {
    key("flights")
}

/// Lets a change of state pass.
async fn settle(platform: &Platform, streams: &Streams) {
    let mut changes = streams.changes();
    platform.clock.shift(Duration::from_secs(1));
    while status(streams) == StreamStatus::Updating {
        changes.next().await;
    }
}

fn status(streams: &Streams) -> StreamStatus {
    streams.describe(&flights()).unwrap().status
}

fn all(streams: &Streams) -> Vec<ShardFacts> {
    Source::shards(streams, &flights()).unwrap()
}

fn ranges(streams: &Streams) -> Vec<HashKeyRange> {
    open(streams).into_iter().map(|shard| shard.range).collect()
}

fn open(streams: &Streams) -> Vec<ShardFacts> {
    let mut open = all(streams);
    open.retain(|shard| shard.open);
    open.sort_by_key(|shard| shard.range.starting);
    open
}

async fn page(streams: &Streams, shard: u32) -> Page {
    let key = flights();
    let read = streams.read(&key, ShardId(shard), ReadFrom::Oldest, ALL);
    read.await.unwrap()
}

async fn put(streams: &Streams, data: &str, hash_key: u128) -> u32 {
    let records = vec![record(data, hash_key)];
    let answer = streams.put(&flights(), records, None).await.unwrap();
    answer.entries[0].0.0
}

#[tokio::test(start_paused = true)]
async fn a_split_ends_the_parent_and_sends_what_follows_to_its_children() {
    let (platform, streams) = with_shards(1).await;
    assert_eq!(put(&streams, "before", 0).await, 0);
    streams.split(flights(), ShardId(0), MIDDLE).await.unwrap();
    settle(&platform, &streams).await;
    assert_eq!(put(&streams, "low", 0).await, 1);
    assert_eq!(put(&streams, "high", u128::MAX).await, 2);
    let parent = page(&streams, 0).await;
    assert_eq!((parent.records.len(), parent.ended), (1, true));
    for child in [1, 2] {
        let read = page(&streams, child).await;
        assert_eq!((read.records.len(), read.ended), (1, false));
        assert!(parent.records[0].sequence < read.records[0].sequence);
    }
    let parents: Vec<_> = all(&streams)
        .into_iter()
        .map(|shard| (shard.open, shard.parents))
        .collect();
    assert_eq!(
        parents,
        [
            (false, vec![]),
            (true, vec![ShardId(0)]),
            (true, vec![ShardId(0)])
        ]
    );
    let shards = streams.shards(&flights()).unwrap();
    let ending = shards[0].ending.unwrap();
    assert!(parent.records[0].sequence < ending && ending < shards[1].starting);
}

#[tokio::test(start_paused = true)]
async fn a_merge_gives_both_ranges_to_one_child() {
    let (platform, streams) = with_shards(3).await;
    for (lower, upper) in [(0, 2), (1, 0), (1, 1)] {
        let merged = streams.merge(flights(), ShardId(lower), ShardId(upper));
        assert_eq!(merged.await, Err(ReshardError::NotAdjacent));
    }
    let merged = streams.merge(flights(), ShardId(1), ShardId(2));
    merged.await.unwrap();
    settle(&platform, &streams).await;
    let [kept, child] = open(&streams).try_into().unwrap();
    assert_eq!(kept.id, ShardId(0));
    assert_eq!(child.parents, [ShardId(1), ShardId(2)]);
    assert_eq!(child.range.ending, HashKeyRange::WHOLE.ending);
    assert!(page(&streams, 1).await.ended && page(&streams, 2).await.ended);
}

#[tokio::test(start_paused = true)]
async fn only_open_shards_of_active_streams_can_be_changed() {
    let (platform, streams) = with_shards(2).await;
    let split = |shard, at| streams.split(flights(), ShardId(shard), HashKey(at));
    let range = open(&streams)[1].range;
    let (first, last) = (range.starting.0, range.ending.0);
    for at in [0, first, first + 1, last] {
        assert_eq!(
            split(1, at).await,
            Err(ReshardError::OutsideOfShard { range }),
            "{at}"
        );
    }
    assert_eq!(
        split(2, 9).await,
        Err(ReshardError::NoSuchShard(ShardId(2)))
    );
    split(1, first + 2).await.unwrap();
    let busy = Err(ReshardError::NotActive(StreamStatus::Updating));
    assert_eq!(split(0, 9).await, busy);
    settle(&platform, &streams).await;
    assert_eq!(
        split(1, first + 2).await,
        Err(ReshardError::Closed(ShardId(1)))
    );
    split(0, 9).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn scaling_makes_shards_of_equal_size() {
    let (platform, streams) = with_shards(2).await;
    for asked in [4, 3, 2, 1, 2, 3, 5] {
        let before = u32::try_from(open(&streams).len()).unwrap();
        let scaled = streams.scale(flights(), asked).await;
        settle(&platform, &streams).await;
        assert_eq!(
            scaled,
            Ok(Scaled {
                before,
                after: asked
            })
        );
        assert_eq!(
            ranges(&streams),
            HashKeyRange::split_whole(asked),
            "{asked}"
        );
        put(&streams, "x", u128::MAX / 3).await;
    }
    for (asked, refused) in [
        (11, ReshardError::TooMany { open: 5, asked: 11 }),
        (2, ReshardError::TooFew { open: 5, asked: 2 }),
    ] {
        assert_eq!(streams.scale(flights(), asked).await, Err(refused));
    }
}

#[tokio::test(start_paused = true)]
async fn scaling_splits_at_the_borders_of_equal_shards_and_merges_the_rest() {
    for (from, to, ever) in [
        (2, 4, 6),
        (4, 5, 15),
        (10, 13, 43),
        (4, 2, 6),
        (4, 3, 11),
        (5, 3, 13),
    ] {
        let (platform, streams) = with_shards(from).await;
        streams.scale(flights(), to).await.unwrap();
        settle(&platform, &streams).await;
        assert_eq!(all(&streams).len(), ever, "{from} to {to}");
        check_lineage(&streams);
    }
}

#[tokio::test(start_paused = true)]
async fn scaling_to_the_number_there_is_evens_the_shards_out() {
    let (platform, streams) = with_shards(2).await;
    let at = HashKey(7);
    streams.split(flights(), ShardId(0), at).await.unwrap();
    settle(&platform, &streams).await;
    streams.scale(flights(), 3).await.unwrap();
    settle(&platform, &streams).await;
    assert_eq!(ranges(&streams), HashKeyRange::split_whole(3));
}

#[tokio::test(start_paused = true)]
async fn shards_change_when_the_update_is_over() {
    let (platform, streams) = with_shards(1).await;
    streams.split(flights(), ShardId(0), MIDDLE).await.unwrap();
    let shown = || {
        let shards = streams.shown_shards(&flights()).unwrap();
        let open = shards.iter().filter(|shard| shard.facts.open).count();
        let facts = streams.describe(&flights()).unwrap();
        assert_eq!(open, facts.open_shards);
        (facts.status, shards.len(), open)
    };
    assert_eq!(put(&streams, "during", 0).await, 0);
    platform.clock.sleep(Duration::from_millis(499)).await;
    assert_eq!(put(&streams, "during", u128::MAX).await, 0);
    assert_eq!(shown(), (StreamStatus::Updating, 1, 1));
    settle(&platform, &streams).await;
    assert_eq!(shown(), (StreamStatus::Active, 3, 2));
    assert_eq!(page(&streams, 0).await.records.len(), 2);
    assert_eq!(put(&streams, "after", 0).await, 1);
    check_lineage(&streams);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_the_lineage_and_what_is_closed() {
    let platform = Platform::simulated(1);
    let (streams, log) = start(&platform).await;
    streams.declare(flights(), declared(1, DAY)).await.unwrap();
    put(&streams, "before", 0).await;
    streams.split(flights(), ShardId(0), MIDDLE).await.unwrap();
    settle(&platform, &streams).await;
    let before = all(&streams);
    drop(streams);
    log.stop().await;
    let (streams, _) = start(&platform).await;
    assert_eq!(all(&streams), before);
    assert_eq!(put(&streams, "after", 0).await, 1);
    assert!(page(&streams, 0).await.ended);
}

/// Two shards are to be three, and the server stops before they are.
async fn stopped_while_updating() -> Platform {
    let platform = Platform::simulated(1);
    let (streams, log) = start(&platform).await;
    streams.declare(flights(), declared(2, DAY)).await.unwrap();
    streams.scale(flights(), 3).await.unwrap();
    drop(streams);
    log.stop().await;
    platform
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_an_update() {
    let platform = stopped_while_updating().await;
    platform.clock.sleep(DAY / 48).await;
    let (streams, _) = start(&platform).await;
    assert_eq!(status(&streams), StreamStatus::Updating);
    assert_eq!(put(&streams, "late", 0).await, 0);
    settle(&platform, &streams).await;
    assert_eq!(ranges(&streams), HashKeyRange::split_whole(3));
    check_lineage(&streams);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_before_a_start_holds_no_update_up() {
    let platform = stopped_while_updating().await;
    platform.clock.set_back(DAY / 24);
    let (streams, _) = start(&platform).await;
    let settled = settle(&platform, &streams);
    let second = Duration::from_secs(1);
    platform.clock.timeout(second, settled).await.unwrap();
    assert_eq!(ranges(&streams), HashKeyRange::split_whole(3));
}

#[tokio::test(start_paused = true)]
async fn steps_that_could_not_be_carried_out_are_refused_at_once() {
    let (platform, streams) = with_shards(1).await;
    streams.split(flights(), ShardId(0), MIDDLE).await.unwrap();
    settle(&platform, &streams).await;
    let stale = scaling::Step::Split {
        shard: ShardId(0),
        at: vec![MIDDLE],
    };
    let refused = streams.reshard(flights(), vec![stale]).await;
    assert_eq!(refused, Err(ReshardError::NoSuchShard(ShardId(0))));
    assert_eq!(status(&streams), StreamStatus::Active);
}

#[test]
fn what_is_stored_of_a_change_to_come_stays_readable() {
    let (shard, at) = (ShardId(1), vec![HashKey(7), HashKey(u128::MAX)]);
    let (lower, upper) = (ShardId(2), ShardId(3));
    let split = scaling::Step::Split { shard, at };
    let merge = scaling::Step::Merge { lower, upper };
    for (change, stored) in [
        (Reshard::Scale(3), r#"{"scale":3}"#),
        (
            Reshard::Steps(vec![split, merge]),
            r#"{"steps":[{"split":{"shard":1,"at":[7,340282366920938463463374607431768211455]}},{"merge":{"lower":2,"upper":3}}]}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&change).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Reshard>(stored).unwrap(), change);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_updating_is_not_deleted_and_a_clock_set_back_holds_nothing_up() {
    let (platform, streams) = with_shards(1).await;
    streams.split(flights(), ShardId(0), MIDDLE).await.unwrap();
    let busy = DeleteError::NotActive(StreamStatus::Updating);
    assert_eq!(streams.delete(flights()).await, Err(busy));
    platform.clock.set_back(DAY);
    let mut changes = streams.changes();
    while status(&streams) == StreamStatus::Updating {
        changes.next().await;
    }
    assert_eq!(open(&streams).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn closed_shards_stay_until_their_records_have_expired() {
    let (platform, streams) = with_shards(1).await;
    put(&streams, "old", 0).await;
    streams.split(flights(), ShardId(0), MIDDLE).await.unwrap();
    settle(&platform, &streams).await;
    platform.clock.shift(DAY - Duration::from_secs(1));
    assert_eq!(all(&streams).len(), 3);
    platform.clock.shift(Duration::from_secs(1));
    assert_eq!(all(&streams).len(), 2);
    let key = flights();
    let wait = streams.wait(&key, ShardId(0), ReadFrom::Oldest);
    wait.await.unwrap();
    for _ in 0..2 {
        let read = page(&streams, 0).await;
        assert_eq!((read.records.len(), read.ended), (0, true));
        streams.trim_expired(platform.clock.wall()).await.unwrap();
    }
    let never = streams.read(&key, ShardId(3), ReadFrom::Oldest, ALL);
    assert!(never.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_shard() {
    let (platform, streams) = with_shards(1).await;
    let tip = page(&streams, 0).await.next;
    let key = flights();
    let waiting = streams.wait(&key, ShardId(0), tip);
    let (woken, split) = tokio::join!(
        platform.clock.timeout(Duration::from_secs(60), waiting),
        streams.split(flights(), ShardId(0), MIDDLE),
    );
    assert_eq!((woken.unwrap(), split), (Ok(()), Ok(())));
    settle(&platform, &streams).await;
    assert!(page(&streams, 0).await.ended);
}

#[tokio::test(start_paused = true)]
async fn writers_are_sent_on_while_shards_close_under_them() {
    let (platform, streams) = with_shards(1).await;
    let writer = async {
        for n in 0..200 {
            put(&streams, &format!("{n:03}"), u128::MAX / 200 * n).await;
        }
    };
    let changer = async {
        for asked in [2, 3, 2, 4, 2, 1, 2] {
            platform.clock.sleep(Duration::from_millis(2)).await;
            settle(&platform, &streams).await;
            streams.scale(flights(), asked).await.unwrap();
        }
        settle(&platform, &streams).await;
    };
    tokio::join!(writer, changer);
    let mut found = Vec::new();
    for shard in all(&streams) {
        let read = page(&streams, shard.id.0).await;
        assert!(read.ended != shard.open, "{:?}", shard.id);
        found.extend(tests::texts(&read));
    }
    let expected: BTreeSet<String> = (0..200).map(|n| format!("{n:03}")).collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_gets_its_first_answer_after_a_split() {
    let (platform, streams) = with_shards(2).await;
    let put = || {
        let records = vec![record("a", u128::MAX), record("b", 0), record("c", 1)];
        let mark = ProducerMark {
            id: "demo".to_owned(),
            number: 1,
        };
        let streams = streams.clone();
        async move { streams.put(&flights(), records, Some(mark)).await.unwrap() }
    };
    let first = put().await;
    let at = HashKey(1 << 100);
    streams.split(flights(), ShardId(0), at).await.unwrap();
    settle(&platform, &streams).await;
    assert_eq!(put().await, first);
}

#[derive(Debug, Clone)]
enum Step {
    Split { which: usize, at: u128 },
    Merge { which: usize },
    Scale { asked: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (any::<usize>(), any::<u128>()).prop_map(|(which, at)| Step::Split { which, at }),
        any::<usize>().prop_map(|which| Step::Merge { which }),
        (1_u32..9).prop_map(|asked| Step::Scale { asked }),
    ];
    prop::collection::vec(step, 1..12)
}

async fn take(streams: &Streams, step: &Step) {
    let shards = open(streams);
    // Refusals are part of the story: what is refused changes nothing.
    match step {
        Step::Split { which, at } => {
            let shard = &shards[which % shards.len()];
            let width = shard.range.ending.0 - shard.range.starting.0;
            let at = HashKey(shard.range.starting.0 + at % width.max(1));
            drop(streams.split(flights(), shard.id, at).await);
        }
        Step::Merge { which } => {
            let which = which % shards.len();
            if let Some(upper) = shards.get(which + 1) {
                let merged = streams.merge(flights(), shards[which].id, upper.id);
                merged.await.unwrap();
            }
        }
        Step::Scale { asked } => drop(streams.scale(flights(), *asked).await),
    }
}

fn check_lineage(streams: &Streams) {
    let open = open(streams);
    assert_eq!(open[0].range.starting, HashKeyRange::WHOLE.starting);
    assert_eq!(
        open[open.len() - 1].range.ending,
        HashKeyRange::WHOLE.ending
    );
    for pair in open.windows(2) {
        assert_eq!(pair[0].range.ending.0 + 1, pair[1].range.starting.0);
    }
    let shards = streams.shards(&flights()).unwrap();
    let of = |id: ShardId| shards.iter().find(|shard| shard.facts.id == id).unwrap();
    for shard in &shards {
        let children = shards
            .iter()
            .filter(|child| child.facts.parents.contains(&shard.facts.id));
        assert_eq!(children.count() > 0, !shard.facts.open);
        for parent in shard.facts.parents.iter().map(|id| of(*id)) {
            assert!(parent.opened <= shard.opened && parent.closed == Some(shard.opened));
            assert!(parent.ending.unwrap() < shard.starting);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_key_always_has_one_open_shard(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (platform, streams) = with_shards(2).await;
            for step in &steps {
                take(&streams, step).await;
                settle(&platform, &streams).await;
                check_lineage(&streams);
            }
        });
    }
}
