//! What the engine tells about streams and shards, free of how it is stored.

use std::time::Duration;

use model::{AccountId, Region, SequenceNumber, StreamKey, Timestamp, seams::ShardFacts};
use serde::{Deserialize, Serialize};

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
    Deleting,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFacts {
    pub key: StreamKey,
    pub status: StreamStatus,
    pub mode: StreamMode,
    pub retention: Duration,
    pub created: Timestamp,
    pub open_shards: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardDescription {
    pub facts: ShardFacts,
    /// Below the number of every record of the shard.
    pub starting: SequenceNumber,
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
