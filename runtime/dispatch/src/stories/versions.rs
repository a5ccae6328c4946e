//! Stories of functions that are deployed while batches run: which version sees which attempt.

use std::time::Duration;

use model::{FunctionVersion, Invocation, Outcome};

use super::world::{World, copied, thrown};
use crate::{BreakerPolicy, RetryVersion, ShardState, Then};

/// Version 1 throws, every later one copies.
fn mended(invocation: &Invocation) -> Outcome {
    if invocation.version == FunctionVersion(1) {
        thrown(invocation)
    } else {
        copied(invocation)
    }
}

fn deploy(world: &World, version: u64) {
    *world.actor.version.lock().unwrap() = FunctionVersion(version);
}

#[tokio::test(start_paused = true)]
async fn a_batch_keeps_its_version_between_attempts_and_over_a_restart() {
    let world = World::new(mended);
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    let backs_off = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    world.until(&runner, 0, backs_off).await;
    deploy(&world, 2);
    runner.stop().await;
    let runner = world.start().await.unwrap();
    world.put(0, &["good"]);
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:bad", "0:bad", "0:bad", "0:good"]);
    let versions: Vec<u64> = world.dead()[0]
        .attempts
        .iter()
        .map(|it| it.version.0)
        .collect();
    assert_eq!(versions, [1, 1, 1]);
    assert_eq!(world.tape.outputs(), ["good"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_resumes_begins_anew_with_the_version_of_now() {
    let mut world = World::new(mended);
    world.settings.retry.attempts = Some(1);
    world.settings.retry.then = Then::Block;
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    let blocked = |state: &ShardState| matches!(state, ShardState::Blocked { .. });
    world.until(&runner, 0, blocked).await;
    deploy(&world, 2);
    world.platform.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(world.invoked(), ["0:bad"]);
    runner.pause(None);
    runner.resume(None);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["bad"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_probes_with_the_version_of_now() {
    let mut world = World::new(mended);
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 1,
        probe: Duration::from_secs(5),
    });
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    let open = |state: &ShardState| matches!(state, ShardState::BreakerOpen { .. });
    world.until(&runner, 0, open).await;
    world.put(0, &["worse"]);
    world.platform.clock.sleep(Duration::from_secs(60)).await;
    deploy(&world, 2);
    // Past the next probe, so that what waits behind it is read before the state is looked at.
    world.platform.clock.sleep(Duration::from_secs(10)).await;
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["bad", "worse"]);
    assert_eq!(world.dead(), []);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn parts_of_one_batch_go_on_with_the_version_that_ended_the_outage() {
    let mut world = World::new(mended);
    world.settings.retry.isolate = crate::Isolate::Halves;
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 2,
        probe: Duration::from_secs(5),
    });
    world.put(0, &["one", "two", "three"]);
    let runner = world.start().await.unwrap();
    let open = |state: &ShardState| matches!(state, ShardState::BreakerOpen { .. });
    world.until(&runner, 0, open).await;
    deploy(&world, 2);
    world.platform.clock.sleep(Duration::from_secs(10)).await;
    world.caught_up(&runner).await;
    assert_eq!(world.dead(), []);
    let mut outputs = world.tape.outputs();
    outputs.sort_unstable();
    assert_eq!(outputs, ["one", "three", "two"]);
    runner.stop().await;
}

/// A record that failed for so long that its next attempt is far away.
async fn far_from_an_attempt(version: RetryVersion) -> (World, crate::TriggerRunner) {
    let mut world = World::new(mended);
    world.settings.retry.attempts = None;
    world.settings.retry.version = version;
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    // After attempts at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 seconds the next one comes at 63.5.
    world.platform.clock.sleep(Duration::from_secs(33)).await;
    assert_eq!(world.invoked().len(), 7);
    deploy(&world, 2);
    (world, runner)
}

async fn tried_at_once(world: &World, runner: &crate::TriggerRunner) {
    let began = world.platform.clock.monotonic().0;
    runner.deployed();
    world.caught_up(runner).await;
    let took = world.platform.clock.monotonic().0.saturating_sub(began);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(world.tape.outputs(), ["bad"]);
}

#[tokio::test(start_paused = true)]
async fn as_in_lambda_the_next_attempt_takes_new_code_and_a_deploy_ends_the_pause() {
    let (world, runner) = far_from_an_attempt(RetryVersion::OfNow).await;
    tried_at_once(&world, &runner).await;
    assert_eq!(world.invoked().len(), 8);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_deploy_does_not_hurry_an_attempt_that_keeps_its_version() {
    let (world, runner) = far_from_an_attempt(RetryVersion::Same).await;
    runner.deployed();
    world.platform.clock.sleep(Duration::from_secs(20)).await;
    assert_eq!(world.invoked().len(), 7);
    // Somebody says that it need not.
    world.actor.left.lock().unwrap().insert(FunctionVersion(1));
    tried_at_once(&world, &runner).await;
    runner.stop().await;
}
