//! A clock that jumps: what waits for a moment waits no longer for it, what is about times of arrival says so.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use model::{Invocation, Outcome, Timestamp};

use super::{
    throws_at,
    world::{World, copied, thrown},
};
use crate::{
    BreakerPolicy, Condition, ShardState, StatePolicy, TriggerRunner, Tumbling, WindowsBy,
    event_time::{EventTime, TimePath},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Fails so many times, then never again.
fn fails_first(times: u32) -> impl Fn(&Invocation) -> Outcome + Send + Sync + 'static {
    let left = AtomicU32::new(times);
    move |invocation| {
        let fails = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1));
        match fails {
            Ok(_) => thrown(invocation),
            Err(_) => copied(invocation),
        }
    }
}

async fn is_backing_off(world: &World, runner: &TriggerRunner) {
    let waits = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    world.until(runner, 0, waits).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_attempts_is_as_long_though_the_clock_is_set_back() {
    let mut world = World::new(fails_first(1));
    world.settings.retry.backoff.first = 10 * SECOND;
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    is_backing_off(&world, &runner).await;
    world.platform.clock.sleep(4 * SECOND).await;
    world.platform.clock.set_back(HOUR);
    world.platform.clock.sleep(5 * SECOND).await;
    assert_eq!(world.invoked().len(), 1, "the pause is not over");
    world.platform.clock.sleep(2 * SECOND).await;
    assert_eq!(world.tape.outputs(), ["1"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_restart_takes_up_is_not_longer_because_the_clock_was_set_back_meanwhile() {
    let mut world = World::new(fails_first(1));
    world.settings.retry.backoff.first = 10 * SECOND;
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    is_backing_off(&world, &runner).await;
    runner.stop().await;
    world.platform.clock.set_back(24 * HOUR);
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(11 * SECOND).await;
    assert_eq!(world.tape.outputs(), ["1"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_window_is_as_long_though_the_clock_is_set_back() {
    let mut world = World::new(copied);
    world.settings.batch.records = 100;
    world.settings.batch.wait = 5 * SECOND;
    let runner = world.start().await.unwrap();
    world.put(0, &["1"]);
    world.platform.clock.sleep(SECOND).await;
    world.platform.clock.set_back(HOUR);
    world.put(0, &["2"]);
    world.platform.clock.sleep(3 * SECOND).await;
    assert!(world.invoked().is_empty());
    world.platform.clock.sleep(2 * SECOND).await;
    assert_eq!(world.invoked(), ["0:1,2"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_tries_as_often_though_the_clock_is_set_back() {
    static IS_DOWN: AtomicBool = AtomicBool::new(true);
    let mut world = World::new(|invocation| {
        if IS_DOWN.load(Ordering::Relaxed) {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    });
    world.settings.retry.attempts = Some(1);
    world.settings.batch.records = 1;
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 2,
        probe: 30 * SECOND,
    });
    world.put(0, &["1", "2", "3"]);
    let runner = world.start().await.unwrap();
    let open = |state: &ShardState| matches!(state, ShardState::BreakerOpen { .. });
    world.until(&runner, 0, open).await;
    world.platform.clock.sleep(5 * SECOND).await;
    world.platform.clock.set_back(HOUR);
    IS_DOWN.store(false, Ordering::Relaxed);
    world.platform.clock.sleep(26 * SECOND).await;
    assert_eq!(world.tape.outputs(), ["1", "2", "3"]);
    assert!(world.dead().is_empty());
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_ages_by_the_clock_and_one_from_the_future_not_before_it_is_there() {
    let mut world = World::new(throws_at("bad"));
    world.settings.retry.attempts = None;
    world.settings.retry.age = Some(MINUTE);
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    is_backing_off(&world, &runner).await;
    // Forward: it is too old at once.
    world.platform.clock.shift(HOUR);
    world.platform.clock.sleep(SECOND).await;
    let dead = world.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].condition, Condition::RecordAgeExceeded);

    // And back: what came meanwhile is of no age before its time.
    world.put(0, &["bad"]);
    world.platform.clock.set_back(HOUR);
    world.platform.clock.sleep(HOUR - MINUTE).await;
    assert_eq!(world.dead().len(), 1, "it is tried on");
    world.platform.clock.sleep(3 * MINUTE).await;
    assert_eq!(world.dead().len(), 2);
    runner.stop().await;
}

/// Windows of a minute by shard, of which the first has a record; a second later, and when that came.
async fn begun_by_minutes(world: &mut World) -> (TriggerRunner, Timestamp) {
    world.settings.tumbling = Some(Tumbling {
        every: MINUTE,
        by: WindowsBy::Shard,
    });
    let clock = &world.platform.clock;
    let runner = world.start().await.unwrap();
    let arrived = clock.wall();
    world.put(0, &["1"]);
    clock.sleep(SECOND).await;
    (runner, arrived)
}

#[tokio::test(start_paused = true)]
async fn a_window_by_shard_closes_once_the_clock_that_was_set_back_is_at_its_end_again() {
    let finals = std::sync::Arc::new(AtomicU32::new(0));
    let counts = std::sync::Arc::clone(&finals);
    let mut world = World::new(move |invocation| {
        let window = invocation.window.as_ref().expect("a tumbling window");
        counts.fetch_add(u32::from(window.is_final), Ordering::Relaxed);
        Outcome::Answered(model::Answer {
            window_state: Some("{}".into()),
            ..model::Answer::default()
        })
    });
    let (runner, arrived) = begun_by_minutes(&mut world).await;
    let clock = &world.platform.clock;
    clock.set_back(HOUR);
    // In a stream nothing arrives before what came before it.
    world.river.put(0, "2", "2", arrived);
    clock.sleep(HOUR).await;
    assert_eq!(finals.load(Ordering::Relaxed), 0);
    clock.sleep(MINUTE).await;
    assert_eq!(finals.load(Ordering::Relaxed), 1);
    runner.stop().await;
}

/// What is of a later window waited for the clock, and its shard asked without a pause whether it is time.
#[tokio::test(start_paused = true)]
async fn a_window_closes_once_a_later_one_has_begun_wherever_the_clock_was_set() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let tells = std::sync::Arc::clone(&told);
    let mut world = World::new(move |invocation| {
        let is_final = invocation.window.as_ref().is_some_and(|it| it.is_final);
        tells
            .lock()
            .unwrap()
            .push((invocation.records.len(), is_final));
        Outcome::Answered(model::Answer {
            window_state: Some("{}".into()),
            ..model::Answer::default()
        })
    });
    let (runner, arrived) = begun_by_minutes(&mut world).await;
    let clock = &world.platform.clock;
    world.river.put(0, "2", "2", arrived.plus(MINUTE));
    clock.sleep(SECOND).await;
    assert_eq!(*told.lock().unwrap(), [(1, false), (0, true), (1, false)]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn windows_by_the_time_of_records_close_after_a_quiet_time_though_the_clock_is_set_back() {
    let mut world = World::new(|invocation| {
        let Outcome::Answered(mut answer) = copied(invocation) else {
            return thrown(invocation);
        };
        if !invocation.window.as_ref().is_some_and(|it| it.is_final) {
            answer.outputs.clear();
            answer.state.push(model::StateWrite {
                source: 0,
                name: "n".to_owned(),
                value: Some("1".into()),
            });
        }
        Outcome::Answered(answer)
    });
    world.settings.tumbling = Some(Tumbling {
        every: MINUTE,
        by: WindowsBy::Key {
            time: EventTime::Path(TimePath::parse("$.at").unwrap()),
            lateness: 30 * SECOND,
        },
    });
    world.settings.state = Some(StatePolicy {
        ttl: None,
        max: model::ByteSize::mib(8),
    });
    let clock = &world.platform.clock;
    world.river.put(0, "k", r#"{"at":5}"#, clock.wall());
    let runner = world.start().await.unwrap();
    clock.sleep(10 * SECOND).await;
    clock.set_back(HOUR);
    clock.sleep(70 * SECOND).await;
    assert!(world.tape.outputs().is_empty());
    clock.sleep(20 * SECOND).await;
    assert_eq!(world.tape.outputs().len(), 1);
    runner.stop().await;
}
