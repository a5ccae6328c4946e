//! Stories of what is kept for a time and within a bound: state and dead letters.

use std::time::Duration;

use model::{
    Answer, ByteSize, HashKey, Invocation, Outcome, ShardId, StateWrite, UserRecord,
    invocation::StateReader as _,
};

use super::world::{World, copied, text, thrown};
use crate::{Removed, ShardState, StatePolicy, WhenFull};

/// Counts the deliveries of each key in its state, with one letter each.
fn counting(invocation: &Invocation) -> Outcome {
    let state = invocation.state.as_ref().expect("granted");
    let write = |(source, record): (u32, &UserRecord)| {
        let held = state.get(record.effective_hash_key(), &record.partition_key, "count");
        let count = held.unwrap().map_or(0, |bytes| bytes.len());
        StateWrite {
            source,
            name: "count".to_owned(),
            value: Some(vec![b'i'; count + 1].into()),
        }
    };
    Outcome::Answered(Answer {
        state: (0..).zip(invocation.records.iter()).map(write).collect(),
        effects_attributed: true,
        ..Answer::default()
    })
}

fn remembering(ttl: Option<Duration>, max: u64) -> World {
    let mut world = World::new(counting);
    let max = ByteSize(max);
    world.settings.state = Some(StatePolicy { ttl, max });
    world.settings.batch.records = 1;
    world.settings.retry.attempts = Some(1);
    world
}

