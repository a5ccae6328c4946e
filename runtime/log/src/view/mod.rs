//! The view: the newest value of every coordination key, with the position of the frame that wrote it.
//!
//! A cache of the log and nothing more: it may lose everything and is then rebuilt. `sled` keeps it in production,
//! `file` in simulation, `memory` where nothing is to be kept; `overlay` lies over each with what is placed but not
//! applied yet.

pub(crate) mod file;
pub(crate) mod memory;
pub(crate) mod overlay;
pub(crate) mod sled;

use std::{fmt, io};

use bytes::Bytes;

/// A value and where in the log it was written; `None` is a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub position: u64,
    pub value: Option<Bytes>,
}

/// The store below cannot be trusted any more; the log is the truth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use the view: {what}")]
pub(crate) struct ViewFailed {
    pub what: String,
    kind: io::ErrorKind,
}

impl ViewFailed {
    pub(crate) fn of(what: impl Into<String>) -> Self {
        let (what, kind) = (what.into(), io::ErrorKind::Other);
        Self { what, kind }
    }

    /// There was no room, which says nothing about what is there.
    pub(crate) fn is_full(&self) -> bool {
        platform::is_full(self.kind)
    }
}

impl From<io::Error> for ViewFailed {
    fn from(error: io::Error) -> Self {
        let (what, kind) = (error.to_string(), error.kind());
        Self { what, kind }
    }
}

impl From<ViewFailed> for io::Error {
    fn from(failure: ViewFailed) -> Self {
        Self::new(failure.kind, failure)
    }
}

/// Why a view is not open: somebody has it, which says nothing about its contents, or it is of no use.
#[derive(Debug)]
pub(crate) enum NotOpened {
    Locked,
    Damaged(ViewFailed),
}

pub(crate) trait View: Send + Sync + fmt::Debug {
    /// Every frame that begins before this position is applied.
    fn applied(&self) -> Result<u64, ViewFailed>;
    /// The log that it is a view of; `None` where nothing was applied or nobody said.
    fn log(&self) -> Result<Option<u128>, ViewFailed>;
    /// From now on it is a view of this log.
    fn adopt(&self, log: u128) -> Result<(), ViewFailed>;
    fn get(&self, key: &[u8]) -> Result<Option<Entry>, ViewFailed>;
    /// Keys with this prefix behind `after`, in order; never deletions.
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Entry)>, ViewFailed>;
    /// All of `batch` and the new applied position, or nothing.
    fn apply(&self, batch: &[(Bytes, Entry)], applied: u64) -> Result<(), ViewFailed>;
    /// Hands everything to the operating system; not durable by itself.
    fn flush(&self) -> Result<(), ViewFailed>;
}

/// Whether `key` belongs to a scan of `prefix` behind `after`.
fn in_scan(key: &[u8], prefix: &[u8], after: Option<&[u8]>) -> bool {
    key.starts_with(prefix) && after.is_none_or(|after| key > after)
}
