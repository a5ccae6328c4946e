//! Stories of records that their stream is about to lose.

use std::time::Duration;

use super::world::{World, copied, text, thrown};
use crate::{BreakerPolicy, Condition, ShardState, Then};

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
