//! Mappings in the log: one row each, under the id.

use std::collections::BTreeMap;

use dispatch::TriggerSettings;
use model::{
    FunctionName, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use serde::{Deserialize, Serialize};
use tracing::warn;
use wire::lambda::Mapping;

use super::meaning::trigger;
use crate::{limits::MAPPINGS_PAGE, renaming};

/// First byte of a stored row.
const VERSION: u8 = 1;

/// A mapping, and whether it is to go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) mapping: Mapping,
    /// It was deleted, and its invocations may not have ended yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) deleting: bool,
}

pub(super) fn get(journal: &dyn Journal, uuid: &str) -> Result<Option<Row>, CommitError> {
    let row = journal.get(&keys::named(Namespace::Mapping, uuid))?;
    Ok(row.and_then(|row| decode(&row)))
}

pub(crate) fn is_stored(journal: &dyn Journal, uuid: &str) -> Result<bool, CommitError> {
    let row = journal.get(&keys::named(Namespace::Mapping, uuid))?;
    Ok(row.is_some())
}

/// By id. A row that cannot be read is left alone, and said.
pub(super) fn all(journal: &dyn Journal) -> Result<BTreeMap<String, Row>, CommitError> {
    let prefix = keys::namespace(Namespace::Mapping);
    let mut found = BTreeMap::new();
    let mut after: Option<bytes::Bytes> = None;
    loop {
        let page = journal.scan(&prefix, after.as_deref(), MAPPINGS_PAGE)?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = Some(last.clone());
        for (key, row) in &page {
            match decode(row) {
                Some(row) => drop(found.insert(row.mapping.uuid.clone(), row)),
                None => warn!(?key, "a stored event source mapping cannot be read"),
            }
        }
    }
}

/// What the stored mappings are as triggers.
pub(crate) fn stored_triggers(
    journal: &dyn Journal,
) -> Result<BTreeMap<TriggerName, TriggerSettings>, CommitError> {
    let mut triggers = BTreeMap::new();
    let rows = all(journal)?.into_values();
    for mapping in rows.filter(|row| !row.deleting).map(|row| row.mapping) {
        let function = mapping.function_arn.split(':').nth(6).unwrap_or_default();
        let function = FunctionName::parse(function).ok();
        let meant = function.and_then(|function| trigger(&mapping, function).ok());
        match meant {
            Some(settings) => drop(triggers.insert(settings.name.clone(), settings)),
            None => warn!(
                mapping = mapping.uuid,
                "a stored event source mapping does not run"
            ),
        }
    }
    Ok(triggers)
}

/// Removes what was deleted while the server ended. Before anything of it runs.
pub(crate) async fn end_deletions(journal: &dyn Journal) -> Result<(), CommitError> {
    let rows = all(journal)?.into_values();
    for row in rows.filter(|row| row.deleting) {
        if let Ok(name) = TriggerName::parse(&row.mapping.uuid) {
            remove(journal, &name).await?;
        }
    }
    Ok(())
}

/// Durable when it returns.
pub(super) async fn put(journal: &dyn Journal, row: &Row) -> Result<(), CommitError> {
    let mut value = vec![VERSION];
    // Every part of it is text or a number.
    let written = serde_json::to_writer(&mut value, row);
    debug_assert!(written.is_ok());
    let write = ViewWrite {
        key: keys::named(Namespace::Mapping, &row.mapping.uuid),
        value: Some(value.into()),
    };
    let transaction = Transaction {
        writes: vec![write],
        ..Transaction::default()
    };
    let at = journal.commit(transaction).await?;
    journal.durable(at).await
}

/// With all that is kept under its name (LC-4), except its dead letters and what is owed for them. Durable when it returns.
pub(super) async fn remove(journal: &dyn Journal, name: &TriggerName) -> Result<(), CommitError> {
    let row = ViewWrite {
        key: keys::named(Namespace::Mapping, name.as_str()),
        value: None,
    };
    let removed = renaming::forget(journal, name, &[Namespace::Owed], row).await;
    removed.map(drop)
}

fn decode(row: &[u8]) -> Option<Row> {
    match row.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).ok(),
        Some(_) | None => None,
    }
}
