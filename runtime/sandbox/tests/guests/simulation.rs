//! The sandbox in a simulated world: the same seed gives the same run, down to the fuel.

use std::{sync::Arc, time::Duration};

use model::{Invocation, Outcome};
use serde_json::Value;
use shardmill_sandbox::{FunctionLimits, SandboxPolicy};

use crate::world::{Kept, World, batch, generous};

/// Outcomes of a few guests, fuel included.
async fn run(seed: u64) -> Vec<Outcome> {
    let world = World::simulated(seed);
    let limits = FunctionLimits {
        timeout: Duration::from_millis(50),
        sandbox: Some(SandboxPolicy::Warm),
        ..generous()
    };
    let mut outcomes = Vec::new();
    for guest in ["tells", "counter", "event-echo", "panics", "loops"] {
        let function = world.load(guest, limits.clone()).await;
        for _ in 0..2 {
            let invocation = Invocation {
                state: Some(Arc::new(Kept::default())),
                ..batch(&[("a", "1"), ("b", "2"), ("a", "3")])
            };
            outcomes.push(world.run(&function, invocation).await);
        }
    }
    outcomes
}

fn fuel(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Answered(answer) => answer.usage.fuel,
        Outcome::Failed(fault) => fault.usage.fuel,
    }
}

fn told(outcome: &Outcome, name: &str) -> Option<u64> {
    match outcome {
        Outcome::Answered(answer) => {
            let seen: Value = serde_json::from_slice(&answer.outputs.first()?.data).ok()?;
            seen[name].as_u64()
        }
        Outcome::Failed(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_seed_runs_the_same_way_twice() {
    let (once, again) = (run(7).await, run(7).await);
    assert_eq!(once, again);
    assert!(
        once.iter()
            .all(|outcome| fuel(outcome).is_some_and(|fuel| fuel > 0))
    );
}

#[tokio::test(start_paused = true)]
async fn chance_comes_from_the_seed_the_clock_from_the_world_and_no_sandbox_is_warm() {
    let (seven, eight) = (run(7).await, run(8).await);
    assert_ne!(told(&seven[0], "draw"), told(&eight[0], "draw"));
    let start = World::simulated(7).platform.clock.wall();
    assert_eq!(told(&seven[0], "clock_ms"), Some(start.as_millis()));
    assert_eq!(told(&seven[1], "calls"), Some(1));
}
