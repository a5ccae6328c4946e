//! Records on their way: as a producer hands them over, as the stream keeps them, as a handler sees them.

use bytes::Bytes;

use crate::{HashKey, Position, SequenceNumber, Timestamp};

/// What a producer puts, within limits. The partition key has 1 to 256 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    pub partition_key: Bytes,
    pub explicit_hash_key: Option<HashKey>,
    pub data: Bytes,
}

impl NewRecord {
    /// The hash key that routes this record.
    #[must_use]
    pub fn hash_key(&self) -> HashKey {
        self.explicit_hash_key.unwrap_or_else(|| {
            HashKey::of_partition_key(&String::from_utf8_lossy(&self.partition_key))
        })
    }

    /// Bytes that AWS counts against limits: data and partition key.
    #[must_use]
    pub fn counted_len(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub sequence: SequenceNumber,
    pub arrived: Timestamp,
    pub partition_key: Bytes,
    pub explicit_hash_key: Option<HashKey>,
    pub data: Bytes,
    /// Whether it lies encrypted on the disk.
    pub encrypted: bool,
}

/// A record after de-aggregation: what batches, filters and handlers know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    pub position: Position,
    pub arrived: Timestamp,
    pub partition_key: Bytes,
    pub explicit_hash_key: Option<HashKey>,
    pub data: Bytes,
    /// Whether it came out of an aggregate; then `position.sub_sequence` is its index there.
    pub aggregated: bool,
    /// How often this host delivers it, counted from 1.
    pub deliveries: u32,
}

impl UserRecord {
    /// Partition keys are text; bytes that are not are shown with replacement characters.
    #[must_use]
    pub fn key_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.partition_key)
    }

    /// The key under which state is kept: the hash key that counts for this record.
    #[must_use]
    pub fn effective_hash_key(&self) -> HashKey {
        self.explicit_hash_key
            .unwrap_or_else(|| HashKey::of_partition_key(&self.key_text()))
    }
}
