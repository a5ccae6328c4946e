//! Short ways to records for the tests of this crate.

use bytes::Bytes;
use model::{Position, SequenceNumber, Timestamp, UserRecord};

pub(crate) fn position(index: u64) -> Position {
    Position {
        sequence: SequenceNumber([0, 0, index]),
        sub_sequence: 0,
    }
}

pub(crate) fn user_record(index: u64, key: &str) -> UserRecord {
    UserRecord {
        position: position(index),
        arrived: Timestamp::default(),
        partition_key: Bytes::copy_from_slice(key.as_bytes()),
        explicit_hash_key: None,
        data: Bytes::from(index.to_string()),
        aggregated: false,
        deliveries: 1,
    }
}
