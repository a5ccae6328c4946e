//! How a worn disk behaves: syncs take their time, and a crash may leave any part of what was not synced.
//!
//! A disk is new until `begin`: its syncs are immediate, and a crash leaves exactly what was synced. All is drawn from
//! one sequence, so that the same seed wears the same way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::locked;
use crate::Rng;

#[derive(Clone, Debug, Default)]
pub(super) struct Wear {
    begun: Arc<Mutex<Option<Worn>>>,
}

#[derive(Debug)]
struct Worn {
    rng: Rng,
    sync_max: Duration,
}

impl Wear {
    pub(super) fn begin(&self, rng: Rng, sync_max: Duration) {
        *locked(&self.begun) = Some(Worn { rng, sync_max });
    }

    /// The time that a sync takes.
    pub(super) async fn pause(&self) {
        let pause = locked(&self.begun)
            .as_ref()
            .map(|worn| worn.sync_max.mul_f64(worn.rng.fraction()));
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
    }

    /// Where a worn disk draws what a power loss leaves; a new one leaves only what was synced.
    pub(super) fn rng(&self) -> Option<Rng> {
        locked(&self.begun).as_ref().map(|worn| worn.rng.clone())
    }
}
