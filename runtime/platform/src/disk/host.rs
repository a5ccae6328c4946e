//! How a real disk makes bytes durable: through io_uring where the kernel allows it, with `pwritev` and `fdatasync`
//! otherwise. Chosen at the first use and the same from then on; where there is a ring, commits take it while that is
//! faster than to sleep in the calls.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::buffers::Buffers;
use super::direct::Stage;
#[cfg(target_os = "linux")]
use super::ring::Ring;
use super::waits::{Waits, Way};

/// What carries a write and its sync to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMethod {
    IoUring,
    /// `pwritev` and `fdatasync`.
    Calls,
    Simulated,
}

impl fmt::Display for SyncMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IoUring => "io_uring",
            Self::Calls => "pwritev and fdatasync",
            Self::Simulated => "simulated",
        })
    }
}

/// Not to be had where there is no io_uring.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) enum Ring {}

/// The operating system's side; clones share all of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    ring: Arc<OnceLock<Option<Mutex<Ring>>>>,
    waits: Arc<Mutex<Waits>>,
    stage: Arc<Mutex<Stage>>,
    pub(super) buffers: Buffers,
}

impl Host {
    /// With nothing that only some systems have.
    pub(super) fn portable() -> Self {
        let host = Self::default();
        host.ring.get_or_init(|| None);
        host.stage().never();
        host
    }

    pub(super) fn sync_method(&self) -> SyncMethod {
        match self.opened() {
            Some(_) => SyncMethod::IoUring,
            None => SyncMethod::Calls,
        }
    }

    /// How the next commit waits for the device.
    pub(super) fn way(&self) -> Way {
        self.opened().map_or(Way::Asleep, |_| self.waits().way())
    }

    /// What a commit took that waited this way.
    pub(super) fn took(&self, way: Way, time: Duration) {
        self.waits().took(way, time);
    }

    /// One commit at a time holds it.
    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ring(&self) -> Option<MutexGuard<'_, Ring>> {
        let ring = self.opened()?;
        Some(ring.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn opened(&self) -> Option<&Mutex<Ring>> {
        self.ring.get_or_init(open).as_ref()
    }
}

#[cfg(target_os = "linux")]
fn open() -> Option<Mutex<Ring>> {
    match Ring::open() {
        Ok(ring) => Some(Mutex::new(ring)),
        Err(error) => {
            tracing::debug!(%error, "no io_uring: the portable calls are used");
            None
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn open() -> Option<Mutex<Ring>> {
    None
}
