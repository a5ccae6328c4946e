//! What failure destinations are owed: one entry a discarded group and destination, written with its dead letters.
//!
//! In: a discard and the names of the trigger's destinations. Out: entries that are in the log before, or together with,
//! the checkpoint that passes the records (FD-10), so a crash loses none. Whoever sends the documents reads them here and
//! removes each one that was taken. An entry outlives its dead letters: what it says of them is in itself.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    FencingToken, FunctionName, FunctionVersion, LeaseKey, LogPosition, Position, ShardId,
    StreamKey, Timestamp, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use serde::{Deserialize, Serialize};

use crate::{
    dead_letters::{Condition, DeadLetter, DeadLetterError, DeadLetters},
    settle::Discard,
};

/// First byte of a stored entry.
const VERSION: u8 = 1;

/// The facts of one failure document. The records are in the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owed {
    pub trigger: TriggerName,
    /// As the trigger's settings name it.
    pub destination: String,
    pub stream: StreamKey,
    pub function: FunctionName,
    /// The version or alias that the trigger names.
    #[serde(default)]
    pub qualifier: Option<String>,
    pub shard: ShardId,
    pub fencing_token: FencingToken,
    pub condition: Condition,
    /// Invocations that used up an attempt.
    pub attempts: u32,
    /// Of the newest attempt, where there was one.
    pub version: Option<FunctionVersion>,
    /// Of the newest attempt, where there was one.
    pub error_type: Option<String>,
    pub first: Position,
    pub last: Position,
    pub first_arrived: Timestamp,
    pub last_arrived: Timestamp,
    pub records: u64,
    pub written: Timestamp,
    /// Ids of the dead letters that hold the records, in order.
    pub letters: Vec<String>,
}

/// What the entries of a discard have in common, taken before its records move into their dead letters.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    condition: Condition,
    attempts: u32,
    version: Option<FunctionVersion>,
    error_type: Option<String>,
    first: (Position, Timestamp),
    last: (Position, Timestamp),
    records: u64,
}

/// Of the trigger that owes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwedBy<'a> {
    pub(crate) stream: &'a StreamKey,
    pub(crate) function: &'a FunctionName,
    pub(crate) qualifier: Option<&'a str>,
    pub(crate) destinations: &'a [String],
}

impl Facts {
    /// None for a discard of nothing.
    pub(crate) fn of(discard: &Discard) -> Option<Self> {
        let first = discard.records.first()?;
        let last = discard.records.last()?;
        let newest = discard.notes.last();
        Some(Self {
            condition: discard.condition,
            attempts: discard.attempts,
            version: newest.map(|note| note.version),
            error_type: newest.map(|note| note.error_type.clone()),
            first: (first.position, first.arrived),
            last: (last.position, last.arrived),
            records: u64::try_from(discard.records.len()).unwrap_or(u64::MAX),
        })
    }

    /// An entry for each destination of the trigger, with its size in bytes.
    pub(crate) fn owed(
        &self,
        to: OwedBy<'_>,
        (key, token): (&LeaseKey, FencingToken),
        letters: &[String],
        now: Timestamp,
    ) -> Vec<(ViewWrite, usize)> {
        let entry = |destination: &String| {
            let owed = Owed {
                trigger: key.trigger.clone(),
                destination: destination.clone(),
                stream: to.stream.clone(),
                function: to.function.clone(),
                qualifier: to.qualifier.map(str::to_owned),
                shard: key.shard,
                fencing_token: token,
                condition: self.condition,
                attempts: self.attempts,
                version: self.version,
                error_type: self.error_type.clone(),
                first: self.first.0,
                last: self.last.0,
                first_arrived: self.first.1,
                last_arrived: self.last.1,
                records: self.records,
                written: now,
                letters: letters.to_vec(),
            };
            let value = owed.encode();
            let size = value.len();
            let write = ViewWrite {
                key: owed.key(),
                value: Some(value.into()),
            };
            (write, size)
        };
        to.destinations.iter().map(entry).collect()
    }
}

impl Owed {
    fn key(&self) -> Bytes {
        keys::owed(&self.trigger, &self.destination, self.shard, self.first)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        // Writing to a Vec cannot fail, and every part of an entry is text or a number.
        let written = serde_json::to_writer(&mut bytes, self);
        debug_assert!(written.is_ok());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).ok(),
            Some(_) | None => None,
        }
    }
}

/// A destination of a trigger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwedTo {
    pub trigger: TriggerName,
    pub destination: String,
}

/// Reads and removes what is owed.
#[derive(Debug, Clone)]
pub struct OwedDocuments {
    journal: Arc<dyn Journal>,
}

impl OwedDocuments {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal }
    }

    /// All destinations that are owed something.
    pub fn creditors(&self) -> Result<Vec<OwedTo>, CommitError> {
        let prefix = keys::namespace(Namespace::Owed);
        let mut found = Vec::new();
        let mut after: Option<Bytes> = None;
        while let Some((key, _)) = self.journal.scan(&prefix, after.as_deref(), 1)?.pop() {
            let Some((trigger, destination)) = keys::split_owed(&key) else {
                break;
            };
            after = Some(keys::behind_owed_to(&trigger, &destination));
            found.push(OwedTo {
                trigger,
                destination,
            });
        }
        Ok(found)
    }

    /// In order of shard and position, after the entry given. One that cannot be read is left out.
    pub fn page(
        &self,
        to: &OwedTo,
        after: Option<&Owed>,
        limit: usize,
    ) -> Result<Vec<Owed>, CommitError> {
        let prefix = keys::owed_to(&to.trigger, &to.destination);
        let after = after.map(Owed::key);
        let page = self.journal.scan(&prefix, after.as_deref(), limit)?;
        Ok(page
            .iter()
            .filter_map(|(_, value)| Owed::decode(value))
            .collect())
    }

    /// The dead letters with the records; one that was dropped meanwhile is left out.
    pub fn letters(&self, owed: &Owed) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let store = DeadLetters::new(Arc::clone(&self.journal));
        let found = owed
            .letters
            .iter()
            .filter_map(|id| store.get(&owed.trigger, id).transpose());
        found.collect()
    }

    /// Resolves once what was written up to `at` is durable: nobody is told of what a crash may undo.
    pub async fn durable(&self, at: LogPosition) -> Result<(), CommitError> {
        self.journal.durable(at).await
    }

    /// Paid: the entry is removed. `outputs` appear together with that.
    pub async fn settle(&self, owed: &Owed, with: Transaction) -> Result<(), CommitError> {
        let mut transaction = with;
        transaction.writes.push(ViewWrite {
            key: owed.key(),
            value: None,
        });
        let at = self.journal.commit(transaction).await?;
        self.journal.durable(at).await
    }
}
