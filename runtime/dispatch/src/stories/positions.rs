//! Stories of where a trigger starts in each shard, and of shards that come later.

use std::time::Duration;

use super::world::{World, copied};
use crate::StartAt;

async fn outputs(world: &World) -> Vec<String> {
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    let mut outputs = world.tape.outputs();
    outputs.sort();
    outputs
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_starts_at_a_time_gets_what_arrived_then_and_later() {
    let mut world = World::new(copied);
    world.put(0, &["before"]);
    world.platform.clock.sleep(Duration::from_secs(10)).await;
    world.settings.start = StartAt::At(world.platform.clock.wall());
    world.put(0, &["then"]);
    world.platform.clock.sleep(Duration::from_secs(10)).await;
    world.put(0, &["later"]);
    let runner = world.start().await.unwrap();
    world.put(0, &["at last"]);
    assert_eq!(outputs(&world).await, ["at last", "later", "then"]);
    runner.stop().await;
}

/// A trigger that starts in one shard, which is split afterwards, with records in the children before anybody reads them.
async fn split_later(start: impl Fn(&World) -> StartAt) -> Vec<String> {
    let mut world = World::new(copied);
    world.put(0, &["old"]);
    world.platform.clock.sleep(Duration::from_secs(10)).await;
    world.settings.start = start(&world);
    let runner = world.start().await.unwrap();
    world.put(0, &["parent"]);
    world.river.split(0);
    world.put(1, &["left"]);
    world.put(2, &["right"]);
    let outputs = outputs(&world).await;
    runner.stop().await;
    outputs
}

#[tokio::test(start_paused = true)]
async fn children_of_a_later_split_are_read_from_their_first_record_wherever_the_trigger_started() {
    let read = ["left", "parent", "right"];
    assert_eq!(split_later(|_| StartAt::Latest).await, read);
    let now = |world: &World| StartAt::At(world.platform.clock.wall());
    assert_eq!(split_later(now).await, read);
    let all = ["left", "old", "parent", "right"];
    assert_eq!(split_later(|_| StartAt::Oldest).await, all);
}

#[tokio::test(start_paused = true)]
async fn shards_that_were_closed_before_the_start_are_passed_and_their_children_start_there_too() {
    for at_a_time in [false, true] {
        let mut world = World::new(copied);
        world.put(0, &["parent"]);
        world.river.split(0);
        world.put(1, &["old left"]);
        world.put(2, &["old right"]);
        world.platform.clock.sleep(Duration::from_secs(10)).await;
        world.settings.start = if at_a_time {
            StartAt::At(world.platform.clock.wall())
        } else {
            StartAt::Latest
        };
        let runner = world.start().await.unwrap();
        world.put(1, &["left"]);
        world.put(2, &["right"]);
        assert_eq!(outputs(&world).await, ["left", "right"], "{at_a_time}");
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_disabled_in_the_middle_of_a_batch_ends_it_and_goes_on_behind_it_when_enabled() {
    let mut world = World::new(copied);
    world.slow(Duration::ZERO, Duration::from_secs(30));
    world.settings.batch.records = 4;
    world.put(0, &["1", "2"]);
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(5)).await;
    // As an update of its mapping does: what runs is waited for, and the same trigger stands.
    let began = world.platform.clock.monotonic().0;
    runner.stop().await;
    let took = world.platform.clock.monotonic().0.saturating_sub(began);
    assert!((24..=25).contains(&took.as_secs()), "{took:?}");
    world.settings.enabled = false;
    let runner = world.start().await.unwrap();
    let more: Vec<String> = (3..=12).map(|number: u32| number.to_string()).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    world.put(0, &more);
    world.platform.clock.sleep(Duration::from_hours(1)).await;
    assert_eq!(world.invoked(), ["0:1,2"]);
    assert_eq!(world.tape.outputs(), ["1", "2"]);
    runner.stop().await;
    world.settings.enabled = true;
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let all: Vec<String> = (1..=12).map(|number: u32| number.to_string()).collect();
    assert_eq!(world.tape.outputs(), all);
    assert_eq!(world.invoked().len(), 4);
    runner.stop().await;
}
