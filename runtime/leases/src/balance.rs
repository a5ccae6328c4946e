//! Who should work on which shard, when several hosts share one table: leases and living hosts in, moves out. Pure.
//!
//! `even` decides for all at once: the counts differ by one at most, as few leases as possible change hands, and all of
//! them together. Whoever works beside KCL workers follows their rules instead: `kcl2` for a worker that decides for
//! itself, `kcl3` for a leader that decides for all. A host that is alone gets everything and nothing moves again.

pub mod kcl2;
pub mod kcl3;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use model::{LeaseKey, NodeId};

/// One lease that should have another holder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    pub key: LeaseKey,
    /// `None` where nobody alive holds it.
    pub from: Option<NodeId>,
    pub to: NodeId,
}

/// What has to change so that every lease has a living holder and none holds more than its part or `leases_max`.
///
/// Hosts that hold most keep the larger parts, so no lease moves that could have stayed. The same question has the same
/// answer, whoever asks: nothing is drawn.
#[must_use]
pub fn even(
    leases: &BTreeMap<LeaseKey, Option<NodeId>>,
    alive: &BTreeSet<NodeId>,
    leases_max: usize,
) -> Vec<Move> {
    let mut held: BTreeMap<&NodeId, Vec<&LeaseKey>> =
        alive.iter().map(|node| (node, Vec::new())).collect();
    let mut free: Vec<(&LeaseKey, Option<&NodeId>)> = Vec::new();
    for (key, holder) in leases {
        match holder.as_ref().and_then(|holder| held.get_mut(holder)) {
            Some(of_holder) => of_holder.push(key),
            None => free.push((key, None)),
        }
    }
    let parts = parts(&held, leases.len(), leases_max);
    for (node, keys) in &mut held {
        let kept = keys.len().min(parts[*node]);
        free.extend(keys.drain(kept..).map(|key| (key, Some(*node))));
    }
    let mut free = free.into_iter();
    let mut moves = Vec::new();
    for (node, keys) in held {
        let missing = parts[node] - keys.len();
        moves.extend(free.by_ref().take(missing).map(|(key, from)| Move {
            key: key.clone(),
            from: from.cloned(),
            to: node.clone(),
        }));
    }
    moves
}

/// How many leases each host should hold.
fn parts<'a>(
    held: &BTreeMap<&'a NodeId, Vec<&LeaseKey>>,
    leases: usize,
    leases_max: usize,
) -> BTreeMap<&'a NodeId, usize> {
    let hosts = held.len().max(1);
    let (part, larger) = (leases / hosts, leases % hosts);
    let mut by_load: Vec<(&NodeId, usize)> = held
        .iter()
        .map(|(node, keys)| (*node, keys.len()))
        .collect();
    by_load.sort_by_key(|(node, load)| (std::cmp::Reverse(*load), *node));
    let parts = by_load.into_iter().enumerate().map(|(turn, (node, _))| {
        let wanted = part + usize::from(turn < larger);
        (node, wanted.min(leases_max))
    });
    parts.collect()
}
