//! Packed batches out, packed output in: the byte layouts of `function.wit`, version 1.
//!
//! `pack` turns the records of an invocation into one buffer; `unpack` reads what a guest hands back. Guests are
//! never trusted: every offset, length and source index is checked, and a malformed output is an error, never a panic.
#![deny(clippy::indexing_slicing)]

use bytes::{BufMut as _, Bytes};
use model::{Emitted, HashKey, UserRecord};

use crate::limits::{OUTPUT_RECORD_BYTES_MAX, PARTITION_KEY_CHARS_MAX};

const BATCH_MAGIC: u32 = 0x3142_4d53;
const OUTPUT_MAGIC: u32 = 0x314f_4d53;
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 32;
const BATCH_STRIDE: u32 = 64;
const OUTPUT_STRIDE: usize = 40;
const RECORD_DELIVERED_BEFORE: u32 = 1;
const RECORD_FROM_AGGREGATE: u32 = 1 << 1;
const RECORD_CLOSES_WINDOW: u32 = 1 << 2;
const OUTPUT_HAS_HASH_KEYS: u16 = 1;
const NO_SOURCE: u32 = u32::MAX;

/// What a record costs in a packed batch, in bytes.
pub(crate) fn encoded_len(record: &UserRecord) -> usize {
    BATCH_STRIDE as usize + record.partition_key.len() + record.data.len()
}

/// The batch does not fit into 32-bit offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the batch packs into {bytes} bytes, at most 4294967295 fit: set a smaller batch size")]
pub(crate) struct BatchTooLarge {
    bytes: usize,
}

/// `close_windows`: each of them closes the tumbling window of its key. The first `replayed` of them were delivered before a
/// seek or a redrive.
pub(crate) fn pack(
    records: &[UserRecord],
    close_windows: bool,
    replayed: usize,
) -> Result<Vec<u8>, BatchTooLarge> {
    let bytes = HEADER_BYTES + records.iter().map(encoded_len).sum::<usize>();
    let too_large = |_| BatchTooLarge { bytes };
    u32::try_from(bytes).map_err(too_large)?;
    let mut out = Vec::with_capacity(bytes);
    out.put_u32_le(BATCH_MAGIC);
    out.put_u16_le(VERSION);
    out.put_u16_le(0);
    out.put_u32_le(u32::try_from(records.len()).map_err(too_large)?);
    out.put_u32_le(BATCH_STRIDE);
    out.put_bytes(0, 16);
    let mut next = HEADER_BYTES + records.len() * BATCH_STRIDE as usize;
    for (index, record) in records.iter().enumerate() {
        let [high, middle, low] = record.position.sequence.0;
        out.put_u64_le(high);
        out.put_u64_le(middle);
        out.put_u64_le(low);
        out.put_u64_le(record.position.sub_sequence);
        out.put_u64_le(record.arrived.as_millis());
        for part in [&record.partition_key, &record.data] {
            out.put_u32_le(u32::try_from(next).map_err(too_large)?);
            out.put_u32_le(u32::try_from(part.len()).map_err(too_large)?);
            next += part.len();
        }
        let before = u32::from(index < replayed) * RECORD_DELIVERED_BEFORE;
        let aggregated = u32::from(record.aggregated) * RECORD_FROM_AGGREGATE;
        let closes = u32::from(close_windows) * RECORD_CLOSES_WINDOW;
        out.put_u32_le(before | aggregated | closes);
        out.put_u32_le(record.deliveries);
    }
    for record in records {
        out.put_slice(&record.partition_key);
        out.put_slice(&record.data);
    }
    Ok(out)
}

/// What is wrong with a packed output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MalformedOutput {
    #[error("it has {0} bytes, less than the header of 32")]
    Short(usize),
    #[error("it begins with {0:#010x}, not with \"SMO1\"")]
    Magic(u32),
    #[error("it has version {0}, this host reads version 1")]
    Version(u16),
    #[error("its stride is {0}, at least 40 and a multiple of 8 is needed")]
    Stride(u32),
    #[error("it announces {count} records, its {bytes} bytes cannot hold them")]
    Count { count: u32, bytes: usize },
    #[error("record {record}: the {part} lies outside of the buffer")]
    Offset { record: u32, part: &'static str },
    #[error(
        "record {record}: the partition key has {chars} characters, 1 to {PARTITION_KEY_CHARS_MAX} are accepted"
    )]
    KeyLength { record: u32, chars: usize },
    #[error("record {record}: the partition key is not UTF-8")]
    KeyText { record: u32 },
    #[error(
        "record {record} has {bytes} bytes with its key, at most {OUTPUT_RECORD_BYTES_MAX} fit into a stream"
    )]
    RecordLength { record: u32, bytes: usize },
    #[error("record {record}: source {source_index} is not in the batch of {batch}")]
    Source {
        record: u32,
        source_index: u32,
        batch: usize,
    },
}

