//! The dead-letter store: records that were given up, whole, with what was tried.
//!
//! In: discards of a settlement. Out: entries under keys made from their position, so that writing one twice is
//! harmless. Entries outlive the stream's retention. A damaged entry is an error for its reader alone.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use model::{
    Fault, FencingToken, FunctionVersion, HashKey, LeaseKey, Position, RecordFailure,
    SequenceNumber, ShardId, Timestamp, TriggerName, UserRecord, ViewWrite,
    keys::{self, Namespace},
    outcome::Usage,
    seams::{CommitError, Journal},
};
use serde::{Deserialize, Serialize};

use crate::{
    limits::{DEAD_LETTER_BYTES_MAX, NOTE_BYTES_MAX, SHORT_NOTE_BYTES_MAX},
    losses::Gap,
    settle::{Circumstances, Discard},
};

mod store;

pub use store::{Claim, DeadLetterStore, GivenUp, Removed};

/// First byte of a stored entry.
const VERSION: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Shard and first position, such as `3-4958...:2`; unique within its trigger.
    pub id: String,
    pub trigger: TriggerName,
    pub shard: ShardId,
    pub fencing_token: FencingToken,
    pub condition: Condition,
    pub written_ms: u64,
    pub records: Vec<KeptRecord>,
    /// The newest ones, oldest first; empty when there was no invocation.
    pub attempts: Vec<Note>,
    /// In place of records that the stream lost before they were settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Gap>,
}

/// A record byte for byte, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptRecord {
    pub sequence_number: SequenceNumber,
    pub sub_sequence_number: u64,
    pub aggregated: bool,
    pub arrived_ms: u64,
    #[serde(with = "base64_text")]
    pub partition_key: Bytes,
    /// Decimal text: JSON numbers are too small.
    pub explicit_hash_key: Option<String>,
    #[serde(with = "base64_text")]
    pub data: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
    /// A sub-record whose hash key is outside its shard (AG-9).
    OutOfRange,
    /// The handler said so, or the settings of its kind of error.
    Rejected,
    /// The filter looks into bodies, and this one is not JSON; or it does not say when it happened.
    Unparsable,
    /// Its tumbling window has closed.
    Late,
    /// Its shard could not go on, or not fast enough, and the stream was about to lose it, or had.
    RetentionExpired,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    pub at_ms: u64,
    /// Of the function that was run; 0 in entries written before versions were kept.
    #[serde(default)]
    pub version: FunctionVersion,
    /// Of the whole invocation.
    pub duration_ms: u64,
    pub error_type: String,
    pub message: String,
    /// The newest lines that the function said; empty in entries written before they were kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log_tail: String,
}

impl Note {
    #[must_use]
    pub fn of_fault(fault: &Fault, at: Circumstances<'_>) -> Self {
        Self {
            at_ms: at.now.as_millis(),
            version: at.version,
            duration_ms: u64::try_from(fault.usage.duration.as_millis()).unwrap_or(u64::MAX),
            error_type: fault.kind.clone(),
            message: clipped(&fault.message),
            log_tail: at.log_tail.to_owned(),
        }
    }

    #[must_use]
    pub fn of_failure(failure: &RecordFailure, usage: Usage, at: Circumstances<'_>) -> Self {
        Self {
            at_ms: at.now.as_millis(),
            version: at.version,
            duration_ms: u64::try_from(usage.duration.as_millis()).unwrap_or(u64::MAX),
            error_type: failure.kind.clone(),
            message: clipped(&failure.reason),
            log_tail: at.log_tail.to_owned(),
        }
    }

    /// For a row without room for long messages.
    pub(crate) fn shorten(&mut self) {
        let end = self.message.floor_char_boundary(SHORT_NOTE_BYTES_MAX);
        self.message.truncate(end);
    }

    /// A failed record that makes its whole batch fail.
    pub(crate) fn as_fault(failure: &RecordFailure, usage: Usage) -> Fault {
        Fault {
            class: model::FaultClass::Function,
            kind: failure.kind.clone(),
            message: failure.reason.clone(),
            retry_after: None,
            usage,
        }
    }
}

fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(NOTE_BYTES_MAX)].to_owned()
}

/// An entry on its way into the log.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) id: String,
    pub(crate) write: ViewWrite,
    pub(crate) bytes: usize,
}

/// Entries of a discard, with their approximate size in bytes; a large discard becomes several.
pub(crate) fn entries(
    discard: Discard,
    key: &LeaseKey,
    token: FencingToken,
    now: Timestamp,
) -> Vec<Written> {
    let mut written = Vec::new();
    let mut rest = VecDeque::from(discard.records);
    while let Some(first) = rest.pop_front() {
        let mut bytes = first.data.len();
        let position = first.position;
        let mut group = vec![first];
        while let Some(next) = rest.pop_front_if(|r| bytes + r.data.len() <= DEAD_LETTER_BYTES_MAX)
        {
            bytes += next.data.len();
            group.push(next);
        }
        let entry = DeadLetter {
            id: id(key.shard, position),
            trigger: key.trigger.clone(),
            shard: key.shard,
            fencing_token: token,
            condition: discard.condition,
            written_ms: now.as_millis(),
            records: group.into_iter().map(KeptRecord::from).collect(),
            attempts: discard.notes.clone(),
            lost: None,
        };
        let value = entry.encode();
        let bytes = value.len();
        let write = ViewWrite {
            key: keys::dead_letter(key, position),
            value: Some(value.into()),
        };
        let id = entry.id;
        written.push(Written { id, write, bytes });
    }
    written
}

/// An entry that names lost records, with its size in bytes.
pub(crate) fn gap_entry(
    gap: Gap,
    key: &LeaseKey,
    token: FencingToken,
    now: Timestamp,
) -> (ViewWrite, usize) {
    // No record has this place.
    let position = Position {
        sequence: gap.after.unwrap_or_default(),
        sub_sequence: u64::MAX,
    };
    let entry = DeadLetter {
        id: id(key.shard, position),
        trigger: key.trigger.clone(),
        shard: key.shard,
        fencing_token: token,
        condition: Condition::RetentionExpired,
        written_ms: now.as_millis(),
        records: Vec::new(),
        attempts: Vec::new(),
        lost: Some(gap),
    };
    let value = entry.encode();
    let bytes = value.len();
    let write = ViewWrite {
        key: keys::dead_letter(key, position),
        value: Some(value.into()),
    };
    (write, bytes)
}

pub(crate) fn id(shard: ShardId, position: Position) -> String {
    format!("{}-{position}", shard.0)
}

fn parse_id(id: &str) -> Option<(ShardId, Position)> {
    let (shard, position) = id.split_once('-')?;
    let (sequence, sub) = position.split_once(':').unwrap_or((position, "0"));
    let position = Position {
        sequence: sequence.parse().ok()?,
        sub_sequence: sub.parse().ok()?,
    };
    Some((ShardId(shard.parse().ok()?), position))
}

impl DeadLetter {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        // Writing to a Vec cannot fail, and every part of an entry is text or a number.
        let written = serde_json::to_writer(&mut bytes, self);
        debug_assert!(written.is_ok());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DeadLetterError> {
        match bytes.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json)
                .map_err(|error| DeadLetterError::Damaged(error.to_string())),
            Some((version, _)) => Err(DeadLetterError::Damaged(format!(
                "version {version} is not known"
            ))),
            None => Err(DeadLetterError::Damaged("it is empty".to_owned())),
        }
    }
}

impl From<UserRecord> for KeptRecord {
    fn from(record: UserRecord) -> Self {
        Self {
            sequence_number: record.position.sequence,
            sub_sequence_number: record.position.sub_sequence,
            aggregated: record.aggregated,
            arrived_ms: record.arrived.as_millis(),
            partition_key: record.partition_key,
            explicit_hash_key: record.explicit_hash_key.map(|key| key.0.to_string()),
            data: record.data,
        }
    }
}

