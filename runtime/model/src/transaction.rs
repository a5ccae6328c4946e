//! What appears together or not at all: outputs, state, checkpoint and dead letters of one settlement.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{FencingToken, LeaseSlot, NewRecord, StreamKey};

/// A place in the log: bytes since its beginning, over all segments. Only grows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LogPosition(pub u64);

/// The committer compares the newest token of `slot` with `token` before it accepts the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    pub slot: LeaseSlot,
    pub token: FencingToken,
}

/// One coordination key (see `keys`) and its new value; `None` deletes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewWrite {
    pub key: Bytes,
    pub value: Option<Bytes>,
}

/// A coordination key and its value as somebody read it; `None` where it was not there. What creates a row expects that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub key: Bytes,
    pub value: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    pub guards: Vec<Guard>,
    /// Compared after the guards, in the same moment as they. Only of keys whose values are not encrypted.
    pub expects: Vec<Expected>,
    /// New tokens: each raises its slot's token, and every older token is refused from here on.
    pub grants: Vec<Guard>,
    pub outputs: Vec<(StreamKey, NewRecord)>,
    pub writes: Vec<ViewWrite>,
}
