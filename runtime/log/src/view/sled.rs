//! The view in sled, the only module that names it.
//!
//! Its flush does not sync (a simulated crash lost acknowledged flushes), so the caller syncs the files below it before
//! any part of the log that they cover is removed. Each value begins with the position of its frame.

use std::path::Path;

use bytes::Bytes;

use super::{Entry, NotOpened, View, ViewFailed, in_scan};
use crate::limits::SLED_CACHE_BYTES;

const ENTRIES: &str = "entries-1";
const MARKS: &str = "marks-1";
const APPLIED: &[u8] = b"applied";

#[derive(Debug)]
pub(crate) struct SledView {
    database: ::sled::Db,
    entries: ::sled::Tree,
    marks: ::sled::Tree,
}

impl From<::sled::Error> for ViewFailed {
    fn from(error: ::sled::Error) -> Self {
        Self(error.to_string())
    }
}

impl SledView {
    pub(crate) fn open(dir: &Path) -> Result<Self, NotOpened> {
        let opened = ::sled::Config::new()
            .path(dir)
            .cache_capacity(SLED_CACHE_BYTES)
            .flush_every_ms(None)
            .open();
        match opened {
            Ok(database) => Self::of(database).map_err(NotOpened::Damaged),
            // Sled has no other sign of it.
            Err(error) if error.to_string().contains("could not acquire lock") => {
                Err(NotOpened::Locked)
            }
            Err(error) => Err(NotOpened::Damaged(error.into())),
        }
    }

    fn of(database: ::sled::Db) -> Result<Self, ViewFailed> {
        Ok(Self {
            entries: database.open_tree(ENTRIES)?,
            marks: database.open_tree(MARKS)?,
            database,
        })
    }
}

impl View for SledView {
    fn applied(&self) -> u64 {
        let stored = self.marks.get(APPLIED).ok().flatten();
        stored
            .and_then(|raw| raw.as_ref().try_into().ok())
            .map_or(0, u64::from_be_bytes)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Entry>, ViewFailed> {
        self.entries.get(key)?.map(|raw| decode(&raw)).transpose()
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Entry)>, ViewFailed> {
        let start = after.map_or(prefix, |after| after.max(prefix));
        let mut found = Vec::new();
        for item in self.entries.range(start..) {
            let (key, raw) = item?;
            if after.is_some_and(|after| key.as_ref() <= after) {
                continue;
            }
            if found.len() == limit || !in_scan(&key, prefix, after) {
                break;
            }
            found.push((Bytes::copy_from_slice(&key), decode(&raw)?));
        }
        Ok(found)
    }

    fn apply(&self, batch: &[(Bytes, Entry)], applied: u64) -> Result<(), ViewFailed> {
        use ::sled::{Transactional as _, transaction::TransactionError};
        let outcome = (&self.entries, &self.marks).transaction(|(entries, marks)| {
            for (key, entry) in batch {
                match &entry.value {
                    Some(value) => entries.insert(key.as_ref(), encode(entry.position, value))?,
                    None => entries.remove(key.as_ref())?,
                };
            }
            marks.insert(APPLIED, &applied.to_be_bytes())?;
            Ok::<_, ::sled::transaction::ConflictableTransactionError<ViewFailed>>(())
        });
        outcome.map_err(|error| match error {
            TransactionError::Abort(error) => error,
            TransactionError::Storage(error) => error.into(),
        })
    }

    fn flush(&self) -> Result<(), ViewFailed> {
        self.database.flush()?;
        Ok(())
    }
}

fn encode(position: u64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + value.len());
    out.extend_from_slice(&position.to_be_bytes());
    out.extend_from_slice(value);
    out
}

fn decode(raw: &[u8]) -> Result<Entry, ViewFailed> {
    let (position, value) = raw
        .split_first_chunk::<8>()
        .ok_or_else(|| ViewFailed("an entry is shorter than its position".to_owned()))?;
    Ok(Entry {
        position: u64::from_be_bytes(*position),
        value: Some(Bytes::copy_from_slice(value)),
    })
}
