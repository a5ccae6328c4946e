//! What AWS lets an account call: so often a second, so often a day. Kept only where a server is told to.
//!
//! In: an action, whose it is, and the moment. Out: whether it may go on. Rates are token buckets of the engine; daily
//! counts are of calls that succeeded, and begin anew when the server does. What shards let through is the engine's.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use platform::Monotonic;
use streams::{Bucket, Rate};

use super::generated::Action;
use crate::limits::RATES_KEPT_MAX;

const DAY: Duration = Duration::from_hours(24);

/// For what a rate is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Account,
    Stream,
}

/// Calls a second. Actions that are not here have no rate of their own.
const RATES: &[(Action, Scope, u64)] = &[
    (Action::AddTagsToStream, Scope::Account, 5),
    (Action::CreateStream, Scope::Account, 5),
    (Action::DecreaseStreamRetentionPeriod, Scope::Account, 5),
    (Action::DeleteResourcePolicy, Scope::Account, 5),
    (Action::DeleteStream, Scope::Account, 5),
    (Action::DeregisterStreamConsumer, Scope::Stream, 5),
    (Action::DescribeAccountSettings, Scope::Account, 5),
    (Action::DescribeLimits, Scope::Account, 1),
    (Action::DescribeStream, Scope::Account, 10),
    (Action::DescribeStreamConsumer, Scope::Stream, 20),
    (Action::DescribeStreamSummary, Scope::Account, 20),
    (Action::DisableEnhancedMonitoring, Scope::Account, 5),
    (Action::EnableEnhancedMonitoring, Scope::Account, 5),
    (Action::GetResourcePolicy, Scope::Account, 5),
    (Action::IncreaseStreamRetentionPeriod, Scope::Account, 5),
    (Action::ListShards, Scope::Stream, 1_000),
    (Action::ListStreamConsumers, Scope::Stream, 5),
    (Action::ListStreams, Scope::Account, 5),
    (Action::ListTagsForResource, Scope::Account, 5),
    (Action::ListTagsForStream, Scope::Account, 5),
    (Action::MergeShards, Scope::Account, 5),
    (Action::PutResourcePolicy, Scope::Account, 5),
    (Action::RegisterStreamConsumer, Scope::Account, 5),
    (Action::RemoveTagsFromStream, Scope::Account, 5),
    (Action::SplitShard, Scope::Account, 5),
    (Action::StartStreamEncryption, Scope::Account, 5),
    (Action::StopStreamEncryption, Scope::Account, 5),
    (Action::TagResource, Scope::Account, 5),
    (Action::UntagResource, Scope::Account, 5),
    (Action::UpdateAccountSettings, Scope::Account, 5),
    (Action::UpdateMaxRecordSize, Scope::Account, 5),
    (Action::UpdateShardCount, Scope::Account, 10),
    (Action::UpdateStreamMode, Scope::Account, 5),
    (
        Action::UpdateStreamRecordDistributionStrategy,
        Scope::Account,
        5,
    ),
    (Action::UpdateStreamWarmThroughput, Scope::Account, 5),
];

/// Calls that succeed within any 24 hours.
const DAILY: &[(Action, Scope, usize)] = &[
    (Action::StartStreamEncryption, Scope::Account, 25),
    (Action::StopStreamEncryption, Scope::Account, 25),
    (Action::UpdateShardCount, Scope::Stream, 10),
    (Action::UpdateStreamMode, Scope::Stream, 2),
];

/// Subscriptions a second of one consumer to one shard.
const SUBSCRIPTIONS: Rate = Rate::per_second(1);

/// Whose call it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calling<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    /// The stream by whatever names it; empty for none.
    pub(super) stream: &'a str,
}

/// Why a call may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    Rate,
    /// So many within 24 hours.
    Daily(usize),
}

#[derive(Debug, Default)]
pub(super) struct Quotas {
    buckets: Mutex<BTreeMap<String, Bucket>>,
    daily: Mutex<BTreeMap<String, VecDeque<Duration>>>,
}

