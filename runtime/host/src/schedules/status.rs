//! What a schedule does now, in exactly one reason, and what is stored of it.

use std::fmt;

use model::{ByteSize, Timestamp};

use super::Row;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ScheduleStatus {
    pub(crate) state: ScheduleState,
    /// As of its last change; none before it was read.
    pub(crate) row: Option<Row>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ScheduleState {
    #[default]
    Starting,
    /// For a slot, which is run at the second moment.
    Waiting {
        slot: Timestamp,
        until: Timestamp,
    },
    Running {
        slot: Timestamp,
        attempt: u32,
    },
    BackingOff {
        slot: Timestamp,
        attempts: u32,
        until: Timestamp,
        error: String,
    },
    /// No slot is left.
    Over,
    Paused,
    Disabled,
    NoOutput(String),
    DiskFull,
    DeadLettersFull {
        bytes: ByteSize,
        max: ByteSize,
    },
    /// It will not run again before the server is started again.
    Stopped(String),
}

impl ScheduleState {
    /// Whether nothing stands in the way of its next run.
    pub(crate) fn is_moving(&self) -> bool {
        match self {
            Self::Starting | Self::Waiting { .. } | Self::Running { .. } | Self::Over => true,
            Self::BackingOff { .. }
            | Self::Paused
            | Self::Disabled
            | Self::NoOutput(_)
            | Self::DiskFull
            | Self::DeadLettersFull { .. }
            | Self::Stopped(_) => false,
        }
    }
}

impl fmt::Display for ScheduleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Waiting { until, .. } => write!(f, "waits for {until}"),
            Self::Running { slot, attempt } => {
                write!(f, "runs the slot of {slot}, attempt {attempt}")
            }
            Self::BackingOff {
                slot,
                attempts,
                until,
                error,
            } => write!(
                f,
                "the slot of {slot} failed {attempts} times and is tried again at {until}: {error}"
            ),
            Self::Over => f.write_str("no slot is left: it never runs again"),
            Self::Paused => f.write_str("paused by an operator: resume the trigger"),
            Self::Disabled => f.write_str("disabled by the file"),
            Self::NoOutput(stream) => {
                write!(
                    f,
                    "output stream {stream} does not exist: what the run did waits for it"
                )
            }
            Self::DiskFull => f.write_str("the data disk is full"),
            Self::DeadLettersFull { bytes, max } => {
                write!(f, "the dead-letter store is full: {bytes} of {max}")
            }
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}
