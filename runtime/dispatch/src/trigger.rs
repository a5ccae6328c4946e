//! A running trigger: lanes for all shards of its stream, children after their parents.
//!
//! In: settings and rooms. Out: status by shard, pause and resume, a stop that waits for every lane. Shards are listed
//! again when one ends, which is when its children may begin; nothing is polled. A lane that breaks leaves the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use leases::{LeaseError, NewLease};
use model::{
    Checkpoint, LeaseKey, LeaseRow, Position, SequenceNumber, ShardId, keys,
    seams::{CommitError, ReadFrom, ReadLimit, ShardFacts, SourceError},
};
use platform::{Stop, StopToken, Task, watch};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::{
    lane::{Lane, LaneEnd, Rooms},
    progress::{DamagedProgress, Progress},
    settings::{StartAt, Switch, TriggerSettings},
    state::StateStore,
    status::{Counters, ShardState, ShardStatus},
};

/// Ends of lanes on their way to the trigger.
const ENDS_MAX: usize = 64;

type Statuses = Arc<Mutex<BTreeMap<ShardId, watch::Sender<ShardStatus>>>>;

#[derive(Debug)]
pub struct TriggerRunner {
    switch: watch::Sender<Switch>,
    state: Option<Arc<StateStore>>,
    statuses: Statuses,
    stop: Stop,
    task: Task<()>,
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
}

impl TriggerRunner {
    /// Returns once every shard has its starting position, so that what is put afterwards is delivered. `paused` by an
    /// operator, before this start.
    pub async fn start(
        rooms: Rooms,
        settings: TriggerSettings,
        paused: bool,
    ) -> Result<Self, StartError> {
        let (switch, turned) = watch::channel(match (settings.enabled, paused) {
            (false, _) => Switch::Disabled,
            (true, true) => Switch::Paused,
            (true, false) => Switch::On,
        });
        let state = settings.state.map(|policy| {
            let (journal, clock) = (Arc::clone(&rooms.journal), rooms.platform.clock.clone());
            Arc::new(StateStore::new(
                journal,
                clock,
                settings.name.clone(),
                policy,
            ))
        });
        let (stop, token) = Stop::new();
        let (ends, ended) = mpsc::channel(ENDS_MAX);
        let tasks = rooms.platform.tasks.clone();
        let statuses = Statuses::default();
        let mut crew = Crew {
            rooms,
            settings: Arc::new(settings),
            statuses: Arc::clone(&statuses),
            state: state.clone(),
            switch: turned,
            token,
            ends,
            ended: BTreeSet::new(),
            lanes: BTreeMap::new(),
        };
        crew.sweep().await?;
        let task = tasks.spawn("trigger", crew.run(ended));
        Ok(Self {
            switch,
            state,
            statuses,
            stop,
            task,
        })
    }

    /// Running invocations finish and keep their result; then nothing moves until `resume`.
    pub fn pause(&self) {
        self.turn(Switch::Paused);
    }

    /// Also ends pauses between attempts and gives blocked records their attempts back.
    pub fn resume(&self) {
        self.turn(Switch::On);
    }

    /// What the settings disable, no operator switches.
    fn turn(&self, to: Switch) {
        let disabled = *self.switch.borrow() == Switch::Disabled;
        if !disabled {
            self.switch.send_replace(to);
        }
    }

    /// Where the trigger keeps values.
    #[must_use]
    pub fn state(&self) -> Option<Arc<StateStore>> {
        self.state.clone()
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

    /// Changes of one shard's status, for those who wait for it.
    #[must_use]
    pub fn watch(&self, shard: ShardId) -> Option<watch::Receiver<ShardStatus>> {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.get(&shard).map(watch::Sender::subscribe)
    }

    /// Up to and including; `None` while nothing of the shard is settled. The end of a shard is past every position.
    #[must_use]
    pub fn settled_through(&self, shard: ShardId) -> Option<Position> {
        match self.watch(shard)?.borrow().checkpoint {
            Checkpoint::Settled(position) => Some(position),
            Checkpoint::ShardEnd => Some(Position {
                sequence: SequenceNumber::MAX,
                sub_sequence: u64::MAX,
            }),
            Checkpoint::AtTimestamp(_) | Checkpoint::TrimHorizon | Checkpoint::Latest => None,
        }
    }

    /// Waits until every lane has written what is settled and given its lease back.
    pub async fn stop(self) {
        self.stop.stop();
        if let Err(error) = self.task.await {
            warn!(%error, "trigger did not stop cleanly");
        }
    }
}

/// The lanes of a trigger and what is known about their shards.
struct Crew {
    rooms: Rooms,
    settings: Arc<TriggerSettings>,
    statuses: Statuses,
    state: Option<Arc<StateStore>>,
    switch: watch::Receiver<Switch>,
    token: StopToken,
    ends: mpsc::Sender<(ShardId, LaneEnd)>,
    ended: BTreeSet<ShardId>,
    lanes: BTreeMap<ShardId, Task<()>>,
}

impl Crew {
    async fn run(mut self, mut ended: mpsc::Receiver<(ShardId, LaneEnd)>) {
        loop {
            let (shard, end) = tokio::select! {
                biased;
                () = self.token.stopped() => break,
                Some(end) = ended.recv() => end,
            };
            info!(trigger = %self.settings.name, %shard, ?end, "lane ended");
            if end == LaneEnd::Ended {
                self.ended.insert(shard);
                if let Err(error) = self.sweep().await {
                    warn!(trigger = %self.settings.name, %error, "children not started");
                    self.report_waiting(&error);
                }
            }
        }
        drop(ended);
        for (shard, lane) in self.lanes {
            if let Err(error) = lane.await {
                warn!(%shard, %error, "lane did not stop cleanly");
            }
        }
    }

