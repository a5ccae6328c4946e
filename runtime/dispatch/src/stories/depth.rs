//! Stories of large batches of which every record fails: splitting them keeps few sets open, and nothing is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::{Fault, FaultClass, Invocation, Outcome, outcome::Usage};

use super::world::{World, copied};
use crate::{BreakerPolicy, Lanes, ShardState, Then, limits::PROGRESS_BYTES_MAX};

const RECORDS: usize = 10_000;
const FAILURES: u32 = 5;

/// Where a function that fails says that it is.
#[derive(Debug, Clone, Copy)]
enum Mark {
    Nowhere,
    First,
    /// As one does that puts everything out at its end.
    Last,
}

fn fails(invocation: &Invocation, kind: &str, mark: Mark) -> Outcome {
    let last = u32::try_from(invocation.records.len()).unwrap() - 1;
    let mark = match mark {
        Mark::Nowhere => None,
        Mark::First => Some(0),
        Mark::Last => Some(last),
    };
    Outcome::Failed(Fault {
        class: FaultClass::Function,
        kind: kind.to_owned(),
        message: "it always fails".to_owned(),
        retry_after: None,
        usage: Usage {
            mark: mark.filter(|_| invocation.tracing),
            ..Usage::default()
        },
    })
}

/// A hundred keys take turns.
fn world(script: impl Fn(&Invocation) -> Outcome + Send + Sync + 'static) -> World {
    let mut world = World::new(script);
    world.marks();
    world.settings.batch.records = RECORDS;
    world.settings.retry.attempts = Some(1);
    world.settings.retry.breaker = Some(BreakerPolicy {
        failures: FAILURES,
        probe: Duration::from_secs(30),
    });
    let now = world.platform.clock.wall();
    for index in 0..RECORDS {
        world.river.put(0, &key(index), format!("{index:05}"), now);
    }
    world
}

fn key(index: usize) -> String {
    format!("k{}", index % 100)
}

/// Fails until it is repaired; how many sets were open at most until then.
async fn splits(kind: &'static str, mark: Mark, (then, lanes): (Then, Lanes)) -> usize {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let mut world = world(move |invocation: &Invocation| {
        if is_down.load(Ordering::Relaxed) {
            fails(invocation, kind, mark)
        } else {
            copied(invocation)
        }
    });
    world.settings.retry.then = then;
    world.settings.lanes = lanes;
    let runner = world.start().await.unwrap();
    let stands = |state: &ShardState| match then {
        Then::Block => matches!(state, ShardState::Blocked { .. }),
        Then::DeadLetter | Then::Park => matches!(state, ShardState::BreakerOpen { .. }),
    };
    world.until(&runner, 0, stands).await;
    runner.stop().await;
    let runner = world.start().await.unwrap();
    world.until(&runner, 0, stands).await;
    let (sets, bytes) = world.tape.longest_row();
    assert!(bytes <= PROGRESS_BYTES_MAX, "{bytes}");

    // What runs now was begun before the repair.
    world.platform.clock.sleep(Duration::from_secs(1)).await;
    down.store(false, Ordering::Relaxed);
    runner.resume(None);
    world.caught_up(&runner).await;
    assert_eq!(world.dead(), []);
    let mut outputs = world.tape.outputs();
    // Lanes do not wait for each other; within a key a stable sort keeps what order there is.
    let of_key = |data: &String| key(data.parse().unwrap());
    let mut expected: Vec<String> = (0..RECORDS).map(|index| format!("{index:05}")).collect();
    if !lanes.is_one() {
        outputs.sort_by_key(of_key);
        expected.sort_by_key(of_key);
    }
    assert!(outputs == expected, "{kind} {mark:?} {then:?} {lanes:?}");
    runner.stop().await;
    sets
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_every_record_fails_is_split_into_few_sets_and_loses_none() {
    let halvings = usize::try_from(RECORDS.ilog2()).unwrap() + 1;
    let failures = usize::try_from(FAILURES).unwrap();
    for (kind, mark, thens) in [
        (
            "MalformedOutput",
            Mark::Last,
            &[Then::DeadLetter, Then::Park, Then::Block][..],
        ),
        ("Unhandled", Mark::Nowhere, &[Then::DeadLetter]),
        ("Trap", Mark::Last, &[Then::Park, Then::Block]),
        ("Trap", Mark::First, &[Then::Park]),
    ] {
        for &then in thens {
            let sets = splits(kind, mark, (then, Lanes::ONE)).await;
            assert!(
                sets <= halvings + failures,
                "{kind} {mark:?} {then:?}: {sets}"
            );
        }
        let lanes = Lanes::Hashed(10);
        let sets = splits(kind, mark, (Then::DeadLetter, lanes)).await;
        assert!(sets <= 10 * halvings, "{kind} {mark:?}: {sets}");
    }
}
