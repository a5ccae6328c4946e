//! When a commit is acknowledged, and when what was acknowledged earlier than synced must be synced. Pure.

use std::time::Duration;

use crate::limits::{INTERVAL_BYTES, INTERVAL_TIME};

/// After what a commit is acknowledged; a server has one, and a shard may have another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// After its sync: survives everything that the disk survives.
    #[default]
    Sync,
    /// After its write to the page cache: survives the process. The system's crash loses one interval at most.
    Interval { every: Duration, bytes: u64 },
    /// After its write; synced when the segment is full or the log stops. For tests.
    None,
}

impl Durability {
    /// The interval of the documentation.
    pub const INTERVAL: Self = Self::Interval {
        every: INTERVAL_TIME,
        bytes: INTERVAL_BYTES,
    };

    /// What serves both.
    pub(crate) fn strictest(self, other: Self) -> Self {
        match (self, other) {
            (Self::Sync, Self::Sync | Self::Interval { .. } | Self::None)
            | (Self::Interval { .. } | Self::None, Self::Sync) => Self::Sync,
            (
                Self::Interval { every, bytes },
                Self::Interval {
                    every: other_every,
                    bytes: other_bytes,
                },
            ) => Self::Interval {
                every: every.min(other_every),
                bytes: bytes.min(other_bytes),
            },
            (interval @ Self::Interval { .. }, Self::None)
            | (Self::None, interval @ Self::Interval { .. }) => interval,
            (Self::None, Self::None) => Self::None,
        }
    }
}

/// What is written and acknowledged, but not synced yet. For recovery it is one commit: any part of it may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsynced {
    /// Position of its first frame, and of the commit before it.
    pub commit: u64,
    pub previous: u64,
    pub bytes: u64,
    /// When its first frame was written.
    pub since: Duration,
    pub asked: Durability,
}

impl Unsynced {
    /// How long the sync may still wait; `None` where only a full segment asks for it.
    pub(crate) fn patience(&self, now: Duration) -> Option<Duration> {
        match self.asked {
            Durability::Sync => Some(Duration::ZERO),
            Durability::Interval { bytes, .. } if self.bytes >= bytes => Some(Duration::ZERO),
            Durability::Interval { every, .. } => {
                Some(every.saturating_sub(now.saturating_sub(self.since)))
            }
            Durability::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(ms: u64, bytes: u64) -> Durability {
        Durability::Interval {
            every: Duration::from_millis(ms),
            bytes,
        }
    }

    #[test]
    fn the_stricter_one_serves_both() {
        let (sync, none) = (Durability::Sync, Durability::None);
        for (one, other, both) in [
            (sync, none, sync),
            (sync, interval(5, 5), sync),
            (none, none, none),
            (none, interval(5, 5), interval(5, 5)),
            (interval(5, 9), interval(9, 5), interval(5, 5)),
        ] {
            assert_eq!(one.strictest(other), both);
            assert_eq!(other.strictest(one), both);
        }
    }

    #[test]
    fn a_sync_is_due_after_the_time_or_the_bytes() {
        for (asked, bytes, now, expect) in [
            (interval(50, 100), 10, 10, Some(40)),
            (interval(50, 100), 10, 70, Some(0)),
            (interval(50, 100), 100, 0, Some(0)),
            (Durability::None, 1 << 40, 1 << 40, None),
            (Durability::Sync, 0, 0, Some(0)),
        ] {
            let unsynced = Unsynced {
                commit: 0,
                previous: 0,
                bytes,
                since: Duration::ZERO,
                asked,
            };
            let patience = unsynced.patience(Duration::from_millis(now));
            assert_eq!(patience, expect.map(Duration::from_millis), "{asked:?}");
        }
    }
}
