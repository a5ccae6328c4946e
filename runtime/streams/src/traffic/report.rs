//! What the meters say, as values: of a stream, of a shard, of its heaviest keys.

use model::{HashKey, HashKeyRange, ShardId};

use super::{
    meter::{Meters, Passed, ShardMeter},
    operations::{Counted, Operation},
    rates::Rates,
};
use crate::limits::{HASH_RANGES, HOT_KEYS_TOLD};

/// Since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub in_bytes: u64,
    pub in_records: u64,
    pub out_bytes: u64,
    pub out_records: u64,
    /// Records and reads that were refused because a shard was full.
    pub writes_refused: u64,
    pub reads_refused: u64,
    /// How far the last read was behind.
    pub age_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTraffic {
    pub totals: Totals,
    pub now: Rates,
    /// Of the last quarter of an hour.
    pub peak: Rates,
    pub payloads: Payloads,
    /// In the order of `Operation::ALL`.
    pub operations: Vec<(Operation, Counted)>,
    /// Of every shard that may hold records, in order of their ids.
    pub shards: Vec<ShardTraffic>,
}

/// An estimate out of those that were looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payloads {
    pub looked_at: u64,
    /// Payloads that had come before, not long ago.
    pub repeated: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardTraffic {
    pub id: ShardId,
    pub range: HashKeyRange,
    pub open: bool,
    pub totals: Totals,
    pub now: Rates,
    pub peak: Rates,
    /// What fell into each part of the range lately, parts of equal size.
    pub spread: [u64; HASH_RANGES],
    /// The heaviest first.
    pub hot_keys: Vec<HotKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotKey {
    pub key: String,
    pub hash: HashKey,
    /// Of what its shard took lately, in thousandths: at least this.
    pub share: u64,
}

impl Meters {
    pub(crate) fn totals(&self) -> Totals {
        let stream = &self.stream;
        totals(
            stream.incoming(),
            stream.outgoing(),
            stream.refused(),
            stream.age_ms(),
        )
    }

    pub(crate) fn counted(&self) -> Vec<(Operation, Counted)> {
        let meters = self.stream.operations().iter();
        let pairs = Operation::ALL.into_iter().zip(meters);
        pairs
            .map(|(operation, meter)| (operation, meter.counted()))
            .collect()
    }

    pub(crate) fn payloads(&self) -> Payloads {
        let (looked_at, repeated) = self.stream.payloads();
        Payloads {
            looked_at,
            repeated,
        }
    }
}

impl ShardMeter {
    pub(crate) fn report(&self, id: ShardId, range: HashKeyRange, open: bool) -> ShardTraffic {
        let (now, peak) = self.rates();
        let spread = self.spread();
        let all: u64 = spread.iter().sum();
        let told = |kept: super::hot_keys::Kept| HotKey {
            key: String::from_utf8_lossy(&kept.key).into_owned(),
            hash: HashKey(kept.hash),
            share: kept.sure().saturating_mul(1000) / all.max(1),
        };
        let keys = self.hot_keys(HOT_KEYS_TOLD);
        ShardTraffic {
            id,
            range,
            open,
            totals: totals(
                self.incoming(),
                self.outgoing(),
                self.refused(),
                self.age_ms(),
            ),
            now,
            peak,
            spread,
            hot_keys: keys.into_iter().map(told).collect(),
        }
    }
}

fn totals(incoming: Passed, outgoing: Passed, refused: (u64, u64), age_ms: u64) -> Totals {
    Totals {
        in_bytes: incoming.bytes,
        in_records: incoming.records,
        out_bytes: outgoing.bytes,
        out_records: outgoing.records,
        writes_refused: refused.0,
        reads_refused: refused.1,
        age_ms,
    }
}
