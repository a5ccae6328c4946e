//! What runs in the shadow of a trigger's function: it gets the same batches in the world as the function saw it, what it
//! would have done is thrown away, and where that is something else, it is counted and some of it kept to be looked at.
//!
//! It runs once the function has answered, beside what goes on: nothing waits for it, and it changes nothing. Where as many
//! run as may, a batch is passed over and counted. Counts and differences live as long as the trigger runs.

mod diff;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dispatch::Shadow;
use model::{
    FaultClass, FunctionVersion, Outcome, Position, ShardId, Timestamp, TriggerName,
    invocation::StateReader,
};
use sandbox::Capsule;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Functions;
use crate::limits::{SHADOW_BATCHES_MAX, SHADOW_DIFFERENCES_MAX};

/// What was compared since the trigger began to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) batches: u64,
    pub(crate) records: u64,
    /// Records that came out otherwise; where a whole batch did, all of its records.
    pub(crate) different: u64,
    /// Batches that nobody compared, because others were being compared.
    pub(crate) passed_over: u64,
    /// Batches that the shadow could not be run with.
    pub(crate) not_run: u64,
}

/// A record, or a batch as a whole, that came out otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    pub(crate) at: Timestamp,
    pub(crate) shard: ShardId,
    pub(crate) first: Option<Position>,
    /// None where the whole batch is meant.
    pub(crate) record: Option<(Position, String)>,
    pub(crate) versions: (FunctionVersion, FunctionVersion),
    pub(crate) main: Value,
    pub(crate) shadow: Value,
}

#[derive(Debug, Default)]
struct Inner {
    counts: Counts,
    kept: VecDeque<Difference>,
    /// Why the shadow could not be run last.
    not_run: Option<String>,
}

/// What is known of one shadow.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Inner>);

impl Seen {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.inner().counts
    }

    /// The newest ones, oldest first.
    pub(crate) fn kept(&self) -> Vec<Difference> {
        self.inner().kept.iter().cloned().collect()
    }

    pub(crate) fn why_not_run(&self) -> Option<String> {
        self.inner().not_run.clone()
    }

    fn compared(
        &self,
        capsule: &Capsule,
        version: FunctionVersion,
        at: Timestamp,
        found: Vec<diff::Different>,
    ) {
        let facts = &capsule.invocation;
        let records = u64::try_from(facts.records.len()).unwrap_or(u64::MAX);
        let whole = found.iter().any(|it| it.record.is_none());
        let some = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let mut inner = self.inner();
        inner.counts.batches += 1;
        inner.counts.records += records;
        inner.counts.different += if whole { records.max(1) } else { some };
        for different in found {
            let index = different
                .record
                .and_then(|index| usize::try_from(index).ok());
            let record = index.and_then(|index| facts.records.get(index));
            if inner.kept.len() >= SHADOW_DIFFERENCES_MAX {
                inner.kept.pop_front();
            }
            inner.kept.push_back(Difference {
                at,
                shard: facts.shard,
                first: facts.records.first().map(|record| record.position),
                record: record.map(|record| (record.position, record.key_text().into_owned())),
                versions: (facts.version, version),
                main: different.main,
                shadow: different.shadow,
            });
        }
    }
}

/// By trigger.
#[derive(Debug, Default)]
pub(crate) struct Shadows(Mutex<BTreeMap<TriggerName, Arc<Seen>>>);

impl Shadows {
    fn all(&self) -> MutexGuard<'_, BTreeMap<TriggerName, Arc<Seen>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trigger begins to run, with a shadow or without one.
    pub(crate) fn begin(&self, trigger: &TriggerName, has_one: bool) -> Option<Arc<Seen>> {
        let mut all = self.all();
        all.remove(trigger);
        has_one.then(|| Arc::clone(all.entry(trigger.clone()).or_default()))
    }

    pub(crate) fn get(&self, trigger: &TriggerName) -> Option<Arc<Seen>> {
        self.all().get(trigger).cloned()
    }
}

/// Runs the shadow of one trigger.
#[derive(Debug)]
pub(super) struct Beside {
    shadow: Shadow,
    places: Arc<Semaphore>,
    seen: Arc<Seen>,
}

/// The right to run beside the function.
#[derive(Debug)]
pub(super) struct Place {
    _held: OwnedSemaphorePermit,
}

/// What the function was told and came to, and where a shadow finds what the function did not ask for.
pub(super) struct Main {
    pub(super) capsule: Box<Capsule>,
    pub(super) outcome: Outcome,
    pub(super) state: Option<Arc<dyn StateReader>>,
}

impl Beside {
    pub(super) fn new(shadow: Shadow, seen: Arc<Seen>) -> Self {
        Self {
            shadow,
            places: Arc::new(Semaphore::new(SHADOW_BATCHES_MAX)),
            seen,
        }
    }

    /// None where as many run as may: nobody waits.
    pub(super) fn place(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none() {
            self.seen.inner().counts.passed_over += 1;
        }
        place.map(|held| Place { _held: held })
    }

    /// Returns at once; the shadow runs when it can.
    pub(super) fn run(self: &Arc<Self>, functions: &Arc<Functions>, place: Place, main: Main) {
        // What could not be run at all says nothing.
        if matches!(&main.outcome, Outcome::Failed(fault) if fault.class == FaultClass::Invoke) {
            return;
        }
        let (beside, functions) = (Arc::clone(self), Arc::clone(functions));
        let tasks = functions.platform.tasks.clone();
        let running = tasks.spawn("shadow", async move {
            let _place = place;
            beside.compare(&functions, main).await;
        });
        drop(running);
    }

    async fn compare(&self, functions: &Functions, main: Main) {
        let not_run = |why: String| {
            let mut inner = self.seen.inner();
            inner.counts.not_run += 1;
            inner.not_run = Some(why);
        };
        let Shadow {
            function: name,
            qualifier,
        } = &self.shadow;
        let Some(deployed) = functions.get(name) else {
            return not_run(format!("function {name} is not there"));
        };
        let version = match deployed.entry.route(qualifier.as_deref()) {
            Ok(route) => route.version,
            Err(error) => return not_run(error.to_string()),
        };
        let function = match functions.load(&deployed, version).await {
            Ok(function) => function,
            Err(why) => return not_run(why),
        };
        let outcome = function.beside(&main.capsule, main.state).await;
        match outcome {
            Outcome::Failed(fault) if fault.class == FaultClass::Invoke => not_run(fault.message),
            outcome @ (Outcome::Failed(_) | Outcome::Answered(_)) => {
                let found = diff::differences(&main.outcome, &outcome);
                let now = functions.platform.clock.wall();
                self.seen.compared(&main.capsule, version, now, found);
            }
        }
    }
}
