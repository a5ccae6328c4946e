//! What operators ordered: one row an order, written together with what the order did.
//!
//! In: an order with its facts. Out: a write for the transaction that carries it out, and the rows in order of time for
//! those who ask later. A row is never changed; rows go when they are old.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    Timestamp, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::AUDIT_KEPT;

/// First byte of a stored row.
const VERSION: u8 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub at_ms: u64,
    /// The verb, as it is typed: `trigger seek`.
    pub order: String,
    /// None for orders about the whole server.
    #[serde(default)]
    pub trigger: Option<TriggerName>,
    /// What it did, in members that differ from verb to verb.
    #[serde(default)]
    pub facts: Value,
}

impl Order {
    #[must_use]
    pub fn new(now: Timestamp, order: &str, trigger: Option<&TriggerName>, facts: Value) -> Self {
        Self {
            at_ms: now.as_millis(),
            order: order.to_owned(),
            trigger: trigger.cloned(),
            facts,
        }
    }

    fn encode(&self) -> Bytes {
        let mut bytes = vec![VERSION];
        // Writing to a Vec cannot fail, and a row is text and numbers.
        let written = serde_json::to_writer(&mut bytes, self);
        debug_assert!(written.is_ok());
        bytes.into()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).ok(),
            Some(_) | None => None,
        }
    }

    /// The row, for the transaction that carries the order out.
    #[must_use]
    pub fn row(&self, platform: &Platform) -> ViewWrite {
        ViewWrite {
            key: keys::audit(Timestamp::from_millis(self.at_ms), platform.rng.u64()),
            value: Some(self.encode()),
        }
    }
}

/// Reads and clears the rows.
#[derive(Debug, Clone)]
pub struct AuditLog {
    journal: Arc<dyn Journal>,
}

impl AuditLog {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal }
    }

    /// An order that changed nothing else. Durable when it returns.
    pub async fn note(&self, platform: &Platform, order: &Order) -> Result<(), CommitError> {
        let transaction = Transaction {
            writes: vec![order.row(platform)],
            ..Transaction::default()
        };
        let at = self.journal.commit(transaction).await?;
        self.journal.durable(at).await
    }

    /// Rows not older than `since`, oldest first, behind the place that an earlier page named.
    pub fn page(
        &self,
        since: Timestamp,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Order)>, CommitError> {
        let prefix = keys::namespace(Namespace::Audit);
        let first = keys::audit(since, 0);
        let after = after.unwrap_or(&first);
        let page = self.journal.scan(&prefix, Some(after), limit)?;
        let row = |(key, value): &(Bytes, Bytes)| Some((key.clone(), Order::decode(value)?));
        Ok(page.iter().filter_map(row).collect())
    }

    /// Removes what is older than rows are kept, at most `rows`; says how many.
    pub async fn expire(&self, now: Timestamp, rows: usize) -> Result<usize, CommitError> {
        let prefix = keys::namespace(Namespace::Audit);
        let end = keys::audit(now.minus(AUDIT_KEPT), 0);
        let page = self.journal.scan(&prefix, None, rows)?;
        let old = page.into_iter().filter(|(key, _)| *key < end);
        let writes: Vec<ViewWrite> = old.map(|(key, _)| ViewWrite { key, value: None }).collect();
        let count = writes.len();
        if count > 0 {
            let transaction = Transaction {
                writes,
                ..Transaction::default()
            };
            self.journal.commit(transaction).await?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_says_what_was_ordered_and_sorts_by_time() {
        let trigger = TriggerName::parse("board").unwrap();
        let at = Timestamp::from_millis(258);
        let order = Order::new(at, "trigger seek", Some(&trigger), json!({ "skips": 3 }));
        assert_eq!(Order::decode(&order.encode()), Some(order));
        assert_eq!(Order::decode(b"\x02{}"), None);
        assert!(keys::audit(at, u64::MAX) < keys::audit(Timestamp::from_millis(259), 0));
    }
}
