//! How to wait for the device: asleep in the calls, or awake at the ring. Pure.
//!
//! Asleep costs nothing and is quick, unless the processor is idle and rounds every wake up to its timer tick: then a
//! sync of 0.1 ms takes 4. Awake costs a processor for as long as the device takes, and a busy machine has none to spare.
//! So commits sleep, and look for their completion only where that was seen to be much faster.

use std::time::Duration;

/// Commits that are timed together.
const SAMPLE: u32 = 4;
/// A sleep that takes less is not worth the question.
const SLEEP_SUSPECT_MIN: Duration = Duration::from_micros(500);
/// Being awake must be so many times faster.
const FASTER_MIN: u32 = 2;
/// Samples until sleeping is tried again, or being awake when it was no better.
const SAMPLES_AWAKE: u32 = 128;
const SAMPLES_ASLEEP: u32 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Asleep,
    Awake,
}

#[derive(Debug)]
pub(super) struct Waits {
    way: Way,
    /// Samples that this way is kept for whatever they say.
    kept: u32,
    /// What a sleep took when it was given up for a try.
    asleep: Option<Duration>,
    taken: u32,
    sum: Duration,
}

/// The first commits are those of a start, which are few and should not wait for a tick.
impl Default for Waits {
    fn default() -> Self {
        Self {
            way: Way::Awake,
            kept: 1,
            asleep: None,
            taken: 0,
            sum: Duration::ZERO,
        }
    }
}

impl Waits {
    pub(super) fn way(&self) -> Way {
        self.way
    }

    /// What a commit took that waited this way.
    pub(super) fn took(&mut self, way: Way, time: Duration) {
        if way != self.way {
            return;
        }
        self.taken += 1;
        self.sum += time;
        if self.taken == SAMPLE {
            let mean = self.sum / SAMPLE;
            (self.taken, self.sum) = (0, Duration::ZERO);
            self.decide(mean);
        }
    }

    fn decide(&mut self, mean: Duration) {
        self.kept = self.kept.saturating_sub(1);
        match (self.way, self.asleep.take()) {
            (Way::Awake, Some(asleep)) if mean * FASTER_MIN > asleep => {
                (self.way, self.kept) = (Way::Asleep, SAMPLES_ASLEEP);
            }
            (Way::Awake, Some(_)) => self.kept = SAMPLES_AWAKE,
            (Way::Awake, None) if self.kept == 0 => self.way = Way::Asleep,
            (Way::Asleep, _) if self.kept == 0 && mean >= SLEEP_SUSPECT_MIN => {
                (self.way, self.asleep) = (Way::Awake, Some(mean));
            }
            (Way::Awake | Way::Asleep, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many commits were awake, where each way takes so many microseconds.
    fn awake_of(commits: u32, asleep: u64, awake: u64) -> u32 {
        let mut waits = Waits::default();
        let mut count = 0;
        for _ in 0..commits {
            let way = waits.way();
            let time = match way {
                Way::Asleep => asleep,
                Way::Awake => awake,
            };
            count += u32::from(way == Way::Awake);
            waits.took(way, Duration::from_micros(time));
        }
        count
    }

    #[test]
    fn commits_are_awake_only_where_sleeps_are_rounded_up() {
        let commits = 10_000;
        for (asleep, awake, most, least) in [
            // A device that answers in time, one that is slow by itself, and large commits on a busy machine.
            (100, 90, SAMPLE, SAMPLE),
            (8_000, 8_200, commits / 100, SAMPLE),
            (700, 4_000, commits / 100, SAMPLE),
            // An idle processor of a virtual machine.
            (4_000, 100, commits, commits / 100 * 98),
        ] {
            let count = awake_of(commits, asleep, awake);
            assert!(
                (least..=most).contains(&count),
                "{asleep} us against {awake} us: {count} of {commits} awake"
            );
        }
    }

    #[test]
    fn a_machine_that_falls_idle_and_gets_busy_again_is_noticed() {
        let mut waits = Waits::default();
        for (asleep, expected) in [
            (100, Way::Asleep),
            (4_000, Way::Awake),
            (100, Way::Asleep),
            (4_000, Way::Awake),
        ] {
            for _ in 0..SAMPLE * SAMPLES_ASLEEP * 2 {
                let way = waits.way();
                let time = if way == Way::Awake { 100 } else { asleep };
                waits.took(way, Duration::from_micros(time));
            }
            assert_eq!(waits.way(), expected, "sleeps of {asleep} us");
        }
    }
}
