//! Stories of operators who move a trigger within its stream.

use model::Checkpoint;

use super::world::{World, copied, thrown};
use crate::{ShardState, StartAt, TriggerRunner, look, seek};

async fn moved(runner: TriggerRunner, to: StartAt) -> TriggerRunner {
    let (rooms, settings) = runner.parts();
    runner.stop().await;
    seek(&rooms, &settings, to).await.unwrap();
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
            drop(seek(&rooms, &settings, StartAt::Oldest).await);
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
