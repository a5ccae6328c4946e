//! Carries out a resharding on a draft: shards close, and their children open.
//!
//! In: steps, or how many shards there should be. Out: a draft in which every key has one open shard again. A child is
//! younger than its parents, in its numbers as well.

use model::{HashKey, HashKeyRange, ShardId};

use super::{Reshard, ReshardError};
use crate::{
    limits::{CHILD_POSTDATES, SHARDS_PER_COUNTER},
    registry::ShardEntry,
    revise::Draft,
    scaling::Step,
};

pub(super) fn carry_out(draft: &mut Draft, reshard: Reshard) -> Result<(), ReshardError> {
    let found = |draft: &Draft, id: ShardId| {
        let open = draft.entry.routes().iter().find(|shard| shard.id == id);
        open.copied().ok_or(ReshardError::NoSuchShard(id))
    };
    let steps = match reshard {
        Reshard::Scale(asked) => return even_out(draft, asked),
        Reshard::Steps(steps) => steps,
    };
    for step in steps {
        match step {
            Step::Split { shard, at } => {
                let mut rest = found(draft, shard)?;
                for border in at {
                    rest = divide(draft, &rest, border)?.1;
                }
            }
            Step::Merge { lower, upper } => {
                let (lower, upper) = (found(draft, lower)?, found(draft, upper)?);
                if !meet(&lower, &upper) {
                    return Err(ReshardError::NotAdjacent);
                }
                unite(draft, &lower, &upper)?;
            }
        }
    }
    Ok(())
}

/// Splits every shard at the borders inside of it, then merges the parts between two borders.
fn even_out(draft: &mut Draft, asked: u32) -> Result<(), ReshardError> {
    let wanted = HashKeyRange::split_whole(asked);
    let mut parts = Vec::new();
    for mut rest in draft.entry.routes().to_vec() {
        let borders = wanted.iter().map(|range| range.starting);
        let inside: Vec<HashKey> = borders
            .filter(|border| *border > rest.range.starting && *border <= rest.range.ending)
            .collect();
        for border in inside {
            let (before, after) = divide(draft, &rest, border)?;
            parts.push(before);
            rest = after;
        }
        parts.push(rest);
    }
    let mut parts = parts.into_iter().peekable();
    for range in wanted {
        let Some(mut whole) = parts.next() else {
            return Ok(());
        };
        while let Some(next) = parts.next_if(|part| part.range.ending <= range.ending) {
            whole = unite(draft, &whole, &next)?;
        }
    }
    Ok(())
}

fn divide(
    draft: &mut Draft,
    parent: &ShardEntry,
    at: HashKey,
) -> Result<(ShardEntry, ShardEntry), ReshardError> {
    let below = HashKeyRange {
        starting: parent.range.starting,
        ending: HashKey(at.0 - 1),
    };
    let above = HashKeyRange {
        starting: at,
        ending: parent.range.ending,
    };
    close(draft, parent);
    Ok((
        open(draft, parent, None, below)?,
        open(draft, parent, None, above)?,
    ))
}

fn unite(
    draft: &mut Draft,
    lower: &ShardEntry,
    upper: &ShardEntry,
) -> Result<ShardEntry, ReshardError> {
    let range = HashKeyRange {
        starting: lower.range.starting,
        ending: upper.range.ending,
    };
    close(draft, lower);
    close(draft, upper);
    open(draft, lower, Some(upper), range)
}

pub(super) fn meet(lower: &ShardEntry, upper: &ShardEntry) -> bool {
    lower.range.ending.0.checked_add(1) == Some(upper.range.starting.0)
}

fn close(draft: &mut Draft, shard: &ShardEntry) {
    let now = draft.now;
    let shards = &mut draft.entry.shards;
    if let Ok(known) = shards.binary_search_by_key(&shard.id, |known| known.id) {
        shards[known].closed = Some(now);
    }
    // A shard that this very change opened is not known to the log yet.
    if draft.entry.routes().iter().any(|open| open.id == shard.id) {
        draft.closes.push(shard.slot);
    }
}

/// A shard whose creation lies behind its parents', so that its numbers do.
fn open(
    draft: &mut Draft,
    parent: &ShardEntry,
    adjacent: Option<&ShardEntry>,
    range: HashKeyRange,
) -> Result<ShardEntry, ReshardError> {
    let id = draft.entry.next_shard();
    let group = |shard: ShardId| shard.0 / SHARDS_PER_COUNTER;
    let shards = &draft.entry.shards;
    let sibling = shards
        .iter()
        .rev()
        .find(|shard| group(shard.id) == group(id));
    let counter = match sibling {
        Some(sibling) => Some(sibling.counter),
        None => draft.numbers.take_counter(),
    };
    let parents_s = parent
        .created_s
        .max(adjacent.map_or(0, |shard| shard.created_s));
    let child = ShardEntry {
        id,
        slot: draft.numbers.take_slot().ok_or(ReshardError::UsedUp)?,
        counter: counter.ok_or(ReshardError::UsedUp)?,
        created_s: draft
            .now
            .plus(CHILD_POSTDATES)
            .as_seconds()
            .max(parents_s + 1),
        range,
        opened: Some(draft.now),
        parent: Some(parent.id),
        adjacent_parent: adjacent.map(|shard| shard.id),
        closed: None,
    };
    draft.entry.shards.push(child);
    Ok(child)
}
