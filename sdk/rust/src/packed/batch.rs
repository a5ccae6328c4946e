//! A packed batch in, records out, borrowed from the same bytes.
//!
//! [`Batch::parse`] checks every offset and every key once; after that, walking the batch copies nothing. A record that
//! would lie outside the buffer makes the whole batch [`Malformed`].
use super::Malformed;
use super::layout::{self, Header, Sequence, record as field};
use crate::{Error, Result};
use serde::Deserialize;

/// The records of one invocation, in the order of the shard. Walk them with `for record in &batch`.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'b> {
    bytes: &'b [u8],
    header: Header,
    traced: bool,
}

impl<'b> Batch<'b> {
    /// Checks that every entry lies inside `bytes` and that keys are text.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, Malformed> {
        let header = Header::read(bytes, layout::BATCH_MAGIC, layout::BATCH_STRIDE_BYTES)?;
        let batch = Self {
            bytes,
            header,
            traced: false,
        };
        for index in 0..header.count {
            let entry = header
                .entry(bytes, index)
                .ok_or(Malformed("the index is cut off"))?;
            let key = layout::slice_at(bytes, entry, field::KEY)
                .ok_or(Malformed("a key lies outside the buffer"))?;
            if std::str::from_utf8(key).is_err() {
                return Err(Malformed("a key is not UTF-8"));
            }
            layout::slice_at(bytes, entry, field::DATA)
                .ok_or(Malformed("data lies outside the buffer"))?;
        }
        Ok(batch)
    }

    /// Tells the host before each record which one comes next, so that it can find the one that traps.
    pub(crate) fn traced(self, traced: bool) -> Self {
        Self { traced, ..self }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.header.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.header.count == 0
    }

    /// The record at `index`, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'b>> {
        if index >= self.header.count {
            return None;
        }
        let entry = self.header.entry(self.bytes, index)?;
        Some(Record {
            index: u32::try_from(index).ok()?,
            key: std::str::from_utf8(layout::slice_at(self.bytes, entry, field::KEY)?).ok()?,
            data: layout::slice_at(self.bytes, entry, field::DATA)?,
            entry,
        })
    }

    #[must_use]
    pub fn iter(&self) -> Records<'b> {
        Records {
            batch: *self,
            next: 0,
        }
    }
}

impl<'b> IntoIterator for &Batch<'b> {
    type Item = Record<'b>;
    type IntoIter = Records<'b>;

    fn into_iter(self) -> Records<'b> {
        self.iter()
    }
}

/// Walks a batch; made by [`Batch::iter`].
#[derive(Debug, Clone)]
pub struct Records<'b> {
    batch: Batch<'b>,
    next: usize,
}

impl<'b> Iterator for Records<'b> {
    type Item = Record<'b>;

    fn next(&mut self) -> Option<Record<'b>> {
        let record = self.batch.get(self.next)?;
        self.next += 1;
        if self.batch.traced {
            crate::host::progress(record.index);
        }
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

/// One user record. Its key and data borrow from the batch.
#[derive(Debug, Clone, Copy)]
pub struct Record<'b> {
    index: u32,
    key: &'b str,
    data: &'b [u8],
    entry: &'b [u8],
}

impl<'b> Record<'b> {
    /// Place in the batch, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The partition key.
    #[must_use]
    pub fn key(&self) -> &'b str {
        self.key
    }

    #[must_use]
    pub fn data(&self) -> &'b [u8] {
        self.data
    }

    /// The data as JSON. What does not parse is an error that dead-letters the record (kind `BadJson`).
    pub fn json<T: Deserialize<'b>>(&self) -> Result<T> {
        serde_json::from_slice(self.data).map_err(|error| Error::bad_json(&error))
    }

    #[must_use]
    pub fn sequence(&self) -> Sequence {
        let part = |at| layout::u64_at(self.entry, field::SEQUENCE + at).unwrap_or_default();
        Sequence([part(0), part(8), part(16)])
    }

    /// Place inside an aggregate, 0 for a plain record.
    #[must_use]
    pub fn sub_sequence(&self) -> u64 {
        layout::u64_at(self.entry, field::SUB_SEQUENCE).unwrap_or_default()
    }

    /// When the stream took the record, milliseconds since 1970.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        layout::u64_at(self.entry, field::ARRIVED).unwrap_or_default()
    }

    /// How often this record was handed out, this time included; from 1.
    #[must_use]
    pub fn deliveries(&self) -> u32 {
        layout::u32_at(self.entry, field::DELIVERIES).unwrap_or(1)
    }

    /// It was delivered before: an operator went back in the stream, or redrove a dead letter.
    #[must_use]
    pub fn delivered_before(&self) -> bool {
        self.flags() & layout::DELIVERED_BEFORE != 0
    }

    /// It was unpacked from a Kinesis aggregate.
    #[must_use]
    pub fn from_aggregate(&self) -> bool {
        self.flags() & layout::FROM_AGGREGATE != 0
    }

    /// It carries no data and says that the tumbling window of its key closes.
    #[must_use]
    pub fn closes_window(&self) -> bool {
        self.flags() & layout::CLOSES_WINDOW != 0
    }

    pub(super) fn flags(&self) -> u32 {
        layout::u32_at(self.entry, field::FLAGS).unwrap_or_default()
    }
}
