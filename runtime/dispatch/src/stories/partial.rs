//! Stories of answers that name the records that failed.

use std::time::Duration;

use model::{Answer, Invocation, Outcome, RecordAction, RecordFailure};

use super::world::{World, copied, text, thrown};
use crate::{Condition, FailedItems, ShardState, testing::position};

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
    world.settings.on_failure = vec!["queue".to_owned()];
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
    let owed = &world.owed()[0];
    assert_eq!((owed.attempts, owed.records), (4, 1));
    assert_eq!((owed.first, owed.last), (position(6), position(6)));
    // No function error is told: the function itself named the record.
    assert_eq!(owed.error_type.as_deref(), Some("BatchItemFailure"));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn as_in_lambda_everything_from_the_first_failure_on_is_delivered_again() {
    for (data, invoked) in [
        // PB-2, PB-3: the lowest one counts, and what comes after it is delivered again.
        (["1", "6", "3"], ["0:1,6,3", "0:6,3", "0:6,3"]),
        // RT-8: without progress an attempt of the whole batch is used.
        (["6", "2", "3"], ["0:6,2,3", "0:6,2,3", ""]),
    ] {
        let mut world = World::new(reports("6"));
        world.settings.retry.attempts = Some(2);
        world.settings.retry.isolate = crate::Isolate::Off;
        world.settings.retry.failed = FailedItems::FromTheFirst;
        world.put(0, &data);
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        let told: Vec<&str> = invoked
            .iter()
            .copied()
            .filter(|it| !it.is_empty())
            .collect();
        assert_eq!(world.invoked(), told);
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a06_a_minute_of_age_ends_endless_attempts() {
    let mut world = World::new(thrown);
    world.settings.retry.attempts = None;
    world.settings.retry.age = Some(Duration::from_secs(60));
    world.settings.on_failure = vec!["queue".to_owned()];
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let invoked = world.invoked().len();
    let owed = &world.owed()[0];
    assert_eq!(owed.condition, Condition::RecordAgeExceeded);
    assert_eq!(usize::try_from(owed.attempts), Ok(invoked));
    assert!((6..=8).contains(&invoked), "{invoked}");
    assert_eq!(world.dead()[0].condition, Condition::RecordAgeExceeded);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a07_a_record_that_is_too_old_is_never_delivered() {
    let mut world = World::new(copied);
    world.settings.retry.age = Some(Duration::from_secs(60));
    world.settings.on_failure = vec!["queue".to_owned()];
    world.put(0, &["1"]);
    world.platform.clock.sleep(Duration::from_secs(120)).await;
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), [""; 0]);
    let dead = world.dead();
    assert_eq!(dead[0].condition, Condition::RecordAgeExceeded);
    assert_eq!(dead[0].attempts, []);
    // The document counts one invocation, as AWS does, and has no response.
    assert_eq!(world.owed()[0].attempts, 0);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a08_the_old_records_of_a_batch_expire_together() {
    let mut world = World::new(copied);
    world.settings.batch.records = 10;
    world.settings.on_failure = vec!["queue".to_owned()];
    world.settings.retry.age = Some(Duration::from_secs(60));
    world.put(0, &["old", "older"]);
    world.platform.clock.sleep(Duration::from_secs(120)).await;
    world.put(0, &["fresh", "fresher"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:fresh,fresher"]);
    let dead = world.dead();
    assert_eq!((dead.len(), dead[0].records.len()), (1, 2));
    let owed = world.owed();
    assert_eq!((owed.len(), owed[0].records), (1, 2));
    assert_eq!((owed[0].first, owed[0].last), (position(1), position(2)));
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
    runner.resume(None);
    world
        .until(&runner, 2, |state| *state == ShardState::CaughtUp)
        .await;
    assert_eq!(world.tape.outputs(), ["left", "bad", "right", "child"]);
    runner.stop().await;
}

/// The text is read by the sandbox, which hands on the indexes of what it names in order.
#[tokio::test(start_paused = true)]
async fn a13_the_batch_comes_again_from_the_lowest_of_the_records_that_an_answer_names() {
    let is_first = std::sync::atomic::AtomicBool::new(true);
    let mut world = World::new(move |invocation| {
        if !is_first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return copied(invocation);
        }
        let names = |record: &model::UserRecord| {
            ["999999999", "1000000000"].contains(&text(record).as_str())
        };
        let named = (0..).zip(invocation.records.iter());
        let failures = named.filter(|(_, record)| names(record));
        Outcome::Answered(Answer {
            failures: failures
                .map(|(index, _)| RecordFailure {
                    index,
                    action: RecordAction::Retry,
                    kind: "BatchItemFailure".to_owned(),
                    reason: String::new(),
                })
                .collect(),
            ..Answer::default()
        })
    });
    world.settings.batch.records = 4;
    world.settings.retry.failed = FailedItems::FromTheFirst;
    for number in [99_u64, 999_999_999, 1_000_000_000, 2_000_000_000] {
        world
            .river
            .put_numbered(0, number, world.platform.clock.wall());
    }
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let invoked = world.invoked();
    let all = "0:99,999999999,1000000000,2000000000";
    assert_eq!(invoked, [all, "0:999999999,1000000000,2000000000"]);
    runner.stop().await;
}
