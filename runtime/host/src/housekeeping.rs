//! What goes by itself: expired records, dead letters, values of the state, lines of the log; and shards, of streams that
//! scale with their traffic.
//!
//! One task on the platform's clock, right after the start and then from time to time. A round has a bound; what it leaves
//! the next one takes up. Everything expired is invisible or useless before it is removed, so a round that fails is a
//! line in the log and another try.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use dispatch::AuditLog;
use model::{TriggerName, seams::CommitError};
use platform::StopToken;
use tracing::{debug, info, warn};

use crate::{
    api,
    assemble::Rooms,
    lag,
    limits::{
        AUDIT_PAGE, EXPIRED_DEAD_LETTERS_MAX, EXPIRED_DEAD_LETTERS_PAGE, HOUSEKEEPING_PERIOD,
        LOOKED_AT_VALUES_MAX, LOOKED_AT_VALUES_PAGE, TRAFFIC_PERIOD,
    },
};

#[derive(Debug)]
pub(crate) struct Housekeeping {
    rooms: Arc<Rooms>,
    /// Where the next round goes on with the state of a trigger; those that are not here begin anew.
    places: BTreeMap<TriggerName, Bytes>,
}

impl Housekeeping {
    pub(crate) fn new(rooms: Arc<Rooms>) -> Self {
        Self {
            rooms,
            places: BTreeMap::new(),
        }
    }

    pub(crate) async fn run(mut self, stop: StopToken) {
        let clock = self.rooms.platform.clock.clone();
        loop {
            self.round(&stop).await;
            let mut waited = Duration::ZERO;
            while waited < HOUSEKEEPING_PERIOD {
                waited += tokio::select! {
                    biased;
                    () = stop.stopped() => return,
                    // Much may have expired by a jump, so the round comes at once.
                    () = clock.shifted() => HOUSEKEEPING_PERIOD,
                    () = clock.sleep(TRAFFIC_PERIOD) => TRAFFIC_PERIOD,
                };
                self.traffic().await;
                lag::look(&self.rooms);
            }
        }
    }

    /// Streams that scale by themselves follow what passed through them.
    async fn traffic(&self) {
        self.rooms.streams.observe();
        let rebalanced = self.rooms.streams.rebalance(&self.rooms.autoscaled);
        for done in rebalanced.await {
            match done {
                Ok(done) => info!(
                    stream = %done.stream.name, splits = done.splits, merges = done.merges,
                    open_shards = done.open_shards, "a stream followed its traffic"
                ),
                Err(error) => warn!(%error, "a stream could not follow its traffic"),
            }
        }
    }

    async fn round(&mut self, stop: &StopToken) {
        self.records().await;
        if let Err(error) = self.dead_letters(stop).await {
            warn!(%error, "expired dead letters could not be removed");
        }
        let names: Vec<TriggerName> = self.rooms.triggers.now().keys().cloned().collect();
        for name in names {
            if let Err(error) = self.state(&name, stop).await {
                warn!(trigger = %name, %error, "expired state could not be removed");
            }
        }
        let now = self.rooms.platform.clock.wall();
        self.rooms.logs.expire(now).await;
        for loss in api::status::losses(&self.rooms) {
            warn!("{loss}");
        }
        let audit = AuditLog::new(Arc::clone(&self.rooms.journal));
        if let Err(error) = audit.expire(now, AUDIT_PAGE).await {
            warn!(%error, "old rows of the audit log could not be removed");
        }
    }

    /// Records past their retention are invisible at once; this frees their room.
    async fn records(&self) {
        let now = self.rooms.platform.clock.wall();
        if let Err(error) = self.rooms.streams.trim_expired(now).await {
            warn!(%error, "expired records could not be freed");
        }
    }

    async fn dead_letters(&self, stop: &StopToken) -> Result<(), CommitError> {
        let now = self.rooms.platform.clock.wall();
        let mut removed = 0;
        while removed < EXPIRED_DEAD_LETTERS_MAX && !stop.is_stopped() {
            let page = EXPIRED_DEAD_LETTERS_PAGE;
            let count = self.rooms.dead_letters.expire(now, page).await?;
            removed += count;
            if count < page {
                break;
            }
        }
        if removed > 0 {
            debug!(removed, "expired dead letters removed");
        }
        Ok(())
    }

    async fn state(&mut self, name: &TriggerName, stop: &StopToken) -> Result<(), CommitError> {
        let Some(state) = self.rooms.runners.state(name) else {
            return Ok(());
        };
        let mut after = self.places.remove(name);
        let mut removed = 0;
        for _ in 0..LOOKED_AT_VALUES_MAX / LOOKED_AT_VALUES_PAGE {
            let cleaned = state.clean(after.as_deref(), LOOKED_AT_VALUES_PAGE).await?;
            removed += cleaned.removed;
            after = cleaned.after;
            if after.is_none() || stop.is_stopped() {
                break;
            }
        }
        if removed > 0 {
            debug!(trigger = %name, removed, "expired state removed");
        }
        if let Some(after) = after {
            self.places.insert(name.clone(), after);
        }
        Ok(())
    }
}

#[cfg(test)]
mod losses;
#[cfg(test)]
pub(crate) mod tests;
