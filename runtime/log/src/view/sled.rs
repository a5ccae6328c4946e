//! The view in sled, the only module that names it.
//!
//! Its flush does not sync (a simulated crash lost acknowledged flushes), so the caller syncs the files below it before
//! any part of the log that they cover is removed. Each value begins with the position of its frame. With every batch
//! goes the sum of all entries' checksums; opening reads everything once and compares, because sled may come back from
//! damage with pages of different age and say nothing.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use ::sled::{
    Transactional as _,
    transaction::{ConflictableTransactionError, TransactionError},
};
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

use super::{Entry, NotOpened, View, ViewFailed, in_scan};
use crate::limits::SLED_CACHE_BYTES;

const ENTRIES: &str = "entries-1";
const MARKS: &str = "marks-1";
const REACHED: &[u8] = b"reached";
const LOG: &[u8] = b"log";

/// How far the log is applied, and the sum that belongs to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Reached {
    applied: u64,
    sum: u64,
}

impl Reached {
    fn to_bytes(self) -> Vec<u8> {
        let mut out = [self.applied.to_be_bytes(), self.sum.to_be_bytes()].concat();
        out.extend_from_slice(&checksum(REACHED, &out).to_be_bytes());
        out
    }

    fn parse(raw: &[u8]) -> Option<Self> {
        let (applied, rest) = raw.split_first_chunk::<8>()?;
        let (sum, check) = rest.split_first_chunk::<8>()?;
        let right = checksum(REACHED, &raw[..16]).to_be_bytes() == *check;
        right.then(|| Self {
            applied: u64::from_be_bytes(*applied),
            sum: u64::from_be_bytes(*sum),
        })
    }
}

#[derive(Debug)]
pub(crate) struct SledView {
    database: ::sled::Db,
    entries: ::sled::Tree,
    marks: ::sled::Tree,
}

impl From<::sled::Error> for ViewFailed {
    fn from(error: ::sled::Error) -> Self {
        if let ::sled::Error::Io(error) = error {
            return error.into();
        }
        Self::of(error.to_string())
    }
}

impl SledView {
    pub(crate) fn open(dir: &Path) -> Result<Self, NotOpened> {
        // Damaged files make sled panic in places.
        catch_unwind(AssertUnwindSafe(|| Self::try_open(dir))).unwrap_or_else(|_| {
            let what = "sled panicked while it was opened";
            Err(NotOpened::Damaged(ViewFailed::of(what)))
        })
    }

    fn try_open(dir: &Path) -> Result<Self, NotOpened> {
        let opened = ::sled::Config::new()
            .path(dir)
            .cache_capacity(SLED_CACHE_BYTES)
            .flush_every_ms(None)
            .open();
        let database = opened.map_err(|error| {
            // Sled has no other sign of it.
            if error.to_string().contains("could not acquire lock") {
                NotOpened::Locked
            } else {
                NotOpened::Damaged(error.into())
            }
        })?;
        let view = Self::of(database).map_err(NotOpened::Damaged)?;
        view.verify().map_err(NotOpened::Damaged)?;
        Ok(view)
    }

    fn of(database: ::sled::Db) -> Result<Self, ViewFailed> {
        Ok(Self {
            entries: database.open_tree(ENTRIES)?,
            marks: database.open_tree(MARKS)?,
            database,
        })
    }

    fn reached(&self) -> Result<Reached, ViewFailed> {
        let stored = self.marks.get(REACHED)?;
        stored.map_or(Ok(Reached::default()), |raw| parse_reached(&raw))
    }

    /// Every entry decodes, and together they are what the last batch left.
    fn verify(&self) -> Result<(), ViewFailed> {
        let mut sum = 0_u64;
        for item in &self.entries {
            let (key, raw) = item?;
            decode(&raw)?;
            sum = sum.wrapping_add(checksum(&key, &raw));
        }
        if sum == self.reached()?.sum {
            Ok(())
        } else {
            let what = "its entries are not those of its last batch";
            Err(ViewFailed::of(what))
        }
    }
}

fn parse_reached(raw: &[u8]) -> Result<Reached, ViewFailed> {
    let wrong = || ViewFailed::of("its applied position does not decode");
    Reached::parse(raw).ok_or_else(wrong)
}

fn checksum(key: &[u8], raw: &[u8]) -> u64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
    digest.update(&(key.len() as u64).to_be_bytes());
    digest.update(key);
    digest.update(raw);
    digest.finalize()
}

impl View for SledView {
    fn applied(&self) -> Result<u64, ViewFailed> {
        Ok(self.reached()?.applied)
    }

    fn log(&self) -> Result<Option<u128>, ViewFailed> {
        let wrong = |_| ViewFailed::of("the log that it names has no 16 bytes");
        let named = self.marks.get(LOG)?;
        let id = |raw: ::sled::IVec| raw.as_ref().try_into().map(u128::from_be_bytes);
        named.map(id).transpose().map_err(wrong)
    }

    fn adopt(&self, log: u128) -> Result<(), ViewFailed> {
        self.marks.insert(LOG, log.to_be_bytes().as_slice())?;
        Ok(())
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
        let outcome = (&self.entries, &self.marks).transaction(|(entries, marks)| {
            let before = marks.get(REACHED)?;
            let before = before.map_or(Ok(Reached::default()), |raw| parse_reached(&raw));
            let mut sum = before.map_err(ConflictableTransactionError::Abort)?.sum;
            for (key, entry) in batch {
                let replaced = if let Some(value) = &entry.value {
                    let raw = encode(entry.position, value);
                    sum = sum.wrapping_add(checksum(key, &raw));
                    entries.insert(key.as_ref(), raw)?
                } else {
                    entries.remove(key.as_ref())?
                };
                if let Some(replaced) = replaced {
                    sum = sum.wrapping_sub(checksum(key, &replaced));
                }
            }
            marks.insert(REACHED, Reached { applied, sum }.to_bytes())?;
            Ok::<_, ConflictableTransactionError<ViewFailed>>(())
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
        .ok_or_else(|| ViewFailed::of("an entry is shorter than its position"))?;
    Ok(Entry {
        position: u64::from_be_bytes(*position),
        value: Some(Bytes::copy_from_slice(value)),
    })
}
