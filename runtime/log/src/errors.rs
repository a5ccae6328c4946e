//! What can go wrong with the log, one enum an operation; each says what the caller can do.
//!
//! Opening fails closed: damaged data is never skipped. A running log that meets its first disk error stops for good.

use std::{io, path::PathBuf};

use model::{FencingToken, ShardSlot};

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("open the data directory: process {} holds it, stop that one first", pid.map_or_else(|| "(unknown)".to_owned(), |pid| pid.to_string()))]
    Locked { pid: Option<u32> },
    #[error(
        "open the data directory: it has format {found} and this shardmill knows formats up to {known}, start the newer shardmill that wrote it or restore a backup of format {known}; nothing was changed"
    )]
    Newer { found: u32, known: u32 },
    #[error("read {}: {what} at byte {offset}; restore the file from a backup, nothing was changed", path.display())]
    Damaged {
        path: PathBuf,
        offset: u64,
        what: String,
    },
    #[error("open the data directory {}: it may not be written: {reason}; nothing was changed", dir.display())]
    Unwritable { dir: PathBuf, reason: io::Error },
    #[error(
        "open the data directory {}: its disk is full; nothing that was acknowledged is lost", dir.display()
    )]
    Full { dir: PathBuf },
    #[error(
        "open the log: each of its segments takes an open file, and this process may not have so many; nothing was changed"
    )]
    OutOfFiles,
    #[error("open the view: {0}")]
    View(String),
    #[error("open the archive: {0}; nothing was changed")]
    Archive(String),
    #[error("open the log: {0}")]
    Io(#[from] io::Error),
}

/// Nothing of the commit was placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("place a transaction: fenced by token {current}, give up the lease")]
    Fenced { current: FencingToken },
    #[error("place a transaction: a row is not as it was read")]
    Changed,
    #[error("place records: the disk is full, free space or shorten retention")]
    Full,
    #[error("place a transaction: {bytes} bytes are over the limit of {max}")]
    TooLarge { bytes: usize, max: usize },
    #[error("place records: the producer already sent request {last}, use a larger number")]
    StaleProducer { last: u64 },
    #[error("place records: shard slot {} is not open", .0.0)]
    NoSuchShard(ShardSlot),
    #[error("place a transaction: the log has stopped: {0}")]
    Stopped(String),
}

/// The log stopped, by request or because a disk operation failed; only a restart helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use the log: it has stopped: {0}")]
pub struct Stopped(pub String);

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("read records: shard slot {} is not open", .0.0)]
    NoSuchShard(ShardSlot),
    #[error("read records: the stored frame at log position {position} is damaged: {what}")]
    Damaged { position: u64, what: String },
    #[error("read records: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
