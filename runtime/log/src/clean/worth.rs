//! Whether it pays to clean: pure decisions over the oldest segments that hold no readable record.
//!
//! Cleaning moves what still lives in a segment to the end of the log. It is done only while that frees clearly more
//! than it writes: otherwise entries that fill whole segments would be moved for ever.

use crate::limits::{CARRY_PERCENT_MAX, CARRY_PERCENT_WHEN_FULL_MAX};

/// One segment: what goes with it, and what has to move first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measured {
    pub bytes: u64,
    pub live_bytes: u64,
}

/// How many segments, from the oldest on, are worth cleaning together; a full one in front may be, for those behind it.
pub(crate) fn worth_cleaning(oldest_first: &[Measured], full: bool) -> Option<usize> {
    let percent = if full {
        CARRY_PERCENT_WHEN_FULL_MAX
    } else {
        CARRY_PERCENT_MAX
    };
    let (mut bytes, mut live) = (0_u64, 0_u64);
    oldest_first
        .iter()
        .position(|segment| {
            bytes = bytes.saturating_add(segment.bytes);
            live = live.saturating_add(segment.live_bytes);
            live.saturating_mul(100) <= bytes.saturating_mul(percent)
        })
        .map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_frees_more_than_it_moves_is_cleaned() {
        for (live, full, expect) in [
            (&[][..], false, None),
            (&[0], false, Some(1)),
            (&[50], false, Some(1)),
            (&[51], false, None),
            (&[51], true, Some(1)),
            (&[89], true, None),
            (&[100, 100, 100], true, None),
            (&[100, 0, 0], false, Some(2)),
            (&[100, 60, 20], false, None),
            (&[100, 60, 20], true, Some(2)),
            (&[100, 60, 20, 0], false, Some(4)),
        ] {
            let segments: Vec<Measured> = live
                .iter()
                .map(|&live_bytes| Measured {
                    bytes: 100,
                    live_bytes,
                })
                .collect();
            assert_eq!(worth_cleaning(&segments, full), expect, "{live:?} {full}");
        }
    }
}
