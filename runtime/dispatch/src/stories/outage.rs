//! Stories of records that always fail beside outages in which everything does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::Invocation;

use super::{
    throws_at,
    world::{World, copied, thrown},
};
use crate::{BreakerPolicy, Condition, ShardState};

fn breaking(mut world: World) -> World {
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 5,
        probe: Duration::from_secs(30),
    });
    world
}

#[tokio::test(start_paused = true)]
async fn a09_halves_find_the_one_record_that_fails() {
    for world in [
        World::new(throws_at("6")),
        breaking(World::new(throws_at("6"))),
    ] {
        let mut world = world;
        world.settings.batch.records = 8;
        world.settings.retry.attempts = Some(1);
        world.put(0, &["1", "2", "3", "4", "5", "6", "7", "8"]);
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        let invoked = [
            "0:1,2,3,4,5,6,7,8",
            "0:1,2,3,4",
            "0:5,6,7,8",
            "0:5,6",
            "0:5",
            "0:6",
            "0:7,8",
        ];
        assert_eq!(world.invoked(), invoked);
        let dead = world.dead();
        assert_eq!((dead.len(), dead[0].records.len()), (1, 1));
        assert_eq!(dead[0].records[0].data, "6");
        assert_eq!(world.settled_through(&runner).sequence.0[2], 8);
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a10_one_bad_record_of_a_hundred_takes_fifteen_invocations_at_most() {
    let names: Vec<String> = (0..100).map(|index: u32| index.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for bad in ["0", "37", "50", "99"] {
        let mut world = World::new(throws_at(bad));
        world.settings.batch.records = 100;
        world.settings.retry.attempts = Some(1);
        world.put(0, &names);
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        let invocations = world.invoked().len();
        assert!(invocations <= 15, "{invocations} for {bad}");
        assert_eq!(world.tape.outputs().len(), 99);
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_is_given_up_once_its_neighbour_succeeds() {
    let mut world = breaking(World::new(throws_at("bad")));
    world.settings.batch.records = 1;
    world.put(0, &["bad", "good"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:bad", "0:bad", "0:bad", "0:good"]);
    assert_eq!(world.dead()[0].condition, Condition::RetryAttemptsExhausted);
    assert_eq!(world.settled_through(&runner).sequence.0[2], 2);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_with_nothing_behind_it_is_given_up_too() {
    let world = breaking(World::new(thrown));
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked().len(), 3);
    assert_eq!(world.dead().len(), 1);
    runner.stop().await;
}

/// Throws at every batch that holds a record whose data begin so.
fn throws_at_all(prefix: &'static str) -> impl Fn(&Invocation) -> model::Outcome {
    move |invocation: &Invocation| {
        let is_bad = |record: &model::UserRecord| record.data.starts_with(prefix.as_bytes());
        if invocation.records.iter().any(is_bad) {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_bad_records_in_a_row_hold_up_nothing_for_ever() {
    for (lanes, then) in [
        (crate::Lanes::ONE, crate::Then::DeadLetter),
        (crate::Lanes::ONE, crate::Then::Park),
        (crate::Lanes::Hashed(4), crate::Then::DeadLetter),
        (crate::Lanes::Keys(16), crate::Then::DeadLetter),
    ] {
        let mut world = breaking(World::new(throws_at_all("bad")));
        world.settings.batch.records = 1;
        world.settings.lanes = lanes;
        world.settings.retry.then = then;
        let bad: Vec<String> = (0..12).map(|number| format!("bad {number}")).collect();
        let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
        world.put(0, &bad);
        let runner = world.start().await.unwrap();
        let open = |state: &ShardState| matches!(state, ShardState::BreakerOpen { .. });
        world.until(&runner, 0, open).await;
        world.put(0, &["good", "better"]);
        world.caught_up(&runner).await;
        let mut outputs = world.tape.outputs();
        if !lanes.is_one() {
            outputs.sort();
            outputs.reverse();
        }
        assert_eq!(outputs, ["good", "better"], "{lanes:?} {then:?}");
        let status = runner.status()[0].clone();
        let ended = status.counters.dead_lettered + status.counters.parked;
        assert_eq!(ended, 12, "{lanes:?} {then:?}");
        assert!(status.is_conserved(), "{status:?}");
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn batches_that_all_hold_bad_records_are_taken_apart() {
    let mut world = breaking(World::new(throws_at_all("bad")));
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 5,
        probe: Duration::from_secs(5),
    });
    world.settings.batch.records = 20;
    let names: Vec<String> = (0..50)
        .map(|number| match number % 10 {
            0..7 => format!("bad {number}"),
            _ => format!("good {number:02}"),
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.put(0, &names);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let good = names.iter().filter(|name| name.starts_with("good"));
    assert_eq!(world.tape.outputs(), good.copied().collect::<Vec<_>>());
    assert_eq!(runner.status()[0].counters.dead_lettered, 35);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_gives_nothing_up_and_ends_by_itself() {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let mut world = breaking(World::new(move |invocation: &Invocation| {
        if is_down.load(Ordering::Relaxed) {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    }));
    world.settings.batch.records = 1;
    let names = ["1", "2", "3", "4", "5", "6", "7", "8"];
    world.put(0, &names);
    let runner = world.start().await.unwrap();
    let open = |state: &ShardState| matches!(state, ShardState::BreakerOpen { .. });
    let state = world.until(&runner, 0, open).await;
    assert!(state.to_string().contains("it always throws"), "{state}");
    let before = world.invoked().len();
    world.platform.clock.sleep(Duration::from_secs(600)).await;
    let probes = world.invoked().len() - before;
    assert!(
        (15..=21).contains(&probes),
        "{probes} probes in ten minutes"
    );
    assert_eq!(world.dead(), []);

    down.store(false, Ordering::Relaxed);
    world
        .until(&runner, 0, |state| *state == ShardState::CaughtUp)
        .await;
    assert_eq!(world.tape.outputs(), names);
    assert_eq!(world.dead(), []);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_outlives_a_restart_without_a_loss() {
    let mut world = breaking(World::new(thrown));
    world.settings.batch.records = 1;
    world.put(0, &["1", "2", "3", "4", "5", "6"]);
    for _ in 0..3 {
        let runner = world.start().await.unwrap();
        let open = |state: &ShardState| matches!(state, ShardState::BreakerOpen { .. });
        world.until(&runner, 0, open).await;
        runner.stop().await;
    }
    world.actor = World::new(copied).actor;
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(world.dead(), []);
    runner.stop().await;
}
