//! How a mapping is made, changed and removed.
//!
//! In: what a caller wants. Out: the mapping as AWS answers it, with the state that it is on its way from. A mapping is
//! changed by one caller at a time, and nobody waits long for a function that runs: what is left goes on behind the answer.
//! All of it is to be run to its end, whoever waits for it.

use std::{collections::btree_map::Entry, sync::Arc};

use model::TriggerName;
use tracing::warn;
use wire::lambda::{LambdaError, Mapping, MappingChange, MappingState, Shown};

use super::{
    Inner, failed, gone,
    store::{self, Row},
};
use crate::{assemble::launch, limits::MAPPING_CHANGE_PATIENCE};

/// The right to change a mapping.
#[derive(Debug)]
struct Changing {
    inner: Arc<Inner>,
    uuid: String,
}

impl Changing {
    fn shows(&self, state: MappingState) {
        self.inner.changing().insert(self.uuid.clone(), state);
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        self.inner.changing().remove(&self.uuid);
    }
}

impl Inner {
    /// Refused while it changes already.
    fn begin(self: &Arc<Self>, uuid: &str, state: MappingState) -> Result<Changing, LambdaError> {
        match self.changing().entry(uuid.to_owned()) {
            Entry::Vacant(place) => {
                place.insert(state);
            }
            Entry::Occupied(_) => return Err(busy(uuid)),
        }
        Ok(Changing {
            inner: Arc::clone(self),
            uuid: uuid.to_owned(),
        })
    }

