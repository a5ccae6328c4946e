//! Changes of functions, one at a time: declared by the file, made, changed and removed by the API.
//!
//! In: a name and what is to become of it. Out: the new state, durable in the catalog before anybody sees it. A change
//! that is refused leaves all as it was.

use std::{path::PathBuf, sync::Arc};

use catalog::{CatalogError, Entry, Origin, Revision, Told, Unchanged};
use model::{FunctionName, FunctionVersion, ViewWrite};
use tracing::warn;

use super::{Functions, Gate, deployed::Deployed, offered::Offered};
use crate::limits::FILE_VERSIONS_KEPT_MAX;

/// Why a function was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError<E> {
    #[error("there is no such function")]
    NoFunction,
    #[error("{0}")]
    Refused(E),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Functions {
    /// Makes a function of the file what the file says. Its code is kept where the disk takes it.
    pub(crate) async fn declare(
        &self,
        name: &FunctionName,
        (offered, bytes): (Offered, &[u8]),
        (source, concurrency): (PathBuf, u32),
        told: Told,
    ) -> Result<FunctionVersion, CatalogError> {
        let _turn = self.turn.lock().await;
        let digest = offered.revision.code.digest;
        if let Err(error) = self.code.put(digest, bytes).await {
            warn!(function = %name, %error, "code not kept: this version cannot be gone back to");
        }
        let before = self.entry(name);
        let mut entry = before
            .clone()
            .unwrap_or_else(|| Entry::new(Origin::File, Revision::default()));
        let version = entry.declare(offered.revision, told);
        forget_old(&mut entry);
        self.catalog
            .write(name, before.as_ref(), Some(&entry))
            .await?;
        self.gone().remove(name);
        let running = self.get(name);
        let gate = running
            .as_ref()
            .map_or_else(|| Gate::new(None), |it| Arc::clone(&it.gate));
        gate.set(Some(concurrency));
        let deployed = Deployed::after(running.as_deref(), entry, gate, source);
        deployed.loaded().insert(version, offered.function);
        self.put(name, Some(deployed));
        Ok(version)
    }

    /// A new function of the API. What is made is told the number of its first version, which no earlier function of the name had.
    pub(crate) async fn create(
        &self,
        name: &FunctionName,
        made: impl FnOnce(u64) -> Entry + Send,
    ) -> Result<Entry, ChangeError<&'static str>> {
        let _turn = self.turn.lock().await;
        if self.get(name).is_some() {
            return Err(ChangeError::Refused("it is there already"));
        }
        let before = self.entry(name);
        let entry = made(before.as_ref().map_or(1, |before| before.head.next));
        self.catalog
            .write(name, before.as_ref(), Some(&entry))
            .await?;
        self.gone().remove(name);
        let gate = Gate::new(reserved(&entry));
        let deployed = Deployed::new(entry.clone(), gate, PathBuf::new());
        self.put(name, Some(deployed));
        Ok(entry)
    }

    /// Changes a function; it is durable, and what comes from now on sees it, when this returns.
    pub(crate) async fn change<T, E>(
        &self,
        name: &FunctionName,
        change: impl FnOnce(&mut Entry) -> Result<T, E> + Send,
    ) -> Result<T, ChangeError<E>> {
        self.change_with(name, None, change).await
    }

    /// Together with a row of somebody else's.
    pub(crate) async fn change_with<T, E>(
        &self,
        name: &FunctionName,
        with: Option<ViewWrite>,
        change: impl FnOnce(&mut Entry) -> Result<T, E> + Send,
    ) -> Result<T, ChangeError<E>> {
        let _turn = self.turn.lock().await;
        let running = self.get(name).ok_or(ChangeError::NoFunction)?;
        let mut entry = running.entry.clone();
        let done = change(&mut entry).map_err(ChangeError::Refused)?;
        let change = (Some(&running.entry), Some(&entry));
        self.catalog.write_with(name, change, with).await?;
        let gate = Arc::clone(&running.gate);
        if entry.head.origin == Origin::Api {
            gate.set(reserved(&entry));
        }
        let source = running.source.clone();
        let deployed = Deployed::after(Some(&running), entry, gate, source);
        self.put(name, Some(deployed));
        Ok(done)
    }

    /// Forgets a function and its versions, but for how many there were; batches that wait for it go on waiting.
    pub(crate) async fn remove(&self, name: &FunctionName) -> Result<(), ChangeError<Unchanged>> {
        let _turn = self.turn.lock().await;
        let running = self.get(name).ok_or(ChangeError::NoFunction)?;
        let remains = running.entry.remains();
        self.catalog
            .write(name, Some(&running.entry), remains.as_ref())
            .await?;
        if let Some(remains) = remains {
            self.gone().insert(name.clone(), remains);
        }
        self.put(name, None);
        Ok(())
    }

    /// A function that the file does not declare any more: its versions are kept, nothing runs it.
    pub(crate) async fn withdraw(&self, name: &FunctionName) {
        let _turn = self.turn.lock().await;
        if let Some(running) = self.get(name) {
            self.gone().insert(name.clone(), running.entry.clone());
            self.put(name, None);
        }
    }
}

/// Of a function of the file every save of a developer is a version: the oldest that nobody runs are forgotten.
fn forget_old(entry: &mut Entry) {
    let surplus = entry.versions.len().saturating_sub(FILE_VERSIONS_KEPT_MAX);
    let oldest: Vec<FunctionVersion> = entry.versions.keys().take(surplus).copied().collect();
    for version in oldest {
        if Some(version) != entry.head.declared {
            // One that runs or has an alias stays.
            drop(entry.remove_version(version));
        }
    }
}

/// What the Lambda API was told of the function's concurrency.
pub(super) fn reserved(entry: &Entry) -> Option<u32> {
    let said = entry.head.words.get("ReservedConcurrentExecutions")?;
    u32::try_from(said.as_u64()?).ok()
}
