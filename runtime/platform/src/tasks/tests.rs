//! What waiters get from tasks that return, panic and are aborted, in both worlds.

use std::future::pending;
use std::sync::mpsc;
use std::time::Duration;

use super::{TaskFailed, Tasks};

async fn every_ending(tasks: &Tasks) {
    assert_eq!(tasks.spawn("returns", async { 7 }).await, Ok(7));
    assert_eq!(tasks.dedicated("returns", async { 7 }).await, Ok(7));
    assert_eq!(tasks.handlers().spawn("returns", async { 7 }).await, Ok(7));

    let panics = || async { panic!("as the test wants") };
    let panicked: Result<(), _> = Err(TaskFailed::Panicked);
    assert_eq!(tasks.spawn("panics", panics()).await, panicked);
    assert_eq!(tasks.dedicated("panics", panics()).await, panicked);
    assert_eq!(tasks.handlers().spawn("panics", panics()).await, panicked);

    let aborted: Result<(), _> = Err(TaskFailed::Aborted);
    for task in [
        tasks.spawn("waits", pending()),
        tasks.dedicated("waits", pending()),
        tasks.handlers().spawn("waits", pending()),
    ] {
        assert!(!task.is_finished());
        task.abort();
        assert_eq!(task.await, aborted);
    }
}

#[tokio::test]
async fn real_tasks_tell_how_they_ended() {
    every_ending(&Tasks::real()).await;
}

#[cfg(feature = "simulation")]
#[tokio::test(start_paused = true)]
async fn simulated_tasks_tell_how_they_ended() {
    every_ending(&Tasks::simulated()).await;
}

#[cfg(feature = "simulation")]
#[tokio::test(start_paused = true)]
async fn a_killed_process_drops_its_tasks_and_no_others() {
    let world = crate::Platform::simulated(1);
    let process = world.process();
    let held = std::sync::Arc::new(());
    let hold = || {
        let held = std::sync::Arc::clone(&held);
        async move {
            pending::<()>().await;
            drop(held);
        }
    };
    drop(world.tasks.spawn("outside", hold()));
    drop(process.tasks.spawn("inside", hold()));
    drop(process.clone().tasks.handlers().spawn("inside", hold()));
    tokio::task::yield_now().await;
    assert_eq!(std::sync::Arc::strong_count(&held), 4);
    process.tasks.kill().await;
    assert_eq!(std::sync::Arc::strong_count(&held), 2);
}

#[cfg(feature = "simulation")]
#[tokio::test(start_paused = true)]
async fn a_frozen_process_stands_still_while_time_goes_on_and_then_meets_what_happened() {
    let world = crate::Platform::simulated(1);
    let process = world.process();
    let clock = world.clock.clone();
    let began = clock.monotonic();
    let second = || {
        let clock = clock.clone();
        async move {
            clock.sleep(Duration::from_secs(1)).await;
            clock.monotonic()
        }
    };
    let outside = world.tasks.spawn("outside", second());
    let inside = process.tasks.spawn("inside", second());
    clock.sleep(Duration::from_millis(500)).await;
    process.tasks.freeze();
    assert_eq!(
        outside.await,
        Ok(crate::Monotonic(began.0 + Duration::from_secs(1)))
    );
    clock.sleep(Duration::from_secs(9)).await;
    assert!(!inside.is_finished());
    process.tasks.thaw();
    assert_eq!(
        inside.await,
        Ok(crate::Monotonic(began.0 + Duration::from_secs(10)))
    );
    process.tasks.freeze();
    drop(process.tasks.spawn("never", pending::<()>()));
    process.tasks.kill().await;
}

#[cfg(feature = "simulation")]
#[tokio::test(start_paused = true)]
async fn a_process_that_dies_says_so_and_does_nothing_more() {
    let world = crate::Platform::simulated(1);
    let process = world.process();
    let (tasks, went_on) = (process.tasks.clone(), std::sync::Arc::new(()));
    let held = std::sync::Arc::clone(&went_on);
    let dying = async move {
        let _held = held;
        tasks.die().await;
    };
    drop(process.tasks.spawn("dies", dying));
    process.tasks.dying().await;
    process.tasks.kill().await;
    assert_eq!(std::sync::Arc::strong_count(&went_on), 1);
}

#[tokio::test]
async fn a_task_goes_on_when_nobody_waits_for_it() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    drop(Tasks::real().spawn("alone", async move { sender.send(7) }));
    assert_eq!(receiver.await, Ok(7));
}

#[test]
fn a_ticker_ticks_until_it_is_dropped() {
    let (sender, ticks) = mpsc::channel();
    let ticker = Tasks::real().every("ticks", Duration::from_millis(1), move || {
        sender.send(()).ok();
    });
    assert_eq!(ticks.recv(), Ok(()));
    assert_eq!(ticks.recv(), Ok(()));
    drop(ticker);
    // The channel ends only when the thread has let go of the sender.
    assert!(ticks.iter().count() < 1000);
}
