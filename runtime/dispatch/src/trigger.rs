//! A running trigger: a task for each shard of its stream, children after their parents.
//!
//! In: settings and rooms. Out: status by shard, pause and resume, a stop that waits for every lane. A trigger whose
//! checkpoints are about another stream than the one it names is refused before anything is read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use leases::LeaseError;
use model::{
    FunctionName, ShardId,
    seams::{CommitError, SourceError},
};
use platform::{Clock, Stop, Task, watch};
use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    breaker::Pulse,
    orders::{Orders, is_at_rest},
    parking::ParkedKeys,
    progress::DamagedProgress,
    settings::{Switch, TriggerSettings},
    shard::Rooms,
    state::StateStore,
    status::{Counters, ShardStatus},
};

mod binding;
mod crew;
mod seek;
mod start;

pub use binding::{Mismatch, bound_stream, is_another_stream};
use crew::Crew;
pub use seek::{
    Counts, Moved, SeekTo, Target, begin_anew, bookmark, look, newest, restoring, seek,
};

/// Ends of tasks on their way to the trigger.
const ENDS_MAX: usize = 64;
/// Shards on their way to it that other workers are to take.
const REPLACED_MAX: usize = 4;

type Statuses = Arc<Mutex<BTreeMap<ShardId, watch::Sender<ShardStatus>>>>;
/// What was counted on shards that are gone.
type Gone = Arc<Mutex<Counters>>;

#[derive(Debug)]
pub struct TriggerRunner {
    rooms: Rooms,
    settings: TriggerSettings,
    orders: watch::Sender<Orders>,
    state: Option<Arc<StateStore>>,
    parked: Arc<ParkedKeys>,
    statuses: Statuses,
    gone: Gone,
    workers: Workers,
    stop: Stop,
    task: Task<()>,
}

/// What operators paused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paused {
    /// All of it.
    pub trigger: bool,
    /// Shards one by one.
    pub shards: BTreeSet<ShardId>,
}

impl From<bool> for Paused {
    fn from(trigger: bool) -> Self {
        let shards = BTreeSet::new();
        Self { trigger, shards }
    }
}

/// Holds a trigger that stays where it is.
#[derive(Debug, Clone)]
pub struct Brake {
    orders: watch::Sender<Orders>,
    statuses: Statuses,
}

impl Brake {
    /// Nothing of the trigger runs while the answer is held; None where that could not be reached within `wait`.
    pub async fn hold(&self, clock: &Clock, wait: std::time::Duration) -> Option<Hold> {
        self.orders.send_modify(|orders| orders.holds += 1);
        let hold = Hold(self.orders.clone());
        let watched: Vec<watch::Receiver<ShardStatus>> = {
            let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
            statuses.values().map(watch::Sender::subscribe).collect()
        };
        let all_rest = async {
            for mut status in watched {
                // A shard that is gone runs nothing.
                drop(status.wait_for(is_at_rest).await);
            }
        };
        clock.timeout(wait, all_rest).await.ok().map(|()| hold)
    }
}

/// As long as it lives, no shard of the trigger runs anything.
#[derive(Debug)]
pub struct Hold(watch::Sender<Orders>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0
            .send_modify(|orders| orders.holds = orders.holds.saturating_sub(1));
    }
}

/// A cheap handle on the workers of a running trigger.
#[derive(Debug, Clone)]
pub struct Workers(mpsc::Sender<ShardId>);

