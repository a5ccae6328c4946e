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

/// What makes a worker loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Throughput,
    /// KCL's `LEASE_COUNT_BASED`.
    LeaseCount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub measure: Measure,
    pub leases_max: usize,
    /// A worker that reads so much is given nothing more: KCL's `maxThroughputPerHostKBps`.
    pub bytes_per_second_max: u64,
    /// How far above the mean a worker may be, in percent.
    pub threshold_percent: u64,
    /// Which part of what is too much moves in one run, in percent.
    pub dampening_percent: u64,
    /// Where every lease of a worker that is too loaded is more than that part, its smallest moves all the same: KCL's
    /// `allowThroughputOvershoot`. Never to where it would be as much too much.
    pub overshoot: bool,
    /// Loads are balanced in every so manyth run.
    pub balanced_every: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            measure: Measure::Throughput,
            leases_max: usize::MAX,
            bytes_per_second_max: u64::MAX,
            threshold_percent: 10,
            dampening_percent: 60,
            overshoot: true,
            balanced_every: 3,
        }
    }
}

impl Settings {
    fn weight(&self, lease: &Sight) -> u64 {
        match self.measure {
            Measure::Throughput => lease.bytes_per_second,
            Measure::LeaseCount => 1,
        }
    }

    /// Whether a worker may be given the lease too.
    fn has_room(&self, load: &Load, lease: &Sight) -> bool {
        let bytes = load.bytes_per_second.saturating_add(lease.bytes_per_second);
        load.leases < self.leases_max && bytes <= self.bytes_per_second_max
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

    fn of(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Throughput => self.bytes_per_second,
            Measure::LeaseCount => self.leases as u64,
        }
    }
}

type Loads<'a> = BTreeMap<&'a NodeId, Load>;

/// The assignments of one run of the leader; runs are counted from 1.
#[must_use]
pub fn assign(leases: &[Sight], alive: &[NodeId], run: u64, settings: Settings) -> Vec<Move> {
    let mut loads: Loads<'_> = alive.iter().map(|node| (node, Load::default())).collect();
    let mut free = Vec::new();
    for lease in leases {
        match lease.owner.as_ref().and_then(|owner| loads.get_mut(owner)) {
            Some(load) => load.add(lease),
            None => free.push(lease),
        }
    }
    let mut moves = Vec::new();
    for lease in free {
        let Some(node) = least(&loads, lease, settings) else {
            continue;
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

/// The least loaded that has room for the lease.
fn least<'a>(loads: &Loads<'a>, lease: &Sight, settings: Settings) -> Option<&'a NodeId> {
    let with_room = loads
        .iter()
        .filter(|(_, load)| settings.has_room(load, lease));
    let least = with_room.min_by_key(|(_, load)| (load.of(settings.measure), load.leases));
    least.map(|(node, _)| *node)
}

/// No worker is brought below the mean, and none above it, so that nothing moves back in the next run; but where nothing is
/// small enough for that, one lease may overshoot.
fn balance<'a>(leases: &'a [Sight], loads: &mut Loads<'a>, settings: Settings) -> Vec<Move> {
    let all: u64 = loads.values().map(|load| load.of(settings.measure)).sum();
    let mean = all / (loads.len() as u64).max(1);
    let limit = mean + mean * settings.threshold_percent / 100;
    let mut moves = Vec::new();
    let over: Vec<(&NodeId, u64)> = loads
        .iter()
        .map(|(node, load)| (*node, load.of(settings.measure)))
        .filter(|(_, load)| *load > limit)
        .map(|(node, load)| (node, load - mean))
        .collect();
    for (from, too_much) in over {
        let mut left = too_much * settings.dampening_percent / 100;
        let theirs = leases
            .iter()
            .filter(|lease| lease.owner.as_ref() == Some(from) && settings.weight(lease) > 0);
        let before = moves.len();
        for lease in theirs.clone() {
            let weight = settings.weight(lease);
            let Some(to) = least(loads, lease, settings) else {
                continue;
            };
            if weight > left || loads[to].of(settings.measure) + weight > mean {
                continue;
            }
            left -= weight;
            moves.push(moved(loads, lease, (from, to)));
        }
        if moves.len() == before && settings.overshoot {
            let smallest = theirs.min_by_key(|lease| settings.weight(lease));
            let overshot = smallest.and_then(|lease| {
                let to = least(loads, lease, settings)?;
                let gets = loads[to].of(settings.measure) + settings.weight(lease);
                let less = gets < loads[from].of(settings.measure);
                less.then(|| moved(loads, lease, (from, to)))
            });
            moves.extend(overshot);
        }
    }
    moves
}

fn moved<'a>(loads: &mut Loads<'a>, lease: &Sight, (from, to): (&'a NodeId, &'a NodeId)) -> Move {
    loads.entry(from).or_default().remove(lease);
    loads.entry(to).or_default().add(lease);
    Move {
        key: lease.key.clone(),
        from: Some(from.clone()),
        to: to.clone(),
    }
}
