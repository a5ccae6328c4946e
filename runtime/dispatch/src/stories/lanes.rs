//! Stories of shards with several lanes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::{ByteSize, Invocation, Outcome};

use super::world::{World, copied, text, thrown};
use crate::{
    BreakerPolicy, Isolate, Lanes, ShardState, Then, lanes::LaneId, limits::OPEN_RECORDS_MAX,
    testing::user_record,
};

/// A key of each of the first `count` lanes of `of`.
fn keys(lanes: Lanes, count: u128) -> Vec<String> {
    let key_of = |lane| {
        let keys = (0..).map(|index: u32| format!("key-{index}"));
        let mut fits = keys.filter(|key| lanes.of(&user_record(0, key)) == LaneId(lane));
        fits.next().unwrap()
    };
    (0..count).map(key_of).collect()
}

fn put(world: &World, key: &str, data: &str) {
    let now = world.platform.clock.wall();
    world.river.put(0, key, data.to_owned(), now);
}

/// What came out, by the first letter of the data.
fn by_letter(outputs: &[String]) -> BTreeMap<char, Vec<&str>> {
    let mut letters: BTreeMap<char, Vec<&str>> = BTreeMap::new();
    for output in outputs {
        let letter = output.chars().next().unwrap();
        letters.entry(letter).or_default().push(output);
    }
    letters
}