impl KeptRecord {
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            sequence: self.sequence_number,
            sub_sequence: self.sub_sequence_number,
        }
    }

    /// The record as a handler would get it.
    #[must_use]
    pub fn to_user_record(&self) -> UserRecord {
        UserRecord {
            position: self.position(),
            arrived: Timestamp::from_millis(self.arrived_ms),
            partition_key: self.partition_key.clone(),
            explicit_hash_key: self
                .explicit_hash_key
                .as_ref()
                .and_then(|text| text.parse().ok())
                .map(HashKey),
            data: self.data.clone(),
            aggregated: self.aggregated,
            deliveries: 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeadLetterError {
    #[error("the stored dead letter cannot be read: {0}")]
    Damaged(String),
    #[error(transparent)]
    Journal(#[from] CommitError),
}

/// Reads the store.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    journal: Arc<dyn Journal>,
}

impl DeadLetters {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal }
    }

    /// In order of shard and position; `after` is the id of the last entry of the page before.
    pub fn list(
        &self,
        trigger: &TriggerName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let after = after.and_then(|id| key_of(trigger, id));
        let prefix = keys::of_trigger(Namespace::DeadLetter, trigger);
        let page = self.journal.scan(&prefix, after.as_deref(), limit)?;
        page.iter()
            .map(|(_, value)| DeadLetter::decode(value))
            .collect()
    }

    pub fn get(
        &self,
        trigger: &TriggerName,
        id: &str,
    ) -> Result<Option<DeadLetter>, DeadLetterError> {
        let Some(key) = key_of(trigger, id) else {
            return Ok(None);
        };
        let value = self.journal.get(&key)?;
        value.map(|value| DeadLetter::decode(&value)).transpose()
    }
}

pub(crate) fn key_of(trigger: &TriggerName, id: &str) -> Option<Bytes> {
    let (shard, first) = parse_id(id)?;
    let trigger = trigger.clone();
    Some(keys::dead_letter(&LeaseKey { trigger, shard }, first))
}

mod base64_text {
    //! Bytes as standard padded base64, the way AWS writes them.

    use std::borrow::Cow;

    use base64_simd::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode_to_string(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        STANDARD
            .decode_to_vec(text.as_bytes())
            .map(Bytes::from)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::user_record;

    fn key() -> LeaseKey {
        LeaseKey {
            trigger: TriggerName::parse("board").unwrap(),
            shard: ShardId(3),
        }
    }

    fn discard(sizes: &[usize]) -> Discard {
        let record = |(index, size): (u64, &usize)| UserRecord {
            data: vec![0xff; *size].into(),
            explicit_hash_key: Some(HashKey(u128::MAX)),
            ..user_record(index, "k")
        };
        Discard {
            records: (1..).zip(sizes).map(record).collect(),
            condition: Condition::RecordAgeExceeded,
            attempts: 0,
            notes: Vec::new(),
        }
    }

    #[test]
    fn an_entry_keeps_its_records_byte_for_byte() {
        let records = discard(&[0, 5]).records;
        let written = entries(
            discard(&[0, 5]),
            &key(),
            FencingToken(9),
            Timestamp::default(),
        );
        let entry = DeadLetter::decode(written[0].write.value.as_ref().unwrap()).unwrap();
        let kept: Vec<_> = entry
            .records
            .iter()
            .map(KeptRecord::to_user_record)
            .collect();
        assert_eq!(kept, records);
        assert_eq!(entry.id, "3-1");
        assert_eq!(
            key_of(&key().trigger, &entry.id),
            Some(written[0].write.key.clone())
        );
    }

    #[test]
    fn a_large_group_becomes_several_entries() {
        let mib = 1 << 20;
        for (sizes, count) in [
            (vec![2 * mib, 2 * mib], 1),
            (vec![2 * mib, 2 * mib, 1], 2),
            (vec![9 * mib, 1], 2),
        ] {
            let written = entries(
                discard(&sizes),
                &key(),
                FencingToken(9),
                Timestamp::default(),
            );
            assert_eq!(written.len(), count, "{sizes:?}");
        }
    }

    #[test]
    fn what_is_no_id_finds_nothing() {
        for id in ["", "3", "x-1", "3-x", "3-1:x"] {
            assert_eq!(parse_id(id), None, "{id}");
        }
    }
}
