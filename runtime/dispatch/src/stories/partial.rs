//! Stories of answers that name the records that failed.

use std::time::Duration;

use model::{Answer, Invocation, Outcome, RecordAction, RecordFailure};

use super::world::{World, copied, text, thrown};
use crate::{Condition, ShardState};

/// Names the record with such data as failed, every time.
fn reports(bad: &'static str) -> impl Fn(&Invocation) -> Outcome {
    move |invocation| {
        let failures = (0..)
            .zip(invocation.records.iter())
            .filter(|(_, record)| text(record) == bad);
        let failures = failures.map(|(index, _)| RecordFailure {
            index,
            action: RecordAction::Retry,
            kind: "BatchItemFailure".to_owned(),
            reason: "named in batchItemFailures".to_owned(),
        });
        Outcome::Answered(Answer {
            failures: failures.collect(),
            ..Answer::default()
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a05_progress_gives_the_rest_its_attempts_anew() {
    let mut world = World::new(reports("6"));
    world.settings.retry.attempts = Some(4);
    world.put(0, &["1", "2", "3", "4", "5", "6"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let invoked = ["0:1,2,3", "0:4,5,6", "0:6", "0:6", "0:6", "0:6"];
    assert_eq!(world.invoked(), invoked);
    let dead = world.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].condition, Condition::RetryAttemptsExhausted);
    let kept: Vec<_> = dead[0]
        .records
        .iter()
        .map(|record| record.data.clone())
        .collect();
    assert_eq!(kept, ["6"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a06_a_minute_of_age_ends_endless_attempts() {
    let mut world = World::new(thrown);
    world.settings.retry.attempts = None;
    world.settings.retry.age = Some(Duration::from_secs(60));
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let invoked = world.invoked().len();
    assert!((6..=8).contains(&invoked), "{invoked}");
    assert_eq!(world.dead()[0].condition, Condition::RecordAgeExceeded);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a07_a_record_that_is_too_old_is_never_delivered() {
    let mut world = World::new(copied);
    world.settings.retry.age = Some(Duration::from_secs(60));
    world.put(0, &["1"]);
    world.platform.clock.sleep(Duration::from_secs(120)).await;
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), [""; 0]);
    let dead = world.dead();
    assert_eq!(dead[0].condition, Condition::RecordAgeExceeded);
    assert_eq!(dead[0].attempts, []);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a08_the_old_records_of_a_batch_expire_together() {
    let mut world = World::new(copied);
    world.settings.batch.records = 10;
    world.settings.retry.age = Some(Duration::from_secs(60));
    world.put(0, &["old", "older"]);
    world.platform.clock.sleep(Duration::from_secs(120)).await;
    world.put(0, &["fresh", "fresher"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:fresh,fresher"]);
    let dead = world.dead();
    assert_eq!((dead.len(), dead[0].records.len()), (1, 2));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a23_a_merged_shard_waits_for_both_parents() {
    let mut world = World::new(super::throws_at("bad"));
    world.settings.retry.attempts = Some(1);
    world.settings.retry.then = crate::Then::Block;
    world.settings.batch.records = 1;
    world.river.widen();
    world.put(0, &["left"]);
    world.put(1, &["bad", "right"]);
    world.river.merge(0, 1);
    world.put(2, &["child"]);
    let runner = world.start().await.unwrap();
    let blocked = |state: &ShardState| matches!(state, ShardState::Blocked { .. });
    world.until(&runner, 1, blocked).await;
    world
        .until(&runner, 0, |state| *state == ShardState::Ended)
        .await;
    world.platform.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(world.tape.outputs(), ["left"]);
    assert!(matches!(
        runner.status()[2].state,
        ShardState::WaitingForParent(_)
    ));
    runner.stop().await;

    // The function is mended, and an operator resumes the trigger.
    world.actor = World::new(copied).actor;
    let runner = world.start().await.unwrap();
    world.until(&runner, 1, blocked).await;
    runner.resume();
    world
        .until(&runner, 2, |state| *state == ShardState::CaughtUp)
        .await;
    assert_eq!(world.tape.outputs(), ["left", "bad", "right", "child"]);
    runner.stop().await;
}
