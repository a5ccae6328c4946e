//! Which record was it: a handler that says where it is names the culprit, and the others are not tried again and again.

use model::{Fault, FaultClass, Invocation, Outcome, outcome::Usage};

use super::world::{World, copied, text};
use crate::{ShardState, Then};

/// Traps at the record `bad`, and says so when it is asked.
fn traps(invocation: &Invocation) -> Outcome {
    let bad = invocation
        .records
        .iter()
        .position(|record| text(record) == "bad");
    let Some(bad) = bad else {
        return copied(invocation);
    };
    let mark = u32::try_from(bad).ok().filter(|_| invocation.tracing);
    Outcome::Failed(Fault {
        class: FaultClass::Function,
        kind: "Trap".to_owned(),
        message: "unreachable".to_owned(),
        retry_after: None,
        usage: Usage {
            mark,
            ..Usage::default()
        },
    })
}

fn world(records: usize, bad: usize) -> World {
    let mut world = World::new(traps);
    world.marks();
    world.settings.batch.records = records;
    world.settings.retry.attempts = Some(1);
    let data: Vec<String> = (0..records)
        .map(|index| {
            if index == bad {
                "bad".to_owned()
            } else {
                format!("r{index}")
            }
        })
        .collect();
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    world.put(0, &data);
    world
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_of_a_hundred_takes_three_invocations_with_tracing() {
    for bad in [0, 1, 50, 98, 99] {
        let world = world(100, bad);
        let runner = world.start().await.unwrap();
        world.caught_up(&runner).await;
        assert_eq!(world.invoked().len(), 3, "record {bad}");
        assert_eq!(world.tape.outputs().len(), 99);
        assert_eq!(world.dead()[0].records[0].data, "bad");
        runner.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_the_culprit_and_its_neighbours_repeats_neither() {
    for then in [Then::DeadLetter, Then::Park] {
        for stop in 3..9 {
            let mut world = world(10, 4);
            world.settings.retry.then = then;
            world.tape.stop_at(Some((stop, true)));
            if let Ok(runner) = world.start().await {
                world
                    .platform
                    .clock
                    .sleep(std::time::Duration::from_secs(5))
                    .await;
                runner.stop().await;
            }
            world.tape.stop_at(None);
            let runner = world.start().await.unwrap();
            world.caught_up(&runner).await;
            let mut outputs = world.tape.outputs();
            outputs.sort();
            outputs.dedup();
            assert_eq!(outputs.len(), 9, "{then:?} {stop}");
            assert_eq!(world.tape.outputs().len(), 9, "{then:?} {stop}");
            let given_up = world.dead().len() + runner.parked().list().unwrap().len();
            assert_eq!(given_up, 1, "{then:?} {stop}");
            runner.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_attempts_left_only_the_culprit_is_tried_again() {
    let mut world = world(10, 4);
    world.settings.retry.attempts = Some(3);
    let runner = world.start().await.unwrap();
    world
        .until(&runner, 0, |state| {
            matches!(state, ShardState::BackingOff { .. })
        })
        .await;
    world.caught_up(&runner).await;
    let invoked = world.invoked();
    assert_eq!(invoked[2], "0:r0,r1,r2,r3");
    assert_eq!(invoked[3..], ["0:bad", "0:bad", "0:r5,r6,r7,r8,r9"]);
    assert_eq!(world.dead()[0].attempts.len(), 4);
    runner.stop().await;
}
