//! Faults on purpose, for tests: shards that are throttled, split and merged at a time, workers that crash, freeze and are slow.
//!
//! In: a list of faults, each with its moment, and a number that stands for all that is drawn. A server that has none
//! is not touched: what is wrapped here is only wrapped when there is something to do. The simulation draws its own list;
//! people write theirs in a file (`config::read_faults`).

mod handler;
mod journal;
mod points;
mod timed;

use std::{fmt, time::Duration};

use model::{LeaseKey, ShardId, StreamName, TriggerName};

pub(crate) use points::Points;
pub(crate) use timed::run;

/// What is to go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// Decides which invocations a `Slow` hits.
    pub seed: u64,
    pub list: Vec<Fault>,
}

/// One thing that goes wrong. Times count from the moment the server is ready, occasions from 1 at each start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Producers and readers of the shard are told that it is over its limits.
    Throttle {
        stream: StreamName,
        shard: ShardId,
        at: Duration,
        lasts: Duration,
    },
    /// In the middle of its range.
    Split {
        stream: StreamName,
        shard: ShardId,
        at: Duration,
    },
    Merge {
        stream: StreamName,
        shards: [ShardId; 2],
        at: Duration,
    },
    /// The process ends as by `kill -9`.
    Crash {
        worker: Worker,
        point: Point,
        nth: u32,
    },
    /// A worker stands still; where it is `replaced`, another takes its lease meanwhile, and what the first has in hand is
    /// fenced when it goes on.
    Freeze {
        worker: Worker,
        point: Point,
        nth: u32,
        lasts: Duration,
        replaced: bool,
    },
    /// So many of a hundred invocations begin so much later.
    Slow {
        worker: Worker,
        percent: u32,
        by: Duration,
    },
}

/// Who works on a shard of a trigger, or on any of its shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub trigger: TriggerName,
    pub shard: Option<ShardId>,
}

impl Worker {
    fn is(&self, lease: &LeaseKey) -> bool {
        self.trigger == lease.trigger && self.shard.is_none_or(|shard| shard == lease.shard)
    }
}

/// Where in its round a worker is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The batch is there, the function was not called.
    BeforeInvocation,
    /// The function has returned, nothing of it is written.
    AfterInvocation,
    /// All that is settled is ready to be written.
    BeforeCheckpoint,
    /// It has its place in the log, and may not be durable yet.
    AfterCheckpoint,
}

impl Point {
    pub const ALL: [Self; 4] = [
        Self::BeforeInvocation,
        Self::AfterInvocation,
        Self::BeforeCheckpoint,
        Self::AfterCheckpoint,
    ];
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeInvocation => "before invocation",
            Self::AfterInvocation => "after invocation",
            Self::BeforeCheckpoint => "before checkpoint",
            Self::AfterCheckpoint => "after checkpoint",
        })
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shard {
            Some(ShardId(number)) => write!(f, "trigger {} on shard {number}", self.trigger),
            None => write!(f, "trigger {}", self.trigger),
        }
    }
}

/// As it is said at the start and when it comes.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttle {
                stream,
                shard,
                at,
                lasts,
            } => write!(
                f,
                "shard {} of {stream} is throttled at {at:?} for {lasts:?}",
                shard.0
            ),
            Self::Split { stream, shard, at } => {
                write!(f, "shard {} of {stream} is split at {at:?}", shard.0)
            }
            Self::Merge {
                stream,
                shards: [one, other],
                at,
            } => write!(
                f,
                "shards {} and {} of {stream} are merged at {at:?}",
                one.0, other.0
            ),
            Self::Crash { worker, point, nth } => {
                write!(f, "the server crashes {point} {nth} of {worker}")
            }
            Self::Freeze {
                worker,
                point,
                nth,
                lasts,
                replaced,
            } => {
                write!(f, "{worker} freezes {point} {nth} for {lasts:?}")?;
                if *replaced {
                    f.write_str(" and is replaced meanwhile")?;
                }
                Ok(())
            }
            Self::Slow {
                worker,
                percent,
                by,
            } => write!(
                f,
                "{percent} % of the invocations of {worker} are {by:?} late"
            ),
        }
    }
}
