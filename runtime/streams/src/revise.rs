//! Changes of one stream's entry: looked up, decided, made durable, then published.
//!
//! In: a decision that takes a draft of the entry. Out: what the decision answers, once the log has made it durable.
//! The log closes shards in the same frame that says so; new ones are opened before anybody can route to them. A
//! task of its own carries the change: a caller who goes away cannot leave log and memory with different stories.

use std::{sync::Arc, time::Duration};

use log::Commit;
use model::{ShardSlot, StreamKey, Timestamp, ViewWrite};

use crate::{
    demand::Demand,
    engine::{Streams, open_shards, unknown},
    facts::{StreamMode, StreamStatus, UnknownStream},
    registry::{NextNumbers, StreamEntry, Update},
};

/// What a decision works on.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) entry: StreamEntry,
    pub(crate) numbers: NextNumbers,
    /// Shards that take no more records from this change on.
    pub(crate) closes: Vec<ShardSlot>,
    /// Shards whose records nobody can read any more.
    pub(crate) drops: Vec<ShardSlot>,
    /// What else is written with it.
    pub(crate) writes: Vec<ViewWrite>,
    pub(crate) status: StreamStatus,
    pub(crate) now: Timestamp,
    pub(crate) transition: Duration,
}

/// Why nothing changed. `Refused` is what the decision said.
#[derive(Debug)]
pub enum Unrevised<E> {
    Unknown(UnknownStream),
    Refused(E),
    Down(String),
}

impl Draft {
    /// The stream is UPDATING for the time that the settings say.
    pub(crate) fn begin_update(&mut self) {
        self.entry.update = Some(Update {
            since: self.now,
            until: self.now.plus(self.transition),
            then: None,
        });
    }
}

/// A stream that is on demand from now on keeps its shards as if its traffic needed them; what depends on that mode goes
/// with it.
pub(crate) fn set_mode(draft: &mut Draft, mode: StreamMode) {
    let entry = &mut draft.entry;
    if entry.mode == mode {
        return;
    }
    entry.mode = mode;
    match mode {
        StreamMode::Provisioned => {
            entry.demand = Demand::default();
            let traits = Arc::make_mut(&mut entry.traits);
            (traits.warm_mibps, traits.distribution) = (None, None);
        }
        StreamMode::OnDemand => {
            let open = u32::try_from(entry.routes().len()).unwrap_or(u32::MAX);
            entry.demand = Demand::of_shards(open, draft.now);
        }
    }
}

impl Streams {
    /// Changes come one after another. Waits until the change is durable.
    pub(crate) async fn revise<T, E>(
        &self,
        key: StreamKey,
        decide: impl FnOnce(&mut Draft) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Unrevised<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let streams = self.clone();
        let change = async move { streams.revise_now(&key, decide).await };
        let tasks = &self.shared.platform.tasks;
        match tasks.spawn("change a stream", change).await {
            Ok(done) => done,
            Err(failed) => Err(Unrevised::Down(failed.to_string())),
        }
    }

    async fn revise_now<T, E>(
        &self,
        key: &StreamKey,
        decide: impl FnOnce(&mut Draft) -> Result<T, E>,
    ) -> Result<T, Unrevised<E>> {
        let mut numbers = self.shared.changing.lock().await;
        let before = self.existing(key).map_err(Unrevised::Unknown)?;
        let now = self.now();
        let status = before.status(now);
        let mut draft = Draft {
            entry: StreamEntry::clone(&before),
            numbers: *numbers,
            closes: Vec::new(),
            drops: Vec::new(),
            writes: Vec::new(),
            status: status.ok_or_else(|| Unrevised::Unknown(unknown(key)))?,
            now,
            transition: self.shared.settings.transition,
        };
        let answer = decide(&mut draft).map_err(Unrevised::Refused)?;
        let entry = draft.entry.routed();
        if entry == *before {
            return Ok(answer);
        }
        let down = |error: serde_json::Error| Unrevised::Down(error.to_string());
        let mut writes = draft.writes;
        writes.extend(self.without_counts(draft.drops.iter().copied()));
        writes.push(entry.write(key).map_err(down)?);
        writes.push(draft.numbers.write().map_err(down)?);
        let commit = Commit {
            writes,
            closes: draft.closes,
            ..Commit::default()
        };
        let written = self.commit(commit).await;
        written.map_err(|error| Unrevised::Down(error.0))?;
        *numbers = draft.numbers;
        let first_new = before.next_shard();
        let added = entry.shards.iter().filter(|shard| shard.id >= first_new);
        open_shards(&self.shared.log, &entry, added);
        let later = entry.changes_at().filter(|_| before.changes_at().is_none());
        self.shared
            .registry_mut()
            .insert(key.clone(), Arc::new(entry));
        for slot in draft.drops {
            self.shared.drop_shard(slot);
        }
        self.published();
        if let Some(at) = later {
            self.reshard_at(key.clone(), at);
        }
        Ok(answer)
    }
}
