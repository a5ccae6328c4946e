//! An event as the journal keeps it.
//!
//! In: an event. Out: the bytes of its row, and back; a row of another version is none that can be read.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{
    FunctionName, TraceParent, Transaction, ViewWrite,
    keys::{self, Namespace},
    seams::CommitError,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Events;

/// First byte of a stored row.
const VERSION: u8 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    pub(super) function: FunctionName,
    pub(super) qualifier: Option<String>,
    /// As it was given.
    pub(super) payload: Box<RawValue>,
    /// Of whoever sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace_parent: Option<String>,
    pub(super) created_ms: u64,
    pub(super) due_ms: u64,
    /// Failures of the function.
    #[serde(default)]
    pub(super) failures: u32,
    /// Times without room, in a row.
    #[serde(default)]
    pub(super) throttled: u32,
    /// What is told to whom, once it is done with.
    #[serde(default)]
    pub(super) owed: Vec<Owed>,
}

impl Event {
    pub(super) fn trace_parent(&self) -> Option<TraceParent> {
        self.trace_parent.as_deref().and_then(TraceParent::parse)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owed {
    pub(super) destination: String,
    pub(super) document: String,
    /// Attributes of a message, by name.
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
}

pub(super) fn decode(row: &[u8]) -> Option<Event> {
    match row.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).ok(),
        Some(_) | None => None,
    }
}

impl Events {
    pub(super) async fn write(&self, id: &str, event: Option<&Event>) -> Result<(), CommitError> {
        let row = event.map(|event| {
            let mut row = vec![VERSION];
            // Texts and numbers always have a JSON form.
            row.extend(serde_json::to_vec(event).unwrap_or_default());
            Bytes::from(row)
        });
        let write = ViewWrite {
            key: keys::named(Namespace::Event, id),
            value: row,
        };
        let transaction = Transaction {
            writes: vec![write],
            ..Transaction::default()
        };
        let journal = &self.rooms.journal;
        let at = journal.commit(transaction).await?;
        journal.durable(at).await
    }

    pub(super) fn read(&self, id: &str) -> Option<Event> {
        let row = self.rooms.journal.get(&keys::named(Namespace::Event, id));
        decode(&row.ok()??)
    }
}
