//! What handles and running parts share, and how the log ends.
//!
//! One lock holds what the log knows; waiting is done beside it. Whoever ends the log first says why, and everybody who
//! waits hears it. Nothing here touches the disk.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use platform::{DiskLock, Platform};
use tokio::sync::{Notify, Semaphore};
use tracing::error;

use crate::{
    Settings,
    append::{
        progress::{Asked, Progress},
        queue::State,
    },
    archive::Archive,
    clean::seal::IndexCache,
    encryption::keyring::Keyring,
    errors::Stopped,
    view::View,
};

/// What only one opened log of a directory may have. Whoever still uses the disk keeps it; the view is closed before the
/// lock is free.
#[derive(Debug)]
pub(crate) struct Claim {
    pub view: Box<dyn View>,
    pub _lock: DiskLock,
}

/// What handles and running parts share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub platform: Platform,
    pub settings: Settings,
    pub dir: PathBuf,
    pub state: Mutex<State>,
    pub progress: Mutex<Progress>,
    pub placed: Notify,
    pub applied: Notify,
    pub room: Arc<Semaphore>,
    pub indexes: Mutex<IndexCache>,
    pub archive: Archive,
    pub keyring: Keyring,
}

impl Shared {
    pub(crate) fn indexes(&self) -> MutexGuard<'_, IndexCache> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether running parts go home once their work is done.
    pub(crate) fn ends(&self) -> bool {
        let state = self.state();
        state.stopping || state.stopped.is_some()
    }

    /// Stops the log for good; waiters learn why.
    pub(crate) fn poison(&self, reason: &str) {
        error!(reason, "the log stops, start again to recover");
        self.end(reason);
    }

    pub(crate) fn end(&self, reason: &str) {
        let claim = {
            let mut state = self.state();
            state.stopped.get_or_insert_with(|| reason.to_owned());
            state.waiting.clear();
            for shard in state.shards.values_mut() {
                shard.close_tail();
            }
            state.claim.take()
        };
        // Closing the view takes its time, so not under the lock.
        drop(claim);
        let wakes = self.progress().stop(reason);
        wakes.send();
        self.room.close();
        self.placed.notify_one();
        self.applied.notify_one();
    }

    /// Resolves once everything up to `at` is durable. Where the log ends before, so does the wait.
    pub(crate) async fn durable(&self, at: u64) -> Result<(), Stopped> {
        let asked = self.progress().ask(at);
        match asked {
            Asked::Known(known) => known,
            Asked::Later(wait) => {
                // The other side does not go without a word; what is known now says which.
                let _woken = wait.await;
                let known = self.progress().known(at);
                known.unwrap_or_else(|| Err(Stopped("asked to stop".to_owned())))
            }
        }
    }
}

/// A running part that panics takes the log with it, so that nobody waits for it for ever.
#[derive(Debug)]
pub(crate) struct EndsOnPanic(pub Arc<Shared>);

impl Drop for EndsOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("a part of the log panicked");
        }
    }
}