impl Quotas {
    /// Whether a call may be carried out now.
    pub(super) fn pass(
        &self,
        action: Action,
        calling: Calling<'_>,
        now: Monotonic,
    ) -> Result<(), Exceeded> {
        if let Some((_, scope, per_second)) = RATES.iter().find(|(of, ..)| *of == action) {
            let name = calling.name(action, *scope);
            if !self.pass_bucket(name, Rate::per_second(*per_second), now) {
                return Err(Exceeded::Rate);
            }
        }
        let Some((_, scope, max)) = DAILY.iter().find(|(of, ..)| *of == action) else {
            return Ok(());
        };
        let mut daily = lock(&self.daily);
        let Some(done) = daily.get_mut(&calling.name(action, *scope)) else {
            return Ok(());
        };
        done.retain(|at| now.0.saturating_sub(*at) < DAY);
        if done.len() >= *max {
            return Err(Exceeded::Daily(*max));
        }
        Ok(())
    }

    /// Counts a call that succeeded.
    pub(super) fn count(&self, action: Action, calling: Calling<'_>, now: Monotonic) {
        if let Some((_, scope, max)) = DAILY.iter().find(|(of, ..)| *of == action) {
            let mut daily = lock(&self.daily);
            if daily.len() >= RATES_KEPT_MAX {
                let fresh = |at: &Duration| now.0.saturating_sub(*at) < DAY;
                daily.retain(|_, done| done.back().is_some_and(fresh));
            }
            let done = daily.entry(calling.name(action, *scope)).or_default();
            done.push_back(now.0);
            while done.len() > *max {
                done.pop_front();
            }
        }
    }

    /// Whether a consumer may subscribe to a shard now.
    pub(super) fn pass_subscription(&self, consumer: &str, shard: &str, now: Monotonic) -> bool {
        self.pass_bucket(format!("{consumer}/{shard}"), SUBSCRIPTIONS, now)
    }

    fn pass_bucket(&self, name: String, rate: Rate, now: Monotonic) -> bool {
        let mut buckets = lock(&self.buckets);
        if buckets.len() >= RATES_KEPT_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        buckets.entry(name).or_default().pass(rate, 1, now)
    }
}

impl Calling<'_> {
    fn name(self, action: Action, scope: Scope) -> String {
        let stream = match scope {
            Scope::Account => "",
            Scope::Stream => self.stream,
        };
        format!("{action:?}/{}/{}/{stream}", self.account, self.region)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calling(stream: &str) -> Calling<'_> {
        Calling {
            account: "000000000000",
            region: "eu-west-1",
            stream,
        }
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    #[test]
    fn every_action_has_the_rate_of_aws_by_account_or_by_stream() {
        for (action, passed, other_stream) in [
            (Action::DescribeLimits, 1, 0),
            (Action::CreateStream, 5, 0),
            (Action::DescribeStream, 10, 0),
            (Action::DescribeStreamSummary, 20, 0),
            (Action::ListStreamConsumers, 5, 5),
            (Action::ListShards, 1_000, 1_000),
            (Action::PutRecord, 2_000, 2_000),
        ] {
            let quotas = Quotas::default();
            let pass = |stream: &'static str| {
                let tries =
                    (0..2_000).filter(|_| quotas.pass(action, calling(stream), at(9)).is_ok());
                tries.count()
            };
            let found = (pass("a"), pass("b"));
            assert_eq!(found, (passed, other_stream), "{action:?}");
        }
    }

    #[test]
    fn a_day_has_few_changes_of_a_stream() {
        let quotas = Quotas::default();
        let action = Action::UpdateStreamMode;
        for (seconds, expected) in [
            (0, Ok(())),
            (60, Ok(())),
            (120, Err(Exceeded::Daily(2))),
            (86_399, Err(Exceeded::Daily(2))),
            (86_400, Ok(())),
            (86_401, Err(Exceeded::Daily(2))),
        ] {
            let passed = quotas.pass(action, calling("a"), at(seconds));
            assert_eq!(passed, expected, "{seconds}");
            if passed.is_ok() {
                quotas.count(action, calling("a"), at(seconds));
            }
        }
        assert_eq!(quotas.pass(action, calling("b"), at(86_402)), Ok(()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let quotas = Quotas::default();
        for number in 0..u64::try_from(RATES_KEPT_MAX * 2).unwrap() {
            assert!(quotas.pass_subscription("consumer", &number.to_string(), at(number)));
        }
        assert!(lock(&quotas.buckets).len() <= RATES_KEPT_MAX);
    }
}
