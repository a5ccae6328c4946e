//! Whether the wall clock was set back: pure, told of both clocks again and again.
//!
//! Pauses, probes and batch windows end at moments of the wall clock, which a restart understands. Where that clock is set back,
//! such a moment lies as much further ahead as the clock went back, so whoever waits for it moves it along. A clock that jumps
//! forward only ends waits; a machine that slept looks the same.

use std::time::Duration;

use model::Timestamp;
use platform::Monotonic;

use crate::limits::CLOCK_STEP_MIN;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    wall: Timestamp,
    monotonic: Monotonic,
}

impl Pace {
    pub(crate) fn new(wall: Timestamp, monotonic: Monotonic) -> Self {
        Self { wall, monotonic }
    }

    /// How far the clock was set back since the last look.
    pub(crate) fn set_back(&mut self, wall: Timestamp, monotonic: Monotonic) -> Option<Duration> {
        let passed = monotonic.0.saturating_sub(self.monotonic.0);
        let back = self.wall.plus(passed).since(wall);
        *self = Self::new(wall, monotonic);
        Some(back).filter(|back| *back >= CLOCK_STEP_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_is_told_once_and_neither_drift_nor_a_step_forward_is() {
        let mut pace = Pace::new(
            Timestamp::from_millis(10_000_000),
            Monotonic(Duration::ZERO),
        );
        for (wall, monotonic, back) in [
            (10_005_000, 5_000, None),
            (10_005_900, 6_000, None),
            (6_406_900, 7_000, Some(3_600_000)),
            (6_407_900, 8_000, None),
            (10_007_900, 9_000, None),
            (0, 9_001, Some(10_007_901)),
        ] {
            let monotonic = Monotonic(Duration::from_millis(monotonic));
            let found = pace.set_back(Timestamp::from_millis(wall), monotonic);
            assert_eq!(found, back.map(Duration::from_millis), "{wall}");
        }
    }
}
