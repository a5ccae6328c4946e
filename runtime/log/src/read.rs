//! Reading a shard: from a cursor, within a limit, only what is durable.
//!
//! Recent frames come from memory without a copy; older ones are read from their segment and checked again.

use bytes::Bytes;
use model::{HashKey, Timestamp};

/// Where to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// The record with this index, or the first one after it.
    Index(u64),
}

/// At least one record is returned where there is one, however large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    pub records: usize,
    /// Data and partition keys.
    pub bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub records: Vec<StoredRecord>,
    pub next: Cursor,
    /// Nothing visible lies after `next`.
    pub at_tip: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    pub index: u64,
    pub arrived: Timestamp,
    pub partition_key: Bytes,
    pub explicit_hash_key: Option<HashKey>,
    pub data: Bytes,
}
