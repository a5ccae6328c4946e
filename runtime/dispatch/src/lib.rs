//! The way of a record from its shard into a handler, and what becomes of it.
//!
//! One task for each (trigger, shard) reads pages, de-aggregates, forms batches, invokes, settles and commits. What an
//! invocation did appears in the log as a whole or not at all. The decisions are pure modules; `lane` carries them out.

pub mod limits;
pub mod settings;

pub mod deaggregate;

pub mod filter;

mod glance;

pub mod batch;

pub mod event_time;

pub mod tumbling;

pub mod settle;

pub mod progress;

mod breaker;

mod pace;

pub mod lanes;

mod window;

mod ledger;

mod losses;

mod kept;

pub mod dead_letters;

mod audit;

mod orders;

mod walk;

mod stale;

mod redrive;

mod before;

mod bookmarks;

mod owed;

mod commit;

mod state;

mod window_state;

pub mod parking;

mod status;

mod shard;

mod trigger;

#[cfg(test)]
mod stories;
#[cfg(test)]
mod testing;

pub use audit::{AuditLog, Order};
pub use bookmarks::{Bookmark, BookmarkError, Bookmarks};
pub use commit::NotPlaced;
pub use dead_letters::{
    Claim, Condition, DeadLetter, DeadLetterError, DeadLetterStore, DeadLetters, GivenUp,
    KeptRecord, Note, Removed,
};
pub use kept::recounted;
pub use lanes::Lanes;
pub use losses::{Gap, Seen};
pub use owed::{Owed, OwedDocuments, OwedTo};
pub use parking::{ParkedKey, ParkedKeys};
pub use redrive::{Came, How, Redrive, RedriveOrder, Redriven, Refused};
pub use settings::{
    Backoff, BatchPolicy, BreakerPolicy, Canary, CanaryBy, DeadLetterPolicy, ErrorClass,
    FailedItems, Isolate, RangeCheck, RetryPolicy, RetryVersion, RollBack, Shadow, StartAt,
    StatePolicy, Switch, Then, TriggerSettings, Tumbling, WhenFull, WindowsBy,
};
pub use shard::Rooms;
pub use stale::{LookError, Stale};
pub use state::{Cleaned, DamagedValue, KeptValue, StateStore, remove_values};
pub use status::{Counters, LastOutcome, ShardState, ShardStatus};
pub use trigger::{
    Brake, Counts, Hold, Mismatch, Moved, Paused, SeekTo, StartError, Target, TriggerRunner,
    Workers, begin_anew, bookmark, bound_stream, is_another_stream, look, newest, restoring, seek,
};