#[tokio::test(start_paused = true)]
async fn state_of_one_batch_is_seen_by_the_next() {
    let world = remembering(None, 1 << 20);
    world.put(0, &["k", "other", "k", "k"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let state = runner.state().unwrap();
    let hash_key = HashKey::of_partition_key("k");
    assert_eq!(state.get(hash_key, b"k", "count").unwrap().unwrap(), "iii");
    assert_eq!(state.names(hash_key, b"k").unwrap(), ["count"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn expired_state_reads_as_absent_and_is_removed() {
    let world = remembering(Some(Duration::from_secs(60)), 1 << 20);
    let runner = world.start().await.unwrap();
    let state = runner.state().unwrap();
    let hash_key = HashKey::of_partition_key("k");
    world.put(0, &["k", "other"]);
    world.caught_up(&runner).await;
    let both = state.bytes().unwrap();

    world.platform.clock.sleep(Duration::from_secs(40)).await;
    world.put(0, &["other"]);
    world.caught_up(&runner).await;
    world.platform.clock.sleep(Duration::from_secs(30)).await;
    assert_eq!(state.get(hash_key, b"k", "count"), Ok(None));
    assert_eq!(state.names(hash_key, b"k").unwrap(), [""; 0]);
    assert!(
        state.bytes().unwrap() > both,
        "an expired value takes its room until it is removed"
    );

    let first = state.clean(None, 1).await.unwrap();
    let second = state.clean(first.after.as_deref(), 1).await.unwrap();
    assert_eq!(first.removed + second.removed, 1);
    assert!(state.bytes().unwrap() < both);
    // It begins anew, while the value that was written in between goes on.
    world.put(0, &["k", "other"]);
    world.caught_up(&runner).await;
    let count = |key: &str| {
        let value = state.get(HashKey::of_partition_key(key), key.as_bytes(), "count");
        value.unwrap().unwrap().len()
    };
    assert_eq!((count("k"), count("other")), (1, 3));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn state_over_its_bound_holds_the_shard_until_there_is_room() {
    // One entry: 1 + 2 + 5 of the trigger, 16 + 2 + 1 + 5 of the key, 9 + 1 of the value.
    let mut world = remembering(None, 2 * 42);
    world.put(0, &["a", "b"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(runner.state().unwrap().bytes(), Ok(ByteSize(84)));
    runner.stop().await;

    // The count outlives a restart.
    world.put(0, &["c"]);
    let runner = world.start().await.unwrap();
    let full = |state: &ShardState| matches!(state, ShardState::StateFull { .. });
    let state = world.until(&runner, 0, full).await;
    assert!(state.to_string().contains("126B of 84B"), "{state}");
    world.platform.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(runner.state().unwrap().bytes(), Ok(ByteSize(84)));
    assert_eq!(world.invoked(), ["0:a", "0:b", "0:c"]);
    runner.stop().await;

    world.settings.state = Some(StatePolicy {
        ttl: None,
        max: ByteSize(126),
    });
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(runner.state().unwrap().bytes(), Ok(ByteSize(126)));
    assert_eq!(world.dead(), []);
    runner.stop().await;
}

fn giving_up(when_full: WhenFull, max: u64) -> World {
    let mut world = World::new(|invocation: &Invocation| {
        if invocation
            .records
            .iter()
            .any(|record| text(record) == "good")
        {
            copied(invocation)
        } else {
            thrown(invocation)
        }
    });
    world.settings.batch.records = 1;
    world.settings.retry.attempts = Some(1);
    world.dead_letters.when_full = when_full;
    world.dead_letters.max = ByteSize(max);
    world
}

fn data(world: &World) -> Vec<String> {
    let entries = world.dead();
    let data = |entry: &crate::DeadLetter| text(&entry.records[0].to_user_record());
    entries.iter().map(data).collect()
}

/// What one dead letter of these stories takes, give or take some digits.
const ENTRY_BYTES: u64 = 600;

#[tokio::test(start_paused = true)]
async fn a_full_dead_letter_store_blocks_the_shard_until_old_entries_expire() {
    let world = giving_up(WhenFull::Block, ENTRY_BYTES);
    world.put(0, &["1", "2", "good"]);
    let runner = world.start().await.unwrap();
    let full = |state: &ShardState| matches!(state, ShardState::DeadLettersFull { .. });
    let state = world.until(&runner, 0, full).await;
    assert!(
        state
            .to_string()
            .starts_with("the dead-letter store is full ("),
        "{state}"
    );
    assert_eq!(data(&world), ["1"]);
    assert_eq!(world.tape.outputs(), [""; 0]);

    world.platform.clock.sleep(world.dead_letters.keep).await;
    let now = world.platform.clock.wall();
    let store = world.dead_letter_store();
    assert_eq!(store.expire(now, 100).await, Ok(1));
    assert_eq!(store.bytes(), Ok(ByteSize(0)));
    world.platform.clock.sleep(Duration::from_secs(5)).await;
    assert_eq!(data(&world), ["2"]);
    assert_eq!(world.tape.outputs(), ["good"]);
    assert_eq!(store.expire(now, 100).await, Ok(0));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_a_shard_waits_for_room_keeps_its_record() {
    let mut world = giving_up(WhenFull::Block, ENTRY_BYTES);
    world.put(0, &["1", "2", "3", "good"]);
    let runner = world.start().await.unwrap();
    let full = |state: &ShardState| matches!(state, ShardState::DeadLettersFull { .. });
    world.until(&runner, 0, full).await;
    runner.stop().await;
    world.dead_letters.max = ByteSize::mib(1);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(data(&world), ["1", "2", "3"]);
    assert_eq!(world.tape.outputs(), ["good"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_oldest_dead_letters_make_room_where_the_settings_say_so() {
    let world = giving_up(WhenFull::DropOldest, 3 * ENTRY_BYTES);
    world.put(0, &["1", "2", "3", "4", "5", "6", "7", "good"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let kept = data(&world);
    assert!((2..7).contains(&kept.len()), "{kept:?}");
    assert_eq!(kept.last().unwrap(), "7");
    assert!(world.dead_letter_store().bytes().unwrap() <= world.dead_letters.max);
    assert_eq!(world.tape.outputs(), ["good"]);
    assert_eq!(world.settled_through(&runner).sequence.0[2], 8);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_for_and_a_stop_meanwhile_keeps_the_record() {
    let world = World::new(copied);
    let runner = world.start().await.unwrap();
    world.put(0, &["1"]);
    world.caught_up(&runner).await;
    world.tape.fill(true);
    world.put(0, &["2"]);
    world
        .until(&runner, 0, |state| *state == ShardState::DiskFull)
        .await;
    world.tape.fill(false);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "2"]);

    world.tape.fill(true);
    world.put(0, &["3"]);
    world
        .until(&runner, 0, |state| *state == ShardState::DiskFull)
        .await;
    let mut status = runner.watch(ShardId(0)).unwrap();
    runner.stop().await;
    let stopped = status
        .wait_for(|status| status.state == ShardState::Stopped)
        .await;
    assert!(stopped.is_ok());
    world.tape.fill(false);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "2", "3"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn progress_without_effects_waits_for_room_and_stops_nothing() {
    let world = World::new(|_: &Invocation| Outcome::Answered(Answer::default()));
    let runner = world.start().await.unwrap();
    world.tape.fill(true);
    world.put(0, &["1"]);
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    world.put(0, &["2"]);
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(world.invoked(), ["0:1", "0:2"]);
    world.tape.fill(false);
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    runner.stop().await;
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked(), ["0:1", "0:2"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_dead_letter_is_gone_with_its_room() {
    let mut world = World::new(thrown);
    world.settings.batch.records = 1;
    world.settings.retry.attempts = Some(1);
    world.put(0, &["1", "2"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let ids: Vec<String> = world.dead().into_iter().map(|entry| entry.id).collect();
    let store = world.dead_letter_store();
    let trigger = &world.settings.name;
    let audit = || {
        let order = crate::Order::new(world.platform.clock.wall(), "drop", None, ().into());
        order.row(&world.platform)
    };
    let claim = store.claim(trigger, &ids[0]);
    let claimed = store.remove(trigger, &ids[0], audit()).await;
    assert_eq!(claimed, Ok(Removed::Claimed));
    drop(claim);
    for (id, removed) in [
        (&ids[0], Removed::Done),
        (&ids[0], Removed::NotThere),
        (&"none".to_owned(), Removed::NotThere),
    ] {
        let done = store.remove(trigger, id, audit()).await;
        assert_eq!(done, Ok(removed), "{id}");
    }
    assert_eq!(world.dead().len(), 1);
    assert_eq!(
        store.remove(trigger, &ids[1], audit()).await,
        Ok(Removed::Done)
    );
    assert_eq!(store.bytes(), Ok(ByteSize(0)));
    let far = model::Timestamp::from_millis(u64::MAX);
    assert_eq!(store.expire(far, 10).await, Ok(0));
    runner.stop().await;
}
