//! What one life of the server does to itself: the faults that `up --testing --faults` brings, drawn from the seed.
//!
//! A worker crashes, freezes or is replaced at any of its points, functions are slow, a shard is throttled. The same code
//! brings them to people's tests.

use std::time::Duration;

use host::{Fault, Faults, Point, Worker};
use model::{ShardId, StreamName, TriggerName};
use platform::Rng;

use crate::plan::{Part, Plan};

const TRIGGERS: [&str; 7] = [
    "departures",
    "board",
    "replays",
    "tallies",
    "sums",
    "customs",
    "heavy",
];
/// A life is short: later occasions rarely come.
const NTH_MAX: u64 = 5;
const FROZEN_MAX_MS: u64 = 400;
const SLOW_MAX_MS: u64 = 60;
const THROTTLED_MAX_MS: u64 = 120;
const AT_MAX_MS: u64 = 200;
const SHARDS: u64 = 4;

/// Everything is drawn, whatever the plan leaves out.
pub(crate) fn drawn(rng: &Rng, plan: &Plan) -> Faults {
    let mut list = Vec::new();
    let mut add = |one_in: u64, part: Part, fault: Fault| {
        if rng.below(one_in) == 0 && plan.has(part) {
            list.push(fault);
        }
    };
    let crash = Fault::Crash {
        worker: worker(rng),
        point: point(rng),
        nth: nth(rng),
    };
    add(2, Part::WorkerCrashes, crash);
    for replaced in [false, true] {
        let freeze = Fault::Freeze {
            worker: worker(rng),
            point: point(rng),
            nth: nth(rng),
            lasts: millis(rng, FROZEN_MAX_MS),
            replaced,
        };
        add(2, Part::Freezes, freeze);
    }
    let slow = Fault::Slow {
        worker: worker(rng),
        percent: 1 + u32::try_from(rng.below(50)).unwrap_or(0),
        by: millis(rng, SLOW_MAX_MS),
    };
    add(3, Part::SlowFunctions, slow);
    let throttle = Fault::Throttle {
        stream: StreamName::parse("flights").expect("a name"),
        shard: shard(rng),
        at: millis(rng, AT_MAX_MS),
        lasts: millis(rng, THROTTLED_MAX_MS),
    };
    add(3, Part::Throttles, throttle);
    Faults {
        seed: rng.u64(),
        list,
    }
}

fn worker(rng: &Rng) -> Worker {
    let turn = usize::try_from(rng.below(TRIGGERS.len() as u64)).unwrap_or(0);
    let shard = shard(rng);
    Worker {
        trigger: TriggerName::parse(TRIGGERS[turn]).expect("a name"),
        shard: (rng.below(2) == 0).then_some(shard),
    }
}

fn point(rng: &Rng) -> Point {
    let turn = usize::try_from(rng.below(Point::ALL.len() as u64)).unwrap_or(0);
    Point::ALL[turn]
}

fn nth(rng: &Rng) -> u32 {
    1 + u32::try_from(rng.below(NTH_MAX)).unwrap_or(0)
}

fn shard(rng: &Rng) -> ShardId {
    ShardId(u32::try_from(rng.below(SHARDS)).unwrap_or(0))
}

fn millis(rng: &Rng, most: u64) -> Duration {
    Duration::from_millis(1 + rng.below(most))
}
