//! Which stream and shard a slot of the log is, out of registry entries alone: for those who look at a log that no engine
//! has open. Entries that cannot be read name nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{SequenceNumber, ShardId, ShardSlot, StreamName, Timestamp};

use crate::{number::ShardNumbers, registry::Entry};

/// A shard by the name that people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub stream: StreamName,
    pub shard: ShardId,
    numbers: ShardNumbers,
}

#[derive(Debug, Clone, Default)]
pub struct Atlas {
    places: BTreeMap<ShardSlot, Place>,
}

impl Atlas {
    pub fn of<'a>(entries: impl IntoIterator<Item = (&'a Bytes, &'a Bytes)>) -> Self {
        let mut places = BTreeMap::new();
        for (key, value) in entries {
            if let Ok(Entry::Stream(key, entry)) = Entry::decode(key, value) {
                for shard in &entry.shards {
                    let place = Place {
                        stream: key.name.clone(),
                        shard: shard.id,
                        numbers: shard.numbers(),
                    };
                    places.insert(shard.slot, place);
                }
            }
        }
        Self { places }
    }

    #[must_use]
    pub fn place(&self, slot: ShardSlot) -> Option<&Place> {
        self.places.get(&slot)
    }
}

impl Place {
    #[must_use]
    pub fn number(&self, index: u64, arrived: Timestamp) -> SequenceNumber {
        self.numbers.of_record(index, arrived)
    }
}
