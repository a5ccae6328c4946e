//! What of the unsynced a power loss leaves: nothing, everything, or any part of it.
//!
//! Any part means any subset of sectors, any size between the old and the new, and any subset of the changes of names:
//! nothing orders them but a sync. All is drawn from one sequence, so that the same seed loses the same things.

use std::ops::Range;

use crate::Rng;

/// A device writes a sector as a whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What of the unsynced survives.
#[derive(Clone, Copy, Debug)]
pub enum Survival<'a> {
    Nothing,
    Everything,
    Some(&'a Rng),
}

impl Survival<'_> {
    /// Whether one change of names is there.
    pub(super) fn change(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Some(rng) => rng.below(2) == 1,
        }
    }

    /// The size of a file that had one and was given another.
    pub(super) fn size(self, synced: usize, seen: usize) -> usize {
        match self {
            Self::Nothing => synced,
            Self::Everything => seen,
            Self::Some(rng) => match rng.below(3) {
                0 => synced,
                1 => seen,
                _ => {
                    let between = synced.abs_diff(seen) as u64;
                    let drawn = usize::try_from(rng.below(between + 1)).unwrap_or(0);
                    synced.min(seen) + drawn
                }
            },
        }
    }

    /// Those parts of the `dirty` ranges of one file that reached the device.
    pub(super) fn sectors(self, dirty: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
        let rng = match self {
            Self::Nothing => return Vec::new(),
            Self::Everything => return dirty.collect(),
            Self::Some(rng) => rng,
        };
        // Files that lose all or nothing are drawn often: size and bytes then disagree the most.
        match rng.below(4) {
            0 => return Vec::new(),
            1 => return dirty.collect(),
            _ => {}
        }
        let mut kept = Vec::new();
        for range in dirty {
            let mut start = range.start;
            while start < range.end {
                let end = (start + 1).next_multiple_of(SECTOR_BYTES).min(range.end);
                if rng.below(2) == 1 {
                    kept.push(start..end);
                }
                start = end;
            }
        }
        kept
    }
}
