//! The running triggers, and what operators said about them.
//!
//! A pause is written to the journal before it is obeyed, so that it survives a restart; it stands beside the wish of the
//! file and is shown as what it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use dispatch::{
    Brake, Counters, Mismatch, Moved, ParkedKeys, Paused, SeekTo, ShardStatus, StartAt, StateStore,
    TriggerRunner, TriggerSettings,
};
use model::{
    FunctionName, LeaseKey, ShardId, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use platform::watch;

#[derive(Debug)]
pub(crate) struct Runners {
    journal: Arc<dyn Journal>,
    running: Mutex<BTreeMap<TriggerName, TriggerRunner>>,
    /// Triggers that could not be started, why, and with what they are once that is mended.
    standing: Mutex<BTreeMap<TriggerName, Standing>>,
    /// What those said last that stand still because they are moved.
    moving: Mutex<BTreeMap<TriggerName, Vec<ShardStatus>>>,
    /// Orders that nothing may come between are carried out one after another, by trigger.
    orders: Mutex<BTreeMap<TriggerName, Arc<tokio::sync::Mutex<()>>>>,
}

/// A trigger that does not run.
#[derive(Debug, Clone)]
struct Standing {
    because: String,
    /// With these it runs once an operator says where it begins; none where something else is to be mended.
    parts: Option<(dispatch::Rooms, TriggerSettings)>,
}

impl Runners {
    pub(crate) fn new(journal: Arc<dyn Journal>) -> Self {
        Self {
            journal,
            running: Mutex::default(),
            standing: Mutex::default(),
            moving: Mutex::default(),
            orders: Mutex::default(),
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<TriggerName, TriggerRunner>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moving(&self) -> MutexGuard<'_, BTreeMap<TriggerName, Vec<ShardStatus>>> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, name: TriggerName, runner: TriggerRunner) {
        self.running().insert(name, runner);
    }

    /// Each shard with exactly one reason where it does not move.
    pub(crate) fn status(&self, name: &TriggerName) -> Vec<ShardStatus> {
        let running = self.running().get(name).map(TriggerRunner::status);
        running
            .or_else(|| self.moving().get(name).cloned())
            .unwrap_or_default()
    }

    /// What was counted on shards that are gone since the trigger was started.
    pub(crate) fn counted_on_gone_shards(&self, name: &TriggerName) -> Counters {
        let running = self.running();
        let counted = running.get(name).map(TriggerRunner::counted_on_gone_shards);
        counted.unwrap_or_default()
    }

    /// Where the trigger keeps values.
    pub(crate) fn state(&self, name: &TriggerName) -> Option<Arc<StateStore>> {
        self.running().get(name).and_then(TriggerRunner::state)
    }

    /// What operators paused of it.
    pub(crate) fn paused(&self, name: &TriggerName) -> Result<Paused, CommitError> {
        let stored = self.journal.get(&pause_key(name))?;
        Ok(stored.map(|stored| decoded(&stored)).unwrap_or_default())
    }

    pub(crate) fn is_paused(&self, name: &TriggerName) -> Result<bool, CommitError> {
        Ok(self.paused(name)?.trigger)
    }

    /// Of one shard, or of all.
    pub(crate) async fn pause(
        &self,
        name: &TriggerName,
        shard: Option<ShardId>,
        audit: ViewWrite,
    ) -> Result<(), CommitError> {
        let mut paused = self.paused(name)?;
        match shard {
            Some(shard) => drop(paused.shards.insert(shard)),
            None => paused.trigger = true,
        }
        self.write(name, &paused, audit).await?;
        if let Some(runner) = self.running().get(name) {
            runner.pause(shard);
        }
        Ok(())
    }

    /// A function means something new: what waits for another attempt with it need wait no longer.
    pub(crate) fn deployed(&self, function: &FunctionName) {
        let running = self.running();
        let calls = |runner: &&TriggerRunner| runner.function() == function;
        running
            .values()
            .filter(calls)
            .for_each(TriggerRunner::deployed);
    }

    /// It runs with other settings than before.
    pub(crate) fn changed(&self, name: &TriggerName) {
        if let Some(runner) = self.running().get(name) {
            runner.changed();
        }
    }

    /// Drops what runs of it.
    pub(crate) fn abort(&self, name: &TriggerName) {
        if let Some(runner) = self.running().get(name) {
            runner.abort();
        }
    }

    pub(crate) async fn resume(
        &self,
        name: &TriggerName,
        shard: Option<ShardId>,
        audit: ViewWrite,
    ) -> Result<(), CommitError> {
        let mut paused = self.paused(name)?;
        match shard {
            Some(shard) => drop(paused.shards.remove(&shard)),
            None => paused.trigger = false,
        }
        self.write(name, &paused, audit).await?;
        if let Some(runner) = self.running().get(name) {
            runner.resume(shard);
        }
        Ok(())
    }

    /// Waits for the orders before this one.
    pub(crate) async fn order(&self, name: &TriggerName) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(orders.entry(name.clone()).or_default())
        };
        turn.lock_owned().await
    }

    /// Keys of the trigger that wait.
    pub(crate) fn parked(&self, name: &TriggerName) -> Option<Arc<ParkedKeys>> {
        self.running().get(name).map(TriggerRunner::parked)
    }

    /// What makes the trigger stand still for a while.
    pub(crate) fn brake(&self, name: &TriggerName) -> Option<Brake> {
        self.running().get(name).map(TriggerRunner::brake)
    }

    async fn write(
        &self,
        name: &TriggerName,
        paused: &Paused,
        audit: ViewWrite,
    ) -> Result<(), CommitError> {
        let row = ViewWrite {
            key: pause_key(name),
            value: encoded(paused),
        };
        let writes = vec![row, audit];
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

    /// What the trigger runs with, or would.
    pub(crate) fn parts(&self, name: &TriggerName) -> Option<(dispatch::Rooms, TriggerSettings)> {
        let running = self.running().get(name).map(TriggerRunner::parts);
        running.or_else(|| self.standing().get(name)?.parts.clone())
    }

    fn standing(&self) -> MutexGuard<'_, BTreeMap<TriggerName, Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the trigger could not be started, where it could not.
    pub(crate) fn why_it_stands(&self, name: &TriggerName) -> Option<String> {
        self.standing()
            .get(name)
            .map(|standing| standing.because.clone())
    }

    /// Whether it runs as soon as an operator says where it begins.
    pub(crate) fn waits_for_a_place(&self, name: &TriggerName) -> bool {
        let standing = self.standing();
        standing.get(name).is_some_and(|it| it.parts.is_some())
    }

    /// The trigger does not run, and that is said until it does.
    pub(crate) fn stands(
        &self,
        name: &TriggerName,
        because: String,
        parts: Option<(dispatch::Rooms, TriggerSettings)>,
    ) {
        tracing::warn!(trigger = %name, because, "a trigger does not run");
        let standing = Standing { because, parts };
        self.standing().insert(name.clone(), standing);
    }

    /// The trigger is no more.
    pub(crate) fn forget(&self, name: &TriggerName) {
        self.standing().remove(name);
    }

    /// Starts a trigger. One whose stream was created again stands until an operator says where it begins in the new one;
    /// everything else that keeps it from starting is an error.
    pub(crate) async fn start(
        &self,
        rooms: dispatch::Rooms,
        settings: TriggerSettings,
    ) -> Result<(), dispatch::StartError> {
        let name = settings.name.clone();
        let paused = self.paused(&name)?;
        let kept = (rooms.clone(), settings.clone());
        match TriggerRunner::start(rooms, settings, paused).await {
            Ok(runner) => {
                self.standing().remove(&name);
                self.add(name, runner);
                Ok(())
            }
            Err(dispatch::StartError::Mismatch(created @ Mismatch::Created { .. })) => {
                self.stands(&name, created.to_string(), Some(kept));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Lets a trigger begin in the stream that was created again.
    pub(crate) async fn begin_anew(
        &self,
        name: &TriggerName,
        to: StartAt,
        with: Vec<ViewWrite>,
    ) -> Result<(), String> {
        let parts = self.parts(name);
        let (rooms, settings) = parts.ok_or_else(|| "the trigger does not run".to_owned())?;
        self.end(name).await;
        let begun = dispatch::begin_anew(&rooms, &settings, to, with).await;
        let started = self.start(rooms, settings).await;
        begun.map_err(|error| error.to_string())?;
        started.map_err(|error| error.to_string())
    }

    /// Moves the trigger while it stands still; it runs on afterwards, also where it could not be moved. To be run to its
    /// end: cut off half-way, the trigger would stand.
    pub(crate) async fn seek(
        &self,
        name: &TriggerName,
        to: SeekTo,
        with: impl FnOnce() -> Result<Vec<ViewWrite>, String>,
    ) -> Result<Vec<Moved>, String> {
        let runner = {
            let mut running = self.running();
            let runner = running.remove(name);
            let runner = runner.ok_or_else(|| "the trigger does not run".to_owned())?;
            self.moving().insert(name.clone(), runner.status());
            runner
        };
        let moved = self.stopped_and_moved(runner, to, with).await;
        self.moving().remove(name);
        moved
    }

    async fn stopped_and_moved(
        &self,
        runner: TriggerRunner,
        to: SeekTo,
        with: impl FnOnce() -> Result<Vec<ViewWrite>, String>,
    ) -> Result<Vec<Moved>, String> {
        let (rooms, settings) = runner.parts();
        runner.stop().await;
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let moved = match with() {
            Ok(with) => {
                let moved = dispatch::seek(&rooms, &settings, to, with).await;
                moved.map_err(|error| said(&error))
            }
            Err(refused) => Err(refused),
        };
        let started = self.start(rooms, settings).await;
        started.map_err(|error| said(&error))?;
        moved
    }

    /// Lets another worker take the lease of a shard, as another host would.
    pub(crate) async fn replace(&self, worker: &LeaseKey) {
        let workers = self
            .running()
            .get(&worker.trigger)
            .map(TriggerRunner::workers);
        if let Some(workers) = workers {
            workers.replace(worker.shard).await;
        }
    }

    /// Waits until one trigger has written what is settled and given its leases back; it runs no more.
    pub(crate) async fn end(&self, name: &TriggerName) {
        let runner = self.running().remove(name);
        if let Some(runner) = runner {
            runner.stop().await;
        }
    }

    /// The same with a trigger that `start_again` starts again; what it showed last is shown meanwhile.
    pub(crate) async fn end_for_a_change<T>(
        &self,
        name: &TriggerName,
        start_again: impl Future<Output = T>,
    ) -> T {
        let runner = self.running().remove(name);
        if let Some(runner) = runner {
            self.moving().insert(name.clone(), runner.status());
            runner.stop().await;
        }
        let started = start_again.await;
        self.moving().remove(name);
        self.changed(name);
        started
    }

    /// Waits until every trigger has written what is settled and given its leases back.
    pub(crate) async fn stop(&self) {
        let runners = std::mem::take(&mut *self.running());
        for runner in runners.into_values() {
            runner.stop().await;
        }
    }
}

/// A row as earlier versions wrote it pauses the trigger as a whole.
const ALL: &[u8] = b"paused";

fn encoded(paused: &Paused) -> Option<Bytes> {
    match (paused.trigger, paused.shards.is_empty()) {
        (false, true) => None,
        (true, true) => Some(Bytes::from_static(ALL)),
        (trigger, false) => {
            let row = serde_json::json!({ "trigger": trigger, "shards": paused.shards });
            Some(row.to_string().into())
        }
    }
}

fn decoded(stored: &[u8]) -> Paused {
    #[derive(serde::Deserialize)]
    struct Row {
        trigger: bool,
        shards: BTreeSet<ShardId>,
    }
    // What cannot be read stands still rather than run against an order.
    serde_json::from_slice::<Row>(stored).map_or(true.into(), |row| Paused {
        trigger: row.trigger,
        shards: row.shards,
    })
}

fn pause_key(name: &TriggerName) -> Bytes {
    keys::named(Namespace::Trigger, name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_read_as_they_were_written_and_as_they_once_were() {
        let one = Paused {
            trigger: false,
            shards: BTreeSet::from([ShardId(3)]),
        };
        for paused in [Paused::default(), true.into(), one] {
            let stored = encoded(&paused);
            assert_eq!(stored.map(|it| decoded(&it)).unwrap_or_default(), paused);
        }
        for whole in [b"paused".as_slice(), b"?"] {
            assert_eq!(decoded(whole), true.into());
        }
    }
}
