//! Where shards are split and which borders stay, so that a stream has so many shards of much the same size. Pure.
//!
//! In: ranges, and where the shards would begin if all were equal. Out: one border to split a shard at, and the borders
//! that merges leave. As AWS does it, growing splits every shard once; so shards come out exactly equal where none
//! holds more than one of the wanted borders, and within half a shard's size of it otherwise.

use model::{HashKey, HashKeyRange};

/// Where every shard but the first begins if all are equal.
pub(crate) fn equal_borders(shards: u32) -> Vec<HashKey> {
    let ranges = HashKeyRange::split_whole(shards).into_iter();
    ranges.skip(1).map(|range| range.starting).collect()
}

/// Whether a shard may be split there: each half holds more than one key, as on AWS.
pub(crate) fn divides(range: HashKeyRange, at: HashKey) -> bool {
    at.0 > range.starting.0.saturating_add(1) && at < range.ending
}

/// The wanted border that divides a range most evenly, or else its middle. `None` for a range of too few keys.
pub(crate) fn cut(range: HashKeyRange, wanted: &[HashKey]) -> Option<HashKey> {
    let middle = HashKey(range.starting.0.midpoint(range.ending.0));
    let from = wanted.partition_point(|border| *border <= range.starting);
    let until = wanted.partition_point(|border| *border <= range.ending);
    let inside = wanted[from..until].iter().copied();
    inside
        .filter(|border| divides(range, *border))
        .min_by_key(|border| border.0.abs_diff(middle.0))
        .or_else(|| divides(range, middle).then_some(middle))
}

/// For each wanted border the nearest of those there are, each taken once. Both are in order, and enough are there.
pub(crate) fn nearest(borders: &[HashKey], wanted: &[HashKey]) -> Vec<HashKey> {
    let mut free = 0;
    let choose = |(index, border): (usize, &HashKey)| {
        // As many must be left as are wanted after this one.
        let last = borders.len() - (wanted.len() - index);
        let above = borders.partition_point(|there| there < border);
        let candidates = above.saturating_sub(1).clamp(free, last)..=above.clamp(free, last);
        let distance = |index: &usize| borders[*index].0.abs_diff(border.0);
        let chosen = candidates.min_by_key(distance)?;
        free = chosen + 1;
        Some(borders[chosen])
    };
    wanted.iter().enumerate().filter_map(choose).collect()
}
