//! What callers hand to the log and what they get back: one `Commit` becomes one frame, all of it or nothing.
//!
//! A commit is only a description; numbers and times are given by the log when it is placed.

use model::{Expected, Guard, LogPosition, NewRecord, ShardSlot, Timestamp, ViewWrite};

/// Records, view writes and new tokens that appear together.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Compared before anything is placed.
    pub guards: Vec<Guard>,
    /// Compared, too, with the newest placed values.
    pub expects: Vec<Expected>,
    /// New tokens; each must be above its slot's newest.
    pub grants: Vec<Guard>,
    pub appends: Vec<Append>,
    /// Shards that take no records behind this commit. What says so durably is a write of the same commit.
    pub closes: Vec<ShardSlot>,
    /// Later writes of the same key win.
    pub writes: Vec<ViewWrite>,
    pub producer: Option<ProducerMark>,
}

/// Records of one shard; they get consecutive indexes.
#[derive(Debug, Clone)]
pub struct Append {
    pub slot: ShardSlot,
    pub records: Vec<NewRecord>,
}

/// Names a request so that it may be repeated without repeating its records. Numbers of a producer only grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerMark {
    pub id: String,
    pub number: u64,
}

/// Where a commit went. It is durable once `Log::durable(at)` returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub at: LogPosition,
    /// In the order of `Commit::appends`.
    pub appends: Vec<Assigned>,
    /// A producer's repeat: nothing was placed now, this is the first answer again.
    pub repeated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    pub slot: ShardSlot,
    pub first_index: u64,
    pub arrived: Timestamp,
    pub count: u32,
}
