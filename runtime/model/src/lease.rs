//! Leases in KCL's words: who may work on which shard, and how far it has come.

use serde::{Deserialize, Serialize};

use crate::{FencingToken, LeaseSlot, NodeId, Position, ShardId, Timestamp, TriggerName};

/// A lease row is named by trigger and shard; KCL's `leaseKey` is the shard id within the trigger's table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeaseKey {
    pub trigger: TriggerName,
    pub shard: ShardId,
}

/// Settled up to and including a position, or a place to start, or the end of the shard. Ordered as KCL orders them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Checkpoint {
    AtTimestamp(Timestamp),
    TrimHorizon,
    Latest,
    Settled(Position),
    ShardEnd,
}

/// One lease, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    pub key: LeaseKey,
    pub slot: LeaseSlot,
    pub owner: Option<NodeId>,
    /// During a graceful hand-off: who may still write checkpoints, while `owner` is the next one already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_owner: Option<NodeId>,
    /// KCL's optimistic lock: grows with every write of the row.
    pub counter: u64,
    pub owner_switches: u64,
    /// Of the newest grant.
    pub token: FencingToken,
    /// Where the trigger began on this shard; later positions are in the progress row.
    pub initial: Checkpoint,
    /// How many records the shard ever had before that; absent in rows written before they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_records: Option<u64>,
    pub parents: Vec<ShardId>,
    pub children: Vec<ShardId>,
}
