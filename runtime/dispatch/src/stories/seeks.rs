//! Stories of operators who move a trigger within its stream.

use std::sync::{Arc, Mutex};

use model::{Checkpoint, Invocation, SequenceNumber, ShardId};

use super::world::{World, copied, text, thrown};
use crate::{
    Bookmarks, Counts, Moved, SeekTo, ShardState, StartAt, Target, TriggerRunner, look, seek,
};

async fn moved(runner: TriggerRunner, to: impl Into<SeekTo>) -> TriggerRunner {
    let (rooms, settings) = runner.parts();
    runner.stop().await;
    seek(&rooms, &settings, to, Vec::new()).await.unwrap();
    TriggerRunner::start(rooms, settings, false).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn back_to_the_oldest_record_everything_is_delivered_once_more() {
    let world = World::new(copied);
    world.put(0, &["1", "2", "3", "4"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let runner = moved(runner, StartAt::Oldest).await;
    world.caught_up(&runner).await;
    assert_eq!(
        world.tape.outputs(),
        ["1", "2", "3", "4", "1", "2", "3", "4"]
    );
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn forward_to_the_tip_what_failed_is_left_behind() {
    let mut world = World::new(thrown);
    world.settings.retry.attempts = None;
    world.put(0, &["1", "2", "3"]);
    let runner = world.start().await.unwrap();
    let pauses = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    world.until(&runner, 0, pauses).await;
    let (rooms, settings) = runner.parts();
    let preview = look(&rooms, &settings, StartAt::Latest).await.unwrap();
    assert_eq!(preview[0].from, Checkpoint::TrimHorizon);
    let runner = moved(runner, StartAt::Latest).await;
    world.caught_up(&runner).await;
    assert_eq!(world.settled_through(&runner).sequence.0[2], 3);
    assert_eq!(world.tape.outputs(), [""; 0]);
    assert_eq!(world.dead(), []);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn back_before_a_split_children_wait_for_their_parent_again() {
    let world = World::new(copied);
    world.put(0, &["parent"]);
    world.river.split(0);
    world.put(1, &["child"]);
    let runner = world.start().await.unwrap();
    let over = |state: &ShardState| *state == ShardState::CaughtUp;
    world.until(&runner, 1, over).await;
    let runner = moved(runner, StartAt::Oldest).await;
    world.until(&runner, 1, over).await;
    assert_eq!(world.tape.outputs(), ["parent", "child", "parent", "child"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_a_seek_moves_all_shards_or_none() {
    for crash in 1..=8 {
        for counts in [false, true] {
            let world = World::new(copied);
            world.river.widen();
            world.put(0, &["1"]);
            world.put(1, &["2"]);
            let runner = world.start().await.unwrap();
            for shard in [0, 1] {
                world
                    .platform
                    .clock
                    .sleep(std::time::Duration::from_millis(1))
                    .await;
                world
                    .until(&runner, shard, |state| *state == ShardState::CaughtUp)
                    .await;
            }
            let (rooms, settings) = runner.parts();
            runner.stop().await;
            let before = world.tape.commits();
            world.tape.stop_at(Some((before + crash, counts)));
            drop(seek(&rooms, &settings, StartAt::Oldest, Vec::new()).await);
            world.tape.stop_at(None);
            let runner = world.start().await.unwrap();
            world
                .platform
                .clock
                .sleep(std::time::Duration::from_secs(1))
                .await;
            let mut outputs = world.tape.outputs();
            outputs.sort();
            let expect: &[&str] = match outputs.len() {
                2 => &["1", "2"],
                _ => &["1", "1", "2", "2"],
            };
            assert_eq!(outputs, expect, "{crash} {counts}");
            runner.stop().await;
        }
    }
}

/// What a seek to `to` would do to each shard: repeats and skips.
async fn counted(runner: &TriggerRunner, to: impl Into<SeekTo>) -> Vec<(u64, u64)> {
    let (rooms, settings) = runner.parts();
    let moves: Vec<Moved> = look(&rooms, &settings, to).await.unwrap();
    let counts = moves.iter().map(|moved| {
        let Counts { repeats, skips } = moved.counts.expect("few enough to look at");
        (repeats, skips)
    });
    counts.collect()
}

fn to_sequence(number: u64) -> SeekTo {
    SeekTo {
        target: Target::Sequence(SequenceNumber([0, 0, number])),
        shard: None,
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_before_is_what_is_delivered_after_and_undo_goes_back() {
    let mut world = World::new(copied);
    // Some records never reach the function, and are in no count.
    let pattern = serde_json::json!({ "partitionKey": [{ "anything-but": "2" }] });
    world.settings.filter =
        crate::filter::Filter::compile(&[pattern], crate::filter::Unparsable::Pass).unwrap();
    world.put(0, &["1", "2", "3", "4", "5"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(counted(&runner, StartAt::Oldest).await, [(4, 0)]);
    assert_eq!(counted(&runner, to_sequence(4)).await, [(2, 0)]);
    assert_eq!(counted(&runner, StartAt::Latest).await, [(0, 0)]);
    let before = world.tape.outputs().len();
    let runner = moved(runner, to_sequence(4)).await;
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs()[before..], ["4", "5"]);

    // Forward: what would be skipped is told, and the bookmark of the seek brings it back.
    runner.pause(None);
    world.put(0, &["6", "7"]);
    let bookmarks = Bookmarks::new(Arc::clone(&world.tape) as Arc<dyn model::seams::Journal>);
    assert_eq!(counted(&runner, StartAt::Latest).await, [(0, 2)]);
    let runner = moved(runner, StartAt::Latest).await;
    world.caught_up(&runner).await;
    let undo = bookmarks.list(&world.settings.name).unwrap().pop().unwrap();
    assert!(undo.is_automatic());
    let back = SeekTo {
        target: Target::Bookmark(Box::new(undo)),
        shard: None,
    };
    assert_eq!(counted(&runner, back.clone()).await, [(2, 0)]);
    let runner = moved(runner, back).await;
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs()[before + 2..], ["6", "7"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_seek_repeats_is_marked_until_the_old_place_is_reached() {
    let replayed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&replayed);
    let mut world = World::new(move |invocation: &Invocation| {
        let data: Vec<String> = invocation.records.iter().map(text).collect();
        let (before, fresh) = data.split_at(invocation.replayed());
        seen.lock()
            .unwrap()
            .push((before.join(","), fresh.join(",")));
        copied(invocation)
    });
    world.settings.batch.records = 2;
    world.put(0, &["1", "2", "3"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    replayed.lock().unwrap().clear();
    runner.pause(None);
    world.put(0, &["4", "5"]);
    let runner = moved(runner, StartAt::Oldest).await;
    world.caught_up(&runner).await;
    let seen = replayed.lock().unwrap().clone();
    let said: Vec<(&str, &str)> = seen.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(said, [("1,2", ""), ("3", "4"), ("", "5")]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_shard_moves_alone_and_takes_what_came_of_it_along() {
    let world = World::new(copied);
    world.put(0, &["parent"]);
    world.river.split(0);
    world.put(1, &["child"]);
    world.river.widen();
    world.put(3, &["other"]);
    let runner = world.start().await.unwrap();
    let over = |state: &ShardState| *state == ShardState::CaughtUp;
    for shard in [1, 2, 3] {
        world
            .platform
            .clock
            .sleep(std::time::Duration::from_millis(1))
            .await;
        world.until(&runner, shard, over).await;
    }
    let only = |shard| SeekTo {
        target: Target::Start(StartAt::Oldest),
        shard: Some(ShardId(shard)),
    };
    assert_eq!(counted(&runner, only(3)).await, [(1, 0)]);
    // The parent, and both of its children.
    assert_eq!(counted(&runner, only(0)).await, [(1, 0), (1, 0), (0, 0)]);
    let runner = moved(runner, only(0)).await;
    for shard in [1, 2, 3] {
        world.until(&runner, shard, over).await;
    }
    let mut outputs = world.tape.outputs();
    assert_eq!(outputs.split_off(3), ["parent", "child"]);
    runner.stop().await;
}
