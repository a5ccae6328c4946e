//! Event source mappings of the Lambda API as triggers of this server.
//!
//! A mapping that was made by the API is kept in the log and runs like a trigger of the file, under its id as its name. The
//! triggers of the file are shown as mappings too; the API may enable and disable them, everything else is the file's.

mod changes;
mod meaning;
mod pairs;
mod store;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dispatch::{LastOutcome, ShardState, TriggerSettings};
use model::{
    FunctionName, Timestamp, TriggerName,
    seams::{BoxFuture, CommitError},
};
use wire::lambda::{
    FunctionName as NamedFunction, LambdaError, LastResult, Mapping, MappingChange, MappingState,
    Mappings, Shown,
};

use crate::{assemble::Rooms, destinations::Names};
use meaning::{Named, named, of_trigger, trigger};
pub use pairs::Twice;
pub(crate) use pairs::twice;
pub(crate) use store::{end_deletions, is_stored, stored_triggers};

/// What stands behind the door of the Lambda API.
#[derive(Debug)]
pub(crate) struct HostMappings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rooms: Arc<Rooms>,
    names: Names,
    /// Of the triggers of the file: they are as old as this server.
    since: Timestamp,
    /// What is on its way from one state to the next. Nothing else may change it meanwhile (ESM-E14).
    changing: Mutex<BTreeMap<String, MappingState>>,
    /// Rows are read and written again by one at a time, and nobody waits in it for invocations.
    turn: tokio::sync::Mutex<()>,
}