    /// Whoever asked waits a moment, but for no slow function: the rest goes on behind the answer.
    async fn patiently<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let platform = &self.rooms.platform;
        let task = platform.tasks.spawn("mapping", work);
        tokio::select! {
            biased;
            done = task => done.ok(),
            () = platform.clock.sleep(MAPPING_CHANGE_PATIENCE) => None,
        }
    }

    pub(super) async fn create(self: Arc<Self>, mapping: Mapping) -> Result<Shown, LambdaError> {
        let settings = self.meaning(&mapping)?;
        let _changing = self.begin(&mapping.uuid, MappingState::Creating)?;
        let journal = self.rooms.journal.as_ref();
        {
            let _turn = self.turn.lock().await;
            self.refuse_twice(&mapping)?;
            let row = Row {
                mapping: mapping.clone(),
                deleting: false,
            };
            store::put(journal, &row).await.map_err(failed)?;
        }
        if let Err(error) = launch(&self.rooms, &settings).await {
            let removed = store::remove(journal, &settings.name).await;
            removed.map_err(failed)?;
            return Err(LambdaError::service(error));
        }
        let name = settings.name.clone();
        self.rooms.triggers.put(settings);
        self.shown(mapping, &name)
    }

    /// A trigger of the file may be switched, nothing else.
    async fn switch(&self, uuid: &str, change: MappingChange) -> Result<Shown, LambdaError> {
        let found = self.all()?.remove(uuid);
        let (before, name) = found.ok_or_else(gone)?;
        let changed = change(before.clone())?;
        let mut as_it_is = changed.settings.clone();
        as_it_is.enabled = before.settings.enabled;
        if as_it_is != before.settings || changed.function_arn != before.function_arn {
            let refused = self.of_the_file(&name, "can only be changed there");
            return Err(refused.with_hint("Enabled may be changed here"));
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

    pub(super) async fn update(
        self: Arc<Self>,
        uuid: String,
        change: MappingChange,
    ) -> Result<Shown, LambdaError> {
        if self.is_of_file(&uuid)? {
            return self.switch(&uuid, change).await;
        }
        let changing = self.begin(&uuid, MappingState::Updating)?;
        let (changed, state) = self.rewrite(&uuid, change).await?;
        changing.shows(state);
        let name = TriggerName::parse(&uuid).map_err(LambdaError::service)?;
        let (inner, restarted) = (Arc::clone(&self), name.clone());
        let restart = async move {
            inner.restart(&restarted).await;
            drop(changing);
        };
        self.patiently(Box::pin(restart)).await;
        let shown = self.shown(changed, &name)?;
        Ok(Shown { state, ..shown })
    }

    /// The row as the change wants it, and what that makes of the mapping.
    async fn rewrite(
        &self,
        uuid: &str,
        change: MappingChange,
    ) -> Result<(Mapping, MappingState), LambdaError> {
        let _turn = self.turn.lock().await;
        let journal = self.rooms.journal.as_ref();
        let row = store::get(journal, uuid).map_err(failed)?;
        let before = row.filter(|row| !row.deleting).ok_or_else(gone)?.mapping;
        let was_enabled = before.settings.enabled;
        let changed = change(before)?;
        self.meaning(&changed)?;
        self.refuse_twice(&changed)?;
        let state = match (was_enabled, changed.settings.enabled) {
            (true, false) => MappingState::Disabling,
            (false, true) => MappingState::Enabling,
            (true, true) | (false, false) => MappingState::Updating,
        };
        let row = Row {
            mapping: changed.clone(),
            deleting: false,
        };
        store::put(journal, &row).await.map_err(failed)?;
        Ok((changed, state))
    }

    /// Ends what runs, and starts what the row says.
    async fn restart(&self, name: &TriggerName) {
        let runners = &self.rooms.runners;
        runners
            .end_for_a_change(name, Box::pin(self.start_changed(name)))
            .await;
    }

    async fn start_changed(&self, name: &TriggerName) {
        let runners = &self.rooms.runners;
        let settings = match store::get(self.rooms.journal.as_ref(), name.as_str()) {
            Ok(Some(row)) if !row.deleting => self.meaning(&row.mapping),
            Ok(_) => return,
            Err(error) => Err(failed(error)),
        };
        let settings = match settings {
            Ok(settings) => settings,
            Err(error) => return runners.stands(name, error.to_string(), None),
        };
        if let Err(error) = launch(&self.rooms, &settings).await {
            runners.stands(name, error.to_string(), None);
        }
        self.rooms.triggers.put(settings);
    }

    pub(super) async fn delete(self: Arc<Self>, uuid: String) -> Result<Shown, LambdaError> {
        if self.is_of_file(&uuid)? {
            let found = self.all()?.remove(&uuid);
            let (_, name) = found.ok_or_else(gone)?;
            return Err(self.of_the_file(&name, "can only be removed there"));
        }
        let changing = self.begin(&uuid, MappingState::Deleting)?;
        let name = TriggerName::parse(&uuid).map_err(LambdaError::service)?;
        let mapping = self.condemn(&uuid).await?;
        let shown = self.shown(mapping, &name)?;
        let inner = Arc::clone(&self);
        let removal = async move {
            let removed = inner.remove(&name).await;
            drop(changing);
            removed
        };
        self.patiently(Box::pin(removal)).await.unwrap_or(Ok(()))?;
        let state = MappingState::Deleting;
        Ok(Shown { state, ..shown })
    }

    /// From here on the mapping goes, also where the server ends before it is gone.
    pub(super) async fn condemn(&self, uuid: &str) -> Result<Mapping, LambdaError> {
        let _turn = self.turn.lock().await;
        let journal = self.rooms.journal.as_ref();
        let row = store::get(journal, uuid).map_err(failed)?;
        let mapping = row.ok_or_else(gone)?.mapping;
        let row = Row {
            mapping: mapping.clone(),
            deleting: true,
        };
        store::put(journal, &row).await.map_err(failed)?;
        Ok(mapping)
    }

    async fn remove(&self, name: &TriggerName) -> Result<(), LambdaError> {
        self.rooms.runners.end(name).await;
        self.rooms.runners.forget(name);
        let removed = store::remove(self.rooms.journal.as_ref(), name).await;
        if let Err(error) = &removed {
            warn!(mapping = %name, %error, "a deleted mapping is not gone yet: the next start removes it");
        }
        self.rooms.triggers.remove(name);
        removed.map_err(failed)
    }
}

fn busy(uuid: &str) -> LambdaError {
    LambdaError::in_use(format!(
        "Cannot update the event source mapping {uuid} because it is in use."
    ))
    .with_hint("it changes just now: GetEventSourceMapping shows its state")
}
