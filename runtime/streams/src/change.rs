//! Changes of the registry: streams are made, declared, deleted, and forgotten.
//!
//! In: a stream's name and shape. Out: a change that the log has made durable, then published. Changes come one
//! after another, each in a task of its own: a caller who goes away cannot leave log and memory with different
//! stories. The waiting between states is no task but a time in the entry.

use std::{convert::Infallible, sync::Arc, time::Duration};

use log::{Commit, Refused};
use model::{StreamKey, Timestamp, ViewWrite};

use crate::{
    engine::{Streams, open_shards, unknown},
    facts::{StreamMode, StreamStatus, UnknownStream},
    limits::SHARDS_PER_STREAM_MAX,
    registry::{NewStream, NextNumbers, StreamEntry, entry_key},
    revise::{Unrevised, set_mode},
    traits::{Durability, Traits},
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    #[error("create stream {0}: it exists already")]
    Exists(String),
    #[error("create a stream with {asked} shards: 1 to {max} are possible")]
    Shards { asked: u32, max: u32 },
    #[error("create a stream: {0}")]
    Down(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteError {
    #[error(transparent)]
    Unknown(#[from] UnknownStream),
    #[error("delete a stream: it is {0:?}, wait until it is active")]
    NotActive(StreamStatus),
    #[error("delete a stream: {0}")]
    Down(String),
}

/// What a file says about a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    /// At creation.
    pub shards: u32,
    pub retention: Duration,
    /// `None` for the server's.
    pub durability: Option<Durability>,
    /// `None` for a provisioned one, and for whatever one that exists has.
    pub mode: Option<StreamMode>,
}

/// The log did not take a change; nothing changed.
#[derive(Debug)]
pub(crate) struct NotWritten(pub(crate) String);

impl Streams {
    /// Makes a stream, which is CREATING for the time that the settings say. Waits until it is durable.
    pub async fn create(
        &self,
        key: StreamKey,
        shards: u32,
        mode: StreamMode,
        traits: Traits,
    ) -> Result<(), CreateError> {
        let settings = self.shared.settings;
        let new = NewStream {
            traits: Arc::new(traits),
            shards,
            mode,
            retention: settings.retention,
            transition: settings.transition,
        };
        self.make(key, new).await
    }

    /// Makes a stream that a file declares: active at once. One that exists keeps its shards, and treats its records from
    /// now on as the file says.
    pub async fn declare(&self, key: StreamKey, declared: Declared) -> Result<(), CreateError> {
        let traits = Traits {
            durability: declared.durability,
            ..Traits::default()
        };
        let new = NewStream {
            shards: declared.shards,
            mode: declared.mode.unwrap_or(StreamMode::Provisioned),
            retention: declared.retention,
            transition: Duration::ZERO,
            traits: Arc::new(traits),
        };
        match self.make(key.clone(), new).await {
            Ok(()) => Ok(()),
            Err(CreateError::Exists(_)) => self.declare_again(key, declared).await,
            Err(error @ (CreateError::Shards { .. } | CreateError::Down(_))) => Err(error),
        }
    }

    async fn declare_again(&self, key: StreamKey, declared: Declared) -> Result<(), CreateError> {
        let revised = self.revise(key, move |draft| {
            draft.entry.set_retention(declared.retention, draft.now);
            if let Some(mode) = declared.mode {
                set_mode(draft, mode);
            }
            if draft.entry.traits.durability != declared.durability {
                Arc::make_mut(&mut draft.entry.traits).durability = declared.durability;
            }
            Ok::<_, Infallible>(())
        });
        match revised.await {
            // A stream that is gone meanwhile keeps nothing.
            Ok(()) | Err(Unrevised::Unknown(_)) => Ok(()),
            Err(Unrevised::Refused(never)) => match never {},
            Err(Unrevised::Down(why)) => Err(CreateError::Down(why)),
        }
    }

    /// Begins the end of a stream: DELETING, then gone. Its records are freed by `trim_expired`.
    pub async fn delete(&self, key: StreamKey) -> Result<(), DeleteError> {
        let streams = self.clone();
        let change = async move { streams.delete_now(&key).await };
        let tasks = &self.shared.platform.tasks;
        match tasks.spawn("delete a stream", change).await {
            Ok(done) => done,
            Err(failed) => Err(DeleteError::Down(failed.to_string())),
        }
    }

    /// Frees what retention no longer covers at `now`, forgets streams that are gone, and sees to it that no change of shards is
    /// late.
    pub async fn trim_expired(&self, now: Timestamp) -> Result<(), DeleteError> {
        let _one_at_a_time = self.shared.trimming.lock().await;
        let streams: Vec<(StreamKey, Arc<StreamEntry>)> = {
            let registry = self.shared.registry();
            let pair = |(key, entry): (&StreamKey, &Arc<StreamEntry>)| (key.clone(), entry.clone());
            registry.iter().map(pair).collect()
        };
        for (key, entry) in streams {
            if let Some(at) = entry.changes_at().filter(|at| *at <= now) {
                self.reshard_due(key.clone(), at).await;
            }
            if entry.status(now).is_some() {
                self.trim(&entry, entry.covered_from(now)).await?;
                self.drop_expired_shards(&key).await?;
            } else {
                self.forget(&key, now).await?;
            }
        }
        Ok(())
    }

    async fn make(&self, key: StreamKey, new: NewStream) -> Result<(), CreateError> {
        let max = SHARDS_PER_STREAM_MAX;
        if !(1..=max).contains(&new.shards) {
            return Err(CreateError::Shards {
                asked: new.shards,
                max,
            });
        }
        let streams = self.clone();
        let change = async move { streams.make_now(key, new).await };
        let tasks = &self.shared.platform.tasks;
        match tasks.spawn("make a stream", change).await {
            Ok(done) => done,
            Err(failed) => Err(CreateError::Down(failed.to_string())),
        }
    }

    async fn make_now(&self, key: StreamKey, new: NewStream) -> Result<(), CreateError> {
        let mut numbers = self.shared.changing.lock().await;
        if self.existing(&key).is_ok() {
            return Err(CreateError::Exists(key.arn()));
        }
        let (entry, left) = StreamEntry::new(new, self.now(), *numbers)
            .ok_or_else(|| CreateError::Down("all shard slots are used up".to_owned()))?;
        let mut writes =
            written(&key, &entry, &left).map_err(|error| CreateError::Down(error.0))?;
        let replaced = self.shared.registry().get(&key).map(Arc::clone);
        writes.extend(replaced.map_or_else(Vec::new, |gone| self.without_counts(gone.slots())));
        self.write(writes)
            .await
            .map_err(|error| CreateError::Down(error.0))?;
        *numbers = left;
        open_shards(&self.shared.log, &entry, &entry.shards);
        let gone = self.shared.registry_mut().insert(key, Arc::new(entry));
        if let Some(gone) = gone {
            self.drop_shards(&gone);
        }
        self.published();
        Ok(())
    }

    async fn delete_now(&self, key: &StreamKey) -> Result<(), DeleteError> {
        let changing = self.shared.changing.lock().await;
        let now = self.now();
        let mut entry = StreamEntry::clone(&*self.existing(key)?);
        match entry.status(now) {
            None => return Err(unknown(key).into()),
            Some(StreamStatus::Creating | StreamStatus::Active) => {}
            Some(status @ (StreamStatus::Updating | StreamStatus::Deleting)) => {
                return Err(DeleteError::NotActive(status));
            }
        }
        entry.gone_from = Some(now.plus(self.shared.settings.transition));
        let write = entry
            .write(key)
            .map_err(|error| DeleteError::Down(error.to_string()))?;
        self.write(vec![write])
            .await
            .map_err(|error| DeleteError::Down(error.0))?;
        self.shared
            .registry_mut()
            .insert(key.clone(), Arc::new(entry));
        self.published();
        drop(changing);
        Ok(())
    }

    /// Removes the entry of a stream that is gone, unless another has taken its name meanwhile.
    async fn forget(&self, key: &StreamKey, now: Timestamp) -> Result<(), DeleteError> {
        let changing = self.shared.changing.lock().await;
        let found = self.shared.registry().get(key).map(Arc::clone);
        let Some(gone) = found.filter(|entry| entry.status(now).is_none()) else {
            return Ok(());
        };
        let mut writes = self.without_counts(gone.slots());
        writes.push(ViewWrite {
            key: entry_key(key),
            value: None,
        });
        self.write(writes)
            .await
            .map_err(|error| DeleteError::Down(error.0))?;
        self.shared.registry_mut().remove(key);
        self.drop_shards(&gone);
        self.published();
        drop(changing);
        Ok(())
    }

    fn drop_shards(&self, entry: &StreamEntry) {
        for shard in &entry.shards {
            self.shared.drop_shard(shard.slot);
        }
    }

    /// What goes is counted first, so that readers who had not come to it can say what they lost.
    async fn trim(&self, entry: &StreamEntry, before: Timestamp) -> Result<(), DeleteError> {
        let counted = self.count_expired(entry, before).await;
        counted.map_err(|error| DeleteError::Down(error.0))?;
        for shard in &entry.shards {
            self.shared.log.trim(shard.slot, before);
        }
        Ok(())
    }

    pub(crate) fn published(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }

    pub(crate) async fn write(&self, writes: Vec<ViewWrite>) -> Result<(), NotWritten> {
        let commit = Commit {
            writes,
            ..Commit::default()
        };
        self.commit(commit).await
    }

    /// Waits until it is durable.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<(), NotWritten> {
        let log = &self.shared.log;
        let refused = |refused: Refused| NotWritten(refused.to_string());
        let placed = log.place(commit).await.map_err(refused)?;
        let durable = log.durable(placed.at).await;
        durable.map_err(|stopped| NotWritten(stopped.to_string()))
    }
}

fn written(
    key: &StreamKey,
    entry: &StreamEntry,
    left: &NextNumbers,
) -> Result<Vec<ViewWrite>, NotWritten> {
    let write = || Ok(vec![entry.write(key)?, left.write()?]);
    write().map_err(|error: serde_json::Error| NotWritten(error.to_string()))
}
