//! Which leases are of no use any more (SS-6): those of shards that are read to their end and whose children have begun, from
//! the oldest on, and those of shards that no stream lists.

use std::collections::{BTreeMap, BTreeSet};

use model::{Checkpoint, ShardId};

/// What a lease says of its shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub checkpoint: Checkpoint,
    pub parents: Vec<ShardId>,
    pub children: Vec<ShardId>,
}

/// Leases that may be deleted now; what they hold up may be deleted the next time.
#[must_use]
pub fn deletable(leases: &BTreeMap<ShardId, Kept>, listed: &BTreeSet<ShardId>) -> Vec<ShardId> {
    let has_begun = |child: &ShardId| {
        let lease = leases.get(child);
        lease.is_some_and(|lease| match lease.checkpoint {
            Checkpoint::AtTimestamp(_) | Checkpoint::TrimHorizon => false,
            Checkpoint::Latest | Checkpoint::Settled(_) | Checkpoint::ShardEnd => true,
        })
    };
    let finished = |lease: &Kept| {
        lease.checkpoint == Checkpoint::ShardEnd
            && !lease.children.is_empty()
            && lease.children.iter().all(has_begun)
            && !lease.parents.iter().any(|it| leases.contains_key(it))
    };
    let of_no_use = |(shard, lease): &(&ShardId, &Kept)| !listed.contains(shard) || finished(lease);
    let found = leases.iter().filter(of_no_use);
    found.map(|(shard, _)| *shard).collect()
}
