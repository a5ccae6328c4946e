//! The hold of `shardmill dev` on a running server: each batch is seen with its input and output, waits while the loop is paused,
//! and, when it failed, waits for the next version of its function instead of running into dead letters.
//!
//! It stands between a trigger and its function as a handler like any other. What is repeated (a comparison with a new version,
//! the last failure) runs with the values of the moment and has no effect: its outcome is shown and dropped. Where the server
//! stops, whoever waits here is told so without an attempt being used.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{
    Answer, Fault, FaultClass, FunctionName, FunctionVersion, Invocation, Outcome, RecordAction,
    ShardId, StreamKey, TriggerName, UserRecord,
    outcome::Usage,
    seams::{BoxFuture, Handler, LogTail},
};
use platform::{Platform, StopToken, watch};

pub use seen::{Seen, SeenFailure, SeenOutput, SeenRecord};

mod seen;
#[cfg(test)]
mod tests;

/// Lines of one invocation that are shown.
const LOG_BYTES_MAX: usize = 64 << 10;
/// Where a repeated batch runs, so that it shares no sandbox with a shard.
const ASIDE: ShardId = ShardId(0x7fff_ffff);

/// What the loop is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A batch came back and is settled as its function said.
    Done(Seen),
    /// A batch failed and waits for the next version of its function.
    Held(Seen),
    /// The loop is paused, and a batch is there.
    Ready { trigger: String, records: usize },
}

/// Puts a new version of a function in place, from the file that was built.
pub(crate) type Reload =
    dyn Fn(FunctionName, PathBuf) -> BoxFuture<'static, Result<Reloaded, String>> + Send + Sync;

/// What a reload put in place.
#[derive(Clone)]
pub(crate) struct Reloaded {
    pub(crate) version: FunctionVersion,
    pub(crate) handler: Arc<dyn Handler>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Development {
    inner: Arc<Inner>,
}

struct Inner {
    tell: Box<dyn Fn(Told) + Send + Sync>,
    /// Of a server that runs.
    server: Mutex<Option<Server>>,
    state: Mutex<State>,
    /// Counts what those who wait may wait for.
    changed: watch::Sender<u64>,
}

#[derive(Clone)]
struct Server {
    platform: Platform,
    logs: Arc<dyn LogTail>,
    reload: Arc<Reload>,
    stop: StopToken,
}

#[derive(Default)]
struct State {
    paused: bool,
    /// Batches that may pass a pause.
    steps: u32,
    /// How often a function was reloaded, and what came of it last.
    functions: BTreeMap<FunctionName, (u64, Reloaded)>,
    batches: u64,
    last: BTreeMap<FunctionName, Kept>,
    failure: Option<Kept>,
    held: BTreeMap<(TriggerName, ShardId), String>,
}

/// A batch that can be run again.
#[derive(Clone)]
struct Kept {
    number: u64,
    invocation: Invocation,
    handler: Arc<dyn Handler>,
    outputs: usize,
}

impl fmt::Debug for Development {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Development").finish_non_exhaustive()
    }
}

