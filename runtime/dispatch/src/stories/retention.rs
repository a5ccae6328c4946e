//! Stories of records that their stream is about to lose.

use std::time::Duration;

use super::world::{World, copied, text, thrown};
use crate::{BreakerPolicy, Condition, SeekTo, ShardState, StartAt, Target, Then};

/// It keeps records for a minute; three seconds before their end they are given up.
fn kept_for_a_minute(world: &World) {
    *world.river.retention.lock().unwrap() = Some(Duration::from_secs(60));
}

async fn wait(world: &World, seconds: u64) {
    world
        .platform
        .clock
        .sleep(Duration::from_secs(seconds))
        .await;
}

/// Data and attempts of what was given up.
fn lost(world: &World) -> Vec<(String, usize)> {
    let dead = world.dead().into_iter().inspect(|letter| {
        assert_eq!(letter.condition, Condition::RetentionExpired);
    });
    let data = dead.flat_map(|letter| {
        let attempts = letter.attempts.len();
        let records = letter.records.into_iter();
        records.map(move |record| (text(&record.to_user_record()), attempts))
    });
    data.collect()
}

fn of(data: &[&str], attempts: usize) -> Vec<(String, usize)> {
    data.iter()
        .map(|data| ((*data).to_owned(), attempts))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_paused_trigger_would_lose_becomes_dead_letters() {
    let mut world = World::new(copied);
    kept_for_a_minute(&world);
    world.paused = true;
    world.put(0, &["1", "2", "3", "4", "5"]);
    let runner = world.start().await.unwrap();
    wait(&world, 40).await;
    assert_eq!(lost(&world), []);
    world.put(0, &["young"]);
    wait(&world, 19).await;
    assert_eq!(lost(&world), of(&["1", "2", "3", "4", "5"], 0));
    let status = runner.status()[0].clone();
    assert_eq!(status.state, ShardState::Paused);
    assert_eq!(status.counters.retention_expired, 5);
    assert_eq!(status.counters.dead_lettered, 5);
    assert!(status.is_conserved(), "{status:?}");
    runner.resume(None);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["young"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn as_in_lambda_nobody_is_told_of_what_retention_takes_from_a_mapping() {
    for (tells_of_expiry, documents) in [(true, 1), (false, 0)] {
        let mut world = World::new(copied);
        kept_for_a_minute(&world);
        world.paused = true;
        world.settings.on_failure = vec!["queue".to_owned()];
        world.settings.tells_of_expiry = tells_of_expiry;
        world.put(0, &["1", "2"]);
        let runner = world.start().await.unwrap();
        wait(&world, 59).await;
        assert_eq!(lost(&world), of(&["1", "2"], 0));
        assert_eq!(world.owed().len(), documents, "{tells_of_expiry}");
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocked_shard_goes_on_behind_what_its_stream_would_lose() {
    let mut world = World::new(|invocation| {
        if invocation
            .records
            .iter()
            .any(|record| text(record) == "bad")
        {
            thrown(invocation)
        } else {
            copied(invocation)
        }
    });
    kept_for_a_minute(&world);
    world.settings.batch.records = 1;
    world.settings.retry.then = Then::Block;
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    let blocked = |state: &ShardState| matches!(state, ShardState::Blocked { .. });
    world.until(&runner, 0, blocked).await;
    wait(&world, 20).await;
    world.put(0, &["good"]);
    wait(&world, 20).await;
    world.until(&runner, 0, blocked).await;
    wait(&world, 20).await;
    world.caught_up(&runner).await;
    assert_eq!(lost(&world), of(&["bad"], 3));
    assert_eq!(world.tape.outputs(), ["good"]);
    runner.stop().await;
}

/// However the clock falls on its attempts: here each jump ends a pause.
#[tokio::test(start_paused = true)]
async fn what_failed_is_not_tried_again_once_it_is_gone_from_the_stream() {
    let mut world = World::new(|invocation| match text(&invocation.records[0]).as_str() {
        "bad" => thrown(invocation),
        _ => copied(invocation),
    });
    kept_for_a_minute(&world);
    world.settings.batch.records = 1;
    world.settings.retry.attempts = None;
    world.settings.retry.breaker = None;
    world.settings.retry.backoff.first = Duration::from_secs(10);
    world.settings.retry.backoff.max = Duration::from_secs(10);
    world.put(0, &["bad"]);
    let runner = world.start().await.unwrap();
    let backs_off = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    for _ in 0..4 {
        world.until(&runner, 0, backs_off).await;
        world.platform.clock.shift(Duration::from_secs(16));
        world.platform.clock.sleep(Duration::from_millis(1)).await;
    }
    world.put(0, &["good"]);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["good"]);
    assert_eq!(lost(&world), of(&["bad"], 4));
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_loses_nothing_to_retention() {
    let mut world = World::new(thrown);
    kept_for_a_minute(&world);
    world.settings.retry.attempts = Some(1);
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: 1,
        probe: Duration::from_secs(20),
    });
    let data: Vec<String> = (0..20).map(|index| index.to_string()).collect();
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    world.put(0, &data);
    let runner = world.start().await.unwrap();
    let open = |state: &ShardState| matches!(state, ShardState::BreakerOpen { .. });
    world.until(&runner, 0, open).await;
    wait(&world, 50).await;
    assert_eq!(world.dead().len(), 0);
    wait(&world, 15).await;
    let mut given_up: Vec<String> = lost(&world).into_iter().map(|(data, _)| data).collect();
    given_up.sort_by_key(|data| data.parse::<u32>().unwrap());
    assert_eq!(given_up, data);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_backs_off_for_ever_is_given_up_before_it_is_lost() {
    let mut world = World::new(thrown);
    kept_for_a_minute(&world);
    world.settings.retry.attempts = None;
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    wait(&world, 65).await;
    let given_up = lost(&world);
    assert_eq!(given_up.len(), 1);
    assert!(given_up[0].1 > 3, "{given_up:?}");
    world.caught_up(&runner).await;
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_room_nothing_is_written_and_an_operator_can_still_go_on() {
    let mut world = World::new(copied);
    kept_for_a_minute(&world);
    world.dead_letters.max = model::ByteSize(100);
    world.paused = true;
    world.put(0, &["1", "2"]);
    let runner = world.start().await.unwrap();
    wait(&world, 59).await;
    assert_eq!(world.dead().len(), 0);
    assert_eq!(runner.status()[0].state, ShardState::Paused);
    runner.resume(None);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "2"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whatever_commit_the_log_stops_at_each_record_is_given_up_once() {
    let make = || {
        let mut world = World::new(copied);
        kept_for_a_minute(&world);
        world.paused = true;
        world.put(0, &["1", "2", "3", "4", "5"]);
        world
    };
    let whole = {
        let world = make();
        let runner = world.start().await.unwrap();
        wait(&world, 59).await;
        runner.stop().await;
        world.tape.commits()
    };
    assert!(whole > 3, "{whole}");
    for crash in 1..=whole {
        for counts in [false, true] {
            let world = make();
            world.tape.stop_at(Some((crash, counts)));
            let runner = world.start().await.ok();
            wait(&world, 59).await;
            if let Some(runner) = runner {
                runner.stop().await;
            }
            world.tape.stop_at(None);
            let runner = world.start().await.unwrap();
            wait(&world, 2).await;
            let expect = of(&["1", "2", "3", "4", "5"], 0);
            assert_eq!(lost(&world), expect, "{crash} {counts}");
            runner.stop().await;
        }
    }
}

/// What was lost, as letters name it: how many, behind which, before which.
fn gaps(world: &World) -> Vec<(u64, Option<u64>, Option<u64>)> {
    let lost = world.dead().into_iter().filter_map(|letter| {
        assert_eq!(letter.condition, Condition::RetentionExpired);
        letter.lost
    });
    let number = |at: Option<model::SequenceNumber>| at.map(|at| at.0[2]);
    lost.map(|gap| (gap.records, number(gap.after), number(gap.before)))
        .collect()
}

fn lost_to_retention(status: &crate::ShardStatus) -> u64 {
    assert!(status.is_conserved(), "{status:?}");
    status.counters.lost_to_retention
}

#[tokio::test(start_paused = true)]
async fn what_expired_while_nothing_ran_is_counted_and_named_once() {
    let world = World::new(copied);
    world.put(0, &["1", "2"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    runner.stop().await;
    world.put(0, &["3", "4", "5", "6"]);
    world.river.trim(0, 5);
    for _ in 0..2 {
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        assert_eq!(lost_to_retention(&runner.status()[0]), 3);
        assert_eq!(gaps(&world), [(3, Some(2), Some(6))]);
        runner.stop().await;
    }
    assert_eq!(world.tape.outputs(), ["1", "2", "6"]);
    world.put(0, &["7", "8"]);
    world.river.trim(0, 2);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(lost_to_retention(&runner.status()[0]), 4);
    assert_eq!(gaps(&world), [(3, Some(2), Some(6)), (1, Some(6), Some(8))]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whatever_commit_the_log_stops_at_what_was_lost_is_counted_once() {
    let make = async || {
        let world = World::new(copied);
        world.put(0, &["1", "2"]);
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        runner.stop().await;
        world.put(0, &["3", "4", "5", "6"]);
        world.river.trim(0, 5);
        world
    };
    let (before, whole) = {
        let world = make().await;
        let before = world.tape.commits();
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        runner.stop().await;
        (before, world.tape.commits())
    };
    for crash in before + 1..=whole {
        for counts in [false, true] {
            let world = make().await;
            world.tape.stop_at(Some((crash, counts)));
            if let Ok(runner) = world.start().await {
                wait(&world, 1).await;
                runner.stop().await;
            }
            world.tape.stop_at(None);
            let runner = world.start().await.unwrap();
            world.caught_up(&runner).await;
            let status = runner.status()[0].clone();
            assert_eq!(lost_to_retention(&status), 3, "{crash} {counts}");
            assert_eq!(gaps(&world), [(3, Some(2), Some(6))]);
            assert_eq!(world.tape.outputs(), ["1", "2", "6"]);
            runner.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_being_tried_and_what_lay_behind_it_are_lost_together() {
    let mut world = World::new(thrown);
    world.settings.retry.attempts = None;
    world.put(0, &["1", "2", "3"]);
    let runner = world.start().await.unwrap();
    let pauses = |state: &ShardState| matches!(state, ShardState::BackingOff { .. });
    world.until(&runner, 0, pauses).await;
    runner.stop().await;
    world.put(0, &["4", "5", "6"]);
    world.river.trim(0, 5);
    world.actor = World::new(copied).actor;
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(lost_to_retention(&runner.status()[0]), 5);
    assert_eq!(gaps(&world), [(5, None, Some(6))]);
    assert_eq!(world.tape.outputs(), ["6"]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_never_read_anything_misses_what_came_since_it_began() {
    for start in [StartAt::Oldest, StartAt::Latest] {
        let mut world = World::new(copied);
        world.settings.start = start;
        world.put(0, &["1", "2", "3"]);
        world.river.trim(0, 2);
        world.paused = true;
        world.start().await.unwrap().stop().await;
        world.put(0, &["4", "5"]);
        world.river.trim(0, 2);
        world.paused = false;
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        let lost = if start == StartAt::Oldest { 2 } else { 1 };
        assert_eq!(lost_to_retention(&runner.status()[0]), lost, "{start:?}");
        assert_eq!(world.tape.outputs(), ["5"]);
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn children_miss_what_expired_before_their_parent_ended() {
    let mut world = World::new(copied);
    world.paused = true;
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    world.river.split(0);
    world.put(1, &["2", "3", "4"]);
    world.river.trim(1, 2);
    runner.resume(None);
    wait(&world, 1).await;
    let lost: Vec<u64> = runner.status().iter().map(lost_to_retention).collect();
    assert_eq!(lost, [0, 2, 0]);
    assert_eq!(gaps(&world), [(2, None, Some(3))]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_full_store_could_not_keep_is_counted() {
    let mut world = World::new(copied);
    kept_for_a_minute(&world);
    world.dead_letters.max = model::ByteSize(100);
    world.put(0, &["1"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    runner.pause(None);
    wait(&world, 1).await;
    world.put(0, &["2", "3"]);
    world.river.trim(0, 3);
    wait(&world, 5).await;
    assert_eq!(lost_to_retention(&runner.status()[0]), 2);
    assert_eq!(world.dead(), []);
    runner.resume(None);
    world.put(0, &["4"]);
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs(), ["1", "4"]);
    runner.stop().await;
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(lost_to_retention(&runner.status()[0]), 2);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_too_slow_gives_up_what_it_cannot_read_in_time() {
    let mut world = World::new(copied);
    kept_for_a_minute(&world);
    world.slow(Duration::ZERO, Duration::from_secs(10));
    world.settings.batch.records = 100;
    let data: Vec<String> = (0..2_000).map(|index: u32| index.to_string()).collect();
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    world.put(0, &data);
    let runner = world.start().await.unwrap();
    wait(&world, 56).await;
    assert_eq!(world.dead(), []);
    world.put(0, &["young"]);
    wait(&world, 30).await;
    world.caught_up(&runner).await;
    let mut handled = world.tape.outputs();
    assert!((500..=700).contains(&handled.len()), "{}", handled.len());
    assert_eq!(handled.pop().as_deref(), Some("young"));
    handled.extend(lost(&world).into_iter().map(|(data, _)| data));
    assert_eq!(handled, data);
    assert_eq!(lost_to_retention(&runner.status()[0]), 0);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn going_back_to_a_place_that_is_gone_misses_nothing() {
    let world = World::new(copied);
    world.put(0, &["1", "2", "3", "4"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let (rooms, settings) = runner.parts();
    runner.stop().await;
    world.river.trim(0, 3);
    let first = Target::Sequence(model::SequenceNumber([0, 0, 1]));
    let to = SeekTo {
        target: first,
        shard: None,
    };
    crate::seek(&rooms, &settings, to, Vec::new())
        .await
        .unwrap();
    world.put(0, &["5"]);
    world.river.trim(0, 1);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    // The one that was there when it was sought.
    assert_eq!(lost_to_retention(&runner.status()[0]), 1);
    assert_eq!(world.tape.outputs(), ["1", "2", "3", "4", "5"]);
    runner.stop().await;
}
