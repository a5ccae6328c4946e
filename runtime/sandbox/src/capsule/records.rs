//! The records of a capsule as a file keeps them: byte for byte, one after the other, because text costs twenty times as
//! much.
//!
//! In: records. Out: bytes, and back; None for what is no such bytes. All numbers are little-endian.
#![deny(clippy::indexing_slicing)]

use bytes::{Buf as _, BufMut as _, Bytes};
use model::{HashKey, Position, SequenceNumber, Timestamp, UserRecord};

/// Bytes before the key and the data of a record, without an explicit hash key.
const HEAD_BYTES: usize = 3 * 8 + 8 + 8 + 4 + 1 + 4 + 4;
const HASH_KEY_BYTES: usize = 16;
const AGGREGATED: u8 = 1;
const HAS_HASH_KEY: u8 = 1 << 1;

pub(super) fn pack(records: &[UserRecord], out: &mut Vec<u8>) {
    let length = |it: &UserRecord| it.partition_key.len() + it.data.len() + HASH_KEY_BYTES;
    let bytes: usize = records.iter().map(length).sum();
    out.reserve(bytes + records.len() * HEAD_BYTES);
    for record in records {
        for limb in record.position.sequence.0 {
            out.put_u64_le(limb);
        }
        out.put_u64_le(record.position.sub_sequence);
        out.put_u64_le(record.arrived.as_millis());
        out.put_u32_le(record.deliveries);
        let aggregated = u8::from(record.aggregated) * AGGREGATED;
        let hash_key = u8::from(record.explicit_hash_key.is_some()) * HAS_HASH_KEY;
        out.put_u8(aggregated | hash_key);
        if let Some(HashKey(key)) = record.explicit_hash_key {
            out.put_u128_le(key);
        }
        for part in [&record.partition_key, &record.data] {
            // Capsules are bounded far below.
            out.put_u32_le(u32::try_from(part.len()).unwrap_or(u32::MAX));
        }
        out.put_slice(&record.partition_key);
        out.put_slice(&record.data);
    }
}

pub(super) fn unpack(mut bytes: Bytes) -> Option<Vec<UserRecord>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        records.push(take(&mut bytes)?);
    }
    Some(records)
}

fn take(from: &mut Bytes) -> Option<UserRecord> {
    let mut limbs = [0; 3];
    for limb in &mut limbs {
        *limb = from.try_get_u64_le().ok()?;
    }
    let sub_sequence = from.try_get_u64_le().ok()?;
    let arrived = Timestamp::from_millis(from.try_get_u64_le().ok()?);
    let deliveries = from.try_get_u32_le().ok()?;
    let flags = from.try_get_u8().ok()?;
    let explicit_hash_key = if flags & HAS_HASH_KEY == 0 {
        None
    } else {
        Some(HashKey(from.try_get_u128_le().ok()?))
    };
    let [key, data] = [from.try_get_u32_le().ok()?, from.try_get_u32_le().ok()?];
    let mut part = |length: u32| {
        let length = usize::try_from(length).ok()?;
        (length <= from.len()).then(|| from.split_to(length))
    };
    Some(UserRecord {
        position: Position {
            sequence: SequenceNumber(limbs),
            sub_sequence,
        },
        arrived,
        partition_key: part(key)?,
        explicit_hash_key,
        data: part(data)?,
        aggregated: flags & AGGREGATED != 0,
        deliveries,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(hash_key: Option<u128>, data: &'static [u8]) -> UserRecord {
        UserRecord {
            position: Position {
                sequence: SequenceNumber([1, u64::MAX, 3]),
                sub_sequence: 4,
            },
            arrived: Timestamp::from_millis(5),
            partition_key: Bytes::from_static(b"key"),
            explicit_hash_key: hash_key.map(HashKey),
            data: Bytes::from_static(data),
            aggregated: hash_key.is_none(),
            deliveries: 6,
        }
    }

    #[test]
    fn records_come_back_byte_for_byte_and_cut_off_ones_do_not() {
        let records = vec![
            record(None, b""),
            record(Some(u128::MAX), b"\0\n{"),
            record(Some(0), b"data"),
        ];
        let mut packed = Vec::new();
        pack(&records, &mut packed);
        let packed = Bytes::from(packed);
        assert_eq!(unpack(packed.clone()).as_ref(), Some(&records));
        let whole: Vec<usize> = (0..packed.len())
            .filter(|end| unpack(packed.slice(..*end)).is_some())
            .collect();
        assert_eq!(whole.len(), records.len(), "{whole:?}");
        let mut longer = packed.to_vec();
        longer.extend_from_slice(&[0xff; HEAD_BYTES]);
        assert_eq!(unpack(longer.into()), None);
    }
}
