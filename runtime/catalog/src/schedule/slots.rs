//! What is to be done now with the next slot of a schedule: run it, wait for it, or pass what was missed.
//!
//! In: what is stored of the schedule, its policy, the moment. Out: one decision, the same for the same input, so that a
//! restart decides as the run before it would have.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Schedule,
    limits::{MISSED_COUNTED_MAX, ON_TIME},
};

/// What is stored of a schedule: every slot up to `through` is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// When it was first seen; a rate counts from here.
    pub since: Timestamp,
    /// The newest slot that was run, given up or passed.
    pub through: Timestamp,
    /// Of the slot behind `through` that failed and is tried again.
    pub tries: Option<Tries>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    pub slot: Timestamp,
    /// Attempts that were used.
    pub attempts: u32,
    pub not_before: Timestamp,
}

impl Slots {
    /// Of a schedule that is seen for the first time: what was before does not count.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            since: now,
            through: now.minus(Duration::from_millis(1)),
            tries: None,
        }
    }
}

/// What becomes of slots that passed while nobody was there to run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// They are passed.
    Skip,
    /// The newest of them is run, for all of them.
    Once,
    /// Each of them is run, in order.
    All,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub missed: Missed,
    /// Within this time behind its moment a slot is run; zero is at once.
    pub flexible: Duration,
    /// Makes the moments within the flexible time differ between schedules.
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Run this slot. `missed` earlier ones are passed with it.
    Run { slot: Timestamp, missed: u64 },
    /// Nothing before `until`, which is when `slot` is run or tried again.
    Wait { slot: Timestamp, until: Timestamp },
    /// All slots up to `through`, so many, are passed without a run.
    Skip { through: Timestamp, missed: u64 },
    /// No slot is left.
    Never,
}

#[must_use]
pub fn next(schedule: &Schedule, slots: &Slots, policy: &Policy, now: Timestamp) -> Next {
    if let Some(tries) = &slots.tries {
        let slot = tries.slot;
        return run_or_wait(slot, tries.not_before, now, 0);
    }
    let Some(first) = schedule.first_after(slots.since, slots.through) else {
        return Next::Never;
    };
    let due = |slot: Timestamp| slot.plus(offset(slot, policy));
    let missed = |slot: Timestamp| now > slot.plus(policy.flexible).plus(ON_TIME);
    if !missed(first) {
        return run_or_wait(first, due(first), now, 0);
    }
    let newest = schedule
        .last_until(slots.since, now)
        .unwrap_or(first)
        .max(first);
    match policy.missed {
        Missed::All => Next::Run {
            slot: first,
            missed: 0,
        },
        Missed::Once => run_or_wait(newest, due(newest), now, count(schedule, slots, newest)),
        Missed::Skip if missed(newest) => Next::Skip {
            through: newest,
            missed: count(schedule, slots, newest) + 1,
        },
        Missed::Skip => Next::Skip {
            through: newest.minus(Duration::from_millis(1)),
            missed: count(schedule, slots, newest),
        },
    }
}

fn run_or_wait(slot: Timestamp, due: Timestamp, now: Timestamp, missed: u64) -> Next {
    if now < due {
        return Next::Wait { slot, until: due };
    }
    Next::Run { slot, missed }
}

/// Unsettled slots before `end`, as far as they are counted.
fn count(schedule: &Schedule, slots: &Slots, end: Timestamp) -> u64 {
    let mut after = slots.through;
    let mut counted = 0;
    while counted < MISSED_COUNTED_MAX {
        match schedule.first_after(slots.since, after) {
            Some(slot) if slot < end => after = slot,
            Some(_) | None => break,
        }
        counted += 1;
    }
    counted
}

/// How much later than its moment a slot is run: less than the flexible time, and the same whenever it is asked.
#[must_use]
pub fn offset(slot: Timestamp, policy: &Policy) -> Duration {
    let within = u64::try_from(policy.flexible.as_millis()).unwrap_or(u64::MAX);
    if within == 0 {
        return Duration::ZERO;
    }
    Duration::from_millis(mixed(policy.seed ^ slot.as_millis()) % within)
}

/// The finalizer of splitmix64: neighbours among the inputs are none among the outputs.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
