//! How batches are formed: by the size of their request and by time.

use std::time::Duration;

use super::world::{World, copied};
use crate::{Condition, testing::position};

/// How many records each invocation had.
fn sizes(world: &World) -> Vec<usize> {
    let invoked = world.invoked();
    invoked.iter().map(|told| told.split(',').count()).collect()
}

fn put(world: &World, bytes: usize) {
    let now = world.platform.clock.wall();
    world.river.put(0, "k", vec![b'x'; bytes], now);
}

#[tokio::test(start_paused = true)]
async fn a15_ten_records_of_1_mib_are_three_invocations() {
    let mut world = World::new(copied);
    world.takes_events();
    world.settings.batch.records = 10;
    (0..10).for_each(|_| put(&world, 1 << 20));
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(sizes(&world), [4, 4, 2]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a16_a_record_that_fits_no_request_is_given_up_between_its_neighbours() {
    let mut world = World::new(copied);
    world.takes_events();
    world.settings.batch.records = 10;
    world.settings.on_failure = vec!["queue".to_owned()];
    for bytes in [10, 5 << 20, 20] {
        put(&world, bytes);
    }
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let delivered: Vec<usize> = world.tape.outputs().iter().map(String::len).collect();
    assert_eq!(delivered, [10, 20]);
    assert_eq!(world.invoked().len(), 2);
    let owed = world.owed();
    assert_eq!((owed.len(), owed[0].records, owed[0].attempts), (1, 1, 0));
    assert_eq!(owed[0].condition, Condition::RetryAttemptsExhausted);
    assert_eq!(owed[0].first, position(2));
    assert_eq!(world.dead()[0].records[0].data.len(), 5 << 20);
    assert_eq!(runner.status()[0].counters.oversized, 1);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a17_a_batch_window_runs_from_the_first_record() {
    let mut world = World::new(copied);
    world.settings.batch.records = 100;
    world.settings.batch.wait = Duration::from_secs(5);
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(60)).await;
    let began = world.platform.clock.monotonic().0;
    for name in ["0", "1", "2"] {
        world.put(0, &[name]);
        world.platform.clock.sleep(Duration::from_secs(1)).await;
    }
    world.platform.clock.sleep(Duration::from_secs(10)).await;
    let seen = world.actor.seen.lock().unwrap().clone();
    assert_eq!(world.invoked(), ["0:0,1,2"]);
    let after = seen[0].0 - began;
    let about = Duration::from_millis(4_750)..Duration::from_millis(5_250);
    assert!(about.contains(&after), "{after:?}");
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_window_begins_after_the_invocation_before_it() {
    let mut world = World::new(copied);
    world.slow(Duration::ZERO, Duration::from_secs(2));
    world.settings.batch.records = 3;
    world.settings.batch.wait = Duration::from_secs(5);
    let began = world.platform.clock.monotonic().0;
    world.put(0, &["0", "1", "2", "3"]);
    let runner = world.start().await.unwrap();
    world.platform.clock.sleep(Duration::from_secs(4)).await;
    world.put(0, &["4"]);
    world.platform.clock.sleep(Duration::from_secs(10)).await;
    let seen = world.actor.seen.lock().unwrap().clone();
    let told: Vec<(u64, &str)> = seen
        .iter()
        .map(|(at, told)| ((*at - began).as_secs(), told.as_str()))
        .collect();
    assert_eq!(told, [(0, "0:0,1,2"), (7, "0:3,4")]);
    runner.stop().await;
}
