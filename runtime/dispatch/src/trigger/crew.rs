//! The tasks of a trigger: which shards have one, which wait for their parents, which are finished.
//!
//! Shards are listed again when one ends, which is when its children may begin; nothing is polled. Where they cannot begin,
//! because the disk is full, that is tried again until they can. A task that breaks leaves the others, and so does a shard
//! whose progress cannot be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use leases::NewLease;
use model::{
    Checkpoint, HashKey, HashKeyRange, LeaseKey, LeaseRow, ShardId, ViewWrite, keys,
    seams::ShardFacts,
};
use platform::{StopToken, Task, watch};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{
    Gone, StartError, Statuses,
    binding::{self, Binding},
    start,
};
use crate::{
    breaker::Pulse,
    limits::{FORGOTTEN_SHARDS, FULL_PAUSE},
    orders::Orders,
    parking::ParkedKeys,
    progress::Progress,
    settings::TriggerSettings,
    shard::{Rooms, ShardTask, TaskEnd},
    state::StateStore,
    status::{Counters, ShardState, ShardStatus},
};

/// The range of a shard of which nothing is left.
const NO_KEYS: HashKeyRange = HashKeyRange {
    starting: HashKey(1),
    ending: HashKey(0),
};

/// The tasks of a trigger and what is known about their shards.
pub(super) struct Crew {
    pub(super) rooms: Rooms,
    pub(super) settings: Arc<TriggerSettings>,
    pub(super) statuses: Statuses,
    pub(super) gone: Gone,
    pub(super) state: Option<Arc<StateStore>>,
    pub(super) parked: Arc<ParkedKeys>,
    pub(super) orders: watch::Receiver<Orders>,
    pub(super) token: StopToken,
    pub(super) ends: mpsc::Sender<(ShardId, TaskEnd)>,
    pub(super) ended: BTreeSet<ShardId>,
    pub(super) pulse: Pulse,
    /// Shards whose progress cannot be read.
    pub(super) broken: BTreeSet<ShardId>,
    pub(super) tasks: BTreeMap<ShardId, Task<()>>,
    /// Workers whose shards others have taken.
    pub(super) replaced: Vec<Task<()>>,
    /// Shards wait for their tasks although nothing keeps them but a write that failed.
    pub(super) is_unswept: bool,
}

impl Crew {
    pub(super) async fn run(
        mut self,
        mut ended: mpsc::Receiver<(ShardId, TaskEnd)>,
        mut replaced: mpsc::Receiver<ShardId>,
    ) {
        let clock = self.rooms.platform.clock.clone();
        loop {
            let (shard, end) = tokio::select! {
                biased;
                () = self.token.stopped() => break,
                Some(end) = ended.recv() => end,
                Some(shard) = replaced.recv() => {
                    if let Err(error) = self.replace(shard).await {
                        warn!(trigger = %self.settings.name, %shard, %error, "worker not replaced");
                        self.is_unswept = true;
                    }
                    continue;
                }
                () = clock.sleep(FULL_PAUSE), if self.is_unswept => {
                    self.start_what_may_start().await;
                    continue;
                }
            };
            info!(trigger = %self.settings.name, %shard, ?end, "shard left");
            if end == TaskEnd::Ended {
                self.ended.insert(shard);
                self.start_what_may_start().await;
            }
        }
        drop(ended);
        let replaced = std::mem::take(&mut self.replaced);
        for task in replaced {
            // It could change nothing any more.
            let _ = task.await;
        }
        for (shard, task) in self.tasks {
            if let Err(error) = task.await {
                warn!(%shard, %error, "shard did not stop cleanly");
            }
        }
    }

    /// What cannot be written now is tried again after a pause; a stream that is gone does not come back.
    async fn start_what_may_start(&mut self) {
        let swept = self.sweep().await;
        let again = |error: &StartError| match error {
            StartError::Lease(_) | StartError::Journal(_) => true,
            StartError::Source(_) | StartError::Progress(_) | StartError::Mismatch(_) => false,
        };
        let was_unswept = self.is_unswept;
        self.is_unswept = swept.as_ref().is_err_and(again);
        if let Err(error) = swept {
            if !was_unswept || !self.is_unswept {
                warn!(trigger = %self.settings.name, %error, "children not started");
            }
            self.report_waiting(&error);
        }
    }

    /// Holds the trigger to the stream and the start that its checkpoints are about.
    pub(super) async fn bind(&self) -> Result<(), StartError> {
        let created = self.rooms.source.created(&self.settings.stream)?;
        let now = Binding::of(&self.settings, created);
        let has_begun = !self.rooms.leases.list(&self.settings.name)?.is_empty();
        binding::hold(&self.rooms, &self.settings.name, &now, has_begun).await
    }

