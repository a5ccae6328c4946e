//! When a shard loses data, at the rate at which it goes now: a pure look at how the oldest unsettled record changed.
//!
//! In: from time to time, how old the oldest record is that a trigger has not settled on a shard. Out: how long it takes
//! until retention takes records before they are settled, or nothing where that never comes at this rate.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::{ShardId, Timestamp, TriggerName};

use crate::limits::FORECAST_LOOKS_MAX;

/// When it was looked, and when the oldest unsettled record had arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    at: Timestamp,
    oldest: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct Forecast {
    looks: Mutex<BTreeMap<(TriggerName, ShardId), VecDeque<Look>>>,
}

impl Forecast {
    /// `oldest` is None where everything is settled: what was before says nothing any more.
    pub(crate) fn look(
        &self,
        trigger: &TriggerName,
        shard: ShardId,
        at: Timestamp,
        oldest: Option<Timestamp>,
    ) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (trigger.clone(), shard);
        let Some(oldest) = oldest else {
            looks.remove(&key);
            return;
        };
        let of_shard = looks.entry(key).or_default();
        // After a clock that went back, or a seek, the line begins anew.
        let goes_on = |last: &Look| last.at <= at && last.oldest <= oldest;
        if of_shard.back().is_some_and(|last| !goes_on(last)) {
            of_shard.clear();
        }
        if of_shard.len() >= FORECAST_LOOKS_MAX {
            of_shard.pop_front();
        }
        of_shard.push_back(Look { at, oldest });
    }

    /// How long until the shard loses data.
    pub(crate) fn loses_in(
        &self,
        trigger: &TriggerName,
        shard: ShardId,
        retention: Duration,
        now: Timestamp,
    ) -> Option<Duration> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let of_shard = looks.get(&(trigger.clone(), shard))?;
        let (first, last) = (of_shard.front()?, of_shard.back()?);
        loses_in(*first, *last, retention, now)
    }
}

/// A record has `retention` from its arrival on. While the oldest moves on by `moved` in `passed`, what is left of that
/// shrinks by the rest.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of any real span are exact in a double"
)]
fn loses_in(first: Look, last: Look, retention: Duration, now: Timestamp) -> Option<Duration> {
    let passed = last.at.since(first.at).as_millis() as f64;
    let moved = last.oldest.since(first.oldest).as_millis() as f64;
    if passed <= 0.0 {
        return None;
    }
    let shrinks = 1.0 - moved / passed;
    if shrinks <= 0.0 {
        return None;
    }
    let age = now.since(last.oldest);
    let left = retention.saturating_sub(age);
    Duration::try_from_secs_f64(left.as_secs_f64() / shrinks).ok()
}

/// As a person says it: `3 h 10 m`.
pub(crate) fn said(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} m"),
        (0, hours) => format!("{hours} h {minutes} m"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    /// A trigger that settles `percent` of what comes in while time passes, from a backlog of `behind` hours on: when the
    /// oldest record is as old as retention allows, that is the moment of loss.
    fn check(percent: u64, behind: u64, retention: u64, expect_hours: Option<f64>) {
        let forecast = Forecast::default();
        let trigger = TriggerName::parse("board").unwrap();
        let begin = 1_000 * HOUR;
        let mut now = begin;
        for look in 0..20 {
            now = begin + look * 10_000;
            let oldest = begin - behind * HOUR + look * 100 * percent;
            let oldest = Some(Timestamp::from_millis(oldest));
            forecast.look(&trigger, ShardId(0), Timestamp::from_millis(now), oldest);
        }
        let retention = Duration::from_secs(retention * 3_600);
        let now = Timestamp::from_millis(now);
        let loses = forecast.loses_in(&trigger, ShardId(0), retention, now);
        match (loses, expect_hours) {
            (None, None) => {}
            (Some(loses), Some(expect)) => {
                let ratio = loses.as_secs_f64() / 3_600.0 / expect;
                assert!((0.9..1.1).contains(&ratio), "{percent} {loses:?} {expect}");
            }
            other => panic!("{percent}: {other:?}"),
        }
    }

    #[test]
    fn the_moment_of_loss_is_off_by_less_than_a_tenth() {
        // It stands still: what is left of retention is all there is.
        check(0, 4, 24, Some(20.0));
        // It settles half of what comes: twice as long.
        check(50, 4, 24, Some(40.0));
        check(90, 20, 24, Some(40.0));
        check(100, 4, 24, None);
        check(150, 4, 24, None);
    }

    #[test]
    fn what_is_settled_is_forgotten_and_spans_are_said_as_people_do() {
        let forecast = Forecast::default();
        let trigger = TriggerName::parse("board").unwrap();
        let at = Timestamp::from_millis;
        for (now, oldest) in [(0, Some(0)), (10, Some(0)), (20, None), (30, Some(5))] {
            forecast.look(&trigger, ShardId(0), at(now), oldest.map(at));
        }
        let day = Duration::from_secs(86_400);
        assert_eq!(forecast.loses_in(&trigger, ShardId(0), day, at(30)), None);
        for (seconds, words) in [(59, "0 m"), (11_400, "3 h 10 m"), (180_000, "2 d 2 h")] {
            assert_eq!(said(Duration::from_secs(seconds)), words);
        }
    }
}