    /// Starts a lane for every shard that has none and whose parents are done.
    async fn sweep(&mut self) -> Result<(), StartError> {
        let shards = self.rooms.source.shards(&self.settings.stream)?;
        let known: BTreeSet<ShardId> = shards.iter().map(|shard| shard.id).collect();
        self.prepare(&shards).await?;
        for shard in shards {
            if self.lanes.contains_key(&shard.id) || self.ended.contains(&shard.id) {
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
        Ok(())
    }

    /// Gives the shards their lease rows and notes which of them an earlier run has finished. All starting positions of
    /// a new trigger are decided before anything is read and written as one: a crash in between decides none of them.
    async fn prepare(&mut self, shards: &[ShardFacts]) -> Result<(), StartError> {
        let first_time = self.rooms.leases.list(&self.settings.name)?.is_empty();
        let mut wanted = Vec::new();
        for shard in shards {
            if self.lanes.contains_key(&shard.id) {
                continue;
            }
            let initial = if first_time {
                self.start_of(shard.id).await?
            } else {
                Checkpoint::TrimHorizon
            };
            wanted.push(NewLease {
                key: self.key(shard.id),
                parents: shard.parents.clone(),
                initial,
            });
        }
        for row in self.rooms.leases.ensure(wanted).await? {
            self.note(&row)?;
        }
        Ok(())
    }

    fn note(&mut self, row: &LeaseRow) -> Result<(), StartError> {
        let shard = row.key.shard;
        let checkpoint = match self.rooms.journal.get(&keys::progress(&row.key))? {
            Some(bytes) => Progress::decode(&bytes)?.low,
            None => row.initial,
        };
        let state = if checkpoint == Checkpoint::ShardEnd {
            self.ended.insert(shard);
            ShardState::Ended
        } else {
            ShardState::Running
        };
        let status = ShardStatus {
            shard,
            state,
            checkpoint,
            behind_ms: 0,
            counters: Counters::default(),
        };
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses
            .entry(shard)
            .or_insert_with(|| watch::channel(status).0);
        Ok(())
    }

    /// `Latest` becomes a place at once, so that a restart before the first settlement skips nothing.
    async fn start_of(&self, shard: ShardId) -> Result<Checkpoint, StartError> {
        match self.settings.start {
            StartAt::Oldest => Ok(Checkpoint::TrimHorizon),
            StartAt::At(at) => Ok(Checkpoint::AtTimestamp(at)),
            StartAt::Latest => {
                let limit = ReadLimit {
                    records: 1,
                    bytes: 1,
                };
                let stream = &self.settings.stream;
                let page = self
                    .rooms
                    .source
                    .read(stream, shard, ReadFrom::Latest, limit)
                    .await?;
                Ok(match page.next {
                    ReadFrom::After(sequence) => Checkpoint::Settled(end_of(sequence)),
                    ReadFrom::At(sequence) => Checkpoint::Settled(end_of(before(sequence))),
                    ReadFrom::Arrived(at) => Checkpoint::AtTimestamp(at),
                    ReadFrom::Oldest => Checkpoint::TrimHorizon,
                    ReadFrom::Latest => Checkpoint::AtTimestamp(self.rooms.platform.clock.wall()),
                })
            }
        }
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
        let switch = self.switch.clone();
        let state = self.state.clone();
        let lane = Lane::new(
            self.rooms.clone(),
            settings,
            shard,
            lease,
            switch,
            status.clone(),
            state,
        );
        let (token, ends) = (self.token.clone(), self.ends.clone());
        let tasks = &self.rooms.platform.tasks;
        let working = tasks.spawn("lane", lane.run(token));
        let task = tasks.spawn("end of a lane", async move {
            // A lane that panicked must not look as if it were running.
            let end = working.await.unwrap_or_else(|failed| {
                let why = failed.to_string();
                let state = ShardState::Broken(why.clone());
                status.send_modify(|status| status.state = state);
                LaneEnd::Broken(why)
            });
            // Nobody listens any more once the trigger stops.
            drop(ends.send((id, end)).await);
        });
        self.lanes.insert(id, task);
        Ok(())
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
            .filter(|(shard, _)| !self.lanes.contains_key(shard));
        for (_, status) in waiting.filter(|(shard, _)| !self.ended.contains(shard)) {
            let state = match error {
                StartError::Lease(error) => ShardState::NoLease(error.to_string()),
                StartError::Source(_) | StartError::Journal(_) | StartError::Progress(_) => {
                    ShardState::Broken(error.to_string())
                }
            };
            status.send_modify(|status| status.state = state);
        }
    }
}

/// After every sub-record of a record.
fn end_of(sequence: SequenceNumber) -> Position {
    Position {
        sequence,
        sub_sequence: u64::MAX,
    }
}

/// The integer before this one; stays at 0.
fn before(sequence: SequenceNumber) -> SequenceNumber {
    let [high, middle, low] = sequence.0;
    let (low, borrow) = low.overflowing_sub(1);
    let (middle, borrow) = middle.overflowing_sub(u64::from(borrow));
    high.checked_sub(u64::from(borrow))
        .map_or(SequenceNumber::MIN, |high| {
            SequenceNumber([high, middle, low])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepping_back_borrows_over_limbs() {
        for (of, is) in [
            ([0, 0, 5], [0, 0, 4]),
            ([0, 1, 0], [0, 0, u64::MAX]),
            ([1, 0, 0], [0, u64::MAX, u64::MAX]),
            ([0, 0, 0], [0, 0, 0]),
        ] {
            assert_eq!(before(SequenceNumber(of)), SequenceNumber(is), "{of:?}");
        }
    }
}
