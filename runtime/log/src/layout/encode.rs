//! The bytes of a part: records of a shard, or writes to the view. Pure; runs on the caller's task.
//!
//! Decoding slices the frame's buffer and copies nothing. Bytes that do not decode under a valid checksum would be our
//! own mistake, and are reported as damage, never skipped.

use bytes::{Buf as _, Bytes, BytesMut};
use model::{HashKey, NewRecord, ViewWrite};

use crate::layout::frame::{narrow, u32_at};

const HAS_HASH_KEY: u8 = 1;
const HAS_VALUE: u8 = 1;
/// Flags u8, key length u32, data length u32.
const RECORD_FIXED: usize = 9;
/// What a stored record takes beyond its data and partition key, at most.
pub(crate) const AROUND_RECORD_BYTES_MAX: u64 = 25;

pub(crate) fn record_len(record: &NewRecord) -> usize {
    let hash_key = if record.explicit_hash_key.is_some() {
        16
    } else {
        0
    };
    RECORD_FIXED + hash_key + record.partition_key.len() + record.data.len()
}

pub(crate) fn put_record(out: &mut BytesMut, record: &NewRecord) {
    put_fixed(
        out,
        u8::from(record.explicit_hash_key.is_some()) * HAS_HASH_KEY,
        record.partition_key.len(),
        record.data.len(),
    );
    if let Some(HashKey(key)) = record.explicit_hash_key {
        out.extend_from_slice(&key.to_le_bytes());
    }
    out.extend_from_slice(&record.partition_key);
    out.extend_from_slice(&record.data);
}

pub(crate) fn write_len(write: &ViewWrite) -> usize {
    RECORD_FIXED + write.key.len() + write.value.as_ref().map_or(0, Bytes::len)
}

pub(crate) fn put_write(out: &mut BytesMut, write: &ViewWrite) {
    let value = write.value.as_deref().unwrap_or_default();
    let flags = u8::from(write.value.is_some()) * HAS_VALUE;
    put_fixed(out, flags, write.key.len(), value.len());
    out.extend_from_slice(&write.key);
    out.extend_from_slice(value);
}

fn put_fixed(out: &mut BytesMut, flags: u8, first: usize, second: usize) {
    let mut fixed = [flags; RECORD_FIXED];
    fixed[1..5].copy_from_slice(&narrow(first).to_le_bytes());
    fixed[5..].copy_from_slice(&narrow(second).to_le_bytes());
    out.extend_from_slice(&fixed);
}

/// Takes the next record off the front of `body`.
pub(crate) fn take_record(body: &mut Bytes) -> Option<NewRecord> {
    let (flags, key_len, data_len) = take_fixed(body)?;
    let explicit_hash_key = if flags & HAS_HASH_KEY == 0 {
        None
    } else {
        let raw = *body.first_chunk()?;
        body.advance(raw.len());
        Some(HashKey(u128::from_le_bytes(raw)))
    };
    Some(NewRecord {
        explicit_hash_key,
        partition_key: take(body, key_len)?,
        data: take(body, data_len)?,
    })
}

/// Takes the next view write off the front of `body`.
pub(crate) fn take_write(body: &mut Bytes) -> Option<ViewWrite> {
    let (flags, key_len, value_len) = take_fixed(body)?;
    let key = take(body, key_len)?;
    let value = take(body, value_len)?;
    Some(ViewWrite {
        key,
        value: (flags & HAS_VALUE != 0).then_some(value),
    })
}

fn take_fixed(body: &mut Bytes) -> Option<(u8, usize, usize)> {
    let fixed: [u8; RECORD_FIXED] = *body.first_chunk()?;
    body.advance(RECORD_FIXED);
    let first = usize::try_from(u32_at(&fixed, 1)).ok()?;
    let second = usize::try_from(u32_at(&fixed, 5)).ok()?;
    Some((fixed[0], first, second))
}

fn take(body: &mut Bytes, len: usize) -> Option<Bytes> {
    (len <= body.len()).then(|| body.split_to(len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_round_trip(key: Vec<u8>, hash: Option<u128>, data: Vec<u8>) {
            let record = NewRecord {
                partition_key: key.into(),
                explicit_hash_key: hash.map(HashKey),
                data: data.into(),
            };
            let mut out = BytesMut::new();
            put_record(&mut out, &record);
            prop_assert_eq!(out.len(), record_len(&record));
            prop_assert_eq!(take_record(&mut out.freeze()), Some(record));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let mut body = Bytes::from(bytes);
            while !body.is_empty() && take_write(&mut body).is_some() {}
        }
    }
}
