//! What the leader of KCL 3 assigns: what is free goes to the least loaded worker; now and then leases move from workers far
//! above the mean to those below it, a part of the difference at a time. Pure.

use std::collections::BTreeMap;

use model::{LeaseKey, NodeId};

use super::Move;

/// A lease as the leader sees it; the longest without an owner first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    pub key: LeaseKey,
    /// `None` where nobody alive has it.
    pub owner: Option<NodeId>,
    /// What is read from the shard, in bytes a second.
    pub bytes_per_second: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub leases_max: usize,
    /// How far above the mean a worker may be, in percent.
    pub threshold_percent: u64,
    /// Which part of what is too much moves in one run, in percent.
    pub dampening_percent: u64,
    /// Loads are balanced in every so manyth run.
    pub balanced_every: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            leases_max: usize::MAX,
            threshold_percent: 10,
            dampening_percent: 60,
            balanced_every: 3,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Load {
    leases: usize,
    bytes_per_second: u64,
}

impl Load {
    fn add(&mut self, lease: &Sight) {
        self.leases += 1;
        self.bytes_per_second += lease.bytes_per_second;
    }

    fn remove(&mut self, lease: &Sight) {
        self.leases -= 1;
        self.bytes_per_second -= lease.bytes_per_second;
    }
}

/// The assignments of one run of the leader; runs are counted from 1.
#[must_use]
pub fn assign(leases: &[Sight], alive: &[NodeId], run: u64, settings: Settings) -> Vec<Move> {
    let mut loads: BTreeMap<&NodeId, Load> =
        alive.iter().map(|node| (node, Load::default())).collect();
    let mut free = Vec::new();
    for lease in leases {
        match lease.owner.as_ref().and_then(|owner| loads.get_mut(owner)) {
            Some(load) => load.add(lease),
            None => free.push(lease),
        }
    }
    let mut moves = Vec::new();
    for lease in free {
        let Some(node) = least(&loads, settings) else {
            break;
        };
        loads.entry(node).or_default().add(lease);
        moves.push(Move {
            key: lease.key.clone(),
            from: None,
            to: node.clone(),
        });
    }
    if run.is_multiple_of(settings.balanced_every) {
        moves.extend(balance(leases, &mut loads, settings));
    }
    moves
}

fn least<'a>(loads: &BTreeMap<&'a NodeId, Load>, settings: Settings) -> Option<&'a NodeId> {
    let with_room = loads
        .iter()
        .filter(|(_, load)| load.leases < settings.leases_max);
    let least = with_room.min_by_key(|(_, load)| (load.bytes_per_second, load.leases));
    least.map(|(node, _)| *node)
}

/// No worker is brought below the mean, and none above it, so that nothing moves back in the next run.
fn balance<'a>(
    leases: &'a [Sight],
    loads: &mut BTreeMap<&'a NodeId, Load>,
    settings: Settings,
) -> Vec<Move> {
    let all: u64 = loads.values().map(|load| load.bytes_per_second).sum();
    let mean = all / (loads.len() as u64).max(1);
    let limit = mean + mean * settings.threshold_percent / 100;
    let mut moves = Vec::new();
    let over: Vec<(&NodeId, u64)> = loads
        .iter()
        .filter(|(_, load)| load.bytes_per_second > limit)
        .map(|(node, load)| (*node, load.bytes_per_second - mean))
        .collect();
    for (from, too_much) in over {
        let mut left = too_much * settings.dampening_percent / 100;
        let theirs = leases
            .iter()
            .filter(|lease| lease.owner.as_ref() == Some(from));
        for lease in theirs.filter(|lease| lease.bytes_per_second > 0) {
            let Some(to) = least(loads, settings) else {
                return moves;
            };
            let gets = loads[to].bytes_per_second + lease.bytes_per_second;
            if lease.bytes_per_second > left || gets > mean {
                continue;
            }
            left -= lease.bytes_per_second;
            loads.entry(from).or_default().remove(lease);
            loads.entry(to).or_default().add(lease);
            moves.push(Move {
                key: lease.key.clone(),
                from: Some(from.clone()),
                to: to.clone(),
            });
        }
    }
    moves
}