impl HostMappings {
    pub(crate) fn new(rooms: Arc<Rooms>, names: Names) -> Self {
        Self(Arc::new(Inner {
            since: rooms.platform.clock.wall(),
            rooms,
            names,
            changing: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }
}

impl Inner {
    fn changing(&self) -> MutexGuard<'_, BTreeMap<String, MappingState>> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self, mapping: Mapping, trigger: &TriggerName) -> Result<Shown, LambdaError> {
        let rooms = &self.rooms;
        let paused = rooms.runners.is_paused(trigger).map_err(failed)?;
        let enabled = mapping.settings.enabled && !paused;
        let settled = if enabled {
            MappingState::Enabled
        } else {
            MappingState::Disabled
        };
        let state = self.changing().get(&mapping.uuid).copied();
        Ok(Shown {
            state: state.unwrap_or(settled),
            last_result: self.last_result(trigger),
            mapping,
        })
    }

    /// Of the newest invocation on any shard, whatever became of its records (LC-6).
    fn last_result(&self, trigger: &TriggerName) -> LastResult {
        if self.rooms.runners.why_it_stands(trigger).is_some() {
            return LastResult::InternalError;
        }
        let statuses = self.rooms.runners.status(trigger);
        let broken =
            |state: &ShardState| matches!(state, ShardState::Broken(_) | ShardState::LogStopped(_));
        if statuses.iter().any(|status| broken(&status.state)) {
            return LastResult::InternalError;
        }
        let last = statuses.iter().filter_map(|status| status.last);
        match last.max_by_key(|last| (last.at_ms, last.failed)) {
            Some(LastOutcome { failed: true, .. }) => LastResult::FunctionFailed,
            Some(LastOutcome { failed: false, .. }) => LastResult::Ok,
            None => LastResult::Nothing,
        }
    }

    /// Those of the file and those that are stored, with the triggers that they are.
    fn all(&self) -> Result<BTreeMap<String, (Mapping, TriggerName)>, LambdaError> {
        let stored = store::all(self.rooms.journal.as_ref()).map_err(failed)?;
        let mut all = BTreeMap::new();
        for settings in self.rooms.triggers.now().values() {
            // Of mappings that are gone meanwhile a trigger may be left for a moment.
            let of_file = !stored.contains_key(settings.name.as_str())
                && !self.changing().contains_key(settings.name.as_str());
            if of_file {
                let uuid = self.names.mapping(settings.name.as_str()).to_string();
                let named = (uuid.clone(), self.since);
                let arn = |name: &str| self.rooms.deliveries.arn(name);
                let mapping = of_trigger(settings, named, arn);
                all.insert(uuid, (mapping, settings.name.clone()));
            }
        }
        for (uuid, row) in stored {
            let name = TriggerName::parse(&uuid).map_err(LambdaError::service)?;
            all.insert(uuid, (row.mapping, name));
        }
        Ok(all)
    }

    fn list(&self) -> Result<Vec<Shown>, LambdaError> {
        let all = self.all()?.into_values();
        all.map(|(mapping, name)| self.shown(mapping, &name))
            .collect()
    }

    fn of_the_file(&self, name: &TriggerName, so: &str) -> LambdaError {
        let place = pairs::place(&self.rooms, name);
        LambdaError::in_use(format!(
            "The event source mapping is trigger {name} at {place} and {so}."
        ))
    }

    fn is_of_file(&self, uuid: &str) -> Result<bool, LambdaError> {
        let stored = is_stored(self.rooms.journal.as_ref(), uuid);
        stored.map(|stored| !stored).map_err(failed)
    }

    fn meaning(&self, mapping: &Mapping) -> Result<TriggerSettings, LambdaError> {
        let function = mapping.function_arn.split(':').nth(6).unwrap_or_default();
        let function = FunctionName::parse(function).map_err(LambdaError::service)?;
        trigger(mapping, function)
    }
}

impl HostMappings {
    /// Also where nobody waits for the answer any more: what is written must be carried out.
    fn to_its_end(
        &self,
        change: impl Future<Output = Result<Shown, LambdaError>> + Send + 'static,
    ) -> impl Future<Output = Result<Shown, LambdaError>> + Send {
        let changed = self
            .0
            .rooms
            .platform
            .tasks
            .spawn("mapping", Box::pin(change));
        async move { changed.await.map_err(LambdaError::service)? }
    }
}

impl Mappings for HostMappings {
    fn has_source(&self, arn: &str) -> bool {
        let rooms = &self.0.rooms;
        let now = rooms.platform.clock.wall();
        let Some(Named { stream, consumer }) = named(arn) else {
            return false;
        };
        let Ok(facts) = rooms.streams.describe(&stream) else {
            return false;
        };
        consumer.is_none_or(|(name, created)| {
            let found = facts.traits.consumer(&name, Some(created), now);
            found.is_some()
        })
    }

    fn has_function(&self, name: &NamedFunction) -> bool {
        let world = &self.0.rooms.world;
        name.region == world.region.as_str()
            && name.account == world.account.as_str()
            && FunctionName::parse(&name.name).is_ok_and(|function| {
                let found = self.0.rooms.functions.get(&function);
                found.is_some_and(|it| it.entry.route(name.qualifier.as_deref()).is_ok())
            })
    }

    fn remarks(&self, filters: &[String]) -> Result<Vec<String>, LambdaError> {
        let filter = meaning::filter(filters)?;
        Ok(filter.remark().into_iter().collect())
    }

    fn list(&self) -> Result<Vec<Shown>, LambdaError> {
        self.0.list()
    }

    fn get(&self, uuid: &str) -> Result<Option<Shown>, LambdaError> {
        let found = self.0.all()?.remove(uuid);
        found
            .map(|(mapping, name)| self.0.shown(mapping, &name))
            .transpose()
    }

    fn create(&self, mapping: Mapping) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        Box::pin(async move {
            let shown = self.to_its_end(Arc::clone(&self.0).create(mapping)).await?;
            let state = MappingState::Creating;
            Ok(Shown { state, ..shown })
        })
    }

    fn update(
        &self,
        uuid: String,
        change: MappingChange,
    ) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        Box::pin(self.to_its_end(Arc::clone(&self.0).update(uuid, change)))
    }

    fn delete(&self, uuid: String) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        Box::pin(self.to_its_end(Arc::clone(&self.0).delete(uuid)))
    }

    fn tag(
        &self,
        uuid: String,
        tags: BTreeMap<String, String>,
    ) -> BoxFuture<'_, Result<(), LambdaError>> {
        Box::pin(async move {
            let _turn = self.0.turn.lock().await;
            let journal = self.0.rooms.journal.as_ref();
            let Some(mut row) = store::get(journal, &uuid).map_err(failed)? else {
                let found = self.0.all()?.remove(&uuid);
                let (_, name) = found.ok_or_else(gone)?;
                return Err(self.0.of_the_file(&name, "takes no tags"));
            };
            row.mapping.tags = tags;
            store::put(journal, &row).await.map_err(failed)
        })
    }
}

fn failed(error: CommitError) -> LambdaError {
    LambdaError::service(error)
}

fn gone() -> LambdaError {
    LambdaError::not_found("The resource you requested does not exist.")
}