fn fails_at(bad: char) -> impl Fn(&Invocation) -> Outcome {
    move |invocation| {
        if invocation.records.iter().any(|r| text(r).starts_with(bad)) {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a20_a_key_that_always_fails_holds_up_its_own_lane_alone() {
    let lanes = Lanes::Hashed(4);
    let mut world = World::new(fails_at('a'));
    world.settings.lanes = lanes;
    world.settings.retry.attempts = None;
    for round in 0..20 {
        for (letter, key) in ['a', 'b', 'c', 'd'].iter().zip(keys(lanes, 4)) {
            put(&world, &key, &format!("{letter}{round:02}"));
        }
    }
    let runner = world.start().await.unwrap();
    let backing_off = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    let state = world.until(&runner, 0, backing_off).await.to_string();
    assert!(state.contains("after lane 1 of 4, attempt"), "{state}");
    let outputs = world.tape.outputs();
    let letters = by_letter(&outputs);
    for letter in ['b', 'c', 'd'] {
        let expect: Vec<String> = (0..20).map(|round| format!("{letter}{round:02}")).collect();
        assert_eq!(letters[&letter], expect);
    }
    assert!(!letters.contains_key(&'a'));
    assert_eq!(runner.status()[0].counters.settled, 60);
    runner.stop().await;

    // What the other lanes settled is not repeated, and the function is mended.
    world.actor = World::new(copied).actor;
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let outputs = world.tape.outputs();
    assert_eq!(outputs.len(), 80);
    let expect: Vec<String> = (0..20).map(|round| format!("a{round:02}")).collect();
    assert_eq!(by_letter(&outputs)[&'a'], expect);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a21_after_a_crash_only_what_was_not_acknowledged_is_delivered_again() {
    for lanes in [Lanes::Hashed(4), Lanes::Keys(4)] {
        let mut world = World::new(fails_at('a'));
        world.settings.lanes = lanes;
        world.settings.batch.records = 1;
        world.settings.retry.attempts = None;
        let keys = keys(Lanes::Hashed(4), 4);
        let names = ["a1", "b1", "a2", "c1", "a3", "d1", "a4", "b2", "a5", "c2"];
        for name in names {
            let lane = usize::from(name.as_bytes()[0] - b'a');
            put(&world, &keys[lane], name);
        }
        let runner = world.start().await.unwrap();
        let backing_off = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
        world.until(&runner, 0, backing_off).await;
        assert_eq!(world.tape.outputs().len(), 5);
        // The log takes nothing more, as after a kill.
        world.tape.stop_at(Some((world.tape.commits() + 1, false)));
        runner.stop().await;
        world.tape.stop_at(None);

        world.actor = World::new(copied).actor;
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        let mut again = world.invoked();
        again.sort();
        assert_eq!(again, ["0:a1", "0:a2", "0:a3", "0:a4", "0:a5"], "{lanes:?}");
        assert_eq!(world.tape.outputs().len(), 10);
        runner.stop().await;
    }
}

/// What was divided otherwise is settled before more is read: nothing comes that a record which fails could be held against.
#[tokio::test(start_paused = true)]
async fn a_record_set_aside_while_the_lanes_change_holds_nobody_up() {
    for lanes in [Lanes::ONE, Lanes::Hashed(2), Lanes::Keys(4)] {
        let mut world = World::new(fails_at('a'));
        world.settings.lanes = Lanes::Hashed(3);
        world.settings.retry.attempts = Some(2);
        world.settings.retry.breaker = Some(BreakerPolicy {
            failures: 5,
            probe: Duration::from_secs(30),
        });
        put(&world, "key-a", "a1");
        let runner = world.start().await.unwrap();
        let backing_off = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
        world.until(&runner, 0, backing_off).await;
        runner.stop().await;

        world.settings.lanes = lanes;
        put(&world, "key-b", "b1");
        put(&world, "key-c", "c1");
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        let mut outputs = world.tape.outputs();
        outputs.sort();
        assert_eq!(outputs, ["b1", "c1"], "{lanes:?}");
        assert_eq!(world.dead().len(), 1, "{lanes:?}");
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_set_aside_that_leaves_no_room_to_read_on_holds_nobody_up() {
    let mut world = World::new(fails_at('a'));
    world.settings.lanes = Lanes::Hashed(4);
    world.dead_letters.max = ByteSize::mib(64);
    world.settings.batch.records = OPEN_RECORDS_MAX;
    world.settings.batch.bytes = 1 << 26;
    world.settings.retry.isolate = Isolate::Off;
    world.settings.retry.attempts = Some(2);
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 5,
        probe: Duration::from_secs(30),
    });
    for _ in 0..OPEN_RECORDS_MAX + 200 {
        put(&world, "key", "a");
    }
    let runner = world.start().await.unwrap();
    let backing_off = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    world.until(&runner, 0, backing_off).await;
    put(&world, "key", "b1");
    world.caught_up(&runner).await;
    let given_up = world.dead().iter().map(|letter| letter.records.len()).sum();
    assert_eq!(
        (given_up, world.tape.outputs().len()),
        (OPEN_RECORDS_MAX + 201, 0)
    );
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lanes_run_at_the_same_time_and_each_alone() {
    for (lanes, at_once) in [
        (Lanes::ONE, 1),
        (Lanes::Hashed(4), 4),
        (Lanes::Keys(2), 2),
        (Lanes::Keys(64), 8),
    ] {
        let mut world = World::new(copied);
        world.settings.lanes = lanes;
        world.settings.batch.records = 1;
        world.slow(Duration::ZERO, Duration::from_secs(1));
        for key in 0..8 {
            put(&world, &format!("k{key}"), &key.to_string());
        }
        if lanes == Lanes::Hashed(4) {
            keys(lanes, 4).iter().for_each(|key| put(&world, key, "x"));
        }
        let runner = world.start().await.unwrap();
        world.platform.clock.sleep(Duration::from_millis(500)).await;
        assert_eq!(world.invoked().len(), at_once, "{lanes:?}");
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_commit_the_log_stops_at_lanes_repeat_nothing_and_keep_the_order_of_keys() {
    let script = |invocation: &Invocation| {
        let bad = invocation.records.iter().any(|r| text(r) == "b2");
        if bad && invocation.attempt < 3 {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    };
    let make = |lanes| {
        let mut world = World::new(script);
        world.settings.lanes = lanes;
        world.settings.retry.attempts = Some(5);
        for round in 1..=5 {
            for letter in ['a', 'b', 'c', 'd', 'e'] {
                put(
                    &world,
                    &format!("key {letter}"),
                    &format!("{letter}{round}"),
                );
            }
        }
        world
    };
    for lanes in [Lanes::Hashed(3), Lanes::Keys(3)] {
        let whole = {
            let world = make(lanes);
            let runner = world.start().await.unwrap();
            world.caught_up(&runner).await;
            runner.stop().await;
            world.tape.commits()
        };
        assert!(whole > 6, "{whole}");
        for crash in 1..=whole {
            for counts in [false, true] {
                let mut world = make(lanes);
                world.tape.stop_at(Some((crash, counts)));
                if let Ok(runner) = world.start().await {
                    let over = |state: &ShardState| {
                        matches!(state, ShardState::LogStopped(_) | ShardState::CaughtUp)
                    };
                    world.until(&runner, 0, over).await;
                    runner.stop().await;
                }
                world.tape.stop_at(None);
                // Also with other lanes than before: the old ones are drained first.
                if counts {
                    world.settings.lanes = Lanes::Hashed(2);
                }
                let runner = world.start().await.unwrap();
                world.caught_up(&runner).await;
                let outputs = world.tape.outputs();
                for (letter, of_key) in by_letter(&outputs) {
                    let expect: Vec<String> = (1..=5).map(|n| format!("{letter}{n}")).collect();
                    assert_eq!(of_key, expect, "{lanes:?} {crash} {counts}");
                }
                assert_eq!(outputs.len(), 25, "{lanes:?} {crash} {counts}");
                runner.stop().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_lane_for_each_key_only_the_key_that_fails_waits_until_a_thousand_records_are_open()
{
    let mut world = World::new(fails_at('a'));
    world.settings.lanes = Lanes::Keys(16);
    world.settings.batch.records = 10;
    world.settings.retry.then = Then::Block;
    for index in 0..3_000 {
        put(&world, &format!("key {}", index % 50), &format!("g{index}"));
        if index % 2 == 0 {
            put(&world, "bad", &format!("a{index}"));
        }
    }
    let runner = world.start().await.unwrap();
    let blocked = |state: &ShardState| matches!(state, ShardState::Blocked { .. });
    let state = world.until(&runner, 0, blocked).await.to_string();
    assert!(state.contains("after key \"bad\", attempt 3"), "{state}");
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    // A page may bring a few more than may be worked on.
    let status = runner.status()[0].clone();
    assert!((1_000..2_000).contains(&status.in_flight), "{status:?}");
    assert!(status.counters.settled >= 1_900, "{status:?}");
    runner.stop().await;

    world.actor = World::new(copied).actor;
    let runner = world.start().await.unwrap();
    world.until(&runner, 0, blocked).await;
    runner.resume(None);
    world.caught_up(&runner).await;
    let outputs = world.tape.outputs();
    assert_eq!(outputs.len(), 4_500);
    let distinct: BTreeSet<&String> = outputs.iter().collect();
    assert_eq!(distinct.len(), 4_500);
    let bad: Vec<String> = (0..1_500).map(|index| format!("a{}", 2 * index)).collect();
    assert_eq!(by_letter(&outputs)[&'a'], bad);
    runner.stop().await;
}
