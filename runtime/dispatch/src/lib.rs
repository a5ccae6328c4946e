//! The way of a record from its shard into a handler, and what becomes of it.
//!
//! One task for each (trigger, shard) reads pages, de-aggregates, forms batches, invokes, settles and commits. What an
//! invocation did appears in the log as a whole or not at all. The decisions are pure modules; `lane` carries them out.

pub mod limits;
pub mod settings;

pub mod deaggregate;

pub mod filter;

pub mod batch;

pub mod event_time;

pub mod tumbling;

pub mod settle;

pub mod progress;

mod breaker;

pub mod lanes;

mod window;

mod ledger;

mod kept;

pub mod dead_letters;

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

pub use commit::NotPlaced;
pub use dead_letters::{
    Condition, DeadLetter, DeadLetterError, DeadLetterStore, DeadLetters, GivenUp, KeptRecord, Note,
};
pub use lanes::Lanes;
pub use owed::{Owed, OwedDocuments, OwedTo};
pub use parking::{ParkedKey, ParkedKeys};
pub use settings::{
    Backoff, BatchPolicy, BreakerPolicy, DeadLetterPolicy, ErrorClass, FailedItems, Isolate,
    RangeCheck, RetryPolicy, StartAt, StatePolicy, Switch, Then, TriggerSettings, Tumbling,
    WhenFull, WindowsBy,
};
pub use shard::Rooms;
pub use state::{Cleaned, DamagedValue, KeptValue, StateStore};
pub use status::{Counters, ShardState, ShardStatus};
pub use trigger::{Mismatch, Moved, StartError, TriggerRunner, bound_stream, look, seek};
