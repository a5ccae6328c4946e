//! The points at which workers are met, and what happens to them there.
//!
//! Each fault counts its occasions by itself. A crash never returns; a freeze returns when it is over or the server stops.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use model::{
    LeaseKey,
    seams::{Handler, Journal},
};
use platform::{Platform, Rng, StopToken};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::{Fault, Faults, Point, handler::FaultyHandler, journal::FaultyJournal};

/// Orders to replace a worker that nobody has carried out yet.
const ORDERS_MAX: usize = 64;

/// Shared by all that is wrapped.
#[derive(Debug)]
pub(crate) struct Points {
    platform: Platform,
    seed: u64,
    stop: StopToken,
    faults: Vec<Counted>,
    orders: mpsc::Sender<LeaseKey>,
    /// Workers that are to be replaced; whoever carries it out takes this once.
    replaced: Mutex<Option<mpsc::Receiver<LeaseKey>>>,
}

#[derive(Debug)]
struct Counted {
    fault: Fault,
    occasions: AtomicU32,
}

impl Counted {
    fn is_due(&self, nth: u32) -> bool {
        self.occasions.fetch_add(1, Ordering::Relaxed) + 1 == nth
    }
}

impl Points {
    /// `None` for a server to which nothing is done.
    pub(crate) fn of(
        platform: &Platform,
        faults: Option<&Faults>,
        stop: &StopToken,
    ) -> Option<Arc<Self>> {
        let faults = faults?;
        let (orders, replaced) = mpsc::channel(ORDERS_MAX);
        let counted = |fault: &Fault| Counted {
            fault: fault.clone(),
            occasions: AtomicU32::new(0),
        };
        Some(Arc::new(Self {
            platform: platform.clone(),
            seed: faults.seed,
            stop: stop.clone(),
            faults: faults.list.iter().map(counted).collect(),
            orders,
            replaced: Mutex::new(Some(replaced)),
        }))
    }

    pub(crate) fn journal(
        this: Option<&Arc<Self>>,
        inner: impl Journal + 'static,
    ) -> Arc<dyn Journal> {
        match this {
            Some(points) => Arc::new(FaultyJournal::new(Arc::new(inner), Arc::clone(points))),
            None => Arc::new(inner),
        }
    }

    pub(crate) fn handler(this: Option<&Arc<Self>>, inner: Arc<dyn Handler>) -> Arc<dyn Handler> {
        match this {
            Some(points) => Arc::new(FaultyHandler::new(inner, Arc::clone(points))),
            None => inner,
        }
    }

    pub(super) fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().map(|counted| &counted.fault)
    }

    pub(super) fn take_orders(&self) -> Option<mpsc::Receiver<LeaseKey>> {
        self.replaced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Whether a worker is met at a point that something may happen at.
    pub(super) async fn meet(&self, worker: &LeaseKey, here: Point) {
        for (number, counted) in (0_u64..).zip(&self.faults) {
            let fault = &counted.fault;
            match fault {
                Fault::Crash {
                    worker: whom,
                    point,
                    nth,
                } if *point == here && whom.is(worker) && counted.is_due(*nth) => {
                    warn!(shard = %worker.shard, %fault, "a crash on purpose");
                    self.platform.tasks.die().await;
                }
                Fault::Freeze {
                    worker: whom,
                    point,
                    nth,
                    lasts,
                    replaced,
                } if *point == here && whom.is(worker) && counted.is_due(*nth) => {
                    warn!(shard = %worker.shard, %fault, "frozen on purpose");
                    if *replaced && self.orders.try_send(worker.clone()).is_err() {
                        warn!(shard = %worker.shard, "nobody replaces the worker: too many are frozen");
                    }
                    self.pass(*lasts).await;
                }
                Fault::Slow {
                    worker: whom,
                    percent,
                    by,
                } if here == Point::BeforeInvocation && whom.is(worker) => {
                    let turn = counted.occasions.fetch_add(1, Ordering::Relaxed);
                    if drawn(self.seed, number, turn) < *percent {
                        debug!(shard = %worker.shard, %fault, "late on purpose");
                        self.pass(*by).await;
                    }
                }
                Fault::Crash { .. }
                | Fault::Freeze { .. }
                | Fault::Slow { .. }
                | Fault::Throttle { .. }
                | Fault::Split { .. }
                | Fault::Merge { .. } => {}
            }
        }
    }

    /// A stop ends every pause.
    async fn pass(&self, time: std::time::Duration) {
        tokio::select! {
            biased;
            () = self.stop.stopped() => {}
            () = self.platform.clock.sleep(time) => {}
        }
    }
}

/// Of a hundred; the same for the same seed, fault and turn, whatever else happens.
fn drawn(seed: u64, fault: u64, turn: u32) -> u32 {
    let rng = Rng::seeded(seed ^ (fault << 32) ^ u64::from(turn));
    u32::try_from(rng.below(100)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_follows_from_the_seed_and_comes_as_often_as_it_should() {
        let hits =
            |seed| -> Vec<bool> { (0..2_000).map(|turn| drawn(seed, 3, turn) < 10).collect() };
        assert_eq!(hits(7), hits(7));
        assert_ne!(hits(7), hits(8));
        let count = hits(7).into_iter().filter(|hit| *hit).count();
        assert!((130..270).contains(&count), "{count} of 2,000 at 10 %");
    }
}
