//! How many records of each shard retention has taken: counted, and made durable, before they go.
//!
//! In: the moment up to which shards are about to be trimmed. Out: for any place that is still there, how many records its
//! shard ever had before it. Shards of a stream share a counter of indexes, so a difference of indexes counts nothing. What is
//! counted is remembered together with where counting ended, so a crash before the trimming counts nothing twice.

use std::{collections::BTreeMap, sync::PoisonError};

use log::Log;
use model::{
    ShardId, ShardSlot, StreamKey, Timestamp, ViewWrite,
    keys::{self, Namespace, namespace},
    seams::ReadFrom,
};
use serde::{Deserialize, Serialize};

use crate::{
    change::NotWritten,
    engine::{OpenError, Streams},
    limits::REGISTRY_PAGE_ENTRIES,
    read::Found,
    registry::{ShardEntry, StreamEntry, UnreadableEntry},
};

const VERSION: u32 = 1;

/// Of one shard; as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trimmed {
    version: u32,
    /// Records with a smaller index are counted and gone.
    pub(crate) before: u64,
    /// How many those are.
    pub(crate) records: u64,
}

impl Default for Trimmed {
    fn default() -> Self {
        Self {
            version: VERSION,
            before: 0,
            records: 0,
        }
    }
}

impl Trimmed {
    pub(crate) fn write(self, slot: ShardSlot) -> Result<ViewWrite, serde_json::Error> {
        Ok(ViewWrite {
            key: keys::trimmed(slot),
            value: Some(serde_json::to_vec(&self)?.into()),
        })
    }
}

/// Reads what earlier runs counted.
pub(crate) fn load(log: &Log) -> Result<BTreeMap<ShardSlot, Trimmed>, OpenError> {
    let prefix = namespace(Namespace::Trimmed);
    let mut counts = BTreeMap::new();
    let mut after = None;
    loop {
        let page = log.scan(&prefix, after.as_deref(), REGISTRY_PAGE_ENTRIES)?;
        for (key, value) in &page {
            let (slot, trimmed) = decode(key, value)?;
            counts.insert(slot, trimmed);
        }
        after = page.last().map(|(key, _)| key.clone());
        if page.len() < REGISTRY_PAGE_ENTRIES {
            return Ok(counts);
        }
    }
}

fn decode(key: &[u8], value: &[u8]) -> Result<(ShardSlot, Trimmed), UnreadableEntry> {
    let unreadable = |reason: String| UnreadableEntry {
        name: "trimmed records of a shard".to_owned(),
        reason,
    };
    let slot = keys::trimmed_of(key).ok_or_else(|| unreadable("it names no shard".to_owned()))?;
    let trimmed: Trimmed =
        serde_json::from_slice(value).map_err(|error| unreadable(error.to_string()))?;
    if trimmed.version == VERSION {
        Ok((slot, trimmed))
    } else {
        let (is, reads) = (trimmed.version, VERSION);
        Err(unreadable(format!(
            "it has version {is}, this server reads version {reads}"
        )))
    }
}

impl Streams {
    pub(crate) fn trimmed(&self, slot: ShardSlot) -> Trimmed {
        let counts = self.shared.trimmed.lock();
        let counts = counts.unwrap_or_else(PoisonError::into_inner);
        counts.get(&slot).copied().unwrap_or_default()
    }

    /// Counts what of a stream is about to be trimmed. Durable when it returns; one round of trimming at a time.
    pub(crate) async fn count_expired(
        &self,
        stream: &StreamEntry,
        before: Timestamp,
    ) -> Result<(), NotWritten> {
        let log = &self.shared.log;
        let mut counted = Vec::new();
        let mut writes = Vec::new();
        for shard in &stream.shards {
            let known = self.trimmed(shard.slot);
            let end = log.index_at_time(shard.slot, before);
            let records = log.count(shard.slot, known.before..end).records;
            if records > 0 {
                let now = Trimmed {
                    before: end,
                    records: known.records + records,
                    ..known
                };
                let write = now.write(shard.slot);
                writes.push(write.map_err(|error| NotWritten(error.to_string()))?);
                counted.push((shard.slot, now));
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.write(writes).await?;
        let counts = self.shared.trimmed.lock();
        let mut counts = counts.unwrap_or_else(PoisonError::into_inner);
        counts.extend(counted);
        Ok(())
    }

    /// How many records a shard ever had before an index; None where that lies among those that are gone.
    pub(crate) fn ever_before(&self, slot: ShardSlot, index: u64) -> Option<u64> {
        loop {
            let trimmed = self.trimmed(slot);
            if index < trimmed.before {
                return None;
            }
            let present = self.shared.log.count(slot, trimmed.before..index).records;
            // What is trimmed while it is counted would be missing.
            if self.trimmed(slot) == trimmed {
                return Some(trimmed.records + present);
            }
        }
    }

    /// How many records a closed shard had of which nothing is left.
    pub(crate) fn ever_in(&self, key: &StreamKey, shard: ShardId) -> Option<u64> {
        let stream = self.existing(key).ok()?;
        match stream.shard(shard) {
            Some(expired) => self.ever_before(expired.slot, u64::MAX),
            None => stream.forgotten(shard),
        }
    }

    pub(crate) fn place_before(
        &self,
        key: &StreamKey,
        shard: ShardId,
        place: ReadFrom,
    ) -> Option<u64> {
        match self.find(key, shard).ok()? {
            Found::Present(stream, entry) => {
                let start = match place {
                    ReadFrom::At(_) | ReadFrom::After(_) => self.start(&entry, place),
                    ReadFrom::Oldest | ReadFrom::Latest | ReadFrom::Arrived(_) => {
                        self.readable(&stream, &entry, place, self.now())
                    }
                };
                self.ever_before(entry.slot, start)
            }
            Found::Expired => self.ever_in(key, shard),
        }
    }

    /// The index from which there is something to read for a place.
    pub(crate) fn readable(
        &self,
        stream: &StreamEntry,
        shard: &ShardEntry,
        place: ReadFrom,
        now: Timestamp,
    ) -> u64 {
        self.start(shard, place)
            .max(self.visible_from(stream, shard, now))
            .max(self.trimmed(shard.slot).before)
    }

    /// Removals of what was counted of shards that are to go.
    pub(crate) fn without_counts(
        &self,
        slots: impl IntoIterator<Item = ShardSlot>,
    ) -> Vec<ViewWrite> {
        let counts = self.shared.trimmed.lock();
        let counts = counts.unwrap_or_else(PoisonError::into_inner);
        let known = slots.into_iter().filter(|slot| counts.contains_key(slot));
        let removal = |slot| ViewWrite {
            key: keys::trimmed(slot),
            value: None,
        };
        known.map(removal).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_stays_as_it_is() {
        let trimmed = Trimmed {
            before: 7,
            records: 3,
            ..Trimmed::default()
        };
        let write = trimmed.write(ShardSlot(258)).unwrap();
        let value = write.value.unwrap();
        assert_eq!(write.key, &b"g\0\0\x01\x02"[..]);
        insta::assert_snapshot!(
            String::from_utf8_lossy(&value),
            @r#"{"version":1,"before":7,"records":3}"#
        );
        assert_eq!(decode(&write.key, &value), Ok((ShardSlot(258), trimmed)));
        assert!(decode(b"g", &value).is_err());
        let newer = br#"{"version":2,"before":7,"records":3}"#;
        assert!(decode(&write.key, newer).is_err());
    }
}
