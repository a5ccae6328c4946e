//! When a function is to run by the clock: AWS's expressions in a time zone go in, moments come out.
//!
//! Everything here is pure: no clock, no disk, no task. A **slot** is a moment that an expression names; `slots` decides
//! what is to be done with the next one. Time zones come from the copy of the database within the program, so that every
//! machine knows the same ones.

mod cron;
mod expression;
mod limits;
mod slots;
mod zone;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp as Instant, civil::DateTime, tz::TimeZone};
use model::Timestamp;

pub use expression::{BadExpression, Expression};
pub use slots::{Missed, Next, Policy, Slots, Tries, next, offset};
pub use zone::{UnknownZone, zone};

use limits::ZONE_GAPS_MAX;

/// An expression, and the time zone whose clocks it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub expression: Expression,
    pub zone: TimeZone,
}

impl Schedule {
    /// Whether any moment from 1970 to 2199 is one of its slots.
    #[must_use]
    pub fn ever_fires(&self) -> bool {
        let begin = Timestamp::from_millis(0);
        self.first_after(begin, begin).is_some()
    }

    /// The first slot behind `after`. A rate counts from `since`, which is its first slot.
    #[must_use]
    pub fn first_after(&self, since: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match &self.expression {
            Expression::Rate(period) => {
                let period = u64::try_from(period.as_millis()).ok()?.max(1);
                let passed = after.as_millis().checked_sub(since.as_millis());
                let steps = passed.map_or(0, |passed| passed / period + 1);
                let slot = since.as_millis().checked_add(period.checked_mul(steps)?)?;
                Some(Timestamp::from_millis(slot))
            }
            Expression::At(civil) => self.moment(*civil, Gap::Later).filter(|at| *at > after),
            Expression::Cron(cron) => {
                let mut civil = self.civil(after)?;
                for _ in 0..ZONE_GAPS_MAX {
                    civil = cron.next(civil)?;
                    // What a clock shows twice was a slot the first time, and what it never shows is none.
                    let slot = self.moment(civil, Gap::None).filter(|at| *at > after);
                    if slot.is_some() {
                        return slot;
                    }
                }
                None
            }
        }
    }

    /// The newest slot up to and including `until`, but not before `since`.
    #[must_use]
    pub fn last_until(&self, since: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let found = match &self.expression {
            Expression::Rate(period) => {
                let period = u64::try_from(period.as_millis()).ok()?.max(1);
                let passed = until.as_millis().checked_sub(since.as_millis())?;
                let slot = until.as_millis() - passed % period;
                Some(Timestamp::from_millis(slot))
            }
            Expression::At(civil) => self.moment(*civil, Gap::Later),
            Expression::Cron(cron) => {
                // Later in civil time is never earlier in time, so the newest one is the first found backwards.
                let mut civil = self.civil(until)?;
                civil = civil.checked_add(self.shown_again(until)).ok()?;
                let mut inclusive = true;
                (0..ZONE_GAPS_MAX).find_map(|_| {
                    civil = cron.previous(civil, inclusive)?;
                    inclusive = false;
                    self.moment(civil, Gap::None).filter(|at| *at <= until)
                })
            }
        };
        found.filter(|slot| (since..=until).contains(slot))
    }

    /// The slots behind `after`, at most so many.
    #[must_use]
    pub fn upcoming(&self, since: Timestamp, after: Timestamp, count: usize) -> Vec<Timestamp> {
        let mut slots = Vec::with_capacity(count);
        let mut after = after;
        while slots.len() < count {
            let Some(slot) = self.first_after(since, after) else {
                break;
            };
            slots.push(slot);
            after = slot;
        }
        slots
    }

    /// As clocks of the zone show it: `2026-03-08T03:00:00-05:00`.
    #[must_use]
    pub fn shown(&self, at: Timestamp) -> String {
        let zoned = instant(at).map(|at| at.to_zoned(self.zone.clone()));
        zoned.map_or_else(
            || at.to_string(),
            |at| at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        )
    }

    fn civil(&self, at: Timestamp) -> Option<DateTime> {
        Some(self.zone.to_datetime(instant(at)?))
    }

    /// How far clocks were put back, where they show for the second time what they show at this moment.
    fn shown_again(&self, at: Timestamp) -> SignedDuration {
        let times = self
            .civil(at)
            .map(|civil| self.zone.to_ambiguous_timestamp(civil));
        let both = times.and_then(|it| Some((it.earlier().ok()?, it.later().ok()?)));
        match (both, instant(at)) {
            (Some((earlier, later)), Some(at)) if at >= later => later.duration_since(earlier),
            _ => SignedDuration::ZERO,
        }
    }

    fn moment(&self, civil: DateTime, gap: Gap) -> Option<Timestamp> {
        let found = self.zone.to_ambiguous_timestamp(civil);
        let at = match (found.offset(), gap) {
            (jiff::tz::AmbiguousOffset::Gap { .. }, Gap::None) => return None,
            (_, Gap::Later | Gap::None) => found.compatible().ok()?,
        };
        u64::try_from(at.as_millisecond())
            .ok()
            .map(Timestamp::from_millis)
    }
}

/// What a time means that clocks skip when they are put forward.
#[derive(Debug, Clone, Copy)]
enum Gap {
    /// Nothing.
    None,
    /// As long after the jump as it says.
    Later,
}

fn instant(at: Timestamp) -> Option<Instant> {
    Instant::from_millisecond(i64::try_from(at.as_millis()).ok()?).ok()
}
