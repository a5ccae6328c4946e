//! How the server of a life is set up. The lives of a place take turns, so that small segments, other calls and weaker
//! promises meet the same crashes as what everybody runs.

use std::time::Duration;

/// One interval of 50 ms and one sync, on a machine that has other things to do.
const LOSS_MAX: Duration = Duration::from_millis(500);
const SMALL_SEGMENT_BYTES: &str = "1048576";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it is without any settings.
    Plain,
    /// Segments of 1 MiB, and records that move into the archive after a second: within a few rounds segments are emptied,
    /// what is alive in them is carried forward, and they are used again.
    Small,
    /// The same without io_uring, and without writes past the page cache.
    SmallPortable,
    /// Puts are answered once they are written, and synced within 50 ms.
    Interval,
}

impl Manner {
    const ALL: [Self; 4] = [
        Self::Plain,
        Self::Small,
        Self::Interval,
        Self::SmallPortable,
    ];

    pub(crate) fn of_life(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Small => "small segments",
            Self::SmallPortable => "small segments, portable calls",
            Self::Interval => "durability interval",
        }
    }

    pub(crate) fn is_small(self) -> bool {
        matches!(self, Self::Small | Self::SmallPortable)
    }

    /// What it adds to `triggers.yaml`.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Small | Self::SmallPortable => "server: { archive: { after: 1s } }\n",
            Self::Interval => "server: { durability: interval }\n",
        }
    }

    /// What it adds to the command.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Plain | Self::Interval => &[],
            Self::Small => &["--testing", "--segment-bytes", SMALL_SEGMENT_BYTES],
            Self::SmallPortable => &[
                "--testing",
                "--segment-bytes",
                SMALL_SEGMENT_BYTES,
                "--portable-disk",
            ],
        }
    }

    /// How much of what was answered last before a power loss is no promise.
    pub(crate) fn loss_max(self) -> Duration {
        match self {
            Self::Plain | Self::Small | Self::SmallPortable => Duration::ZERO,
            Self::Interval => LOSS_MAX,
        }
    }
}
