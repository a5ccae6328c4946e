//! How much of a story is played: all of it, or less where a failure is made smaller. Pure.
//!
//! What is left out is drawn nevertheless, so that the rest of the story stays as it was, as far as it can.

use std::{collections::BTreeSet, fmt};

use crate::story::{FLIGHTS_MAX, LIVES_MAX};

/// What a story can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    DiskFaults,
    FullDisks,
    SlowDisks,
    QuietTimes,
    HangUps,
    Lanes,
    Operator,
    Seeks,
    Resharder,
    Reader,
    WorkerCrashes,
    Freezes,
    FrozenServers,
    SlowFunctions,
    Throttles,
    ClockJumps,
    Parcels,
    Clerk,
}

impl Part {
    const ALL: [Self; 18] = [
        Self::DiskFaults,
        Self::FullDisks,
        Self::SlowDisks,
        Self::QuietTimes,
        Self::HangUps,
        Self::Lanes,
        Self::Operator,
        Self::Seeks,
        Self::Resharder,
        Self::Reader,
        Self::WorkerCrashes,
        Self::Freezes,
        Self::FrozenServers,
        Self::SlowFunctions,
        Self::Throttles,
        Self::ClockJumps,
        Self::Parcels,
        Self::Clerk,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::DiskFaults => "disk-faults",
            Self::FullDisks => "full-disks",
            Self::SlowDisks => "slow-disks",
            Self::QuietTimes => "quiet-times",
            Self::HangUps => "hang-ups",
            Self::Lanes => "lanes",
            Self::Operator => "operator",
            Self::Seeks => "seeks",
            Self::Resharder => "resharder",
            Self::WorkerCrashes => "worker-crashes",
            Self::Freezes => "freezes",
            Self::FrozenServers => "frozen-servers",
            Self::SlowFunctions => "slow-functions",
            Self::Throttles => "throttles",
            Self::ClockJumps => "clock-jumps",
            Self::Parcels => "parcels",
            Self::Clerk => "clerk",
            Self::Reader => "reader",
        }
    }
}

/// Bounds of a story; what it draws may be less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub flights_max: u64,
    /// Of the server, before the last one.
    pub lives_max: u64,
    pub without: BTreeSet<Part>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            flights_max: u64::MAX,
            lives_max: u64::MAX,
            without: BTreeSet::new(),
        }
    }
}

impl Plan {
    pub(crate) fn has(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }

    /// The smallest plan that is found to fail still, after `tries` tries at most.
    #[must_use]
    pub fn shrunk(self, mut tries: u32, mut fails: impl FnMut(&Self) -> bool) -> Self {
        let mut best = self;
        'smaller: loop {
            for plan in best.smaller() {
                if tries == 0 {
                    return best;
                }
                tries -= 1;
                if fails(&plan) {
                    best = plan;
                    continue 'smaller;
                }
            }
            return best;
        }
    }

    /// Plans with one thing less, the largest steps first.
    fn smaller(&self) -> Vec<Self> {
        let flights = self.flights_max.min(FLIGHTS_MAX);
        let lives = self.lives_max.min(LIVES_MAX);
        let mut smaller = Vec::new();
        for flights_max in [
            flights / 2,
            flights - flights / 4,
            flights.saturating_sub(1),
        ] {
            if (1..flights).contains(&flights_max) {
                smaller.push(Self {
                    flights_max,
                    ..self.clone()
                });
            }
        }
        for lives_max in [lives / 2, lives.saturating_sub(1)] {
            if lives_max < lives {
                smaller.push(Self {
                    lives_max,
                    ..self.clone()
                });
            }
        }
        for part in Part::ALL.into_iter().filter(|part| self.has(*part)) {
            let mut plan = self.clone();
            plan.without.insert(part);
            smaller.push(plan);
        }
        smaller
    }

    /// Takes one argument of the command line; `None` where it is none or has no right value.
    pub fn take(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "--flights" => self.flights_max = value.parse().ok()?,
            "--lives" => self.lives_max = value.parse().ok()?,
            "--without" => {
                for word in value.split(',') {
                    let part = Part::ALL.into_iter().find(|part| part.word() == word);
                    self.without.insert(part?);
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// As arguments of the command, each behind a space.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.flights_max < u64::MAX {
            write!(f, " --flights {}", self.flights_max)?;
        }
        if self.lives_max < u64::MAX {
            write!(f, " --lives {}", self.lives_max)?;
        }
        if !self.without.is_empty() {
            let words: Vec<&str> = self.without.iter().map(|part| part.word()).collect();
            write!(f, " --without {}", words.join(","))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_is_written() {
        let mut plans = vec![Plan::default()];
        for _ in 0..6 {
            let last = &plans[plans.len() - 1];
            plans.extend(last.smaller());
        }
        for plan in plans {
            let written = plan.to_string();
            let words: Vec<&str> = written.split_whitespace().collect();
            let mut read = Plan::default();
            for pair in words.chunks(2) {
                read.take(pair[0], pair[1]).unwrap();
            }
            assert_eq!(read, plan);
        }
        assert_eq!(Plan::default().take("--without", "lives"), None);
    }

    #[test]
    fn a_failure_is_shrunk_to_what_it_needs() {
        let fails = |plan: &Plan| plan.flights_max >= 37 && plan.has(Part::FullDisks);
        let smallest = Plan::default().shrunk(200, fails);
        assert_eq!(smallest.flights_max, 37);
        assert_eq!(smallest.lives_max, 0);
        assert_eq!(smallest.without.len(), Part::ALL.len() - 1);
        assert_eq!(Plan::default().shrunk(200, |_| false), Plan::default());
    }
}
