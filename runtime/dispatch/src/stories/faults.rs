//! Stories of what a failure is blamed on: the function, or whoever runs it.

use std::sync::atomic::{AtomicU32, Ordering};

use model::{Fault, FaultClass, Invocation, Outcome, outcome::Usage};

use super::world::{World, copied, text};
use crate::Isolate;

fn failed(class: FaultClass, kind: &str) -> Outcome {
    Outcome::Failed(Fault {
        class,
        kind: kind.to_owned(),
        message: String::new(),
        retry_after: None,
        usage: Usage::default(),
    })
}

#[tokio::test(start_paused = true)]
async fn invocations_that_are_throttled_use_no_attempt() {
    let refused = AtomicU32::new(8);
    let mut world = World::new(move |invocation| {
        let left =
            refused.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1));
        match left {
            Ok(_) => failed(FaultClass::Invoke, "Throttled"),
            Err(_) => copied(invocation),
        }
    });
    world.settings.retry.attempts = Some(1);
    world.put(0, &["late"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    assert_eq!(world.invoked().len(), 9);
    assert_eq!(world.tape.outputs(), ["late"]);
    assert_eq!(world.dead(), []);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_takes_too_long_is_split_as_one_that_throws_is() {
    let slow = |invocation: &Invocation| {
        if invocation.records.iter().any(|it| text(it) == "slow") {
            failed(FaultClass::Function, "Timeout")
        } else {
            copied(invocation)
        }
    };
    let mut world = World::new(slow);
    world.settings.batch.records = 4;
    world.settings.retry.attempts = Some(2);
    world.settings.retry.isolate = Isolate::Halves;
    world.put(0, &["1", "slow", "3", "4"]);
    let runner = world.start().await.unwrap();
    world.caught_up(&runner).await;
    let outputs = world.tape.outputs();
    assert_eq!(outputs, ["1", "3", "4"], "{:?}", world.invoked());
    let dead = world.dead();
    assert_eq!((dead.len(), dead[0].records.len()), (1, 1));
    assert_eq!(dead[0].attempts[0].error_type, "Timeout");
    runner.stop().await;
}
