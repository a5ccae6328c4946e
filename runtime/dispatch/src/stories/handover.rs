//! One shard, two workers: one that stops cleanly hands over at once and exactly, one that was frozen changes nothing any more.

use std::time::Duration;

use model::{Checkpoint, keys, seams::Journal as _};

use super::world::{World, copied, thrown};
use crate::{ShardState, testing::position};

#[tokio::test(start_paused = true)]
async fn a30_a_clean_stop_under_load_hands_over_within_a_second_and_repeats_nothing() {
    let world = World::new(copied);
    let all: Vec<String> = (0..200).map(|index: u32| index.to_string()).collect();
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    world.put(0, &names[..150]);
    let first = world.start_on("a").await.unwrap();
    world.platform.clock.sleep(Duration::from_millis(145)).await;
    let before = world.invoked();
    assert!(
        before.len() > 10 && before.len() < 20,
        "in the middle of it"
    );
    let clock = world.platform.clock.clone();
    let asked = clock.monotonic().0;
    first.stop().await;
    let stopped = world.invoked().len();
    world.put(0, &names[150..]);

    let second = world.start_on("b").await.unwrap();
    world
        .until(&second, 0, |state| *state == ShardState::CaughtUp)
        .await;
    let seen = world.actor.seen.lock().unwrap().clone();
    let moved = seen[stopped].0 - asked;
    assert!(moved < Duration::from_secs(1), "{moved:?}");
    // Each record was delivered once, in order, and its output is there once.
    let delivered: Vec<String> = seen
        .iter()
        .flat_map(|(_, told)| told.trim_start_matches("0:").split(','))
        .map(str::to_owned)
        .collect();
    assert_eq!(delivered, all);
    assert_eq!(world.tape.outputs(), all);
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a31_a_worker_that_was_frozen_is_fenced_and_its_failure_document_is_not_sent() {
    let lease = Duration::from_secs(10);
    let mut world = World::new(thrown);
    world.slow(Duration::ZERO, 3 * lease);
    world.settings.retry.attempts = Some(1);
    world.settings.on_failure = vec!["queue".to_owned()];
    world.put(0, &["1"]);
    let frozen = world.start_on("a").await.unwrap();
    world.platform.clock.sleep(lease).await;
    assert_eq!(world.invoked(), ["0:1"]);

    // Another worker has the shard, and handles the record.
    world.actor = World::new(copied).actor;
    let other = world.start_on("b").await.unwrap();
    world
        .until(&other, 0, |state| *state == ShardState::CaughtUp)
        .await;
    assert_eq!(world.tape.outputs(), ["1"]);

    // What the first one comes back with would give the record up.
    let state = world
        .until(&frozen, 0, |state| {
            matches!(state, ShardState::Fenced { .. })
        })
        .await;
    assert!(
        state.to_string().starts_with("fenced: another holder"),
        "{state}"
    );
    assert!(world.dead().is_empty());
    assert!(world.owed().is_empty());
    let checkpoint = other.status()[0].checkpoint;
    assert_eq!(checkpoint, Checkpoint::Settled(position(1)));
    frozen.stop().await;

    world.put(0, &["2"]);
    world.caught_up(&other).await;
    assert_eq!(world.tape.outputs(), ["1", "2"]);
    other.stop().await;
}

#[tokio::test(start_paused = true)]
async fn children_that_found_no_room_for_their_leases_begin_once_there_is_some() {
    let world = World::new(copied);
    world.put(0, &["p"]);
    world.river.split(0);
    world.put(1, &["left"]);
    world.put(2, &["right"]);
    let runner = world.start().await.unwrap();
    world.tape.refuse_grants(true);
    let state = world
        .until(&runner, 1, |state| matches!(state, ShardState::NoLease(_)))
        .await;
    assert!(state.to_string().contains("disk is full"), "{state}");
    world.platform.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(world.tape.outputs(), ["p"]);
    world.tape.refuse_grants(false);
    for child in [1, 2] {
        world
            .until(&runner, child, |state| *state == ShardState::CaughtUp)
            .await;
    }
    let mut outputs = world.tape.outputs();
    outputs[1..].sort();
    assert_eq!(outputs, ["p", "left", "right"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_settled_shard_that_is_gone_leaves_no_rows_once_its_children_have_ended() {
    let world = World::new(copied);
    world.put(0, &["p"]);
    world.river.split(0);
    world.put(1, &["left"]);
    world.put(2, &["right"]);
    let runner = world.start().await.unwrap();
    let rows = |shard| {
        let key = model::LeaseKey {
            trigger: world.settings.name.clone(),
            shard: model::ShardId(shard),
        };
        let stored = [keys::lease(&key), keys::progress(&key)];
        stored.map(|key| world.tape.get(&key).unwrap().is_some())
    };
    for child in [1, 2] {
        world
            .until(&runner, child, |state| *state == ShardState::CaughtUp)
            .await;
    }
    world.river.vanish(0);
    world.river.split(1);
    world
        .until(&runner, 1, |state| *state == ShardState::Ended)
        .await;
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(rows(0), [true; 2], "one of its children has not ended");
    world.river.split(2);
    world
        .until(&runner, 2, |state| *state == ShardState::Ended)
        .await;
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(rows(0), [false; 2]);
    assert_eq!([rows(1), rows(2)], [[true; 2]; 2], "the stream has them");
    let shards: Vec<u32> = runner.status().iter().map(|it| it.shard.0).collect();
    assert_eq!(shards, [1, 2, 3, 4, 5, 6]);
    assert_eq!(runner.counted_on_gone_shards().settled, 1);
    runner.stop().await;

    // A later start does not take them up again.
    world.put(3, &["more"]);
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(world.tape.outputs().last().unwrap(), "more");
    assert_eq!(rows(0), [false; 2]);
    runner.stop().await;
}
