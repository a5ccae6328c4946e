//! What goes wrong in a story, by kind.

use std::{collections::BTreeMap, fmt};

use platform::DiskFault;

/// How often each kind came.
pub type Faults = BTreeMap<Fault, u64>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Kill,
    PowerLoss,
    /// The power goes while the disk works.
    PowerLossInOperation,
    CleanStop,
    /// EIO of a write, a sync or a change of names.
    FailedOperation,
    ShortWrite,
    /// ENOSPC of one operation.
    NoSpace,
    /// The disk has little or no room for a while.
    FullDisk,
    /// A request that the server refused because its disk was full.
    Refused,
    SlowDisk,
    /// A producer gives up a request in its middle and sends it again.
    HangUp,
    Pause,
}

impl Fault {
    pub(crate) fn of_disk(fault: DiskFault) -> Self {
        match fault {
            DiskFault::Fails => Self::FailedOperation,
            DiskFault::Full => Self::NoSpace,
            DiskFault::Short => Self::ShortWrite,
            DiskFault::PowerLoss => Self::PowerLossInOperation,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::PowerLoss => "power loss",
            Self::PowerLossInOperation => "power loss in a disk operation",
            Self::CleanStop => "clean stop",
            Self::FailedOperation => "disk operation that fails (EIO)",
            Self::ShortWrite => "write cut short",
            Self::NoSpace => "operation without space (ENOSPC)",
            Self::FullDisk => "full disk",
            Self::Refused => "request refused for a full disk",
            Self::SlowDisk => "slow disk",
            Self::HangUp => "request given up",
            Self::Pause => "trigger paused",
        })
    }
}
