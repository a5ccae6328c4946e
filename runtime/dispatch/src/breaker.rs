//! Poison or outage? Pure: told of successes and of record sets that failed, it says when a shard had better wait.
//!
//! A single record that always fails and a database that is down look the same from inside one record. So sets without a
//! common record are counted: when enough of them failed in a row the breaker opens, nothing is given up, and one
//! invocation from time to time shows whether it is over: in turns of the oldest set and of one that did not fail yet,
//! since several records in a row may be to blame. A success closes it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use model::{Position, Timestamp};

use crate::{limits::CLOCK_STEP_MIN, settings::BreakerPolicy};

#[derive(Debug)]
pub(crate) struct Breaker {
    policy: Option<BreakerPolicy>,
    /// Sets that failed since the last success.
    strikes: u32,
    open_until: Option<Timestamp>,
    /// The next try is of something that did not fail yet.
    looks_elsewhere: bool,
    /// Sets that failed as they are since it opened, by their first and last record.
    failed: BTreeSet<Span>,
}

type Span = (Position, Position);

impl Breaker {
    pub(crate) fn new(policy: Option<BreakerPolicy>) -> Self {
        Self {
            policy,
            strikes: 0,
            open_until: None,
            looks_elsewhere: false,
            failed: BTreeSet::new(),
        }
    }

    pub(crate) fn is_used(&self) -> bool {
        self.policy.is_some()
    }

    /// Until when nothing is invoked.
    pub(crate) fn holds(&self, now: Timestamp) -> Option<Timestamp> {
        self.open_until.filter(|until| *until > now)
    }

    /// The next invocation only shows whether the outage is over.
    pub(crate) fn is_probing(&self) -> bool {
        self.open_until.is_some()
    }

    pub(crate) fn looks_elsewhere(&self) -> bool {
        self.is_probing() && self.looks_elsewhere
    }

    pub(crate) fn has_failed(&self, set: Option<Span>) -> bool {
        set.is_some_and(|set| self.failed.contains(&set))
    }

    pub(crate) fn note_failed(&mut self, sets: impl IntoIterator<Item = Span>) {
        self.failed.extend(sets);
    }

    /// There is nothing else to try.
    pub(crate) fn look_at_the_oldest(&mut self) {
        self.looks_elsewhere = false;
    }

    pub(crate) fn succeeded(&mut self) {
        self.strikes = 0;
        self.open_until = None;
        self.looks_elsewhere = false;
        self.failed.clear();
    }

    /// The clock was set back.
    pub(crate) fn move_back(&mut self, by: Duration) {
        self.open_until = self.open_until.map(|until| until.minus(by));
    }

    /// One more set failed for good. True when that opens the breaker, or keeps it open.
    pub(crate) fn strike(&mut self, now: Timestamp) -> bool {
        let Some(policy) = self.policy else {
            return false;
        };
        self.strikes = self.strikes.saturating_add(1);
        self.looks_elsewhere = self.is_probing() && !self.looks_elsewhere;
        let opens = self.is_probing() || self.strikes >= policy.failures;
        if opens {
            self.open_until = Some(now.plus(policy.probe));
        }
        opens
    }
}

/// When something of the trigger last succeeded, on whichever shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// What lies further ahead than a step of the clock was before that was set back.
    pub(crate) fn beat(&self, now: Timestamp) {
        let newer = |last: u64| {
            let ahead = Timestamp::from_millis(last).since(now);
            let is_older = last > now.as_millis() && ahead < CLOCK_STEP_MIN;
            (!is_older).then(|| now.as_millis())
        };
        // One that is older changes nothing.
        let _kept = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, newer);
    }

    pub(crate) fn since(&self, moment: Timestamp) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        last > 0 && last >= moment.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_so_many_sets_and_closes_on_a_success() {
        let policy = BreakerPolicy {
            failures: 2,
            probe: Duration::from_secs(30),
        };
        let mut breaker = Breaker::new(Some(policy));
        let at = Timestamp::from_millis;
        assert!(!breaker.strike(at(1)));
        breaker.succeeded();
        assert!(!breaker.strike(at(2)));
        assert!(breaker.strike(at(3)));
        assert_eq!(breaker.holds(at(30_002)), Some(at(30_003)));
        assert_eq!(breaker.holds(at(30_003)), None);
        assert!(breaker.is_probing());
        assert!(!breaker.looks_elsewhere());
        assert!(breaker.strike(at(30_010)), "a probe that fails");
        assert!(breaker.looks_elsewhere());
        assert_eq!(breaker.holds(at(30_011)), Some(at(60_010)));
        breaker.succeeded();
        assert!(!breaker.is_probing());
        assert!(!Breaker::new(None).strike(at(1)));
    }

    #[test]
    fn a_pulse_knows_the_newest_success() {
        let pulse = Pulse::default();
        assert!(!pulse.since(Timestamp::default()));
        pulse.beat(Timestamp::from_millis(5));
        pulse.beat(Timestamp::from_millis(3));
        assert!(pulse.since(Timestamp::from_millis(5)));
        assert!(!pulse.since(Timestamp::from_millis(6)));
        // The clock was set back between two successes.
        pulse.beat(Timestamp::from_millis(3_600_000));
        pulse.beat(Timestamp::from_millis(7));
        assert!(!pulse.since(Timestamp::from_millis(8)));
    }
}
