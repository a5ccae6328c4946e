//! The records of a capsule as JSON, for who wants to read them.
//!
//! In: a record. Out: its document; and of a document the record, unless a number in it is out of bounds.

use model::{HashKey, Position, Timestamp, UserRecord};
use serde::{Deserialize, Serialize};

use super::base64::Base64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordDocument {
    position: Position,
    arrived_ms: u64,
    key: Base64,
    hash_key: Option<String>,
    data: Base64,
    aggregated: bool,
    deliveries: u32,
}

pub(super) fn record_document(record: &UserRecord) -> RecordDocument {
    RecordDocument {
        position: record.position,
        arrived_ms: record.arrived.as_millis(),
        key: Base64(record.partition_key.clone()),
        hash_key: record.explicit_hash_key.map(|key| key.0.to_string()),
        data: Base64(record.data.clone()),
        aggregated: record.aggregated,
        deliveries: record.deliveries,
    }
}

pub(super) fn record(document: RecordDocument) -> Option<UserRecord> {
    let hash_key = document.hash_key.map(|text| hash_key(&text));
    Some(UserRecord {
        position: document.position,
        arrived: Timestamp::from_millis(document.arrived_ms),
        partition_key: document.key.0,
        explicit_hash_key: match hash_key {
            Some(key) => Some(key?),
            None => None,
        },
        data: document.data.0,
        aggregated: document.aggregated,
        deliveries: document.deliveries,
    })
}

pub(super) fn hash_key(text: &str) -> Option<HashKey> {
    text.parse().map(HashKey).ok()
}
