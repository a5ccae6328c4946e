//! The durable log: every record and every coordination key goes through one segmented file log, acknowledged by
//! group commit.
//!
//! In come commits (records of any shards, view writes, guards); out come assigned indexes, durable records and the
//! current value of every key. Nothing of a commit lives outside its frame. The first failed write or sync stops the
//! log for good; opening it again reads what the disk really holds.

pub mod commit;
pub mod errors;
pub mod limits;
pub mod read;

pub use commit::{Append, Assigned, Commit, Placed, ProducerMark};
pub use errors::{OpenError, ReadError, Refused, Stopped};
pub use read::{Chunk, Cursor, ReadLimit, StoredRecord};

/// What may be chosen about a log.
#[derive(Debug, Clone)]
pub struct Settings {
    pub segment_bytes: u64,
    pub view: ViewKind,
}

/// Where the current values of coordination keys are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    Sled,
    /// For simulation: rebuilt from the log at every start.
    Memory,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            view: ViewKind::Sled,
        }
    }
}

/// A look at the log from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStatus {
    pub durable: model::LogPosition,
    pub placed: model::LogPosition,
    pub segments: usize,
    pub bytes: u64,
    /// Group commits made durable since the start.
    pub syncs: u64,
    pub poisoned: Option<String>,
    pub recovered: Recovered,
}

/// What opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    pub frames: u64,
    pub clean: bool,
    /// An unfinished last write was left behind in its segment.
    pub torn_tail: bool,
    pub view_rebuilt: bool,
}
