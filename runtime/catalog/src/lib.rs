//! Functions by name, version and digest: what each version is, which of them run, and under which aliases.
//!
//! `Entry` decides and never waits; `Catalog` keeps entries in the journal, one row for the head of a function and one for
//! each version, so they survive restarts. This crate never sees the bytes of a function.

mod entry;
mod row;
pub mod schedule;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use model::{
    FunctionName, FunctionVersion, Transaction, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};

pub use entry::{Entry, Place, RolledBack, Told, Unchanged};
pub use row::{
    Alias, Code, Head, Origin, Package, Published, Revision, Route, Settings, Share, TakenBack,
};

use row::Stored;

/// Rows that one look at the journal takes.
const PAGE: usize = 1_000;

#[derive(Debug, Clone)]
pub struct Catalog {
    journal: Arc<dyn Journal>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    #[error("the stored versions of function {name} cannot be read: {why}")]
    Damaged { name: String, why: String },
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Catalog {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal }
    }

    /// All functions that are stored, those of earlier files among them.
    pub fn all(&self) -> Result<BTreeMap<FunctionName, Entry>, CatalogError> {
        let mut found: BTreeMap<FunctionName, Entry> = BTreeMap::new();
        let prefix = keys::namespace(Namespace::Function);
        let mut after: Option<Bytes> = None;
        loop {
            let page = self.journal.scan(&prefix, after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else {
                return Ok(found);
            };
            after = Some(last.clone());
            for (key, row) in &page {
                let key = key.strip_prefix(prefix.as_ref()).unwrap_or_default();
                let text = String::from_utf8_lossy(key);
                take(&mut found, &text, row).map_err(|why| CatalogError::Damaged {
                    name: text.into_owned(),
                    why,
                })?;
            }
        }
    }

    /// Writes what differs between an entry before and after a change; waits until it is durable.
    pub async fn write(
        &self,
        name: &FunctionName,
        before: Option<&Entry>,
        after: Option<&Entry>,
    ) -> Result<(), CatalogError> {
        self.write_with(name, (before, after), None).await
    }

    /// Together with a row of somebody else's, where there is one.
    pub async fn write_with(
        &self,
        name: &FunctionName,
        (before, after): (Option<&Entry>, Option<&Entry>),
        with: Option<ViewWrite>,
    ) -> Result<(), CatalogError> {
        let none = BTreeMap::new();
        let (old, new) = (
            before.map_or(&none, |entry| &entry.versions),
            after.map_or(&none, |entry| &entry.versions),
        );
        let mut writes = Vec::new();
        let gone = old.keys().filter(|number| !new.contains_key(number));
        writes.extend(gone.map(|number| write(name, Some(*number), None)));
        // Those of which only the digest was kept have no rows of their own yet.
        let changed = new.iter().filter(|(number, row)| {
            old.get(number) != Some(row) || row.revision.code.kind.is_empty()
        });
        writes.extend(
            changed.map(|(number, row)| write(name, Some(*number), Some(row::encode(row)))),
        );
        if before.map(|entry| &entry.head) != after.map(|entry| &entry.head) {
            writes.push(write(
                name,
                None,
                after.map(|entry| row::encode(&entry.head)),
            ));
        }
        if writes.is_empty() {
            return Ok(());
        }
        writes.extend(with);
        let transaction = Transaction {
            writes,
            ..Transaction::default()
        };
        let at = self.journal.commit(transaction).await?;
        self.journal.durable(at).await?;
        Ok(())
    }
}

/// Names have no space, so heads and versions of functions do not mix; a head comes before its versions.
fn write(name: &FunctionName, version: Option<FunctionVersion>, row: Option<Vec<u8>>) -> ViewWrite {
    let text = match version {
        Some(FunctionVersion(number)) => format!("{name} {number:020}"),
        None => name.to_string(),
    };
    ViewWrite {
        key: keys::named(Namespace::Function, &text),
        value: row.map(Bytes::from),
    }
}

fn take(
    found: &mut BTreeMap<FunctionName, Entry>,
    text: &str,
    stored: &[u8],
) -> Result<(), String> {
    let named = |name: &str| FunctionName::parse(name).map_err(|error| error.to_string());
    match text.split_once(' ') {
        None => {
            let entry = match row::head(stored)? {
                Stored::Head(head) => Entry {
                    head: *head,
                    versions: BTreeMap::new(),
                },
                Stored::Digests(digests) => Entry::of_digests(&digests)?,
            };
            found.insert(named(text)?, entry);
        }
        Some((name, number)) => {
            let number: u64 = number
                .parse()
                .map_err(|_| "its key is no number".to_owned())?;
            let published = row::decode(stored)?;
            let entry = found.get_mut(&named(name)?).ok_or("it has no head")?;
            entry.versions.insert(FunctionVersion(number), published);
        }
    }
    Ok(())
}
