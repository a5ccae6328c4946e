//! The world: clock, randomness, disk, network and tasks, handed in as one cheap handle.
//!
//! Nothing else in the workspace asks the operating system for these, so that the simulator can stand in for it.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this crate is the one that the bans point to"
)]

mod clock;
mod disk;
mod net;
mod rng;
mod stop;
mod tasks;
pub mod watch;

pub use clock::{Clock, Monotonic, TimedOut};
pub use disk::{
    Disk, DiskFile, DiskLock, LockError, NotDurable, OpenMode, REUSED_READ_BYTES_MAX, SyncMethod,
    is_full, is_out_of_files,
};
#[cfg(feature = "simulation")]
pub use disk::{DiskFault, Survival};
pub use net::{Connection, Listener, Net};
pub use rng::Rng;
pub use stop::{Stop, StopToken};
pub use tasks::{
    Ended, HandlerPool, Lines, Program, Running, Spawner, Task, TaskFailed, Tasks, Ticker,
};

/// Everything a room may ask of the world; clones share it.
#[derive(Clone, Debug)]
pub struct Platform {
    pub clock: Clock,
    pub rng: Rng,
    pub disk: Disk,
    pub net: Net,
    pub tasks: Tasks,
}

impl Platform {
    /// The operating system's world; its futures need a tokio runtime around them.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: Clock::real(),
            rng: Rng::real(),
            disk: Disk::real(),
            net: Net::real(),
            tasks: Tasks::real(),
        }
    }

    /// A world in memory on virtual time; the same seed runs the same way.
    /// Make it inside a `current_thread` tokio runtime that starts paused.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn simulated(seed: u64) -> Self {
        Self {
            clock: Clock::simulated(),
            rng: Rng::simulated(seed),
            disk: Disk::simulated(),
            net: Net::simulated(),
            tasks: Tasks::simulated(),
        }
    }

    /// Another process in the same simulated world: all is shared but the fate of its tasks, which `Tasks::kill` ends.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn process(&self) -> Self {
        Self {
            tasks: Tasks::simulated(),
            ..self.clone()
        }
    }
}