impl Workers {
    /// Another worker takes the lease of the shard and goes on from the last checkpoint; what the one before has in hand is
    /// fenced. Nothing happens to a shard that nobody works on.
    pub async fn replace(&self, shard: ShardId) {
        // A trigger that has stopped has no workers.
        let _ = self.0.send(shard).await;
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Journal(#[from] CommitError),
    #[error(transparent)]
    Progress(#[from] DamagedProgress),
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl TriggerRunner {
    /// Returns once every shard has its starting position, so that what is put afterwards is delivered. `paused` is what
    /// operators paused before this start.
    pub async fn start(
        rooms: Rooms,
        settings: TriggerSettings,
        paused: impl Into<Paused>,
    ) -> Result<Self, StartError> {
        let paused = paused.into();
        let switch = match (settings.enabled, paused.trigger) {
            (false, _) => Switch::Disabled,
            (true, true) => Switch::Paused,
            (true, false) => Switch::On,
        };
        let (orders, given) = watch::channel(Orders::new(switch, paused.shards));
        let parked = Arc::new(ParkedKeys::new(
            Arc::clone(&rooms.journal),
            settings.name.clone(),
            settings.retry.park_max,
        ));
        let state = settings.state.map(|policy| {
            let (journal, clock) = (Arc::clone(&rooms.journal), rooms.platform.clock.clone());
            Arc::new(StateStore::new(
                journal,
                clock,
                settings.name.clone(),
                policy,
            ))
        });
        let kept = (rooms.clone(), settings.clone());
        let (stop, token) = Stop::new();
        let (ends, ended) = mpsc::channel(ENDS_MAX);
        let tasks = rooms.platform.tasks.clone();
        let (statuses, gone) = (Statuses::default(), Gone::default());
        let mut crew = Crew {
            rooms,
            settings: Arc::new(settings),
            statuses: Arc::clone(&statuses),
            gone: Arc::clone(&gone),
            state: state.clone(),
            parked: Arc::clone(&parked),
            orders: given,
            token,
            ends,
            ended: BTreeSet::new(),
            broken: BTreeSet::new(),
            pulse: Pulse::default(),
            tasks: BTreeMap::new(),
            replaced: Vec::new(),
            is_unswept: false,
        };
        crew.bind().await?;
        crew.sweep().await?;
        let (replacing, replaced) = mpsc::channel(REPLACED_MAX);
        let task = tasks.spawn("trigger", crew.run(ended, replaced));
        let (rooms, settings) = kept;
        Ok(Self {
            rooms,
            settings,
            orders,
            state,
            parked,
            statuses,
            gone,
            workers: Workers(replacing),
            stop,
            task,
        })
    }

    /// Running invocations finish and keep their result; then nothing moves until `resume`, of one shard or of all.
    pub fn pause(&self, shard: Option<ShardId>) {
        self.orders.send_modify(|orders| orders.pause(shard));
    }

    /// Also ends pauses between attempts and gives blocked records their attempts back.
    pub fn resume(&self, shard: Option<ShardId>) {
        self.orders.send_modify(|orders| orders.resume(shard));
    }

    /// Ends pauses before attempts that would run other code than the one before (RT-12).
    pub fn deployed(&self) {
        self.orders.send_modify(|orders| orders.deploys += 1);
    }

    /// Its settings are others than before this start: no pause that an earlier attempt began goes on (RT-11).
    pub fn changed(&self) {
        self.orders.send_modify(|orders| orders.changes += 1);
    }

    /// Drops what runs now. Its records are as if it had never begun: no attempt is used, nothing of it is kept.
    pub fn abort(&self) {
        self.orders.send_modify(|orders| orders.aborts += 1);
    }

    /// What makes every shard stand still for a while.
    #[must_use]
    pub fn brake(&self) -> Brake {
        Brake {
            orders: self.orders.clone(),
            statuses: Arc::clone(&self.statuses),
        }
    }

    #[must_use]
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }

    /// What another runner of the same trigger starts with.
    #[must_use]
    pub fn parts(&self) -> (Rooms, TriggerSettings) {
        (self.rooms.clone(), self.settings.clone())
    }

    #[must_use]
    pub fn function(&self) -> &FunctionName {
        &self.settings.function
    }

    /// Where the trigger keeps values.
    #[must_use]
    pub fn state(&self) -> Option<Arc<StateStore>> {
        self.state.clone()
    }

    /// Keys that wait, and orders about them.
    #[must_use]
    pub fn parked(&self) -> Arc<ParkedKeys> {
        Arc::clone(&self.parked)
    }

    /// By shard; each with exactly one reason where it does not move.
    #[must_use]
    pub fn status(&self) -> Vec<ShardStatus> {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses
            .values()
            .map(|status| status.borrow().clone())
            .collect()
    }

    /// What was counted on shards that the stream does not have any more and that have no status.
    #[must_use]
    pub fn counted_on_gone_shards(&self) -> Counters {
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes of one shard's status, for those who wait for it.
    #[must_use]
    pub fn watch(&self, shard: ShardId) -> Option<watch::Receiver<ShardStatus>> {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.get(&shard).map(watch::Sender::subscribe)
    }

    /// Waits until every shard has written what is settled and given its lease back.
    pub async fn stop(self) {
        self.stop.stop();
        if let Err(error) = self.task.await {
            warn!(%error, "trigger did not stop cleanly");
        }
    }
}