    /// Starts a task for every shard that has none and whose parents are done.
    pub(super) async fn sweep(&mut self) -> Result<(), StartError> {
        let shards = self.rooms.source.shards(&self.settings.stream)?;
        let known: BTreeSet<ShardId> = shards.iter().map(|shard| shard.id).collect();
        self.prepare(&shards).await?;
        for shard in shards {
            let done = self.ended.contains(&shard.id) || self.broken.contains(&shard.id);
            if done || self.tasks.contains_key(&shard.id) {
                continue;
            }
            let waits_for =
                |parent: &&ShardId| known.contains(parent) && !self.ended.contains(parent);
            let parent = shard.parents.iter().find(waits_for).copied();
            match parent {
                Some(parent) => self.show(shard.id, ShardState::WaitingForParent(parent)),
                None => self.launch(shard).await?,
            }
        }
        self.settle_what_is_gone(&known).await?;
        self.forget_what_is_gone(&known).await
    }

    /// Removes the rows of shards that are settled to their end and gone from the stream: nobody can go back to them. Until
    /// their children have ended too, what their windows came to may be asked for; a shard that lost records goes on saying so.
    async fn forget_what_is_gone(&mut self, known: &BTreeSet<ShardId>) -> Result<(), StartError> {
        let rows = self.rooms.leases.list(&self.settings.name)?;
        let here: BTreeSet<ShardId> = rows.iter().map(|row| row.key.shard).collect();
        let mut gone = Vec::new();
        for row in rows {
            let works = |child: &ShardId| here.contains(child) && !self.ended.contains(child);
            let is_over = self.ended.contains(&row.key.shard) && !known.contains(&row.key.shard);
            if !is_over || row.children.iter().any(works) {
                continue;
            }
            let stored = self.rooms.journal.get(&keys::progress(&row.key))?;
            let lost = stored.map(|stored| Progress::decode(&stored)).transpose()?;
            if lost.is_none_or(|progress| progress.lost == 0) {
                gone.push(row.key);
            }
        }
        for some in gone.chunks(FORGOTTEN_SHARDS) {
            let rows = |key| [keys::progress(key), keys::windows(key)];
            let writes = some.iter().flat_map(rows);
            let writes = writes.map(|key| ViewWrite { key, value: None });
            self.rooms.leases.remove(some, writes.collect()).await?;
            self.forget(some);
        }
        Ok(())
    }

