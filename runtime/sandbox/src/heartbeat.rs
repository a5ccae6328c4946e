//! The epoch tick: a thread that makes running guests give way and look at their deadline every millisecond.
//!
//! It runs only while invocations are in flight and a little longer, so that an idle host sleeps.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use platform::{Platform, Ticker};

use crate::limits::{EPOCH_LINGER, EPOCH_TICK};

#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    engine: wasmtime::Engine,
    platform: Platform,
    in_flight: Arc<AtomicUsize>,
    ticker: Arc<Mutex<Option<Ticker>>>,
}

/// Keeps the heart beating until it is dropped.
#[derive(Debug)]
pub(crate) struct Beating(Arc<AtomicUsize>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Heartbeat {
    pub(crate) fn new(engine: wasmtime::Engine, platform: Platform) -> Self {
        Self {
            engine,
            platform,
            in_flight: Arc::default(),
            ticker: Arc::default(),
        }
    }

    pub(crate) fn start(&self) -> Beating {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let beating = Beating(Arc::clone(&self.in_flight));
        let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        if ticker.is_none() {
            let engine = self.engine.clone();
            let tick = move || engine.increment_epoch();
            *ticker = Some(
                self.platform
                    .tasks
                    .every("sandbox-epochs", EPOCH_TICK, tick),
            );
            let rest = self.clone();
            drop(
                self.platform
                    .tasks
                    .spawn("sandbox-epochs-rest", rest.stop_when_idle()),
            );
        }
        beating
    }

    /// Looks under the lock, as `start` does: either it sees the new invocation, or that one starts a new ticker.
    async fn stop_when_idle(self) {
        loop {
            self.platform.clock.sleep(EPOCH_LINGER).await;
            let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
            if self.in_flight.load(Ordering::Acquire) == 0 {
                *ticker = None;
                return;
            }
        }
    }
}
