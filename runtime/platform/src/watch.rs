//! A value and its changes: one side sets it, any number wait for what it becomes.
//!
//! Who waits first is woken first. tokio's own watch keeps its waiters in lists drawn at random, so that two runs of one
//! seed would wake them in different orders. A value set twice before anybody looks is seen once.

use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;

/// Every sender is gone, so the value will not change any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody will set the value any more")]
pub struct Closed;

/// Clones set the same value.
#[derive(Debug)]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// A clone has seen what its original has seen.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// The value for as long as it is looked at; nobody can set it meanwhile.
#[derive(Debug)]
pub struct Ref<'a, T>(RwLockReadGuard<'a, State<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: RwLock<State<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<T> {
    value: T,
    version: u64,
    senders: usize,
}

#[must_use]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    #[must_use]
    pub fn new(value: T) -> Self {
        let state = State {
            value,
            version: 0,
            senders: 1,
        };
        Self {
            shared: Arc::new(Shared {
                state: RwLock::new(state),
                changed: Notify::new(),
            }),
        }
    }

    /// What the value is now counts as seen.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver {
            seen: self.shared.read().version,
            shared: Arc::clone(&self.shared),
        }
    }

    #[must_use]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(self.shared.read())
    }

    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        {
            let mut state = self.shared.write();
            modify(&mut state.value);
            state.version += 1;
        }
        self.shared.changed.notify_waiters();
    }

    /// Returns what the value was.
    pub fn send_replace(&self, value: T) -> T {
        let mut before = value;
        self.send_modify(|now| std::mem::swap(now, &mut before));
        before
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.write().senders += 1;
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let closed = {
            let mut state = self.shared.write();
            state.senders -= 1;
            state.senders == 0
        };
        if closed {
            self.shared.changed.notify_waiters();
        }
    }
}

impl<T> Receiver<T> {
    #[must_use]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(self.shared.read())
    }

    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let state = self.shared.read();
        self.seen = state.version;
        Ref(state)
    }

    /// Whether there is something that was not seen yet; an error once nothing can come any more.
    pub fn has_changed(&self) -> Result<bool, Closed> {
        let state = self.shared.read();
        if state.senders == 0 {
            return Err(Closed);
        }
        Ok(state.version != self.seen)
    }

    /// Waits for a value that was not seen yet.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        let shared = Arc::clone(&self.shared);
        loop {
            // It hears of every change from here on, also of those before it is awaited.
            let changed = shared.changed.notified();
            {
                let state = shared.read();
                if state.version != self.seen {
                    self.seen = state.version;
                    return Ok(());
                }
                if state.senders == 0 {
                    return Err(Closed);
                }
            }
            changed.await;
        }
    }

    /// The first value from now on that `is` what is waited for, the present one included.
    pub async fn wait_for(&mut self, mut is: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, Closed> {
        loop {
            let changed = self.shared.changed.notified();
            {
                let state = self.shared.read();
                self.seen = state.version;
                if is(&state.value) {
                    return Ok(Ref(state));
                }
                if state.senders == 0 {
                    return Err(Closed);
                }
            }
            changed.await;
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            seen: self.seen,
        }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

/// A panic of another task leaves the last value standing.
impl<T> Shared<T> {
    fn read(&self) -> RwLockReadGuard<'_, State<T>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<T>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn who_waits_first_is_woken_first() {
        let (sender, receiver) = channel(0);
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..50)
            .map(|turn| {
                let (mut receiver, order) = (receiver.clone(), Arc::clone(&order));
                tokio::spawn(async move {
                    drop(receiver.wait_for(|value| *value == 1).await);
                    order.lock().unwrap().push(turn);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(sender.send_replace(1), 0);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), Vec::from_iter(0..50));
    }

    #[tokio::test]
    async fn a_change_is_seen_once_by_each() {
        let (sender, mut one) = channel("a");
        let mut other = one.clone();
        sender.send_replace("b");
        sender.send_modify(|value| *value = "c");
        assert_eq!(one.has_changed(), Ok(true));
        assert_eq!(one.changed().await, Ok(()));
        assert_eq!((*one.borrow(), one.has_changed()), ("c", Ok(false)));
        assert_eq!(*other.borrow_and_update(), "c");
        assert_eq!(other.has_changed(), Ok(false));
        assert_eq!(sender.subscribe().has_changed(), Ok(false));
    }

    #[tokio::test]
    async fn the_last_value_outlives_its_sender() {
        let (sender, mut receiver) = channel(0);
        drop(sender.clone());
        sender.send_replace(1);
        assert_eq!(receiver.has_changed(), Ok(true));
        drop(sender);
        assert_eq!(receiver.has_changed(), Err(Closed));
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(receiver.changed().await, Err(Closed));
        assert_eq!(*receiver.wait_for(|value| *value == 1).await.unwrap(), 1);
        assert!(receiver.wait_for(|value| *value == 2).await.is_err());
    }
}
