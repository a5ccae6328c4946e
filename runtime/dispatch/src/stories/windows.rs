//! Tumbling windows: one value for a shard from invocation to invocation, and values by key that outlive their shard.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use model::{
    Answer, HashKey, HashKeyRange, Invocation, Outcome, StateWrite,
    invocation::{TumblingWindow, WindowKept},
};

use super::{
    throws_at,
    world::{World, copied, text, thrown},
};
use crate::{
    Condition, Isolate, ShardState, StatePolicy, Tumbling, WindowsBy,
    event_time::{EventTime, TimePath},
    testing::position,
};

const MINUTE: Duration = Duration::from_secs(60);

fn by_shard() -> Option<Tumbling> {
    Some(Tumbling {
        every: MINUTE,
        by: WindowsBy::Shard,
    })
}

fn state_of(window: &TumblingWindow) -> String {
    match &window.kept {
        WindowKept::ByShard(state) => String::from_utf8(state.to_vec()).unwrap(),
        WindowKept::ByKey => panic!("windows by shard"),
    }
}

fn window(invocation: &Invocation) -> &TumblingWindow {
    invocation.window.as_ref().expect("a tumbling window")
}

/// `start state+data`, with `final` or `early` where it is that: the invocation as its handler sees it.
fn seen(invocation: &Invocation) -> String {
    let window = window(invocation);
    let data: Vec<String> = invocation.records.iter().map(text).collect();
    let last = match (window.is_final, window.is_early) {
        (false, _) => "",
        (true, false) => " final",
        (true, true) => " early",
    };
    format!(
        "{}:{} {}+{}{last}",
        invocation.shard.0,
        window.start.as_millis() / 1_000 % 3_600,
        state_of(window),
        data.join(",")
    )
}

/// Everything that was seen, in order.
type Diary = std::sync::Arc<Mutex<Vec<String>>>;

fn told(diary: &Diary) -> Vec<String> {
    diary.lock().unwrap().clone()
}

/// The state is what came so far.
fn joined(invocation: &Invocation) -> Bytes {
    let data: Vec<String> = invocation.records.iter().map(text).collect();
    format!("{}{}", state_of(window(invocation)), data.concat()).into()
}

fn answered(state: Option<Bytes>) -> Outcome {
    Outcome::Answered(Answer {
        window_state: state,
        ..Answer::default()
    })
}

/// A story that begins with a window.
async fn world(script: impl Fn(&Invocation) -> Outcome + Send + Sync + 'static) -> (World, Diary) {
    let diary = Diary::default();
    let writes = std::sync::Arc::clone(&diary);
    let mut world = World::new(move |invocation| {
        writes.lock().unwrap().push(seen(invocation));
        script(invocation)
    });
    world.settings.tumbling = by_shard();
    at_the_next_window(&world).await;
    (world, diary)
}

async fn at_the_next_window(world: &World) {
    let now = world.platform.clock.wall().as_millis();
    let hour = 3_600_000;
    let left = Duration::from_millis(hour - now % hour);
    world.platform.clock.sleep(left).await;
}