/// What records cost as they will be stored: several may be views of the same bytes.
pub(crate) fn unpacked_bytes(emitted: &[Emitted]) -> usize {
    let record = |record: &Emitted| OUTPUT_STRIDE + record.partition_key.len() + record.data.len();
    emitted.iter().map(record).sum()
}

/// The records of a packed output; keys and data are views of `buffer`. An empty buffer holds none.
pub(crate) fn unpack(
    buffer: &Bytes,
    output: &str,
    batch: usize,
) -> Result<Vec<Emitted>, MalformedOutput> {
    if buffer.is_empty() {
        return Ok(Vec::new());
    }
    let mut header = Cursor(buffer);
    let short = || MalformedOutput::Short(buffer.len());
    let magic = header.u32().ok_or_else(short)?;
    let version = header.u16().ok_or_else(short)?;
    let flags = header.u16().ok_or_else(short)?;
    let count = header.u32().ok_or_else(short)?;
    let stride = header.u32().ok_or_else(short)?;
    let entries = buffer.get(HEADER_BYTES..).ok_or_else(short)?;
    if magic != OUTPUT_MAGIC {
        return Err(MalformedOutput::Magic(magic));
    }
    if version != VERSION {
        return Err(MalformedOutput::Version(version));
    }
    let step = stride as usize;
    if step < OUTPUT_STRIDE || !step.is_multiple_of(8) {
        return Err(MalformedOutput::Stride(stride));
    }
    let bad_count = MalformedOutput::Count {
        count,
        bytes: buffer.len(),
    };
    let index_bytes = (count as usize)
        .checked_mul(step)
        .ok_or_else(|| bad_count.clone())?;
    let index = entries.get(..index_bytes).ok_or(bad_count)?;
    let has_hash_keys = flags & OUTPUT_HAS_HASH_KEYS != 0;
    (0..count)
        .zip(index.chunks_exact(step))
        .map(|(record, entry)| {
            let reader = Entry {
                buffer,
                record,
                has_hash_keys,
            };
            reader.read(Cursor(entry), output, batch)
        })
        .collect()
}

struct Entry<'a> {
    buffer: &'a Bytes,
    record: u32,
    has_hash_keys: bool,
}

impl Entry<'_> {
    fn read(
        &self,
        mut fields: Cursor<'_>,
        output: &str,
        batch: usize,
    ) -> Result<Emitted, MalformedOutput> {
        let record = self.record;
        let partition_key = self.part(&mut fields, "partition key")?;
        let data = self.part(&mut fields, "data")?;
        let key =
            std::str::from_utf8(&partition_key).map_err(|_| MalformedOutput::KeyText { record })?;
        let chars = key.chars().count();
        if !(1..=PARTITION_KEY_CHARS_MAX).contains(&chars) {
            return Err(MalformedOutput::KeyLength { record, chars });
        }
        let bytes = partition_key.len() + data.len();
        if bytes > OUTPUT_RECORD_BYTES_MAX {
            return Err(MalformedOutput::RecordLength { record, bytes });
        }
        let outside = || MalformedOutput::Offset {
            record,
            part: "entry",
        };
        let high = fields.u64().ok_or_else(outside)?;
        let low = fields.u64().ok_or_else(outside)?;
        let source = fields.u32().ok_or_else(outside)?;
        if source != NO_SOURCE && source as usize >= batch {
            return Err(MalformedOutput::Source {
                record,
                source_index: source,
                batch,
            });
        }
        Ok(Emitted {
            output: output.to_owned(),
            partition_key,
            explicit_hash_key: self
                .has_hash_keys
                .then(|| HashKey(u128::from(high) << 64 | u128::from(low))),
            data,
            source: (source != NO_SOURCE).then_some(source),
        })
    }

    fn part(&self, fields: &mut Cursor<'_>, part: &'static str) -> Result<Bytes, MalformedOutput> {
        let range = fields.u32().zip(fields.u32()).and_then(|(offset, length)| {
            let start = offset as usize;
            let end = start.checked_add(length as usize)?;
            (end <= self.buffer.len()).then_some(start..end)
        });
        range
            .map(|range| self.buffer.slice(range))
            .ok_or(MalformedOutput::Offset {
                record: self.record,
                part,
            })
    }
}

/// Little-endian numbers from the front of a slice.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
#[path = "packed/tests.rs"]
pub(crate) mod tests;
