//! How many bytes a store of the view keeps: counted with every write, exact over restarts.
//!
//! In: the writes of a transaction. Out: the bytes that are kept once they are in, and the row that says so, which is
//! placed with them. One writer of a store counts at a time, so rows follow one another in the order of the log.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use model::{
    TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use tokio::sync::{Mutex, MutexGuard};

/// First byte of a stored row.
const VERSION: u8 = 1;

#[derive(Debug)]
pub(crate) struct Stock {
    journal: Arc<dyn Journal>,
    stores: Vec<Namespace>,
    row: Bytes,
    writing: Mutex<()>,
}

/// The right to be the next who writes the store.
#[derive(Debug)]
pub(crate) struct Counting<'a> {
    stock: &'a Stock,
    /// Kept before anything is written.
    pub(crate) bytes: u64,
    _one_at_a_time: MutexGuard<'a, ()>,
}

impl Stock {
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        store: Namespace,
        trigger: Option<&TriggerName>,
    ) -> Self {
        Self {
            row: keys::kept(store, trigger),
            journal,
            stores: vec![store],
            writing: Mutex::new(()),
        }
    }

    /// Counts what lies there too.
    pub(crate) fn with(mut self, store: Namespace) -> Self {
        self.stores.push(store);
        self
    }

    pub(crate) fn bytes(&self) -> Result<u64, CommitError> {
        let row = self.journal.get(&self.row)?;
        let Some(row) = row else {
            return Ok(0);
        };
        match row.split_first() {
            Some((&VERSION, count)) => count.try_into().map(u64::from_be_bytes).ok(),
            Some(_) | None => None,
        }
        .ok_or_else(|| CommitError::Down("the bytes that a store keeps cannot be read".to_owned()))
    }

    /// Waits for whoever writes the store now.
    pub(crate) async fn count(&self) -> Result<Counting<'_>, CommitError> {
        let one_at_a_time = self.writing.lock().await;
        Ok(Counting {
            bytes: self.bytes()?,
            stock: self,
            _one_at_a_time: one_at_a_time,
        })
    }
}

impl Counting<'_> {
    /// What is kept once the writes are in; of writes to one key the last counts, those to other stores do not.
    pub(crate) fn after(&self, writes: &[ViewWrite]) -> Result<u64, CommitError> {
        let mut newest: BTreeMap<&Bytes, Option<&Bytes>> = BTreeMap::new();
        for write in writes.iter().filter(|write| self.is_of_store(write)) {
            newest.insert(&write.key, write.value.as_ref());
        }
        let mut bytes = self.bytes;
        for (key, value) in newest {
            let before = self.stock.journal.get(key)?;
            bytes = bytes
                .saturating_add(value.map_or(0, |value| size(key, value)))
                .saturating_sub(before.map_or(0, |before| size(key, &before)));
        }
        Ok(bytes)
    }

    pub(crate) fn row(&self, bytes: u64) -> ViewWrite {
        count_row(self.stock.row.clone(), bytes)
    }

    fn is_of_store(&self, write: &ViewWrite) -> bool {
        self.stock.stores.iter().any(|store| is_of(write, *store))
    }
}

fn count_row(key: Bytes, bytes: u64) -> ViewWrite {
    let mut value = vec![VERSION];
    value.extend_from_slice(&bytes.to_be_bytes());
    ViewWrite {
        key,
        value: Some(value.into()),
    }
}

/// The count of a store after its rows became so much longer, where it has one. Nobody else may write the store meanwhile.
pub fn recounted(
    journal: &dyn Journal,
    store: Namespace,
    trigger: Option<&TriggerName>,
    longer: i64,
) -> Result<Option<ViewWrite>, CommitError> {
    let key = keys::kept(store, trigger);
    let row = journal.get(&key)?;
    let count = row.as_deref().and_then(|row| match row.split_first() {
        Some((&VERSION, count)) => count.try_into().map(u64::from_be_bytes).ok(),
        Some(_) | None => None,
    });
    Ok(count.map(|count| count_row(key, count.saturating_add_signed(longer))))
}

/// What an entry takes.
pub(crate) fn size(key: &[u8], value: &[u8]) -> u64 {
    u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX)
}

pub(crate) fn is_of(write: &ViewWrite, store: Namespace) -> bool {
    write.key.first() == Some(&(store as u8))
}
