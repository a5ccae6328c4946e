//! The tasks of one simulated process, which die together, and stand still together.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    running: Arc<Mutex<Vec<AbortHandle>>>,
    gate: Gate,
    /// Told when the process wants to end by itself.
    dying: Arc<Notify>,
}

/// While it is closed nothing of the process runs.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    closed: bool,
    wakers: Vec<Waker>,
}

/// Work that goes on only while the gate is open.
struct Gated<F> {
    gate: Gate,
    work: Pin<Box<F>>,
}

impl Process {
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let gated = Gated {
            gate: self.gate.clone(),
            work: Box::pin(work),
        };
        let handle = tokio::spawn(gated).abort_handle();
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

    /// SIGSTOP: what happens meanwhile is met only after `thaw`.
    pub(super) fn freeze(&self) {
        self.gate.waiting().closed = true;
    }

    /// SIGCONT.
    pub(super) fn thaw(&self) {
        let wakers = {
            let mut waiting = self.gate.waiting();
            waiting.closed = false;
            std::mem::take(&mut waiting.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn die(&self) {
        self.dying.notify_one();
    }

    pub(super) async fn dying(&self) {
        self.dying.notified().await;
    }

    fn running(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever meets a closed gate is woken when it opens.
    fn is_closed(&self, waker: &Waker) -> bool {
        let mut waiting = self.waiting();
        let closed = waiting.closed;
        if closed && !waiting.wakers.iter().any(|known| known.will_wake(waker)) {
            waiting.wakers.push(waker.clone());
        }
        closed
    }
}

impl<F: Future<Output = ()>> Future for Gated<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.gate.is_closed(cx.waker()) {
            return Poll::Pending;
        }
        self.work.as_mut().poll(cx)
    }
}
