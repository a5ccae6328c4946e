//! What the engine tells about streams and shards, free of how it is stored.

use std::{sync::Arc, time::Duration};

use model::{AccountId, Region, SequenceNumber, StreamKey, Timestamp, seams::ShardFacts};
use serde::{Deserialize, Serialize};

use crate::traits::Traits;

/// Account and region: streams of different worlds do not see each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    pub account: AccountId,
    pub region: Region,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamMode {
    Provisioned,
    OnDemand,
}

/// Follows from the times in a stream's entry and the wall clock; nothing has to happen for it to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStatus {
    Creating,
    Active,
    Updating,
    Deleting,
}

impl StreamStatus {
    /// Whether records come and go as usual.
    #[must_use]
    pub fn takes_records(self) -> bool {
        match self {
            Self::Active | Self::Updating => true,
            Self::Creating | Self::Deleting => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFacts {
    pub key: StreamKey,
    pub status: StreamStatus,
    pub mode: StreamMode,
    pub retention: Duration,
    pub created: Timestamp,
    pub open_shards: usize,
    pub traits: Arc<Traits>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardDescription {
    pub facts: ShardFacts,
    /// Below the number of every record of the shard.
    pub starting: SequenceNumber,
    /// Above the number of every record; of closed shards only.
    pub ending: Option<SequenceNumber>,
    /// When it began to take records.
    pub opened: Timestamp,
    pub closed: Option<Timestamp>,
}

/// What of a shard lies behind a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    pub records: u64,
    /// As they lie in the log.
    pub bytes: u64,
    /// When the first of them arrived.
    pub oldest: Option<Timestamp>,
}

/// Streams in order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub streams: Vec<StreamFacts>,
    /// Whether there are streams after the last one.
    pub more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find stream {0}: it does not exist, create or declare it first")]
pub struct UnknownStream(pub String);
