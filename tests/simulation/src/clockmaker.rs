//! Somebody who sets the clock forward and back at drawn moments, as a machine with a wrong time and its correction do.
//!
//! It is never further ahead than the story waits for in its end: what arrived in the future is handled when that is there.

use std::time::Duration;

use platform::{Platform, Rng, StopToken};

use crate::{fault::Fault, trace::Trace};

const PAUSE_MAX_MS: u64 = 1_500;
const AHEAD_MAX_MS: u64 = 40_000;

#[derive(Debug)]
pub(crate) struct Clockmaker {
    pub(crate) world: Platform,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
}

impl Clockmaker {
    pub(crate) async fn run(self, stop: StopToken) {
        let mut ahead = Duration::ZERO;
        while !stop.is_stopped() {
            let pause = Duration::from_millis(self.rng.below(PAUSE_MAX_MS));
            self.world.clock.sleep(pause).await;
            self.trace.fault(Fault::ClockJump);
            if ahead.is_zero() {
                ahead = Duration::from_millis(1 + self.rng.below(AHEAD_MAX_MS));
                self.world.clock.shift(ahead);
            } else {
                self.world.clock.set_back(ahead);
                ahead = Duration::ZERO;
            }
        }
    }
}
