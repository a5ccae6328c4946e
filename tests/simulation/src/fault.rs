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
    /// An operator moves a trigger back.
    Seek,
    /// An operator parks a key, or lets one go on.
    Park,
    Unpark,
    /// An operator runs dead letters again.
    Redrive,
    Split,
    Merge,
    /// A shard takes and gives nothing for a while.
    Throttle,
    /// The process ends by itself, at a point of one of its workers.
    WorkerCrash,
    WorkerFreeze,
    /// It stands still while another takes its lease.
    WorkerReplaced,
    SlowFunction,
    /// The whole process stands still.
    ServerFreeze,
    /// The wall clock is set forward or back.
    ClockJump,
}

impl Fault {
    /// What the server itself says that it does on purpose.
    pub(crate) fn on_purpose(fields: &BTreeMap<&'static str, String>) -> Option<Self> {
        let replaced = || {
            fields
                .get("fault")
                .is_some_and(|fault| fault.contains("replaced"))
        };
        match fields.get("message")?.as_str() {
            "a crash on purpose" => Some(Self::WorkerCrash),
            "frozen on purpose" if replaced() => Some(Self::WorkerReplaced),
            "frozen on purpose" => Some(Self::WorkerFreeze),
            "late on purpose" => Some(Self::SlowFunction),
            // Nothing else of the server's own has a time here.
            "a fault on purpose" => Some(Self::Throttle),
            _ => None,
        }
    }

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
            Self::Seek => "trigger moved back",
            Self::Park => "key parked by hand",
            Self::Unpark => "parked key let go on",
            Self::Redrive => "dead letters redriven",
            Self::Split => "shard split",
            Self::Merge => "shards merged",
            Self::Throttle => "shard throttled",
            Self::WorkerCrash => "crash at a point of a worker",
            Self::WorkerFreeze => "worker frozen",
            Self::WorkerReplaced => "worker frozen and replaced",
            Self::SlowFunction => "slow invocation",
            Self::ServerFreeze => "server frozen",
            Self::ClockJump => "clock set forward or back",
        })
    }
}
