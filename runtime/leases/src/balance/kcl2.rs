//! What one worker takes by the rules of KCL 1 and 2, where each decides for itself: first what is free, then one at a time
//! from whoever holds most. Pure: the caller draws.

use std::collections::BTreeMap;

use model::{LeaseKey, NodeId};

/// A lease as one worker sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    pub key: LeaseKey,
    pub owner: Option<NodeId>,
    pub age: Age,
}

/// How long the lease has not been renewed, by the worker's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Renewed,
    Expired,
    /// For more than three times the duration of a lease: taken whatever the target says.
    LongExpired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub leases_max: usize,
    pub stolen_at_once_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            leases_max: usize::MAX,
            stolen_at_once_max: 1,
        }
    }
}

/// The leases that `me` should try to take now. `draw` returns a number below the one it gets.
pub fn take(
    me: &NodeId,
    leases: &[Sight],
    settings: Settings,
    mut draw: impl FnMut(usize) -> usize,
) -> Vec<LeaseKey> {
    let mut loads: BTreeMap<&NodeId, usize> = BTreeMap::from([(me, 0)]);
    let (mut free, mut forgotten) = (Vec::new(), Vec::new());
    for lease in leases {
        match (&lease.owner, lease.age) {
            (Some(owner), Age::Renewed) => *loads.entry(owner).or_default() += 1,
            (Some(_), Age::LongExpired) => forgotten.push(lease),
            (Some(_), Age::Expired) | (None, _) => free.push(lease),
        }
    }
    let target = if loads.len() >= leases.len() {
        1
    } else {
        leases.len().div_ceil(loads.len())
    };
    let target = target.min(settings.leases_max);
    let need = target.saturating_sub(loads[me]);
    let room = settings.leases_max.saturating_sub(loads[me]);
    if free.is_empty() && forgotten.is_empty() {
        return steal(me, leases, &loads, (target, need), settings, draw);
    }
    let mut taken: Vec<LeaseKey> = forgotten.iter().map(|lease| lease.key.clone()).collect();
    taken.truncate(room);
    while taken.len() < need && !free.is_empty() {
        taken.push(free.swap_remove(draw(free.len())).key.clone());
    }
    taken
}

/// From the most loaded worker, at random among its leases.
fn steal(
    me: &NodeId,
    leases: &[Sight],
    loads: &BTreeMap<&NodeId, usize>,
    (target, need): (usize, usize),
    settings: Settings,
    mut draw: impl FnMut(usize) -> usize,
) -> Vec<LeaseKey> {
    let others = loads.iter().filter(|(node, _)| **node != me);
    let Some((victim, load)) = others.max_by_key(|(_, load)| **load) else {
        return Vec::new();
    };
    let wanted = if *load > target {
        need.min(load - target)
    } else {
        usize::from(*load == target && need > 1)
    };
    let of_victim = |lease: &&Sight| lease.owner.as_ref() == Some(*victim);
    let mut theirs: Vec<&Sight> = leases.iter().filter(of_victim).collect();
    let count = wanted.min(settings.stolen_at_once_max).min(theirs.len());
    (0..count)
        .map(|_| theirs.swap_remove(draw(theirs.len())).key.clone())
        .collect()
}
