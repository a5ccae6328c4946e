//! Whether the second version of a function does so much worse than the first that it takes nothing more.
//!
//! In: how many records each version was handed, and how many failed. Out: a sentence, once there is enough to judge by.
//! Both versions meet the same outside world at the same time, so it is their difference that counts: an outage, which
//! both fail in, takes nothing back. Counts begin anew with each pair of versions, and with each start of the server.

use std::sync::{Mutex, PoisonError};

use catalog::{Route, TakenBack};
use dispatch::{Order, RollBack};
use model::{FaultClass, FunctionName, FunctionVersion, Outcome, TriggerName};
use serde_json::json;
use tracing::warn;

use super::{ChangeError, Functions};

/// What one version was handed, in records.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Handed {
    records: u32,
    failed: u32,
}

impl Handed {
    fn add(&mut self, records: u32, failed: u32) {
        self.records = self.records.saturating_add(records);
        self.failed = self.failed.saturating_add(failed);
    }

    fn rate(self) -> f64 {
        f64::from(self.failed) / f64::from(self.records.max(1))
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Pair {
    versions: Option<(FunctionVersion, FunctionVersion)>,
    first: Handed,
    second: Handed,
}

/// Counts what the two versions of a trigger come to.
#[derive(Debug, Default)]
pub(super) struct Judge(Mutex<Pair>);

impl Judge {
    /// What came of records that `version` was handed; why the second version is to be taken back, where it is.
    pub(super) fn note(
        &self,
        route: &Route,
        (version, records): (FunctionVersion, usize),
        outcome: &Outcome,
        limit: RollBack,
    ) -> Option<String> {
        let share = route.other.filter(|share| share.weight > 0.0)?;
        let failed = match outcome {
            Outcome::Answered(answer) => answer.failures.len(),
            Outcome::Failed(fault) => match fault.class {
                FaultClass::Function => records,
                FaultClass::Invoke => return None,
            },
        };
        let count = |records| u32::try_from(records).unwrap_or(u32::MAX);
        let mut pair = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = Some((route.version, share.version));
        if pair.versions != versions {
            *pair = Pair {
                versions,
                ..Pair::default()
            };
        }
        if version == share.version {
            pair.second.add(count(records), count(failed));
        } else if version == route.version {
            pair.first.add(count(records), count(failed));
        }
        let Pair { first, second, .. } = *pair;
        let enough = u64::from(second.records) >= limit.records;
        let worse = second.rate() - first.rate() > limit.failures;
        (enough && worse).then(|| {
            format!(
                "{} of {} records failed in version {}, {} of {} in version {}",
                second.failed,
                second.records,
                share.version,
                first.failed,
                first.records,
                route.version
            )
        })
    }
}

impl Functions {
    /// The second version takes nothing more, which is written together with its row of the audit log.
    pub(super) async fn take_back(
        &self,
        (name, qualifier): (&FunctionName, Option<&str>),
        version: FunctionVersion,
        trigger: &TriggerName,
        because: String,
    ) {
        let now = self.platform.clock.wall();
        let facts = json!({
            "function": name,
            "alias": qualifier,
            "version": version,
            "because": because,
        });
        let row = Order::new(now, "canary roll-back", Some(trigger), facts).row(&self.platform);
        let told = TakenBack {
            version,
            at_ms: now.as_millis(),
            because: because.clone(),
        };
        let taken = self
            .change_with(name, Some(row), |entry| {
                let taken = entry.take_back(qualifier, told);
                taken.then_some(()).ok_or("somebody was faster")
            })
            .await;
        match taken {
            Ok(()) => warn!(function = %name, %version, %because, "canary rolled back"),
            Err(ChangeError::NoFunction | ChangeError::Refused(_)) => {}
            // The next record that it is handed asks again.
            Err(ChangeError::Catalog(error)) => {
                warn!(function = %name, %version, %error, "canary not rolled back");
            }
        }
    }

    /// Second versions that were rolled back, by function and alias, each in a sentence.
    pub(crate) fn taken_back(&self) -> Vec<(FunctionName, Option<String>, String)> {
        let mut all = Vec::new();
        for (name, deployed) in self.now().iter() {
            for (qualifier, taken) in &deployed.entry.head.taken_back {
                let alias = (!qualifier.is_empty()).then(|| qualifier.clone());
                let whole = alias
                    .as_ref()
                    .map_or_else(|| name.to_string(), |alias| format!("{name}@{alias}"));
                let to = alias.as_ref().map(|alias| format!(" --alias {alias}"));
                let at = model::Timestamp::from_millis(taken.at_ms);
                let (version, because) = (taken.version, &taken.because);
                let sentence = format!(
                    "the canary of function {whole} was rolled back at {at}: {because}; `shardmill function promote {name} {version} --weight 10%{}` lets it in again",
                    to.unwrap_or_default()
                );
                all.push((name.clone(), alias, sentence));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use catalog::Share;
    use model::{Answer, Fault, outcome::Usage};

    use super::*;

    const LIMIT: RollBack = RollBack {
        failures: 0.1,
        records: 100,
    };

    fn route(weight: f64) -> Route {
        Route {
            version: FunctionVersion(1),
            other: Some(Share {
                version: FunctionVersion(2),
                weight,
            }),
        }
    }

    fn failed(class: FaultClass) -> Outcome {
        Outcome::Failed(Fault {
            class,
            kind: "Trap".to_owned(),
            message: String::new(),
            retry_after: None,
            usage: Usage::default(),
        })
    }

    fn done() -> Outcome {
        Outcome::Answered(Answer::default())
    }

    fn noted(judge: &Judge, version: u64, records: usize, outcome: &Outcome) -> Option<String> {
        let handed = (FunctionVersion(version), records);
        judge.note(&route(0.2), handed, outcome, LIMIT)
    }

    #[test]
    fn a_version_that_does_worse_than_the_other_is_taken_back_once_there_is_enough_to_judge_by() {
        let judge = Judge::default();
        let fails = failed(FaultClass::Function);
        assert_eq!(noted(&judge, 1, 900, &done()), None);
        assert_eq!(noted(&judge, 2, 80, &done()), None);
        assert_eq!(noted(&judge, 2, 10, &fails), None);
        assert_eq!(
            noted(&judge, 2, 10, &fails).as_deref(),
            Some("20 of 100 records failed in version 2, 0 of 900 in version 1")
        );
    }

    #[test]
    fn an_outage_that_both_fail_in_takes_nothing_back() {
        let judge = Judge::default();
        let fails = failed(FaultClass::Function);
        for version in [1, 2, 1, 2] {
            assert_eq!(noted(&judge, version, 100, &fails), None);
        }
        assert_eq!(noted(&judge, 2, 100, &failed(FaultClass::Invoke)), None);
    }

    #[test]
    fn another_pair_begins_anew_and_a_version_without_a_share_is_not_judged() {
        let judge = Judge::default();
        let fails = failed(FaultClass::Function);
        assert!(noted(&judge, 2, 100, &fails).is_some());
        let other = Route {
            version: FunctionVersion(3),
            ..route(0.2)
        };
        let handed = (FunctionVersion(2), 50);
        assert_eq!(judge.note(&other, handed, &fails, LIMIT), None);
        let handed = (FunctionVersion(2), 100);
        assert_eq!(judge.note(&route(0.0), handed, &fails, LIMIT), None);
    }
}