    /// What their workers counted goes on being counted.
    fn forget(&mut self, gone: &[LeaseKey]) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counters = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        for key in gone {
            if let Some(status) = statuses.remove(&key.shard) {
                counters.add(&status.borrow().counters);
            }
            self.tasks.remove(&key.shard);
            self.ended.remove(&key.shard);
        }
    }

    /// Shards that expired before they were read to their end: a task finds nothing in them, says what was lost and ends them.
    async fn settle_what_is_gone(&mut self, known: &BTreeSet<ShardId>) -> Result<(), StartError> {
        for row in self.rooms.leases.list(&self.settings.name)? {
            let id = row.key.shard;
            let known = known.contains(&id) || self.tasks.contains_key(&id);
            if known || self.ended.contains(&id) || self.broken.contains(&id) {
                continue;
            }
            let stored = self.rooms.journal.get(&keys::progress(&row.key))?;
            let ends =
                |bytes| Progress::decode(bytes).is_ok_and(|it| it.low == Checkpoint::ShardEnd);
            if stored.as_deref().is_some_and(ends) {
                continue;
            }
            self.note(&row)?;
            if !self.broken.contains(&id) {
                let gone = ShardFacts {
                    id,
                    range: NO_KEYS,
                    parents: row.parents,
                    open: false,
                };
                self.launch(gone).await?;
            }
        }
        Ok(())
    }

    /// Gives the shards their lease rows and notes which of them an earlier run has finished. All starting positions of
    /// a new trigger are decided before anything is read and written as one: a crash in between decides none of them.
    async fn prepare(&mut self, shards: &[ShardFacts]) -> Result<(), StartError> {
        let first_time = self.rooms.leases.list(&self.settings.name)?.is_empty();
        let mut wanted = Vec::new();
        for shard in shards {
            if self.tasks.contains_key(&shard.id) {
                continue;
            }
            let (initial, records) = if first_time {
                let (rooms, settings) = (&self.rooms, &self.settings);
                let initial = start::place(rooms, settings, settings.start, shard.id).await?;
                let seen = start::seen(rooms, settings, shard.id, initial);
                (initial, seen.map(|seen| seen.records))
            } else {
                // All that ever comes into it is for the trigger.
                (Checkpoint::TrimHorizon, Some(0))
            };
            wanted.push(NewLease {
                key: self.key(shard.id),
                parents: shard.parents.clone(),
                initial,
                initial_records: records,
            });
        }
        for row in self.rooms.leases.ensure(wanted).await? {
            self.note(&row)?;
        }
        Ok(())
    }

    fn note(&mut self, row: &LeaseRow) -> Result<(), StartError> {
        let shard = row.key.shard;
        let stored = self.rooms.journal.get(&keys::progress(&row.key))?;
        let new = || Progress::starting(row.token, row.initial);
        let progress = stored.map_or_else(|| Ok(new()), |bytes| Progress::decode(&bytes));
        let (progress, state) = match progress {
            Ok(progress) if progress.low == Checkpoint::ShardEnd => {
                self.ended.insert(shard);
                (progress, ShardState::Ended)
            }
            Ok(progress) => (progress, ShardState::Running),
            // The shard stands still, and so do its children; the others go on.
            Err(damaged) => {
                warn!(trigger = %self.settings.name, %shard, %damaged, "shard not started");
                self.broken.insert(shard);
                (new(), ShardState::Broken(damaged.to_string()))
            }
        };
        let status = ShardStatus {
            shard,
            state,
            checkpoint: progress.low,
            within_record: progress.seen.is_some_and(|seen| seen.within_record),
            behind_ms: 0,
            counters: Counters {
                lost_to_retention: progress.lost,
                ..Counters::default()
            },
            in_flight: 0,
            parked_keys: 0,
            parked_since: None,
            last: progress.last,
        };
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses
            .entry(shard)
            .or_insert_with(|| watch::channel(status).0);
        Ok(())
    }

    async fn launch(&mut self, shard: ShardFacts) -> Result<(), StartError> {
        let id = shard.id;
        let lease = self.rooms.leases.take(&self.key(id)).await?;
        let status = {
            let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
            statuses.get(&id).cloned()
        };
        let Some(status) = status else {
            return Ok(());
        };
        let settings = Arc::clone(&self.settings);
        let orders = self.orders.clone();
        let state = self.state.clone();
        let work = ShardTask::new(
            self.rooms.clone(),
            settings,
            shard,
            lease,
            orders,
            status.clone(),
            (state, Arc::clone(&self.parked), self.pulse.clone()),
        );
        let (token, ends) = (self.token.clone(), self.ends.clone());
        let tasks = &self.rooms.platform.tasks;
        let working = tasks.spawn("shard", work.run(token));
        let task = tasks.spawn("end of a shard", async move {
            // A task that panicked must not look as if it were running.
            let end = working.await.unwrap_or_else(|failed| {
                let why = failed.to_string();
                let state = ShardState::Broken(why.clone());
                status.send_modify(|status| status.state = state);
                TaskEnd::Broken(why)
            });
            // Nobody listens any more once the trigger stops.
            drop(ends.send((id, end)).await);
        });
        self.tasks.insert(id, task);
        Ok(())
    }

    /// Gives the shard to another worker, whatever the one does that has it: that one is fenced from here on, and nobody
    /// sees its status any more.
    async fn replace(&mut self, shard: ShardId) -> Result<(), StartError> {
        if self.ended.contains(&shard) || !self.tasks.contains_key(&shard) {
            return Ok(());
        }
        let shards = self.rooms.source.shards(&self.settings.stream)?;
        let Some(facts) = shards.into_iter().find(|facts| facts.id == shard) else {
            return Ok(());
        };
        {
            let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(status) = statuses.get_mut(&shard) {
                let last = ShardStatus {
                    counters: Counters::default(),
                    in_flight: 0,
                    ..status.borrow().clone()
                };
                *status = watch::channel(last).0;
            }
        }
        self.replaced.extend(self.tasks.remove(&shard));
        self.launch(facts).await
    }

    fn key(&self, shard: ShardId) -> LeaseKey {
        LeaseKey {
            trigger: self.settings.name.clone(),
            shard,
        }
    }

    fn show(&self, shard: ShardId, state: ShardState) {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = statuses.get(&shard) {
            status.send_modify(|status| status.state = state);
        }
    }

    fn report_waiting(&self, error: &StartError) {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = statuses
            .iter()
            .filter(|(shard, _)| !self.tasks.contains_key(shard));
        for (_, status) in waiting.filter(|(shard, _)| !self.ended.contains(shard)) {
            let state = match error {
                StartError::Lease(error) => ShardState::NoLease(error.to_string()),
                StartError::Journal(error) => ShardState::NoLease(error.to_string()),
                StartError::Source(_) | StartError::Progress(_) | StartError::Mismatch(_) => {
                    ShardState::Broken(error.to_string())
                }
            };
            status.send_modify(|status| status.state = state);
        }
    }
}
