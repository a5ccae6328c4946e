//! Routing: which shard takes a record, and where in a commit it ends up.
//!
//! In: the shards of a stream and records in the order of a request. Out: one append a shard, each in the order of
//! the request, and for every record its place among them, so that answers can be given in the request's order.

use std::collections::BTreeMap;

use log::{Append, ProducerMark};
use model::{HashKey, NewRecord, ShardId, ShardSlot};

use crate::{
    registry::ShardEntry,
    traffic::{Passed, mix},
};

/// Where a record of the request stands in its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Routed {
    pub(crate) shard: ShardEntry,
    /// Index among the request's records of that shard.
    pub(crate) offset: u64,
    pub(crate) hash: HashKey,
}

/// Records by shard, gathered from any number of streams.
#[derive(Debug, Default)]
pub(crate) struct Gathered(BTreeMap<ShardSlot, Lot>);

/// The records of one shard.
#[derive(Debug)]
struct Lot {
    shard: ShardId,
    bytes: usize,
    records: Vec<NewRecord>,
}

impl Gathered {
    /// Adds a record to the shard that covers its hash key. `None` when no shard does.
    pub(crate) fn add(&mut self, shards: &[ShardEntry], record: NewRecord) -> Option<Routed> {
        let hash = record.hash_key();
        let shard = *covering(shards, hash)?;
        let lot = self.0.entry(shard.slot).or_insert_with(|| Lot {
            shard: shard.id,
            bytes: 0,
            records: Vec::new(),
        });
        let offset = count(lot.records.len());
        lot.bytes += record.counted_len();
        lot.records.push(record);
        Some(Routed {
            shard,
            offset,
            hash,
        })
    }

    /// What goes to each shard.
    pub(crate) fn passed(&self) -> Vec<(ShardId, Passed)> {
        let passed = |lot: &Lot| Passed {
            bytes: count(lot.bytes),
            records: count(lot.records.len()),
        };
        let lots = self.0.values();
        lots.map(|lot| (lot.shard, passed(lot))).collect()
    }

    pub(crate) fn into_appends(self) -> Vec<Append> {
        let append = |(slot, lot): (ShardSlot, Lot)| Append {
            slot,
            records: lot.records,
        };
        self.0.into_iter().map(append).collect()
    }
}

/// Gives records hash keys of their own, evenly over all: partition keys and explicit hash keys of producers decide nothing.
/// What a producer sends again falls where it fell before.
pub(crate) fn spread(records: &mut [NewRecord], producer: Option<&ProducerMark>, turn: u64) {
    let start = producer.map_or(turn, |mark| {
        let letters = mark.id.bytes();
        letters.fold(mix(mark.number), |sum, byte| mix(sum ^ u64::from(byte)))
    });
    for (index, record) in (0_u64..).zip(records) {
        let high = mix(start.wrapping_add(index));
        let key = u128::from(high) << 64 | u128::from(mix(high));
        record.explicit_hash_key = Some(HashKey(key));
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Ranges of a stream's open shards are sorted and meet without holes.
pub(crate) fn covering(shards: &[ShardEntry], key: HashKey) -> Option<&ShardEntry> {
    let behind = shards.partition_point(|shard| shard.range.starting <= key);
    shards
        .get(behind.checked_sub(1)?)
        .filter(|shard| shard.range.contains(key))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{HashKeyRange, ShardId};

    use super::*;

    fn shards(count: u32) -> Vec<ShardEntry> {
        let entry = |(index, range)| ShardEntry {
            id: ShardId(index),
            slot: ShardSlot(100 + index),
            counter: 1,
            created_s: 1,
            range,
            opened: None,
            parent: None,
            adjacent_parent: None,
            closed: None,
        };
        (0..count)
            .zip(HashKeyRange::split_whole(count))
            .map(entry)
            .collect()
    }

    #[test]
    fn every_key_has_its_shard() {
        let shards = shards(4);
        let quarter = 1_u128 << 126;
        for (key, expected) in [
            (0, 0),
            (quarter - 1, 0),
            (quarter, 1),
            (quarter * 3 - 1, 2),
            (quarter * 3, 3),
            (u128::MAX, 3),
        ] {
            let shard = covering(&shards, HashKey(key)).unwrap();
            assert_eq!(shard.id, ShardId(expected), "{key}");
        }
        assert_eq!(covering(&[], HashKey(0)), None);
    }

    #[test]
    fn records_keep_their_order_within_a_shard() {
        let shards = shards(2);
        let mut gathered = Gathered::default();
        let mut places = Vec::new();
        for (name, key) in [("a", 0), ("b", u128::MAX), ("c", 1), ("d", u128::MAX)] {
            let record = NewRecord {
                partition_key: Bytes::from_static(b"k"),
                explicit_hash_key: Some(HashKey(key)),
                data: Bytes::from_static(name.as_bytes()),
            };
            let routed = gathered.add(&shards, record).unwrap();
            places.push((routed.shard.id.0, routed.offset));
        }
        assert_eq!(places, [(0, 0), (1, 0), (0, 1), (1, 1)]);
        let appends: Vec<_> = gathered
            .into_appends()
            .into_iter()
            .map(|append| {
                let data = append.records.iter().map(|record| record.data.clone());
                (append.slot.0, data.collect::<Vec<_>>().concat())
            })
            .collect();
        assert_eq!(appends, [(100, b"ac".to_vec()), (101, b"bd".to_vec())]);
    }
}
