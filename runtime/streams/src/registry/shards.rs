//! The shards of a stream: the open ones by their range, those that closed, and the newest that are gone.
//!
//! In: an id or a time. Out: the shards that are asked for. How many records a shard had is known for a while after it
//! went.

use std::sync::Arc;

use model::{HashKeyRange, ShardId, ShardSlot, Timestamp, seams::ShardFacts};
use serde::{Deserialize, Serialize};

use super::stream::StreamEntry;
use crate::{
    facts::ShardDescription, limits::GONE_SHARDS_KEPT, number::ShardNumbers, traffic::ShardMeter,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShardEntry {
    pub(crate) id: ShardId,
    pub(crate) slot: ShardSlot,
    pub(crate) counter: u32,
    pub(crate) created_s: u64,
    pub(crate) range: HashKeyRange,
    /// Since when it takes records, unless it is as old as its stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) opened: Option<Timestamp>,
    /// Whose records come before those of this shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<ShardId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adjacent_parent: Option<ShardId>,
    /// Since when it takes no more records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<Timestamp>,
}

/// A shard of which nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoneShard {
    pub(crate) id: ShardId,
    /// That it ever had.
    pub(crate) records: u64,
}

impl StreamEntry {
    /// The open shards, sorted by range.
    pub(crate) fn routes(&self) -> &[ShardEntry] {
        &self.routes
    }

    pub(crate) fn meter(&self, shard: ShardId) -> Option<&Arc<ShardMeter>> {
        self.meters.shards.get(&shard)
    }

    /// The id that no shard has had yet.
    pub(crate) fn next_shard(&self) -> ShardId {
        let last = self.shards.last();
        last.map_or(ShardId(0), |last| ShardId(last.id.0 + 1))
    }

    /// Whether a closed shard holds nothing any more that retention covers.
    pub(crate) fn has_expired(&self, shard: &ShardEntry, now: Timestamp) -> bool {
        let covered = self.covered_from(now);
        shard.closed.is_some_and(|closed| closed <= covered)
    }

    /// Every shard that may still hold records.
    pub(crate) fn present(&self, now: Timestamp) -> impl Iterator<Item = &ShardEntry> {
        let present = move |shard: &&ShardEntry| !self.has_expired(shard, now);
        self.shards.iter().filter(present)
    }

    /// The shards as descriptions show them: none of what goes before it was ACTIVE.
    pub(crate) fn shown(&self, now: Timestamp) -> impl Iterator<Item = &ShardEntry> {
        let never_active = self.gone_from.is_some() && now < self.active_from;
        self.present(now).filter(move |_| !never_active)
    }

    pub(crate) fn shard(&self, id: ShardId) -> Option<&ShardEntry> {
        let index = self
            .shards
            .binary_search_by_key(&id, |shard| shard.id)
            .ok()?;
        self.shards.get(index)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = ShardSlot> {
        self.shards.iter().map(|shard| shard.slot)
    }

    /// Takes out shards of which nothing is left; how many records they ever had is known for a while.
    pub(crate) fn forget(&mut self, gone: Vec<GoneShard>) {
        let is_gone = |shard: &ShardEntry| gone.iter().any(|gone| gone.id == shard.id);
        self.shards.retain(|shard| !is_gone(shard));
        self.gone.extend(gone);
        let surplus = self.gone.len().saturating_sub(GONE_SHARDS_KEPT);
        self.gone.drain(..surplus);
    }

    /// How many records a shard had of which nothing is left.
    pub(crate) fn forgotten(&self, id: ShardId) -> Option<u64> {
        let gone = self.gone.iter().find(|gone| gone.id == id)?;
        Some(gone.records)
    }
}

impl ShardEntry {
    pub(crate) fn numbers(&self) -> ShardNumbers {
        ShardNumbers {
            shard: self.id,
            created_s: self.created_s,
        }
    }

    pub(crate) fn facts(&self) -> ShardFacts {
        ShardFacts {
            id: self.id,
            range: self.range,
            parents: self
                .parent
                .into_iter()
                .chain(self.adjacent_parent)
                .collect(),
            open: self.closed.is_none(),
        }
    }

    pub(crate) fn description(&self) -> ShardDescription {
        ShardDescription {
            facts: self.facts(),
            starting: self.numbers().starting(),
            ending: self.closed.map(|closed| self.numbers().ending(closed)),
            opened: self
                .opened
                .unwrap_or_else(|| Timestamp::from_millis(self.created_s.saturating_mul(1000))),
            closed: self.closed,
        }
    }
}
