//! How many invocations may run at the same time, of a function or of a trigger: who comes later waits, or is told.
//!
//! The bound may change while invocations run; it then holds for those that begin.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    running: u32,
    /// None: as many as there are places for.
    max: Option<u32>,
}

/// Room for one invocation, as long as it is held.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Gate>);

impl Gate {
    pub(crate) fn new(max: Option<u32>) -> Arc<Self> {
        let gate = Self::default();
        gate.set(max);
        Arc::new(gate)
    }

    pub(crate) fn set(&self, max: Option<u32>) {
        self.state().max = max;
        self.left.notify_waiters();
    }

    pub(crate) fn max(&self) -> Option<u32> {
        self.state().max
    }

    pub(crate) fn running(&self) -> u32 {
        self.state().running
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_enter(self: &Arc<Self>) -> Option<Pass> {
        let mut state = self.state();
        if state.max.is_some_and(|max| state.running >= max) {
            return None;
        }
        state.running += 1;
        Some(Pass(Arc::clone(self)))
    }

    /// Waits for room.
    pub(crate) async fn enter(self: &Arc<Self>) -> Pass {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            // From here on no departure is missed.
            left.as_mut().enable();
            if let Some(pass) = self.try_enter() {
                return pass;
            }
            left.await;
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.state().running -= 1;
        self.0.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_pass_than_there_is_room_for() {
        let gate = Gate::new(Some(2));
        let (first, second) = (gate.enter().await, gate.enter().await);
        assert!(gate.try_enter().is_none());
        let waiting = gate.enter();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(first);
        drop(waiting.await);
        assert_eq!(gate.running(), 1);
        gate.set(Some(0));
        drop(second);
        assert!(gate.try_enter().is_none());
        gate.set(None);
        assert!(gate.try_enter().is_some());
    }
}
