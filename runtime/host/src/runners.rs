//! The running triggers, and what operators said about them.
//!
//! A pause is written to the journal before it is obeyed, so that it survives a restart; it stands beside the wish of the
//! file and is shown as what it is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dispatch::{Moved, ShardStatus, StartAt, StateStore, TriggerRunner, TriggerSettings};
use model::{
    ShardId, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use platform::watch;

#[derive(Debug)]
pub(crate) struct Runners {
    journal: Arc<dyn Journal>,
    running: Mutex<BTreeMap<TriggerName, TriggerRunner>>,
    /// Records that expired before they were settled, since this server started.
    lost: Mutex<BTreeMap<(TriggerName, ShardId), u64>>,
}

impl Runners {
    pub(crate) fn new(journal: Arc<dyn Journal>) -> Self {
        Self {
            journal,
            running: Mutex::new(BTreeMap::new()),
            lost: Mutex::new(BTreeMap::new()),
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<TriggerName, TriggerRunner>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, name: TriggerName, runner: TriggerRunner) {
        self.running().insert(name, runner);
    }

    /// Each shard with exactly one reason where it does not move.
    pub(crate) fn status(&self, name: &TriggerName) -> Vec<ShardStatus> {
        self.running()
            .get(name)
            .map(TriggerRunner::status)
            .unwrap_or_default()
    }

    pub(crate) fn lost(&self, name: &TriggerName, shard: ShardId, records: u64) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        *lost.entry((name.clone(), shard)).or_default() += records;
    }

    /// Records that expired before they were settled, since this server started.
    pub(crate) fn expired(&self, name: &TriggerName, shard: ShardId) -> u64 {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get(&(name.clone(), shard)).copied().unwrap_or(0)
    }

    /// Where the trigger keeps values.
    pub(crate) fn state(&self, name: &TriggerName) -> Option<Arc<StateStore>> {
        self.running().get(name).and_then(TriggerRunner::state)
    }

    pub(crate) fn is_paused(&self, name: &TriggerName) -> Result<bool, CommitError> {
        Ok(self.journal.get(&pause_key(name))?.is_some())
    }

    pub(crate) async fn pause(&self, name: &TriggerName) -> Result<(), CommitError> {
        self.write(name, Some(bytes::Bytes::from_static(b"paused")))
            .await?;
        if let Some(runner) = self.running().get(name) {
            runner.pause();
        }
        Ok(())
    }

    pub(crate) async fn resume(&self, name: &TriggerName) -> Result<(), CommitError> {
        self.write(name, None).await?;
        if let Some(runner) = self.running().get(name) {
            runner.resume();
        }
        Ok(())
    }

    async fn write(
        &self,
        name: &TriggerName,
        value: Option<bytes::Bytes>,
    ) -> Result<(), CommitError> {
        let writes = vec![ViewWrite {
            key: pause_key(name),
            value,
        }];
        let at = self
            .journal
            .commit(Transaction {
                writes,
                ..Transaction::default()
            })
            .await?;
        self.journal.durable(at).await
    }

    /// Changes of one shard's status; none while the shard is not taken up.
    pub(crate) fn watch(
        &self,
        name: &TriggerName,
        shard: ShardId,
    ) -> Option<watch::Receiver<ShardStatus>> {
        self.running().get(name)?.watch(shard)
    }

    /// What the trigger runs with.
    pub(crate) fn parts(&self, name: &TriggerName) -> Option<(dispatch::Rooms, TriggerSettings)> {
        self.running().get(name).map(TriggerRunner::parts)
    }

    /// Moves the trigger while it stands still; it runs on afterwards, also where it could not be moved.
    pub(crate) async fn seek(
        &self,
        name: &TriggerName,
        to: StartAt,
    ) -> Result<Vec<Moved>, dispatch::StartError> {
        let Some(runner) = self.running().remove(name) else {
            return Ok(Vec::new());
        };
        let (rooms, settings) = runner.parts();
        runner.stop().await;
        let moved = dispatch::seek(&rooms, &settings, to).await;
        let paused = self.is_paused(name)?;
        let runner = TriggerRunner::start(rooms, settings, paused).await?;
        self.add(name.clone(), runner);
        moved
    }

    /// Waits until one trigger has written what is settled and given its leases back; it runs no more.
    pub(crate) async fn end(&self, name: &TriggerName) {
        let runner = self.running().remove(name);
        if let Some(runner) = runner {
            runner.stop().await;
        }
    }

    /// Waits until every trigger has written what is settled and given its leases back.
    pub(crate) async fn stop(&self) {
        let runners = std::mem::take(&mut *self.running());
        for runner in runners.into_values() {
            runner.stop().await;
        }
    }
}

fn pause_key(name: &TriggerName) -> bytes::Bytes {
    keys::named(Namespace::Trigger, name.as_str())
}
