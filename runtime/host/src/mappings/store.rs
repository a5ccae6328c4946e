//! Mappings in the log: one row each, under the id.

use std::collections::BTreeMap;

use dispatch::TriggerSettings;
use model::{
    FunctionName, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use tracing::warn;
use wire::lambda::Mapping;

use super::meaning::trigger;
use crate::limits::MAPPINGS_PAGE;

/// First byte of a stored row.
const VERSION: u8 = 1;

pub(super) fn get(journal: &dyn Journal, uuid: &str) -> Result<Option<Mapping>, CommitError> {
    let row = journal.get(&keys::named(Namespace::Mapping, uuid))?;
    Ok(row.and_then(|row| decode(&row)))
}

pub(crate) fn is_stored(journal: &dyn Journal, uuid: &str) -> Result<bool, CommitError> {
    let row = journal.get(&keys::named(Namespace::Mapping, uuid))?;
    Ok(row.is_some())
}

/// By id. A row that cannot be read is left alone, and said.
pub(super) fn all(journal: &dyn Journal) -> Result<BTreeMap<String, Mapping>, CommitError> {
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
                Some(mapping) => drop(found.insert(mapping.uuid.clone(), mapping)),
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
    for mapping in all(journal)?.values() {
        let function = mapping.function_arn.split(':').nth(6).unwrap_or_default();
        let function = FunctionName::parse(function).ok();
        let meant = function.and_then(|function| trigger(mapping, function).ok());
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

/// Durable when it returns.
pub(super) async fn put(journal: &dyn Journal, mapping: &Mapping) -> Result<(), CommitError> {
    let mut row = vec![VERSION];
    // Every part of it is text or a number.
    let written = serde_json::to_writer(&mut row, mapping);
    debug_assert!(written.is_ok());
    let write = ViewWrite {
        key: keys::named(Namespace::Mapping, &mapping.uuid),
        value: Some(row.into()),
    };
    commit(journal, vec![write]).await
}

/// With its checkpoints and leases; durable when it returns. Its dead letters stay.
pub(super) async fn remove(journal: &dyn Journal, name: &TriggerName) -> Result<(), CommitError> {
    let mut gone = vec![
        keys::named(Namespace::Mapping, name.as_str()),
        keys::named(Namespace::Binding, name.as_str()),
        keys::named(Namespace::Trigger, name.as_str()),
    ];
    for namespace in [Namespace::Progress, Namespace::Lease, Namespace::Windows] {
        let prefix = keys::of_trigger(namespace, name);
        let rows = journal.scan(&prefix, None, usize::MAX)?;
        gone.extend(rows.into_iter().map(|(key, _)| key));
    }
    let writes = gone.into_iter().map(|key| ViewWrite { key, value: None });
    commit(journal, writes.collect()).await
}

async fn commit(journal: &dyn Journal, writes: Vec<ViewWrite>) -> Result<(), CommitError> {
    let transaction = Transaction {
        writes,
        ..Transaction::default()
    };
    let at = journal.commit(transaction).await?;
    journal.durable(at).await
}

fn decode(row: &[u8]) -> Option<Mapping> {
    match row.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).ok(),
        Some(_) | None => None,
    }
}
