//! Which shards of a stream get leases, and when, as they split, merge and expire: the shard sync of KCL. Pure.
//!
//! In: the shards that a stream lists, the leases that a table has. Out: the leases to create, or why none may be. A child
//! never gets its lease before its parents have theirs, so that nobody jumps over what was not read; shards that are not
//! listed any more hold up nobody.

mod audit;
mod cleanup;

#[cfg(test)]
mod stories;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use model::{Checkpoint, ShardId, Timestamp};

pub use audit::{Auditor, SEEN_MIN};
pub use cleanup::{Kept, deletable};

/// One of so many times that a child of a merge must wait, its finder gives the parent up, so that another host tries
/// (SS-4).
pub const GIVEN_UP_ONE_IN: u64 = 30;

/// A shard as its stream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub shard: ShardId,
    /// None, one of a split, two of a merge; they may be gone.
    pub parents: Vec<ShardId>,
    /// Both ends belong to it.
    pub keys: (u128, u128),
    pub opened: Timestamp,
    pub closed: Option<Timestamp>,
}

/// Where a trigger begins on a stream that it has no lease of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    TrimHorizon,
    Latest,
    At(Timestamp),
}

impl Initial {
    fn checkpoint(self) -> Checkpoint {
        match self {
            Self::TrimHorizon => Checkpoint::TrimHorizon,
            Self::Latest => Checkpoint::Latest,
            Self::At(at) => Checkpoint::AtTimestamp(at),
        }
    }

    /// Of a shard whose ancestors are read: from its first record on, wherever the trigger began (SS-2).
    fn of_descendants(self) -> Checkpoint {
        match self {
            Self::TrimHorizon | Self::Latest => Checkpoint::TrimHorizon,
            Self::At(at) => Checkpoint::AtTimestamp(at),
        }
    }
}

/// A lease to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub shard: ShardId,
    pub parents: Vec<ShardId>,
    pub checkpoint: Checkpoint,
}

/// Keys that no shard has, both ends included: the listing was taken in the middle of something, and is taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("no shard has the hash keys {from} to {to}")]
pub struct Hole {
    pub from: u128,
    pub to: u128,
}

/// The leases of a table that is empty (SS-1): those of the shards that were open at the position, which together have
/// every key.
pub fn first(listed: &[Listed], initial: Initial) -> Result<Vec<Created>, Hole> {
    let open: Vec<&Listed> = open_at(listed, initial);
    let ranges: Vec<(u128, u128)> = open.iter().map(|it| it.keys).collect();
    if let Some(hole) = holes(&ranges).first() {
        return Err(*hole);
    }
    let created = open.into_iter().map(|it| Created {
        shard: it.shard,
        parents: it.parents.clone(),
        checkpoint: initial.checkpoint(),
    });
    Ok(created.collect())
}

/// As the filters of `ListShards` have it.
fn open_at(listed: &[Listed], initial: Initial) -> Vec<&Listed> {
    let known: BTreeSet<ShardId> = listed.iter().map(|it| it.shard).collect();
    let oldest = |it: &&Listed| !it.parents.iter().any(|parent| known.contains(parent));
    let oldest: Vec<&Listed> = listed.iter().filter(oldest).collect();
    match initial {
        Initial::TrimHorizon => oldest,
        Initial::Latest => listed.iter().filter(|it| it.closed.is_none()).collect(),
        // What was open then has expired in part: it begins with what is left.
        Initial::At(time) if oldest.iter().any(|it| it.opened > time) => oldest,
        Initial::At(time) => {
            let then = |it: &&Listed| it.opened <= time && it.closed.is_none_or(|end| end > time);
            listed.iter().filter(then).collect()
        }
    }
}

/// The leases that a table lacks (SS-2): of each line the first missing generation, never one behind it. A child of a merge
/// waits until both of its parents have leases, or are gone (SS-4).
#[must_use]
pub fn missing(listed: &[Listed], leases: &BTreeSet<ShardId>, initial: Initial) -> Vec<Created> {
    let known: BTreeMap<ShardId, &Listed> = listed.iter().map(|it| (it.shard, it)).collect();
    let lacking = listed.iter().filter(|it| !leases.contains(&it.shard));
    let created = lacking.filter_map(|it| {
        let there = |parent: &&ShardId| known.contains_key(parent) || leases.contains(parent);
        let parents: Vec<&ShardId> = it.parents.iter().filter(there).collect();
        let all_leased = parents.iter().all(|parent| leases.contains(parent));
        // What was closed before the trigger began, and whose descendants have leases, is behind it.
        let behind = parents.is_empty() && has_leased_descendant(it.shard, listed, leases);
        (all_leased && !behind).then(|| Created {
            shard: it.shard,
            parents: it.parents.clone(),
            checkpoint: if parents.is_empty() {
                initial.checkpoint()
            } else {
                initial.of_descendants()
            },
        })
    });
    created.collect()
}

fn has_leased_descendant(shard: ShardId, listed: &[Listed], leases: &BTreeSet<ShardId>) -> bool {
    let mut children = listed.iter().filter(|it| it.parents.contains(&shard));
    children.any(|child| {
        leases.contains(&child.shard) || has_leased_descendant(child.shard, listed, leases)
    })
}

/// What becomes of the child of a merge that the reader of one parent comes upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfMerge {
    Create,
    /// The other parent has no lease yet.
    Retry,
    /// As before, but another host had better try.
    GiveUp,
}

/// SS-4. `leased` says which of the two parents have leases; `draw` returns a number below the one it gets.
pub fn child_of_merge(leased: [bool; 2], mut draw: impl FnMut(u64) -> u64) -> OfMerge {
    match leased {
        [true, true] | [false, false] => OfMerge::Create,
        [true, false] | [false, true] if draw(GIVEN_UP_ONE_IN) == 0 => OfMerge::GiveUp,
        [true, false] | [false, true] => OfMerge::Retry,
    }
}

/// Whether a shard may be read (SS-5): what it has of parents with leases is at the end.
pub fn may_begin(parents: &[ShardId], at_end: impl Fn(ShardId) -> Option<bool>) -> bool {
    parents.iter().all(|parent| at_end(*parent) != Some(false))
}

/// Keys that none of the ranges has, in order.
#[must_use]
pub fn holes(ranges: &[(u128, u128)]) -> Vec<Hole> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut holes = Vec::new();
    // The first key that is not covered yet; none once all are.
    let mut next = Some(0);
    for (from, to) in sorted {
        let Some(wanted) = next else {
            return holes;
        };
        if from > wanted {
            holes.push(Hole {
                from: wanted,
                to: from - 1,
            });
        }
        next = to.checked_add(1).map(|after| after.max(wanted));
    }
    holes.extend(next.map(|from| Hole {
        from,
        to: u128::MAX,
    }));
    holes
}
