//! Unpacks records that a KPL aggregated into user records (rules AG-1 to AG-14).
//!
//! In: a stored record and its shard's range. Out: user records in order, and strays, those outside the range. Nothing
//! is lost on bad input: what is not a sound aggregate goes on raw, as one user record.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use bytes::Bytes;
use md5::{Digest as _, Md5};
use model::{HashKey, HashKeyRange, Position, Record, UserRecord};
use prost::Message;

use crate::{
    limits::{AGGREGATE_BYTES_MAX, AGGREGATE_RECORDS_MAX},
    settings::RangeCheck,
};

const MAGIC: &[u8] = &[0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES: usize = 16;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    pub records: Vec<UserRecord>,
    /// Sub-records outside the shard's range, to be dead-lettered as `OutOfRange`.
    pub strays: Vec<UserRecord>,
    /// The digest was right and the content was not: delivered raw and counted (AG-6).
    pub malformed: bool,
}

#[derive(Clone, PartialEq, Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_keys: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_keys: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<SubRecord>,
}

/// Tags (field 4) are never written by a KPL and are skipped like any unknown field.
#[derive(Clone, PartialEq, Message)]
struct SubRecord {
    #[prost(uint64, optional, tag = "1")]
    partition_key_index: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    data: Option<Bytes>,
}

/// A record as it is, for triggers that do not de-aggregate.
#[must_use]
pub fn raw(record: Record) -> UserRecord {
    UserRecord {
        position: Position {
            sequence: record.sequence,
            sub_sequence: 0,
        },
        arrived: record.arrived,
        partition_key: record.partition_key,
        explicit_hash_key: record.explicit_hash_key,
        data: record.data,
        aggregated: false,
        deliveries: 1,
    }
}

/// Whether it may be an aggregate; most records show at once that they are not.
pub(crate) fn is_packed(record: &Record) -> bool {
    record.data.starts_with(MAGIC)
}

/// Unpacks once; aggregates inside aggregates stay packed (AG-13).
#[must_use]
pub fn unpack(record: Record, range: HashKeyRange, check: RangeCheck) -> Unpacked {
    let Some(aggregate) = recognise(&record.data) else {
        return Unpacked {
            records: vec![raw(record)],
            ..Unpacked::default()
        };
    };
    let Some(all) = expand(&record, &aggregate) else {
        return Unpacked {
            records: vec![raw(record)],
            malformed: true,
            ..Unpacked::default()
        };
    };
    let inside = |record: &UserRecord| range.contains(record.effective_hash_key());
    let (records, strays) = match check {
        RangeCheck::Off => (all, Vec::new()),
        RangeCheck::InRange => all.into_iter().partition(inside),
        RangeCheck::Kcl if all.iter().all(inside) => (all, Vec::new()),
        RangeCheck::Kcl => (Vec::new(), all),
    };
    Unpacked {
        records,
        strays,
        malformed: false,
    }
}

/// The aggregate, when magic, digest and protobuf are all in order (AG-4, AG-12).
fn recognise(data: &Bytes) -> Option<AggregatedRecord> {
    let body_len = data.len().checked_sub(MAGIC.len() + DIGEST_BYTES)?;
    if body_len == 0 || !data.starts_with(MAGIC) {
        return None;
    }
    let body = data.slice(MAGIC.len()..MAGIC.len() + body_len);
    let digest: [u8; DIGEST_BYTES] = Md5::digest(&body).into();
    if !data.ends_with(&digest) {
        return None;
    }
    let aggregate = AggregatedRecord::decode(body).ok()?;
    let complete = |sub: &SubRecord| sub.partition_key_index.is_some() && sub.data.is_some();
    aggregate.records.iter().all(complete).then_some(aggregate)
}

/// `None` when an index points outside its table, a hash key is no number, or the whole is too large or empty.
fn expand(record: &Record, aggregate: &AggregatedRecord) -> Option<Vec<UserRecord>> {
    let lens = aggregate
        .records
        .iter()
        .map(|sub| sub.data.as_ref().map_or(0, Bytes::len));
    let count = aggregate.records.len();
    if !(1..=AGGREGATE_RECORDS_MAX).contains(&count) || lens.sum::<usize>() > AGGREGATE_BYTES_MAX {
        return None;
    }
    let keys: Vec<Bytes> = aggregate
        .partition_keys
        .iter()
        .map(|key| Bytes::copy_from_slice(key.as_bytes()))
        .collect();
    let hash_keys: Vec<HashKey> = aggregate
        .explicit_hash_keys
        .iter()
        .map(|text| text.parse().map(HashKey).ok())
        .collect::<Option<_>>()?;
    let user_record = |(sub_sequence, sub): (u64, &SubRecord)| {
        let explicit_hash_key = match sub.explicit_hash_key_index {
            Some(index) => Some(*hash_keys.get(usize::try_from(index).ok()?)?),
            None => None,
        };
        Some(UserRecord {
            position: Position {
                sequence: record.sequence,
                sub_sequence,
            },
            arrived: record.arrived,
            partition_key: keys
                .get(usize::try_from(sub.partition_key_index?).ok()?)?
                .clone(),
            explicit_hash_key,
            data: sub.data.clone()?,
            aggregated: true,
            deliveries: 1,
        })
    };
    (0..).zip(&aggregate.records).map(user_record).collect()
}

#[cfg(test)]
pub(crate) mod tests;