#[tokio::test(start_paused = true)]
async fn a26_a_state_that_grew_too_large_ends_its_window_and_the_rest_begins_without_one() {
    let (mut world, diary) = world(|invocation| {
        let data: Vec<String> = invocation.records.iter().map(text).collect();
        answered(Some(if data.concat() == "large" {
            vec![b'x'; 1_500_000].into()
        } else {
            data.concat().into()
        }))
    })
    .await;
    world.settings.batch.records = 1;
    world.put(0, &["a", "large", "b"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let large = "x".repeat(1_500_000);
    let early = format!("0:0 {large}+ early");
    assert_eq!(told(&diary), ["0:0 +a", "0:0 a+large", &early, "0:0 +b"]);
    world.platform.clock.sleep(MINUTE).await;
    world.caught_up(&runner).await;
    assert_eq!(told(&diary)[4..], ["0:0 b+ final"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a27_an_answer_without_state_fails_and_is_tried_again_with_the_same_state() {
    let tries = Mutex::new(0);
    let (mut world, diary) = world(move |invocation| {
        let forgets = invocation.records.iter().any(|record| text(record) == "b") && {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            *tries < 3
        };
        answered((!forgets).then(|| joined(invocation)))
    })
    .await;
    world.settings.batch.records = 1;
    world.put(0, &["a", "b", "c"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let tried = ["0:0 +a", "0:0 a+b", "0:0 a+b", "0:0 a+b", "0:0 ab+c"];
    assert_eq!(told(&diary), tried);
    assert!(world.dead().is_empty());
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a28_a_split_closes_the_window_of_the_parent_and_its_children_begin_without_state() {
    let (world, diary) = world(|invocation| answered(Some(joined(invocation)))).await;
    world.put(0, &["a", "b"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    world.river.split(0);
    world.put(1, &["c"]);
    world
        .until(&runner, 0, |state| *state == ShardState::Ended)
        .await;
    world
        .until(&runner, 1, |state| *state == ShardState::CaughtUp)
        .await;
    assert_eq!(told(&diary), ["0:0 +a,b", "0:0 ab+ final", "1:0 +c"]);
    world.platform.clock.sleep(MINUTE).await;
    world
        .until(&runner, 1, |state| *state == ShardState::CaughtUp)
        .await;
    assert_eq!(told(&diary)[3..], ["1:0 c+ final"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_window_closes_once_its_time_is_over_and_what_comes_later_has_its_own() {
    let (world, diary) = world(|invocation| answered(Some(joined(invocation)))).await;
    world.put(0, &["a"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    world.put(0, &["b"]);
    world.platform.clock.sleep(MINUTE).await;
    world.put(0, &["c"]);
    world.caught_up(&runner).await;
    let all = ["0:0 +a", "0:0 a+b", "0:0 ab+ final", "0:60 +c"];
    assert_eq!(told(&diary), all);
    // Nothing came in the third minute, so it has no invocation.
    world.platform.clock.sleep(3 * MINUTE).await;
    assert_eq!(told(&diary)[4..], ["0:60 c+ final"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_window_has_one_last_invocation_though_its_last_record_is_seen_after_its_end() {
    let (world, diary) = world(|invocation| answered(Some(joined(invocation)))).await;
    let clock = &world.platform.clock;
    let runner = world.start().await.unwrap();
    clock.sleep(MINUTE / 2).await;
    world.put(0, &["a"]);
    clock.sleep(MINUTE / 2 - Duration::from_millis(1)).await;
    world.river.put_out_of_sight(0, "b");
    clock.sleep(Duration::from_millis(20)).await;
    assert_eq!(
        told(&diary),
        ["0:0 +a"],
        "b is of the window and on its way"
    );
    world.river.surface();
    world.put(0, &["c"]);
    clock.sleep(Duration::from_millis(20)).await;
    world.caught_up(&runner).await;
    assert_eq!(told(&diary), ["0:0 +a", "0:0 a+b final", "0:60 +c"]);
    // Where nothing later comes, the look alone closes it; a stop does not wait for what is on its way.
    clock.sleep(MINUTE - Duration::from_millis(60)).await;
    world.river.put_out_of_sight(0, "d");
    clock.sleep(Duration::from_millis(30)).await;
    assert_eq!(told(&diary).len(), 3);
    runner.stop().await;
    world.river.surface();
    let runner = world.start().await.unwrap();
    clock.sleep(Duration::from_millis(20)).await;
    assert_eq!(told(&diary)[3..], ["0:60 c+d final"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_collected_when_a_window_ends_is_in_its_last_invocation() {
    let (mut world, diary) = world(|invocation| answered(Some(joined(invocation)))).await;
    world.settings.batch.records = 100;
    world.settings.batch.wait = Duration::from_secs(300);
    world.put(0, &["a", "b"]);
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(MINUTE / 2).await;
    world.put(0, &["c"]);
    world.platform.clock.sleep(MINUTE).await;
    world.put(0, &["d"]);
    world.platform.clock.sleep(MINUTE / 4).await;
    assert_eq!(told(&diary), ["0:0 +a,b,c final"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_last_invocation_that_fails_holds_up_its_shard_until_it_succeeds() {
    let tries = Mutex::new(0);
    let (world, diary) = world(move |invocation| {
        if window(invocation).is_final {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            if *tries < 3 {
                return thrown(invocation);
            }
        }
        answered(Some(joined(invocation)))
    })
    .await;
    world.put(0, &["a"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    world.platform.clock.sleep(MINUTE).await;
    world.put(0, &["b"]);
    world.caught_up(&runner).await;
    let last = "0:0 a+ final";
    assert_eq!(told(&diary), ["0:0 +a", last, last, last, "0:60 +b"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_state_of_a_window_belongs_to_the_checkpoint_whatever_commit_the_log_stops_at() {
    for stop in 3..12 {
        for counts in [false, true] {
            let (mut world, diary) = world(|invocation| {
                let Outcome::Answered(copy) = copied(invocation) else {
                    return thrown(invocation);
                };
                Outcome::Answered(Answer {
                    window_state: Some(joined(invocation)),
                    ..copy
                })
            })
            .await;
            world.settings.batch.records = 1;
            world.put(0, &["a", "b", "c"]);
            world.tape.stop_at(Some((stop, counts)));
            if let Ok(runner) = world.start().await {
                world.platform.clock.sleep(2 * MINUTE).await;
                runner.stop().await;
            }
            world.tape.stop_at(None);
            let runner = world.start().await.unwrap();
            world.caught_up(&runner).await;
            world.platform.clock.sleep(2 * MINUTE).await;
            let last: Vec<String> = told(&diary);
            let last = last.iter().rev().find(|it| it.ends_with("final"));
            let last = last.map(|it| it.replace('+', ""));
            assert_eq!(last.as_deref(), Some("0:0 abc final"), "{stop}");
            assert_eq!(world.tape.outputs(), ["a", "b", "c"], "{stop} {counts}");
            runner.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_record_of_a_window_leaves_no_trace_in_its_state() {
    let (mut world, diary) = world(|invocation| {
        if invocation
            .records
            .iter()
            .any(|record| text(record) == "bad")
        {
            return throws_at("bad")(invocation);
        }
        answered(Some(joined(invocation)))
    })
    .await;
    world.settings.retry.isolate = Isolate::Halves;
    world.settings.retry.attempts = Some(1);
    world.settings.batch.records = 4;
    world.put(0, &["a", "bad", "c", "d"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    world.platform.clock.sleep(MINUTE).await;
    world.caught_up(&runner).await;
    assert_eq!(told(&diary).last().unwrap(), "0:0 acd+ final");
    assert_eq!(world.dead().len(), 1);
    runner.stop().await;
}

/// Counts by key in the window, and puts out `key start count` for each key that closes.
fn counts(invocation: &Invocation) -> Outcome {
    let window = window(invocation);
    assert_eq!(window.kept, WindowKept::ByKey);
    let state = invocation.state.as_ref().expect("a window has values");
    let Outcome::Answered(mut answer) = copied(invocation) else {
        panic!("copies always succeed");
    };
    let mut counts = std::collections::BTreeMap::new();
    for (source, record) in (0..).zip(invocation.records.iter()) {
        let hash = record.effective_hash_key();
        let stored = state.get(hash, &record.partition_key, "n").unwrap();
        let stored = stored.map_or(0, |it| String::from_utf8_lossy(&it).parse().unwrap());
        let count: &mut u32 = counts.entry(record.partition_key.clone()).or_insert(stored);
        if window.is_final {
            assert!(record.data.is_empty());
            let emitted = &mut answer.outputs[source as usize];
            let key = record.key_text();
            let start = window.start.as_millis() / 1_000;
            emitted.data = format!("{key} {start} {count}").into();
        } else {
            *count += 1;
            answer.state.push(StateWrite {
                source,
                name: "n".to_owned(),
                value: Some(count.to_string().into()),
            });
        }
    }
    if !window.is_final {
        answer.outputs.clear();
    }
    Outcome::Answered(answer)
}

fn keyed_world(time: EventTime, lateness: Duration) -> World {
    let mut world = World::new(counts);
    world.settings.tumbling = Some(Tumbling {
        every: MINUTE,
        by: WindowsBy::Key { time, lateness },
    });
    world.settings.state = Some(StatePolicy {
        ttl: None,
        max: model::ByteSize::mib(8),
    });
    world
}

fn by_time() -> World {
    let path = TimePath::parse("$.at").unwrap();
    keyed_world(EventTime::Path(path), Duration::from_secs(30))
}

/// Of that key, which happened at such a second.
fn put(world: &World, shard: usize, key: &str, at: u64) {
    let now = world.platform.clock.wall();
    let body = format!(r#"{{"at":{at}}}"#);
    world.river.put(shard, key, body, now);
}

fn sorted(world: &World) -> Vec<String> {
    let mut outputs = world.tape.outputs();
    outputs.sort();
    outputs
}

#[tokio::test(start_paused = true)]
async fn windows_by_key_close_with_one_result_for_each_key() {
    let world = by_time();
    for (key, at) in [("a", 5), ("b", 10), ("a", 20), ("c", 59), ("a", 61)] {
        put(&world, 0, key, at);
    }
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert!(sorted(&world).is_empty(), "a record may be 30 s late");
    put(&world, 0, "b", 89);
    put(&world, 0, "b", 45);
    world.caught_up(&runner).await;
    assert!(sorted(&world).is_empty());
    put(&world, 0, "d", 90);
    world.caught_up(&runner).await;
    assert_eq!(sorted(&world), ["a 0 2", "b 0 2", "c 0 1"]);
    assert_eq!(runner.status()[0].counters.windows_closed, 1);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_after_its_window_closed_becomes_a_dead_letter() {
    let world = by_time();
    for (key, at) in [("a", 5), ("b", 95), ("a", 6), ("c", 96)] {
        put(&world, 0, key, at);
    }
    let now = world.platform.clock.wall();
    world.river.put(0, "d", "when was it?", now);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(sorted(&world), ["a 0 1"]);
    let dead: Vec<Condition> = world.dead().iter().map(|it| it.condition).collect();
    assert_eq!(dead, [Condition::Late, Condition::Unparsable]);
    assert_eq!(runner.status()[0].counters.late, 1);
    runner.stop().await;

    // Another holder does not open the window again.
    put(&world, 0, "a", 7);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.dead().len(), 3);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn windows_by_key_survive_a_split_with_one_result_for_each_key() {
    let half = u128::MAX / 2;
    let [low, high] = [(0, half), (half + 1, u128::MAX)].map(|(from, to)| HashKeyRange {
        starting: HashKey(from),
        ending: HashKey(to),
    });
    let names: Vec<String> = (0..20).map(|index| format!("key{index}")).collect();
    let shard_of = |key: &str| {
        let hash = HashKey::of_partition_key(key);
        if low.contains(hash) { 1 } else { 2 }
    };
    let world = by_time();
    for name in &names {
        put(&world, 0, name, 5);
    }
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    world.river.split(0);
    world.river.narrow(1, low);
    world.river.narrow(2, high);
    world
        .until(&runner, 0, |state| *state == ShardState::Ended)
        .await;
    for name in &names {
        put(&world, shard_of(name), name, 30);
    }
    for name in &names {
        put(&world, shard_of(name), name, 95);
    }
    for shard in [1, 2] {
        world.platform.clock.sleep(Duration::from_secs(1)).await;
        world
            .until(&runner, shard, |state| *state == ShardState::CaughtUp)
            .await;
    }
    let mut expect: Vec<String> = names.iter().map(|name| format!("{name} 0 2")).collect();
    expect.sort();
    assert_eq!(sorted(&world), expect);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn windows_by_key_and_arrival_close_when_their_time_is_over() {
    let world = keyed_world(EventTime::Arrival, Duration::ZERO);
    at_the_next_window(&world).await;
    put(&world, 0, "a", 0);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    world.platform.clock.sleep(MINUTE).await;
    world.caught_up(&runner).await;
    assert_eq!(sorted(&world).len(), 1);
    assert!(sorted(&world)[0].ends_with(" 1"));
    assert_eq!(world.settled_through(&runner), position(1));
    // What it kept is gone with it.
    let kept = runner.state().unwrap().bytes().unwrap();
    assert_eq!(kept.bytes(), 0);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_has_one_result_though_its_last_record_is_seen_after_the_end_of_its_window() {
    let world = keyed_world(EventTime::Arrival, Duration::ZERO);
    at_the_next_window(&world).await;
    let clock = &world.platform.clock;
    world.put(0, &["a"]);
    let runner = world.start().await.unwrap();
    clock.sleep(MINUTE - Duration::from_millis(1)).await;
    world.river.put_out_of_sight(0, "a");
    clock.sleep(Duration::from_millis(20)).await;
    assert!(sorted(&world).is_empty());
    world.river.surface();
    clock.sleep(Duration::from_millis(40)).await;
    assert_eq!(sorted(&world).len(), 1);
    assert!(sorted(&world)[0].ends_with(" 2"));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_on_which_nothing_comes_any_more_closes_its_windows() {
    let world = by_time();
    put(&world, 0, "a", 5);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    world.platform.clock.sleep(MINUTE).await;
    assert!(sorted(&world).is_empty());
    world.platform.clock.sleep(MINUTE).await;
    assert_eq!(sorted(&world), ["a 0 1"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn windows_by_key_survive_a_merge_with_one_result_for_each_key() {
    let half = u128::MAX / 2;
    let halves = [(0, half), (half + 1, u128::MAX)].map(|(from, to)| HashKeyRange {
        starting: HashKey(from),
        ending: HashKey(to),
    });
    let world = by_time();
    world.river.widen();
    for (shard, range) in halves.into_iter().enumerate() {
        world.river.narrow(shard, range);
    }
    let names: Vec<String> = (0..20).map(|index| format!("key{index}")).collect();
    for name in &names {
        let first = halves[0].contains(HashKey::of_partition_key(name));
        put(&world, usize::from(!first), name, 5);
    }
    let runner = world.start().await.unwrap();
    for shard in [0, 1] {
        world
            .until(&runner, shard, |state| *state == ShardState::CaughtUp)
            .await;
    }
    world.river.merge(0, 1);
    for at in [30, 95] {
        names.iter().for_each(|name| put(&world, 2, name, at));
    }
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    world
        .until(&runner, 2, |state| *state == ShardState::CaughtUp)
        .await;
    let mut expect: Vec<String> = names.iter().map(|name| format!("{name} 0 2")).collect();
    expect.sort();
    assert_eq!(sorted(&world), expect);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_window_by_key_may_keep_more_than_a_megabyte_and_closes_with_all_of_it() {
    let mut world = by_time();
    let actor = World::new(|invocation| {
        let state = invocation.state.as_ref().expect("a window has values");
        let record = &invocation.records[0];
        let kept = state.get(record.effective_hash_key(), &record.partition_key, "all");
        let kept = kept.unwrap().unwrap_or_default();
        if window(invocation).is_final {
            let Outcome::Answered(mut answer) = copied(invocation) else {
                panic!("copies always succeed");
            };
            answer.outputs[0].data = kept.len().to_string().into();
            return Outcome::Answered(answer);
        }
        Outcome::Answered(Answer {
            state: vec![StateWrite {
                source: 0,
                name: "all".to_owned(),
                value: Some([kept, vec![b'x'; 900_000].into()].concat().into()),
            }],
            effects_attributed: true,
            ..Answer::default()
        })
    });
    world.actor = actor.actor;
    world.settings.batch.records = 1;
    for at in [5, 6, 7] {
        put(&world, 0, "a", at);
    }
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let kept = runner.state().unwrap().bytes().unwrap().bytes();
    assert!((2_700_000..3_000_000).contains(&kept), "{kept}");
    runner.stop().await;
    // Also where another holder closes it.
    let runner = world.start().await.unwrap();
    put(&world, 0, "b", 200);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["2700000"]);
    runner.stop().await;
}
