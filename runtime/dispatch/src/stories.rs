//! Stories of a trigger over a stream, a log and a handler in memory, on paused time.

mod actor;
mod aggregates;
mod batches;
mod bounds;
mod canary;
mod clock;
mod depth;
mod faults;
mod filters;
mod handover;
mod holds;
mod lanes;
mod outage;
mod parking;
mod partial;
mod positions;
mod redrives;
mod restores;
mod retention;
mod river;
mod seeks;
mod tracing;
mod versions;
mod windows;
mod world;

use std::time::Duration;

use model::{Answer, HashKey, HashKeyRange, Invocation, Outcome, RecordAction, RecordFailure};
use world::{World, copied, text, thrown};

use crate::{Condition, ShardState, StartAt, Then, deaggregate::tests::golden, testing::position};

/// Fails the invocation while a record with such data is in it.
fn throws_at(bad: &'static str) -> impl Fn(&Invocation) -> Outcome {
    move |invocation| {
        if invocation.records.iter().any(|record| text(record) == bad) {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a03_two_retries_are_three_invocations_and_the_next_record_follows() {
    let mut world = World::new(throws_at("bad"));
    world.settings.batch.records = 1;
    world.settings.on_failure = vec!["queue".to_owned()];
    world.put(0, &["bad", "good"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:bad", "0:bad", "0:bad", "0:good"]);
    let dead = world.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].condition, Condition::RetryAttemptsExhausted);
    assert_eq!(dead[0].attempts.len(), 3);
    assert_eq!(dead[0].attempts[2].error_type, "Unhandled");
    assert_eq!(dead[0].attempts[2].version.0, 1);
    assert_eq!(dead[0].attempts[2].log_tail, "this is attempt 3");
    assert_eq!(dead[0].records[0].data, "bad");
    let owed = world.owed();
    assert_eq!((owed.len(), owed[0].attempts, owed[0].records), (1, 3, 1));
    assert_eq!(owed[0].error_type.as_deref(), Some("Unhandled"));
    assert_eq!(world.tape.outputs(), ["good"]);
    assert_eq!(world.settled_through(&runner), position(2));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a04_without_retries_there_is_one_invocation_and_no_pause() {
    let mut world = World::new(thrown);
    world.settings.batch.records = 1;
    world.settings.retry.attempts = Some(1);
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:bad"]);
    assert_eq!(world.dead()[0].attempts.len(), 1);
    assert!(world.platform.clock.monotonic().0 < Duration::from_millis(100));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a25_a_pause_in_mid_batch_keeps_its_result_and_resuming_delivers_once() {
    let world = World::new(copied);
    world.put(0, &["0"]);
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_millis(5)).await;
    assert_eq!(world.invoked(), ["0:0"]);
    runner.pause(None);
    world
        .until(&runner, 0, |state| *state == ShardState::Paused)
        .await;
    assert_eq!(world.tape.outputs(), ["0"]);
    world.put(0, &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    world.platform.clock.sleep(Duration::from_secs(5)).await;
    assert_eq!(world.invoked().len(), 1);
    runner.resume(None);
    world.caught_up(&runner).await;
    let all: Vec<String> = (0..=10).map(|index: u32| index.to_string()).collect();
    assert_eq!(world.tape.outputs(), all);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a40_a_stop_during_a_pause_of_a_minute_is_at_once_and_loses_nothing() {
    let mut world = World::new(throws_at("bad"));
    world.settings.retry.backoff.first = Duration::from_secs(60);
    world.put(0, &["bad", "good"]);
    let runner = world.start().await.unwrap();
    let state = world
        .until(&runner, 0, |state| {
            matches!(state, ShardState::BackingOff { .. })
        })
        .await;
    assert!(
        state
            .to_string()
            .ends_with("attempt 1: Unhandled: it always throws"),
        "{state}"
    );
    let before = world.platform.clock.monotonic().0;
    runner.stop().await;
    assert_eq!(world.platform.clock.monotonic().0, before);

    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    // One of its attempts before the restart, two after it.
    let tried = ["0:bad,good", "0:bad", "0:bad", "0:bad", "0:good"];
    assert_eq!(world.invoked(), tried);
    assert_eq!(world.tape.outputs(), ["good"]);
    // What happened before the restart is not forgotten.
    assert_eq!(world.dead()[0].attempts.len(), 4);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a32_effects_appear_exactly_once_whatever_commit_the_log_stops_at() {
    let script = |invocation: &Invocation| {
        let Outcome::Answered(answer) = copied(invocation) else {
            return copied(invocation);
        };
        let bad = (0..)
            .zip(invocation.records.iter())
            .filter(|(_, record)| text(record) == "5");
        let failures = bad.map(|(index, _)| RecordFailure {
            index,
            action: RecordAction::Retry,
            kind: "Bad".to_owned(),
            reason: "five".to_owned(),
        });
        Outcome::Answered(Answer {
            failures: failures.collect(),
            ..answer
        })
    };
    let names = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let whole = {
        let world = World::new(script);
        world.put(0, &names);
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        runner.stop().await;
        world.tape.commits()
    };
    assert!(whole > 6, "{whole}");
    for crash in 1..=whole {
        for counts in [false, true] {
            let world = World::new(script);
            world.put(0, &names);
            world.tape.stop_at(Some((crash, counts)));
            if let Ok(runner) = world.start().await {
                let over = |state: &ShardState| {
                    matches!(state, ShardState::LogStopped(_) | ShardState::CaughtUp)
                };
                world.until(&runner, 0, over).await;
                runner.stop().await;
            }
            world.tape.stop_at(None);
            let runner = world.start().await.unwrap();
            world.caught_up(&runner).await;
            let mut outputs = world.tape.outputs();
            outputs.sort();
            assert_eq!(
                outputs,
                ["1", "2", "3", "4", "6", "7", "8"],
                "{crash} {counts}"
            );
            let dead = world.dead();
            assert_eq!(dead.len(), 1, "{crash} {counts}");
            assert_eq!(dead[0].records[0].data, "5");
            runner.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_lost_its_lease_commits_nothing_more() {
    let world = World::new(copied);
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    world.tape.raise_tokens();
    world.put(0, &["2"]);
    let state = world
        .until(&runner, 0, |state| {
            matches!(state, ShardState::Fenced { .. })
        })
        .await;
    assert!(state.to_string().contains("newer token 1001"), "{state}");
    assert_eq!(world.tape.outputs(), ["1"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a22_no_child_is_read_before_the_last_of_a_thousand_records_of_its_parent() {
    let mut world = World::new(copied);
    world.settings.batch.records = 100;
    let names: Vec<String> = (0..1_000).map(|index: u32| index.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.put(0, &names);
    world.river.split(0);
    world.put(1, &["left"]);
    world.put(2, &["right"]);
    let runner = world.start().await.unwrap();
    for child in [1, 2] {
        world
            .until(&runner, child, |state| *state == ShardState::CaughtUp)
            .await;
    }
    let mut outputs = world.tape.outputs();
    let mut children = outputs.split_off(1_000);
    children.sort();
    assert_eq!(outputs, names);
    assert_eq!(children, ["left", "right"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn children_wait_for_the_last_record_of_their_parent() {
    let world = World::new(copied);
    world.put(0, &["p1", "p2", "p3", "p4"]);
    world.river.split(0);
    world.put(1, &["left"]);
    world.put(2, &["right"]);
    let runner = world.start().await.unwrap();
    let waits = runner.status()[1].state.to_string();
    assert_eq!(waits, "waiting for parent shardId-000000000000 to end");
    world
        .until(&runner, 0, |state| *state == ShardState::Ended)
        .await;
    for child in [1, 2] {
        world
            .until(&runner, child, |state| *state == ShardState::CaughtUp)
            .await;
    }
    assert_eq!(
        world.tape.outputs(),
        ["p1", "p2", "p3", "p4", "left", "right"]
    );
    runner.stop().await;

    // A finished parent is not taken again.
    let runner = world.start().await.unwrap();
    assert_eq!(runner.status()[0].state, ShardState::Ended);
    world.put(1, &["more"]);
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(world.tape.outputs().last().unwrap(), "more");
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_blocked_shard_names_its_record_and_moves_again_when_resumed() {
    let mut world = World::new(throws_at("bad"));
    world.settings.batch.records = 1;
    world.settings.retry.attempts = Some(1);
    world.settings.retry.then = Then::Block;
    world.put(0, &["bad", "good"]);
    let runner = world.start().await.unwrap();
    let blocked = |state: &ShardState| matches!(state, ShardState::Blocked { .. });
    let state = world.until(&runner, 0, blocked).await;
    assert!(
        state
            .to_string()
            .starts_with("blocked by record 1, whose attempts are spent")
    );
    runner.resume(None);
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(world.invoked(), ["0:bad", "0:bad"]);
    assert_eq!(world.dead(), []);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn settlements_without_effects_are_written_together_and_on_a_stop() {
    let silent = |_: &Invocation| Outcome::Answered(Answer::default());
    let mut world = World::new(silent);
    world.settings.batch.records = 1;
    let runner = world.start().await.unwrap();
    let before = world.tape.commits();
    world.put(0, &["1", "2", "3"]);
    world.caught_up(&runner).await;
    assert_eq!(
        world.tape.commits(),
        before,
        "written before the 50 ms are over"
    );
    world.platform.clock.sleep(Duration::from_millis(60)).await;
    assert_eq!(world.tape.commits(), before + 1);
    world.put(0, &["4"]);
    world.caught_up(&runner).await;
    runner.stop().await;

    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:1", "0:2", "0:3", "0:4"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a24_a_trigger_that_starts_at_the_tip_gets_what_is_put_after_its_start() {
    let mut world = World::new(copied);
    world.settings.start = StartAt::Latest;
    world.put(0, &["old"]);
    let runner = world.start().await.unwrap();
    world.put(0, &["new"]);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["new"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_a_trigger_starts_at_the_tip_moves_none_of_its_shards() {
    for crash in 1..=5 {
        for counts in [false, true] {
            let mut world = World::new(copied);
            world.settings.start = StartAt::Latest;
            world.river.widen();
            world.put(0, &["old"]);
            world.put(1, &["old too"]);
            world.tape.stop_at(Some((crash, counts)));
            if let Ok(runner) = world.start().await {
                runner.stop().await;
            }
            world.tape.stop_at(None);
            let runner = world.start().await.unwrap();
            world.put(0, &["new"]);
            world.put(1, &["new too"]);
            world.platform.clock.sleep(Duration::from_secs(1)).await;
            let mut outputs = world.tape.outputs();
            outputs.sort();
            assert_eq!(outputs, ["new", "new too"], "{crash} {counts}");
            runner.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_switched_off_shard_says_who_switched_it_off() {
    for (enabled, paused, state) in [
        (false, false, ShardState::Disabled),
        (false, true, ShardState::Disabled),
        (true, true, ShardState::Paused),
    ] {
        let mut world = World::new(copied);
        world.settings.enabled = enabled;
        world.paused = paused;
        world.put(0, &["1"]);
        let runner = world.start().await.unwrap();
        world.until(&runner, 0, |is| *is == state).await;
        runner.resume(None);
        world.platform.clock.sleep(Duration::from_secs(1)).await;
        let moved = if enabled { vec!["1"] } else { vec![] };
        assert_eq!(world.tape.outputs(), moved, "{enabled} {paused}");
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_window_waits_for_more_in_its_own_time() {
    let mut world = World::new(copied);
    world.settings.batch.wait = Duration::from_secs(5);
    world.settings.batch.records = 100;
    let runner = world.start().await.unwrap();
    for data in ["0", "1", "2"] {
        world.put(0, &[data]);
        world.platform.clock.sleep(Duration::from_secs(1)).await;
    }
    world
        .until(&runner, 0, |state| matches!(state, ShardState::CaughtUp))
        .await;
    let seen = world.actor.seen.lock().unwrap().clone();
    assert_eq!(seen, [(Duration::from_secs(5), "0:0,1,2".to_owned())]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_of_nothing_but_strays_moves_on_and_keeps_them_as_dead_letters() {
    let world = World::new(copied);
    world.river.narrow(
        0,
        HashKeyRange {
            starting: HashKey(0),
            ending: HashKey(0),
        },
    );
    world
        .river
        .put(0, "a", golden(), world.platform.clock.wall());
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), [""; 0]);
    let dead = world.dead();
    let kept: Vec<_> = dead
        .iter()
        .map(|entry| (entry.condition, entry.records[0].data.clone()))
        .collect();
    let stray = |data: &'static str| (Condition::OutOfRange, data.into());
    assert_eq!(kept, [stray("hello"), stray("world")]);
    let status = &runner.status()[0];
    assert_eq!(
        (status.counters.out_of_range, status.counters.dead_lettered),
        (2, 2)
    );
    assert_eq!(world.settled_through(&runner).sub_sequence, 1);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fits_no_request_is_discarded_between_its_neighbours() {
    let mut world = World::new(copied);
    world.settings.batch.bytes = 5;
    world.put(0, &["1", "far too long", "2"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:1", "0:2"]);
    let dead = &world.dead()[0];
    assert_eq!(
        (dead.condition, dead.attempts.len()),
        (Condition::RetryAttemptsExhausted, 0)
    );
    assert_eq!(dead.records[0].data, "far too long");
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_output_that_the_trigger_does_not_grant_fails_the_invocation() {
    let mut world = World::new(copied);
    world.settings.outputs.clear();
    world.settings.retry.attempts = Some(1);
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), [""; 0]);
    assert_eq!(world.dead()[0].attempts[0].error_type, "NotGranted");
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_panics_says_that_it_is_broken() {
    let world = World::new(|_: &Invocation| panic!("a mistake of ours"));
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    let broken = |state: &ShardState| matches!(state, ShardState::Broken(_));
    let state = world.until(&runner, 0, broken).await;
    assert_eq!(
        state.to_string(),
        "stopped for good: the task panicked or its runtime went away"
    );
    runner.stop().await;
}
