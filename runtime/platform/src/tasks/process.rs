//! The tasks of one simulated process, which die together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    running: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Process {
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let handle = tokio::spawn(work).abort_handle();
        let mut running = self.running();
        if running.len() == running.capacity() {
            running.retain(|task| !task.is_finished());
        }
        running.push(handle);
    }

    /// Nothing of the process runs after the first abort; what its tasks held is dropped before this returns.
    pub(super) async fn kill(&self) {
        let killed = std::mem::take(&mut *self.running());
        killed.iter().for_each(AbortHandle::abort);
        while !killed.iter().all(AbortHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    }

    fn running(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
