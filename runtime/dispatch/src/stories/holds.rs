//! Stories of shards that stand still: each for one reason, and nothing is lost or skipped meanwhile.

use std::time::Duration;

use model::{
    Answer, HashKey, HashKeyRange, Invocation, LeaseKey, Outcome, RecordAction, RecordFailure,
    ShardId, keys,
};

use super::world::{World, copied, text, thrown};
use crate::{Condition, ShardState, StartError, Then, deaggregate::tests::golden};

fn blocked(state: &ShardState) -> bool {
    matches!(state, ShardState::Blocked { .. })
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_attempts_outlives_a_restart_but_not_a_change_of_the_settings() {
    let mut world = World::new(thrown);
    world.settings.retry.backoff.first = Duration::from_secs(60);
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    let waits = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    world.until(&runner, 0, waits).await;
    runner.stop().await;
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(world.invoked().len(), 1);
    runner.stop().await;
    let runner = world.start().await.unwrap();
    runner.changed();
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(world.invoked().len(), 2);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_blocked_record_stays_blocked_over_a_restart() {
    let mut world = World::new(thrown);
    world.settings.retry.attempts = Some(1);
    world.settings.retry.then = Then::Block;
    world.put(0, &["bad"]);
    for _ in 0..3 {
        let runner = world.start().await.unwrap();
        world.until(&runner, 0, blocked).await;
        runner.stop().await;
        assert_eq!(world.invoked(), ["0:bad"]);
    }
}

#[tokio::test(start_paused = true)]
async fn outputs_wait_for_a_stream_that_is_being_deleted() {
    let world = World::new(copied);
    world.tape.lose_output(true);
    world.put(0, &["1", "2"]);
    let runner = world.start().await.unwrap();
    let gone = |state: &ShardState| matches!(state, ShardState::NoOutput(_));
    world.until(&runner, 0, gone).await;
    world.platform.clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(world.invoked(), ["0:1,2"]);
    world.tape.lose_output(false);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "2"]);
    assert_eq!(world.dead(), []);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_function_that_waits_for_its_turn_is_not_called_running() {
    let mut world = World::new(copied);
    world.slow(Duration::from_secs(2), Duration::from_secs(2));
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    let waits = |state: &ShardState| *state == ShardState::WaitingForSlot;
    world.until(&runner, 0, waits).await;
    let runs = |state: &ShardState| *state == ShardState::Running;
    world.until(&runner, 0, runs).await;
    let began = world.platform.clock.monotonic().0;
    assert!(began < Duration::from_millis(2_200), "{began:?}");
    world.caught_up(&runner).await;
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_grows_too_old_in_a_pause_is_given_up_then() {
    let mut world = World::new(thrown);
    world.settings.retry.attempts = None;
    world.settings.retry.age = Some(Duration::from_secs(5));
    world.settings.retry.backoff.first = Duration::from_secs(60);
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let over = world.platform.clock.monotonic().0;
    assert_eq!(over.as_secs(), 5);
    assert_eq!(world.dead()[0].condition, Condition::RecordAgeExceeded);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_row_stops_its_shard_alone() {
    let world = World::new(copied);
    world.river.widen();
    world.put(0, &["1"]);
    world.put(1, &["2"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    runner.stop().await;

    world.tape.damage(&keys::progress(&LeaseKey {
        trigger: world.settings.name.clone(),
        shard: ShardId(0),
    }));
    world.put(0, &["3"]);
    world.put(1, &["4"]);
    let runner = world.start().await.unwrap();
    let broken = |state: &ShardState| matches!(state, ShardState::Broken(_));
    world.until(&runner, 0, broken).await;
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    let mut outputs = world.tape.outputs();
    outputs.sort();
    assert_eq!(outputs, ["1", "2", "4"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_start_is_refused_before_anything_moves() {
    let mut world = World::new(copied);
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    runner.stop().await;

    world.settings.start_word = "latest".to_owned();
    let refused = world.start().await.unwrap_err();
    assert!(matches!(refused, StartError::Mismatch(_)), "{refused}");
    world.settings.start_word = "oldest".to_owned();
    world.put(0, &["2"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "2"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn records_that_expire_between_attempts_over_a_restart_are_counted() {
    let mut world = World::new(thrown);
    world.settings.retry.attempts = None;
    world.settings.retry.backoff.first = Duration::from_secs(60);
    world.put(0, &["1", "2", "3"]);
    let runner = world.start().await.unwrap();
    let pauses = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    world.until(&runner, 0, pauses).await;
    runner.stop().await;

    world.river.trim(0, 2);
    let runner = world.start().await.unwrap();
    world.until(&runner, 0, pauses).await;
    assert_eq!(runner.status()[0].counters.lost_to_retention, 2);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_right_after_reading_loses_no_stray() {
    let parks = |invocation: &Invocation| {
        let failure = RecordFailure {
            index: 0,
            action: RecordAction::Retry,
            kind: "Bad".to_owned(),
            reason: text(&invocation.records[0]),
        };
        Outcome::Answered(Answer {
            failures: vec![failure],
            ..Answer::default()
        })
    };
    let world = World::new(parks);
    // Of the aggregate only the records of key `pk1` exist, all of them outside this range.
    world.river.narrow(
        0,
        HashKeyRange {
            starting: HashKey(0),
            ending: HashKey(0),
        },
    );
    let now = world.platform.clock.wall();
    world.put(0, &["plain"]);
    world.river.put(0, "a", golden(), now);
    world.put(0, &["after"]);
    let runner = world.start().await.unwrap();
    runner.stop().await;
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(60)).await;
    let strays = world.dead().into_iter();
    let strays = strays.filter(|entry| entry.condition == Condition::OutOfRange);
    assert_eq!(strays.count(), 2);
    runner.stop().await;
}
