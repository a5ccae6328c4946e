//! Which data keys streams have: drawn for a stream, kept wrapped in the registry, known to the log while the server runs.
//!
//! In: the wish to encrypt a stream. Out: a data key that is stored with the change that uses it, in one commit. Keys
//! are never removed: dead letters and archived copies outlive the stream. A registry with a key that does not open
//! does not open either.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use log::{Log, cipher::Secret};
use model::{StreamKey, ViewWrite};
use platform::Platform;

use crate::{
    amend::Amendment,
    engine::{OpenError, Settings, Streams},
    registry::{Entry, wrapped_key_entry},
    vault::{MasterKeys, Vault, VaultError, WrappedKey},
};

/// A data key that no stream uses yet.
#[derive(Debug)]
pub struct FreshKey(WrappedKey);

/// What is known of a stored data key without any master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    pub number: u32,
    /// The ARN of its stream.
    pub stream: String,
    /// In words.
    pub wrapped_by: String,
}

#[derive(Debug, Default)]
pub(crate) struct DataKeys {
    vault: Option<Vault>,
    /// Those whose wrapping is to be renewed.
    outdated: Mutex<Vec<(WrappedKey, Secret)>>,
    next: AtomicU32,
}

impl DataKeys {
    /// Makes all stored keys known to the log.
    pub(crate) fn load(
        vault: Option<Vault>,
        log: &Log,
        stored: &[WrappedKey],
    ) -> Result<Self, VaultError> {
        let last = stored.iter().map(|key| key.number).max();
        let keys = Self {
            vault,
            outdated: Mutex::default(),
            next: AtomicU32::new(last.unwrap_or_default() + 1),
        };
        if stored.is_empty() {
            return Ok(keys);
        }
        let Some(vault) = &keys.vault else {
            let file = "a master key".to_owned();
            let keys = stored.len();
            return Err(VaultError::Missing { file, keys });
        };
        for (wrapped, (number, secret)) in stored.iter().zip(vault.unwrap(stored)?) {
            if vault.is_outdated(wrapped) {
                keys.outdated().push((wrapped.clone(), secret.clone()));
            }
            let added = log.add_key(number, secret);
            added.map_err(|error| VaultError::Failed(error.to_string()))?;
        }
        Ok(keys)
    }

    fn outdated(&self) -> MutexGuard<'_, Vec<(WrappedKey, Secret)>> {
        self.outdated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    /// As `open`, with the master keys that open encrypted streams. Data keys that another master key wrapped than the one
    /// that wraps now are wrapped anew.
    pub async fn open_encrypted(
        platform: &Platform,
        log: Log,
        settings: Settings,
        from: MasterKeys,
    ) -> Result<Self, OpenError> {
        let vault = Vault::open(platform, from).await?;
        let streams = Self::open_with(platform, log, settings, Some(vault))?;
        streams.renew_wrapping().await?;
        Ok(streams)
    }

    async fn renew_wrapping(&self) -> Result<(), VaultError> {
        let keys = &self.shared.data_keys;
        let outdated = std::mem::take(&mut *keys.outdated());
        let (Some(vault), false) = (&keys.vault, outdated.is_empty()) else {
            return Ok(());
        };
        let mut writes = Vec::with_capacity(outdated.len());
        for (key, secret) in &outdated {
            let wrapped = vault.wrap(key.number, &key.stream, secret).await?;
            writes.push(written(&wrapped)?);
        }
        let done = self.write(writes).await;
        done.map_err(|error| VaultError::Failed(error.0))?;
        tracing::info!(
            keys = outdated.len(),
            "data keys are wrapped by another master key now"
        );
        Ok(())
    }

    /// A data key for a stream; `Amendment::encrypt` stores it.
    pub async fn fresh_key(&self, stream: &StreamKey) -> Result<FreshKey, VaultError> {
        let keys = &self.shared.data_keys;
        let none = || VaultError::Failed("this server has no master key".to_owned());
        let vault = keys.vault.as_ref().ok_or_else(none)?;
        let log = &self.shared.log;
        let extended = log.extend_format().await;
        extended.map_err(|error| VaultError::Failed(error.to_string()))?;
        let number = keys.next.fetch_add(1, Ordering::Relaxed);
        let (wrapped, secret) = vault.draw(number, &stream.arn()).await?;
        let added = log.add_key(number, secret);
        added.map_err(|error| VaultError::Failed(error.to_string()))?;
        Ok(FreshKey(wrapped))
    }

    /// Whether any stream is or was encrypted.
    #[must_use]
    pub fn has_data_keys(&self) -> bool {
        self.shared.data_keys.next.load(Ordering::Relaxed) > 1
    }

    /// The data key under which new records of a stream are encrypted, if they are.
    #[must_use]
    pub fn data_key(&self, stream: &StreamKey) -> Option<u32> {
        self.existing(stream).ok()?.traits.data_key
    }
}

impl Amendment<'_> {
    /// Encrypts the stream's records from now on. Without a fresh key it keeps the one that it has.
    pub fn encrypt(&mut self, key_id: String, fresh: Option<FreshKey>) -> Result<(), VaultError> {
        if let Some(FreshKey(wrapped)) = fresh {
            self.traits_mut().data_key = Some(wrapped.number);
            self.also_write(written(&wrapped)?);
        } else if self.traits().data_key.is_none() {
            return Err(VaultError::Failed(
                "the stream changed meanwhile, ask again".to_owned(),
            ));
        }
        self.traits_mut().key_id = Some(key_id);
        Ok(())
    }

    /// What was encrypted stays so.
    pub fn stop_encryption(&mut self) {
        let traits = self.traits_mut();
        traits.key_id = None;
        traits.data_key = None;
    }
}

/// The data keys among registry entries.
pub fn stored_keys<'a>(entries: impl IntoIterator<Item = (&'a Bytes, &'a Bytes)>) -> Vec<KeyFacts> {
    let decoded = entries
        .into_iter()
        .map(|(key, value)| Entry::decode(key, value));
    let facts = decoded.filter_map(|entry| match entry {
        Ok(Entry::Key(key)) => Some(KeyFacts {
            wrapped_by: key.wrapped_by(),
            number: key.number,
            stream: key.stream,
        }),
        Ok(Entry::Numbers(_) | Entry::Account(..) | Entry::Stream(..)) | Err(_) => None,
    });
    facts.collect()
}

fn written(key: &WrappedKey) -> Result<ViewWrite, VaultError> {
    let value = serde_json::to_vec(key).map_err(|error| VaultError::Failed(error.to_string()))?;
    Ok(ViewWrite {
        key: wrapped_key_entry(key.number),
        value: Some(value.into()),
    })
}

#[cfg(test)]
#[path = "encryption_tests.rs"]
mod tests;
