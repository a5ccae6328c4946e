//! Faults by plan: every change of the disk is an operation with a number, and the plan says which numbers go wrong.
//!
//! Operations are writes, sizes, syncs and changes of names, in the order in which they are asked for. Reads have numbers
//! of their own.
//! After a power loss everything fails until the disk is crashed, which turns it on again.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use super::locked;

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// EIO. Nothing is done; what a failed sync should have written is never synced again.
    Fails,
    /// ENOSPC. Nothing is done.
    Full,
    /// A write ends in its middle with EIO; anything else fails.
    Short,
    /// The operation is under way when the power goes; this one and all others fail.
    PowerLoss,
}

/// What is still to be done of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// Half of it, then it failed.
    Half,
    /// All of it, unsynced, and nobody hears of it.
    Lost,
}

type Watcher = Arc<dyn Fn(u64) + Send + Sync>;

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    operations: u64,
    plan: BTreeMap<u64, DiskFault>,
    reads: u64,
    failing_read: Option<u64>,
    off: bool,
    watcher: Option<Watcher>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("operations", &self.operations)
            .field("plan", &self.plan)
            .field("reads", &self.reads)
            .field("failing_read", &self.failing_read)
            .field("off", &self.off)
            .finish_non_exhaustive()
    }
}

impl Faults {
    pub(super) fn operations(&self) -> u64 {
        locked(&self.state).operations
    }

    pub(super) fn plan(&self, operation: u64, fault: DiskFault) {
        locked(&self.state).plan.insert(operation, fault);
    }

    pub(super) fn reads(&self) -> u64 {
        locked(&self.state).reads
    }

    pub(super) fn plan_read(&self, read: u64) {
        locked(&self.state).failing_read = Some(read);
    }

    pub(super) fn begin_read(&self) -> io::Result<()> {
        self.check_on()?;
        let mut state = locked(&self.state);
        state.reads += 1;
        if state.failing_read == Some(state.reads - 1) {
            return Err(Errno::IO.into());
        }
        Ok(())
    }

    /// `watcher` is called before each operation with its number.
    pub(super) fn watch(&self, watcher: Watcher) {
        locked(&self.state).watcher = Some(watcher);
    }

    /// Power again; what was planned is forgotten.
    pub(super) fn turn_on(&self) {
        let mut state = locked(&self.state);
        state.off = false;
        state.plan.clear();
    }

    pub(super) fn check_on(&self) -> io::Result<()> {
        if locked(&self.state).off {
            return Err(Errno::IO.into());
        }
        Ok(())
    }

    pub(super) fn begin(&self) -> io::Result<Verdict> {
        self.check_on()?;
        let (number, watcher) = {
            let mut state = locked(&self.state);
            state.operations += 1;
            (state.operations - 1, state.watcher.clone())
        };
        if let Some(watcher) = watcher {
            watcher(number);
        }
        let mut state = locked(&self.state);
        match state.plan.remove(&number) {
            None => Ok(Verdict::Done),
            Some(DiskFault::Fails) => Err(Errno::IO.into()),
            Some(DiskFault::Full) => Err(Errno::NOSPC.into()),
            Some(DiskFault::Short) => Ok(Verdict::Half),
            Some(DiskFault::PowerLoss) => {
                state.off = true;
                Ok(Verdict::Lost)
            }
        }
    }
}

impl Verdict {
    /// The answer to an operation that is done now, if it is to be done at all.
    pub(super) fn after<T>(self, done: io::Result<T>) -> io::Result<T> {
        match self {
            Self::Done => done,
            Self::Half | Self::Lost => Err(Errno::IO.into()),
        }
    }
}
