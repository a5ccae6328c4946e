//! The entry of a stream, and what follows from the times in it: its state, its retention.
//!
//! In: the shape of a new stream, or a time. Out: its entry, and what it is at that time. Its shards are in `shards`.

use std::{sync::Arc, time::Duration};

use model::{HashKeyRange, ShardId, ShardSlot, StreamKey, Timestamp, ViewWrite};
use serde::{Deserialize, Serialize};

use super::{
    VERSION, entry_key,
    numbers::NextNumbers,
    shards::{GoneShard, ShardEntry},
};
use crate::{
    demand::Demand,
    facts::{StreamFacts, StreamMode, StreamStatus},
    limits::{SHARD_PREDATES, SHARDS_PER_COUNTER},
    reshard::Reshard,
    traffic::Meters,
    traits::Traits,
};

/// A stream, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamEntry {
    version: u32,
    pub(crate) mode: StreamMode,
    pub(crate) created: Timestamp,
    /// CREATING before, ACTIVE from then on.
    pub(crate) active_from: Timestamp,
    /// DELETING before, gone from then on.
    pub(crate) gone_from: Option<Timestamp>,
    pub(crate) retention_ms: u64,
    /// What arrived before had expired when the retention grew, and does not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone_before: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) update: Option<Update>,
    #[serde(default, skip_serializing_if = "is_plain")]
    pub(crate) traits: Arc<Traits>,
    /// What a stream on demand had to bear.
    #[serde(default, skip_serializing_if = "Demand::is_empty")]
    pub(crate) demand: Demand,
    /// Sorted by id. Closed ones stay until their records have expired.
    pub(crate) shards: Vec<ShardEntry>,
    /// The newest of those whose records have all expired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) gone: Vec<GoneShard>,
    #[serde(skip)]
    pub(crate) meters: Meters,
    /// The open ones, sorted by range.
    #[serde(skip)]
    pub(super) routes: Vec<ShardEntry>,
}

/// A change that is shown as UPDATING for a while. What it does to the shards it does when the while is over, as on AWS.
// Unknown fields are let pass: earlier versions changed shards at once and noted here which were new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Update {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// The stream is UPDATING until this is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) then: Option<Reshard>,
}

/// The shape of a stream to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewStream {
    pub(crate) shards: u32,
    pub(crate) mode: StreamMode,
    pub(crate) retention: Duration,
    /// How long it is CREATING.
    pub(crate) transition: Duration,
    pub(crate) traits: Arc<Traits>,
}

impl StreamEntry {
    /// A new stream and the numbers that are left afterwards.
    pub(crate) fn new(
        new: NewStream,
        now: Timestamp,
        numbers: NextNumbers,
    ) -> Option<(Self, NextNumbers)> {
        let created_s = now.minus(SHARD_PREDATES).as_seconds();
        let groups = new.shards.div_ceil(SHARDS_PER_COUNTER);
        let left = NextNumbers {
            version: VERSION,
            slot: numbers.slot.checked_add(new.shards)?,
            counter: numbers.counter.checked_add(groups)?,
        };
        let shards = (0..new.shards)
            .zip(HashKeyRange::split_whole(new.shards))
            .map(|(index, range)| ShardEntry {
                id: ShardId(index),
                slot: ShardSlot(numbers.slot + index),
                counter: numbers.counter + index / SHARDS_PER_COUNTER,
                created_s,
                range,
                opened: None,
                parent: None,
                adjacent_parent: None,
                closed: None,
            })
            .collect();
        let entry = Self {
            version: VERSION,
            mode: new.mode,
            created: now,
            active_from: now.plus(new.transition),
            gone_from: None,
            retention_ms: milliseconds(new.retention),
            gone_before: None,
            update: None,
            traits: new.traits,
            demand: match new.mode {
                StreamMode::Provisioned => Demand::default(),
                StreamMode::OnDemand => Demand::of_shards(new.shards, now),
            },
            shards,
            gone: Vec::new(),
            meters: Meters::default(),
            routes: Vec::new(),
        };
        Some((entry.routed(), left))
    }

    /// `None` once the stream is gone.
    pub(crate) fn status(&self, now: Timestamp) -> Option<StreamStatus> {
        match self.gone_from {
            Some(gone) if now >= gone => None,
            Some(_) => Some(StreamStatus::Deleting),
            // A clock that went back behind the creation makes no stream come again.
            None if self.created <= now && now < self.active_from => Some(StreamStatus::Creating),
            None if self.is_updating(now) => Some(StreamStatus::Updating),
            None => Some(StreamStatus::Active),
        }
    }

    fn is_updating(&self, now: Timestamp) -> bool {
        let update = self.update.as_ref();
        update.is_some_and(|update| {
            update.then.is_some() || update.since <= now && now < update.until
        })
    }

    /// When its shards are to change.
    pub(crate) fn changes_at(&self) -> Option<Timestamp> {
        let update = self.update.as_ref()?;
        update.then.is_some().then_some(update.until)
    }

    /// Finds the open shards again, after shards have changed.
    pub(crate) fn routed(mut self) -> Self {
        let open = self.shards.iter().filter(|shard| shard.closed.is_none());
        self.routes = open.copied().collect();
        self.routes.sort_by_key(|shard| shard.range.starting);
        self.meters = self.meters.kept(self.shards.iter().map(|shard| shard.id));
        self
    }

    pub(crate) fn facts(&self, key: &StreamKey, now: Timestamp) -> Option<StreamFacts> {
        Some(StreamFacts {
            key: key.clone(),
            status: self.status(now)?,
            mode: self.mode,
            retention: self.retention(),
            created: self.created,
            traits: Arc::clone(&self.traits),
            open_shards: self
                .shown(now)
                .filter(|shard| shard.closed.is_none())
                .count(),
        })
    }

    pub(crate) fn retention(&self) -> Duration {
        Duration::from_millis(self.retention_ms)
    }

    pub(crate) fn set_retention(&mut self, retention: Duration, now: Timestamp) {
        if retention > self.retention() {
            self.gone_before = Some(self.covered_from(now));
        }
        self.retention_ms = milliseconds(retention);
    }

    /// The arrival of the oldest record that retention covers.
    pub(crate) fn covered_from(&self, now: Timestamp) -> Timestamp {
        let covered = now.minus(self.retention());
        self.gone_before.map_or(covered, |gone| gone.max(covered))
    }

    pub(crate) fn write(&self, key: &StreamKey) -> Result<ViewWrite, serde_json::Error> {
        Ok(ViewWrite {
            key: entry_key(key),
            value: Some(serde_json::to_vec(self)?.into()),
        })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn is_plain(traits: &Traits) -> bool {
    traits.are_plain()
}
