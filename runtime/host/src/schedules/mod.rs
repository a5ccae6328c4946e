//! Triggers that run by the clock: a runner for each, and what operators see of it and say to it.
//!
//! A slot is settled once: what its run did is in the log together with the row that says so, under the fencing token of
//! the trigger's lease, or it is not there and the slot is run again. One run of a trigger at a time.

mod event;
mod row;
mod runner;
mod settle;
mod status;
#[cfg(test)]
mod stories;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use catalog::schedule::{Policy, Schedule};
use dispatch::{Backoff, DeadLetterStore, Switch};
use leases::LeaseBook;
use model::{
    AccountId, FunctionName, FunctionVersion, Invocation, Region, StreamKey, TriggerName,
    seams::{BoxFuture, Journal, LogTail},
};
use platform::{Platform, Stop, Task, watch};
use sandbox::Called;
use tokio::sync::{mpsc, oneshot};

pub(crate) use row::Row;
pub(crate) use status::{ScheduleState, ScheduleStatus};

use crate::limits::SCHEDULE_RUNS_ASKED_MAX;

/// A schedule as its runner takes it: resolved, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScheduleSettings {
    pub(crate) name: TriggerName,
    pub(crate) schedule: Schedule,
    pub(crate) zone: String,
    pub(crate) policy: Policy,
    pub(crate) function: FunctionName,
    pub(crate) outputs: BTreeMap<String, StreamKey>,
    /// JSON text, in place of Scheduler's event.
    pub(crate) input: Option<String>,
    pub(crate) retry: Retry,
    /// Destinations that are told of slots that are given up.
    pub(crate) on_failure: Vec<String>,
    pub(crate) enabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Retry {
    /// Invocations for one slot, the first included.
    pub(crate) attempts: u32,
    /// Behind the slot.
    pub(crate) age: Duration,
    pub(crate) backoff: Backoff,
}

/// What runs a function with an event.
pub(crate) trait Runs: Send + Sync + fmt::Debug {
    /// Of the function that the next run gets.
    fn version(&self) -> FunctionVersion;
    fn run(&self, invocation: Invocation, event: Vec<u8>) -> BoxFuture<'_, Called>;
}

/// What a runner works with.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) platform: Platform,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) leases: Arc<LeaseBook>,
    pub(crate) dead_letters: Arc<DeadLetterStore>,
    pub(crate) logs: Arc<dyn LogTail>,
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
}

/// Where what came of a run by hand goes.
type Asked = oneshot::Sender<Called>;

/// A schedule that runs.
#[derive(Debug)]
pub(crate) struct ScheduleHandle {
    pub(crate) settings: Arc<ScheduleSettings>,
    switch: watch::Sender<Switch>,
    asks: mpsc::Sender<Asked>,
    status: watch::Receiver<ScheduleStatus>,
    stop: Stop,
    task: Task<()>,
}

impl ScheduleHandle {
    pub(crate) fn start(parts: Parts, settings: ScheduleSettings, paused: bool) -> Self {
        let settings = Arc::new(settings);
        let on = match (settings.enabled, paused) {
            (false, _) => Switch::Disabled,
            (true, true) => Switch::Paused,
            (true, false) => Switch::On,
        };
        let (switch, turned) = watch::channel(on);
        let (asks, asked) = mpsc::channel(SCHEDULE_RUNS_ASKED_MAX);
        let (tell, status) = watch::channel(ScheduleStatus::default());
        let (stop, token) = Stop::new();
        let tasks = parts.platform.tasks.clone();
        let runner = runner::Runner {
            parts,
            settings: Arc::clone(&settings),
            switch: turned,
            asked,
            tell,
            stop: token,
        };
        let task = tasks.spawn("schedule", runner.run());
        Self {
            settings,
            switch,
            asks,
            status,
            stop,
            task,
        }
    }

    pub(crate) fn status(&self) -> ScheduleStatus {
        self.status.borrow().clone()
    }

    #[cfg(test)]
    pub(crate) fn watch(&self) -> watch::Receiver<ScheduleStatus> {
        self.status.clone()
    }

    /// Runs the function once, beside all slots; nothing where the schedule has stopped.
    async fn run(asks: mpsc::Sender<Asked>) -> Option<Called> {
        let (asked, answer) = oneshot::channel();
        asks.send(asked).await.ok()?;
        answer.await.ok()
    }

    fn turn(&self, to: Switch) {
        // What the settings disable, no operator switches.
        let disabled = *self.switch.borrow() == Switch::Disabled;
        if !disabled {
            self.switch.send_replace(to);
        }
    }

    /// Waits until its run is settled and its lease given back.
    pub(crate) async fn stop(self) {
        self.stop.stop();
        if let Err(error) = self.task.await {
            tracing::warn!(trigger = %self.settings.name, %error, "a schedule did not stop cleanly");
        }
    }
}

/// All schedules of the server, by name.
#[derive(Debug, Default)]
pub(crate) struct Schedules(Mutex<BTreeMap<TriggerName, ScheduleHandle>>);

impl Schedules {
    pub(crate) fn add(&self, handle: ScheduleHandle) {
        self.held().insert(handle.settings.name.clone(), handle);
    }

    /// Settings and status of each.
    pub(crate) fn all(&self) -> Vec<(Arc<ScheduleSettings>, ScheduleStatus)> {
        let held = self.held();
        held.values()
            .map(|it| (Arc::clone(&it.settings), it.status()))
            .collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<(Arc<ScheduleSettings>, ScheduleStatus)> {
        let held = self.held();
        let (_, found) = held.iter().find(|(known, _)| known.as_str() == name)?;
        Some((Arc::clone(&found.settings), found.status()))
    }

    pub(crate) fn turn(&self, name: &TriggerName, to: Switch) {
        if let Some(handle) = self.held().get(name) {
            handle.turn(to);
        }
    }

    /// Runs it once by hand.
    pub(crate) async fn run(&self, name: &TriggerName) -> Option<Called> {
        let asks = self.held().get(name)?.asks.clone();
        ScheduleHandle::run(asks).await
    }

    /// Waits until the run of one is settled and its lease given back; what it keeps stays.
    pub(crate) async fn end(&self, name: &TriggerName) {
        let handle = self.held().remove(name);
        if let Some(handle) = handle {
            handle.stop().await;
        }
    }

    pub(crate) async fn stop(&self) {
        let held = std::mem::take(&mut *self.held());
        for handle in held.into_values() {
            handle.stop().await;
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<TriggerName, ScheduleHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