impl Development {
    /// `tell` is called for each batch, by whoever ran it: it must not wait.
    pub fn new(tell: impl Fn(Told) + Send + Sync + 'static) -> Self {
        Self {
            inner: Arc::new(Inner {
                tell: Box::new(tell),
                server: Mutex::default(),
                state: Mutex::default(),
                changed: watch::channel(0).0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn server(&self) -> Option<Server> {
        let server = &self.inner.server;
        server
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A server was put together.
    pub(crate) fn attach(
        &self,
        platform: &Platform,
        logs: Arc<dyn LogTail>,
        reload: Arc<Reload>,
        stop: StopToken,
    ) {
        *self
            .inner
            .server
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Server {
            platform: platform.clone(),
            logs,
            reload,
            stop,
        });
        let mut state = self.state();
        state.functions.clear();
        state.held.clear();
    }

    /// Stands between a trigger and its function.
    pub(crate) fn before(&self, handler: Arc<dyn Handler>) -> Arc<dyn Handler> {
        Arc::new(Rehearsed {
            development: self.clone(),
            handler,
        })
    }

    /// Why a shard does not move, where its batch waits here.
    pub(crate) fn waits(&self, trigger: &TriggerName, shard: ShardId) -> Option<String> {
        self.state().held.get(&(trigger.clone(), shard)).cloned()
    }

    fn tell(&self, told: Told) {
        (self.inner.tell)(told);
    }

    fn change(&self) {
        self.inner.changed.send_modify(|count| *count += 1);
    }

    /// Whether it is paused now.
    pub fn toggle_pause(&self) -> bool {
        let paused = {
            let mut state = self.state();
            state.paused = !state.paused;
            state.steps = 0;
            state.paused
        };
        self.change();
        paused
    }

    /// Lets one batch pass while the loop is paused; pauses it where it is not.
    pub fn step(&self) {
        {
            let mut state = self.state();
            state.paused = true;
            state.steps += 1;
        }
        self.change();
    }

    /// Puts a new version in place: batches that wait for it run, and the last one that was done is run again without effects.
    /// Returns the version, and how that batch compares.
    pub async fn reload(
        &self,
        function: &str,
        built: PathBuf,
    ) -> Result<(u64, Option<Compared>), String> {
        let name = FunctionName::parse(function).map_err(|error| error.to_string())?;
        let server = self.server().ok_or("the server does not run yet")?;
        let reloaded = (server.reload)(name.clone(), built).await?;
        let version = reloaded.version;
        let last = {
            let mut state = self.state();
            let count = state.functions.get(&name).map_or(0, |(count, _)| *count);
            state.functions.insert(name.clone(), (count + 1, reloaded));
            state.last.get(&name).cloned()
        };
        self.change();
        let compared = match last {
            None => None,
            Some(kept) => {
                let seen = self.again(&kept).await;
                Some(Compared {
                    number: kept.number,
                    before: kept.outputs,
                    after: seen,
                })
            }
        };
        Ok((version.0, compared))
    }

    /// The last batch that failed, run again with the newest version and without effects.
    pub async fn replay(&self) -> Option<Seen> {
        let kept = self.state().failure.clone()?;
        Some(self.again(&kept).await)
    }

    async fn again(&self, kept: &Kept) -> Seen {
        let (handler, version) = self.newest(&kept.invocation, &kept.handler);
        let invocation = Invocation {
            version,
            shard: ASIDE,
            request_id: format!("again-{}", kept.invocation.request_id),
            ..kept.invocation.clone()
        };
        let outcome = handler.invoke(invocation.clone()).await;
        let mut seen = self.seen(kept.number, &invocation, &outcome);
        seen.shard = kept.invocation.shard.0;
        seen
    }

    /// What runs a batch of this function now.
    fn newest(
        &self,
        invocation: &Invocation,
        otherwise: &Arc<dyn Handler>,
    ) -> (Arc<dyn Handler>, FunctionVersion) {
        let state = self.state();
        match state.functions.get(&invocation.function) {
            Some((_, reloaded)) => (Arc::clone(&reloaded.handler), reloaded.version),
            None => (Arc::clone(otherwise), invocation.version),
        }
    }

    fn reloads(&self, function: &FunctionName) -> u64 {
        self.state()
            .functions
            .get(function)
            .map_or(0, |(count, _)| *count)
    }

    /// Waits until `is_done`; false where the server stops first.
    async fn until(&self, is_done: impl Fn(&Self) -> bool) -> bool {
        let mut changed = self.inner.changed.subscribe();
        let stop = self.server().map(|server| server.stop);
        loop {
            if is_done(self) {
                return true;
            }
            let Some(stop) = &stop else {
                return false;
            };
            tokio::select! {
                biased;
                () = stop.stopped() => return false,
                _ = changed.changed() => {}
            }
        }
    }

    /// Waits while the loop is paused, unless a step lets it pass.
    async fn pass(&self, invocation: &Invocation) -> bool {
        let key = (invocation.trigger.clone(), invocation.shard);
        if self.state().paused && self.state().steps == 0 {
            let (trigger, records) = (invocation.trigger.to_string(), invocation.records.len());
            self.tell(Told::Ready { trigger, records });
            let why = "paused by `shardmill dev`: press n for the next batch, or p".to_owned();
            self.state().held.insert(key.clone(), why);
        }
        let passed = self
            .until(|this| {
                let mut state = this.state();
                if state.paused && state.steps == 0 {
                    return false;
                }
                state.steps = state.steps.saturating_sub(u32::from(state.paused));
                true
            })
            .await;
        self.state().held.remove(&key);
        passed
    }

    fn seen(&self, number: u64, invocation: &Invocation, outcome: &Outcome) -> Seen {
        let server = self.server();
        let log = server.as_ref().map_or_else(String::new, |server| {
            let (id, attempt) = (&invocation.request_id, invocation.attempt);
            server
                .logs
                .tail(id, attempt, invocation.started, LOG_BYTES_MAX)
        });
        let since_put = server.map_or(Duration::ZERO, |server| {
            let first = invocation.records.first().map(|record| record.arrived);
            let now = server.platform.clock.wall().as_millis();
            let waited = first.map_or(0, |first| now.saturating_sub(first.as_millis()));
            Duration::from_millis(waited)
        });
        Seen::of(number, invocation, outcome, (log, since_put))
    }

    /// Of a batch that was not seen before.
    fn next_number(&self) -> u64 {
        let mut state = self.state();
        state.batches += 1;
        state.batches
    }

    /// Notes what came of a batch.
    fn note(
        &self,
        number: u64,
        invocation: &Invocation,
        outcome: &Outcome,
        handler: &Arc<dyn Handler>,
    ) {
        let mut state = self.state();
        let (outputs, is_good) = match outcome {
            Outcome::Answered(Answer {
                outputs, failures, ..
            }) => (outputs.len(), failures.is_empty()),
            Outcome::Failed(_) => (0, false),
        };
        let kept = Kept {
            number,
            invocation: invocation.clone(),
            handler: Arc::clone(handler),
            outputs,
        };
        if is_good {
            state.last.insert(invocation.function.clone(), kept);
        } else {
            state.failure = Some(kept);
        }
    }
}

/// A batch before and after a change of its function.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    pub number: u64,
    /// Records it put out when it was done.
    pub before: usize,
    /// What the new version would do.
    pub after: Seen,
}

/// The function of a trigger as the loop lets it run.
struct Rehearsed {
    development: Development,
    handler: Arc<dyn Handler>,
}

impl fmt::Debug for Rehearsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsed")
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}

impl Rehearsed {
    async fn run(&self, mut invocation: Invocation) -> Outcome {
        let development = &self.development;
        let mut number = None;
        loop {
            if !development.pass(&invocation).await {
                return stopping();
            }
            let reloads = development.reloads(&invocation.function);
            let (handler, version) = development.newest(&invocation, &self.handler);
            invocation.version = version;
            let outcome = handler.invoke(invocation.clone()).await;
            let number = *number.get_or_insert_with(|| development.next_number());
            development.note(number, &invocation, &outcome, &self.handler);
            let seen = development.seen(number, &invocation, &outcome);
            if !waits_for_a_save(&outcome) {
                development.tell(Told::Done(seen));
                return outcome;
            }
            let key = (invocation.trigger.clone(), invocation.shard);
            let why = format!("waits for your next save: {}", seen.problem());
            development.state().held.insert(key.clone(), why);
            development.tell(Told::Held(seen));
            let saved = development
                .until(|this| this.reloads(&invocation.function) > reloads)
                .await;
            development.state().held.remove(&key);
            if !saved {
                return stopping();
            }
            invocation.attempt = invocation.attempt.saturating_add(1);
        }
    }
}

impl Handler for Rehearsed {
    fn version(&self, before: Option<FunctionVersion>, fraction: f64) -> FunctionVersion {
        self.handler.version(before, fraction)
    }

    fn share(&self) -> Option<f64> {
        self.handler.share()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Outcome> {
        Box::pin(self.run(invocation))
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        self.handler.encoded_len(stream, record)
    }

    fn marks(&self) -> bool {
        self.handler.marks()
    }
}

/// A failure that would be tried again. What a handler itself gives up is its decision.
fn waits_for_a_save(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(fault) => fault.class == FaultClass::Function,
        Outcome::Answered(answer) => {
            let mut actions = answer.failures.iter().map(|failure| failure.action);
            actions.any(|action| action == RecordAction::Retry)
        }
    }
}

fn stopping() -> Outcome {
    Outcome::Failed(Fault {
        class: FaultClass::Invoke,
        kind: "Stopping".to_owned(),
        message: "the server stops".to_owned(),
        retry_after: None,
        usage: Usage::default(),
    })
}
