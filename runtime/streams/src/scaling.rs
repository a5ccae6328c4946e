//! How many shards a stream should have, and which splits and merges bring it there. Pure: loads in, steps out.
//!
//! A load counts thousandths of what one shard takes. Shards are split where their own traffic falls into two halves of
//! equal weight, so that a hot range is divided and not a quiet one; quiet neighbours are merged. A step never leads
//! beyond twice or below half of the shards there are, as UpdateShardCount does not.

use std::{cmp::Reverse, collections::BinaryHeap};

use model::{HashKey, HashKeyRange, ShardId};
use serde::{Deserialize, Serialize};

use crate::{limits::HASH_RANGES, traffic::part_begins};

/// What an open shard takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardLoad {
    pub id: ShardId,
    pub range: HashKeyRange,
    pub load: u64,
    /// How the load lies in the range, in parts of equal size.
    pub spread: [u64; HASH_RANGES],
}

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goal {
    pub(crate) shards: u32,
    /// A hot shard may be split up to here.
    pub(crate) shards_max: u32,
    /// From which load on a shard is hot.
    pub(crate) hot: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// The new ranges begin there, in this order.
    Split { shard: ShardId, at: Vec<HashKey> },
    /// Two neighbours, the lower first.
    Merge { lower: ShardId, upper: ShardId },
}

/// A shard, or what splits have left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    /// What the heavier half of the best cut would be lighter.
    gain: u64,
    width: u128,
    shard: Reverse<usize>,
    from: usize,
    until: usize,
    cut: usize,
}

/// The steps of one round. `shards` are the open ones, in order of their ranges.
#[must_use]
pub(crate) fn steps(shards: &[ShardLoad], goal: Goal) -> Vec<Step> {
    let open = u32::try_from(shards.len()).unwrap_or(u32::MAX);
    let wanted = goal.shards.min(goal.shards_max).max(1);
    if wanted > open {
        return grown(shards, wanted.min(open.saturating_mul(2)) - open);
    }
    let hot = split_hot(shards, goal, goal.shards_max.saturating_sub(open));
    if !hot.is_empty() || wanted == open {
        return hot;
    }
    merged(shards, open - wanted.max(open.div_ceil(2)), goal.hot)
}

/// Where a split helps a shard most: the heavier half is as light as it can be. `None` where no split does.
#[must_use]
pub fn best_split(shard: &ShardLoad) -> Option<HashKey> {
    let segment = segment(shard, 0, 0, HASH_RANGES)?;
    border(shard, segment.cut)
}

fn grown(shards: &[ShardLoad], count: u32) -> Vec<Step> {
    let whole = |(index, shard)| segment(shard, index, 0, HASH_RANGES);
    let mut segments: BinaryHeap<Segment> = shards.iter().enumerate().filter_map(whole).collect();
    let mut cuts: Vec<Vec<HashKey>> = vec![Vec::new(); shards.len()];
    let mut left = count;
    while left > 0
        && let Some(best) = segments.pop()
    {
        let index = best.shard.0;
        let shard = &shards[index];
        if let Some(at) = border(shard, best.cut) {
            cuts[index].push(at);
            left -= 1;
            segments.extend(segment(shard, index, best.from, best.cut));
            segments.extend(segment(shard, index, best.cut, best.until));
        }
    }
    let split = |(shard, mut at): (&ShardLoad, Vec<HashKey>)| {
        at.sort_unstable();
        let shard = shard.id;
        (!at.is_empty()).then_some(Step::Split { shard, at })
    };
    shards.iter().zip(cuts).filter_map(split).collect()
}

fn split_hot(shards: &[ShardLoad], goal: Goal, room: u32) -> Vec<Step> {
    let mut hot: Vec<&ShardLoad> = shards
        .iter()
        .filter(|shard| shard.load > goal.hot)
        .collect();
    hot.sort_by_key(|shard| (Reverse(shard.load), shard.id));
    let helped = |shard: &ShardLoad| {
        let segment = segment(shard, 0, 0, HASH_RANGES)?;
        // A single key cannot be divided; what a split would take from it must be worth a shard.
        let helps = segment.gain >= shard.load / 5;
        let at = border(shard, segment.cut).filter(|_| helps)?;
        Some(Step::Split {
            shard: shard.id,
            at: vec![at],
        })
    };
    let steps = hot.into_iter().filter_map(helped);
    steps
        .take(usize::try_from(room).unwrap_or(usize::MAX))
        .collect()
}

fn merged(shards: &[ShardLoad], count: u32, hot: u64) -> Vec<Step> {
    let mut pairs: Vec<(u64, usize)> = shards
        .windows(2)
        .enumerate()
        .map(|(index, pair)| (pair[0].load.saturating_add(pair[1].load), index))
        // What is merged must not be hot again at once.
        .filter(|(load, _)| *load <= hot / 2)
        .collect();
    pairs.sort_unstable();
    let mut taken = vec![false; shards.len()];
    let mut steps = Vec::new();
    for (_, index) in pairs {
        if steps.len() >= usize::try_from(count).unwrap_or(usize::MAX) {
            break;
        }
        if !taken[index] && !taken[index + 1] {
            (taken[index], taken[index + 1]) = (true, true);
            steps.push(Step::Merge {
                lower: shards[index].id,
                upper: shards[index + 1].id,
            });
        }
    }
    steps
}

/// A part of a shard with its best cut. `None` where it cannot be cut.
fn segment(shard: &ShardLoad, index: usize, from: usize, until: usize) -> Option<Segment> {
    let weight = |from: usize, until: usize| -> u64 { shard.spread[from..until].iter().sum() };
    let (all, here) = (weight(0, HASH_RANGES), weight(from, until));
    let middle = from.midpoint(until);
    let heavier = |cut: usize| weight(from, cut).max(weight(cut, until));
    let cut = (from + 1..until)
        .filter(|cut| border(shard, *cut).is_some())
        .min_by_key(|cut| (heavier(*cut), cut.abs_diff(middle)))?;
    let lighter = u128::from(here - heavier(cut)) * u128::from(shard.load);
    let (begin, end) = (
        part_begins(shard.range, from),
        part_begins(shard.range, until),
    );
    Some(Segment {
        gain: u64::try_from(lighter / u128::from(all.max(1))).unwrap_or(u64::MAX),
        width: end - begin,
        shard: Reverse(index),
        from,
        until,
        cut,
    })
}

/// The hash key at which a part begins, if a shard may be split there.
fn border(shard: &ShardLoad, part: usize) -> Option<HashKey> {
    let at = part_begins(shard.range, part);
    let inside = at > shard.range.starting.0.saturating_add(1) && at < shard.range.ending.0;
    inside.then_some(HashKey(at))
}

#[cfg(test)]
#[path = "scaling_tests.rs"]
mod tests;
