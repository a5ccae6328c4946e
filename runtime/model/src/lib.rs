//! The words of Shardmill: ids, numbers, records, what a handler is given and answers, and the seams between crates.
//!
//! Everything here is pure: no clock, no disk, no task. Crates that stand side by side meet only in these types;
//! `seams` holds the traits by which `host` plugs them together.

pub mod decimal;
pub mod hash_key;
pub mod ids;
pub mod invariants;
pub mod invocation;
pub mod keys;
pub mod lambda;
pub mod lease;
pub mod outcome;
pub mod plain_json;
pub mod record;
pub mod records;
pub mod seams;
pub mod sequence;
pub mod size;
pub mod time;
pub mod trace;
pub mod transaction;

pub use hash_key::{HashKey, HashKeyRange};
pub use ids::{
    AccountId, Digest, FencingToken, FunctionName, FunctionVersion, LeaseSlot, NodeId, Region,
    ShardId, ShardSlot, StreamKey, StreamName, TriggerName, partition,
};
pub use invocation::Invocation;
pub use lease::{Checkpoint, LeaseKey, LeaseRow};
pub use outcome::{
    Answer, Emitted, Fault, FaultClass, Outcome, RecordAction, RecordFailure, StateWrite,
};
pub use record::{NewRecord, Record, UserRecord};
pub use records::Records;
pub use sequence::{Position, SequenceNumber};
pub use size::ByteSize;
pub use time::Timestamp;
pub use trace::TraceParent;
pub use transaction::{Expected, Guard, LogPosition, Transaction, ViewWrite};
