//! Event source mappings of the Lambda API as triggers of this server.
//!
//! A mapping that was made by the API is kept in the log and runs like a trigger of the file, under its id as its name. The
//! triggers of the file are shown as mappings too; the API may enable and disable them, everything else is the file's.

mod meaning;
mod store;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dispatch::{ShardState, TriggerSettings};
use model::{
    FunctionName, Timestamp, TriggerName,
    seams::{BoxFuture, CommitError},
};
use tracing::warn;
use wire::lambda::{
    FunctionName as NamedFunction, LambdaError, LastResult, Mapping, MappingState, Mappings, Shown,
};

use crate::{
    assemble::{Rooms, launch},
    destinations::Names,
};
use meaning::{Named, named, of_trigger, trigger};
pub(crate) use store::{is_stored, stored_triggers};

/// What stands behind the door of the Lambda API.
#[derive(Debug)]
pub(crate) struct HostMappings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rooms: Arc<Rooms>,
    names: Names,
    /// Of the triggers of the file: they are as old as this server.
    since: Timestamp,
    /// What is on its way from one state to the next.
    changing: Mutex<BTreeMap<String, MappingState>>,
    /// One change at a time.
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

    fn last_result(&self, trigger: &TriggerName) -> LastResult {
        let statuses = self.rooms.runners.status(trigger);
        let failing = |state: &ShardState| {
            matches!(
                state,
                ShardState::BackingOff { .. }
                    | ShardState::Blocked { .. }
                    | ShardState::BreakerOpen { .. }
            )
        };
        if statuses.iter().any(|status| failing(&status.state)) {
            LastResult::FunctionFailed
        } else if statuses.iter().any(|it| it.counters.invocations > 0) {
            LastResult::Ok
        } else {
            LastResult::Nothing
        }
    }

    /// Those of the file and those that are stored, with the triggers that they are.
    fn all(&self) -> Result<BTreeMap<String, (Mapping, TriggerName)>, LambdaError> {
        let stored = store::all(self.rooms.journal.as_ref()).map_err(failed)?;
        let mut all = BTreeMap::new();
        for settings in self.rooms.triggers.now().values() {
            if !stored.contains_key(settings.name.as_str()) {
                let uuid = self.names.mapping(settings.name.as_str()).to_string();
                let mapping = of_trigger(settings, uuid.clone(), self.since);
                all.insert(uuid, (mapping, settings.name.clone()));
            }
        }
        for (uuid, mapping) in stored {
            let name = TriggerName::parse(&uuid).map_err(LambdaError::service)?;
            all.insert(uuid, (mapping, name));
        }
        Ok(all)
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

    async fn create(&self, mapping: Mapping) -> Result<Shown, LambdaError> {
        let _turn = self.turn.lock().await;
        let settings = self.meaning(&mapping)?;
        let journal = self.rooms.journal.as_ref();
        store::put(journal, &mapping).await.map_err(failed)?;
        if let Err(error) = launch(&self.rooms, &settings).await {
            store::remove(journal, &settings.name)
                .await
                .map_err(failed)?;
            return Err(LambdaError::service(error));
        }
        let name = settings.name.clone();
        self.rooms.triggers.put(settings);
        let shown = self.shown(mapping, &name)?;
        let state = MappingState::Creating;
        Ok(Shown { state, ..shown })
    }

    /// A trigger of the file may be switched, nothing else.
    async fn switch(&self, changed: Mapping) -> Result<Shown, LambdaError> {
        let found = self.all()?.remove(&changed.uuid);
        let (before, name) = found.ok_or_else(gone)?;
        let mut as_it_is = changed.settings.clone();
        as_it_is.enabled = before.settings.enabled;
        if as_it_is != before.settings || changed.function_arn != before.function_arn {
            return Err(LambdaError::in_use(format!(
                "The event source mapping is trigger {name} of triggers.yaml and can only be changed there."
            ))
            .with_hint("Enabled may be changed here"));
        }
        let runners = &self.rooms.runners;
        let facts = serde_json::json!({ "enabled": changed.settings.enabled });
        let row = crate::api::audit::row(&self.rooms, "UpdateEventSourceMapping", &name, facts);
        let (switched, state) = if changed.settings.enabled {
            (
                runners.resume(&name, None, row).await,
                MappingState::Enabling,
            )
        } else {
            (
                runners.pause(&name, None, row).await,
                MappingState::Disabling,
            )
        };
        switched.map_err(failed)?;
        let shown = self.shown(before, &name)?;
        Ok(Shown { state, ..shown })
    }

    async fn update(self: Arc<Self>, changed: Mapping) -> Result<Shown, LambdaError> {
        if self.is_of_file(&changed.uuid)? {
            return self.switch(changed).await;
        }
        let settings = self.meaning(&changed)?;
        let before = store::get(self.rooms.journal.as_ref(), &changed.uuid).map_err(failed)?;
        let before = before.ok_or_else(gone)?;
        let state = match (before.settings.enabled, changed.settings.enabled) {
            (true, false) => MappingState::Disabling,
            (false, true) => MappingState::Enabling,
            (true, true) | (false, false) => MappingState::Updating,
        };
        let journal = self.rooms.journal.as_ref();
        store::put(journal, &changed).await.map_err(failed)?;
        let name = settings.name.clone();
        self.changing().insert(changed.uuid.clone(), state);
        let inner = Arc::clone(&self);
        let uuid = changed.uuid.clone();
        // Whoever asked does not wait for running invocations.
        drop(self.rooms.platform.tasks.spawn("mapping", async move {
            inner.restart(settings).await;
            inner.changing().remove(&uuid);
        }));
        let shown = self.shown(changed, &name)?;
        Ok(Shown { state, ..shown })
    }

    async fn restart(&self, settings: TriggerSettings) {
        let _turn = self.turn.lock().await;
        self.rooms.runners.end(&settings.name).await;
        if let Err(error) = launch(&self.rooms, &settings).await {
            warn!(mapping = %settings.name, %error, "the changed mapping does not run");
        }
        self.rooms.triggers.put(settings);
    }

    async fn delete(&self, uuid: String) -> Result<Shown, LambdaError> {
        if self.is_of_file(&uuid)? {
            let found = self.all()?.remove(&uuid);
            let (_, name) = found.ok_or_else(gone)?;
            return Err(LambdaError::in_use(format!(
                "The event source mapping is trigger {name} of triggers.yaml and can only be removed there."
            )));
        }
        let _turn = self.turn.lock().await;
        let stored = store::get(self.rooms.journal.as_ref(), &uuid).map_err(failed)?;
        let mapping = stored.ok_or_else(gone)?;
        let name = TriggerName::parse(&uuid).map_err(LambdaError::service)?;
        let shown = self.shown(mapping, &name)?;
        self.rooms.runners.end(&name).await;
        let journal = self.rooms.journal.as_ref();
        store::remove(journal, &name).await.map_err(failed)?;
        self.rooms.triggers.remove(&name);
        let state = MappingState::Deleting;
        Ok(Shown { state, ..shown })
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

    fn list(&self) -> Result<Vec<Shown>, LambdaError> {
        let all = self.0.all()?.into_values();
        all.map(|(mapping, name)| self.0.shown(mapping, &name))
            .collect()
    }

    fn get(&self, uuid: &str) -> Result<Option<Shown>, LambdaError> {
        let found = self.0.all()?.remove(uuid);
        found
            .map(|(mapping, name)| self.0.shown(mapping, &name))
            .transpose()
    }

    fn create(&self, mapping: Mapping) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        Box::pin(self.0.create(mapping))
    }

    fn update(&self, changed: Mapping) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        Box::pin(Arc::clone(&self.0).update(changed))
    }

    fn delete(&self, uuid: String) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        Box::pin(self.0.delete(uuid))
    }

    fn tag(
        &self,
        uuid: String,
        tags: BTreeMap<String, String>,
    ) -> BoxFuture<'_, Result<(), LambdaError>> {
        Box::pin(async move {
            let journal = self.0.rooms.journal.as_ref();
            let Some(mapping) = store::get(journal, &uuid).map_err(failed)? else {
                return Err(LambdaError::in_use(
                    "The event source mapping is a trigger of triggers.yaml and takes no tags.",
                ));
            };
            let tagged = Mapping { tags, ..mapping };
            store::put(journal, &tagged).await.map_err(failed)
        })
    }
}

fn failed(error: CommitError) -> LambdaError {
    LambdaError::service(error)
}

fn gone() -> LambdaError {
    LambdaError::not_found("The resource you requested does not exist.")
}
