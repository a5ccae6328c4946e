//! What an invocation came to. A trap, a timeout and a malformed answer are outcomes like any other.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::HashKey;

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The handler answered; some records may have failed.
    Answered(Answer),
    /// The invocation failed as a whole.
    Failed(Fault),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Records that did not succeed, by index in the batch, each at most once, ascending.
    pub failures: Vec<RecordFailure>,
    pub outputs: Vec<Emitted>,
    pub state: Vec<StateWrite>,
    /// False where the kind of function cannot say which record caused which effect.
    pub effects_attributed: bool,
    /// What a tumbling window by shard has come to.
    pub window_state: Option<Bytes>,
    pub usage: Usage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFailure {
    pub index: u32,
    pub action: RecordAction,
    pub kind: String,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordAction {
    /// The trigger's retry policy decides.
    Retry,
    DeadLetter,
    Park,
    /// An earlier record of the same key failed; no attempt is used.
    NotTried,
}

/// A record for an output, with the input record that caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    pub output: String,
    pub partition_key: Bytes,
    pub explicit_hash_key: Option<HashKey>,
    pub data: Bytes,
    /// Index in the batch; `None` forbids partial success.
    pub source: Option<u32>,
}

/// A value written (or deleted) under the key of the input record `source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateWrite {
    pub source: u32,
    pub name: String,
    pub value: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub class: FaultClass,
    /// Short and stable, matched by error classes: `Trap`, `Timeout`, `OutOfMemory`, or the handler's own word.
    pub kind: String,
    /// One readable text: what happened, in which function, with a backtrace where there is one.
    pub message: String,
    pub retry_after: Option<Duration>,
    pub usage: Usage,
}

/// Whether a fault uses up an attempt (AWS rule RT-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultClass {
    /// The function failed: an attempt is used.
    Function,
    /// The function could not be run: no attempt is used.
    Invoke,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub duration: Duration,
    pub memory_bytes: u64,
    /// Only counted under simulation.
    pub fuel: Option<u64>,
    /// The record that the handler said last it is at, by index in the batch.
    pub mark: Option<u32>,
}
