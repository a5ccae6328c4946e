//! The invocations of a shard that run now, at most one in each lane.

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use model::seams::BoxFuture;

use super::*;

/// An invocation on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) work: Work,
    pub(super) records: Arc<[UserRecord]>,
    pub(super) began: Timestamp,
    pub(super) begun: Begun,
}

/// An invocation that came back.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) lane: LaneId,
    pub(super) flight: Flight,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Default)]
pub(super) struct Flights {
    running: FuturesUnordered<BoxFuture<'static, (LaneId, Outcome)>>,
    known: BTreeMap<LaneId, Flight>,
    /// None had a place to run in when last looked at.
    all_wait: bool,
}

impl Flights {
    pub(super) fn start(
        &mut self,
        lane: LaneId,
        flight: Flight,
        running: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.known.insert(lane, flight);
        self.running
            .push(Box::pin(async move { (lane, running.await) }));
        self.all_wait = false;
    }

    /// The next that comes back; `None` when none is on its way.
    pub(super) async fn next(&mut self) -> Option<Landed> {
        loop {
            let (lane, outcome) = self.running.next().await?;
            if let Some(flight) = self.known.remove(&lane) {
                return Some(Landed {
                    lane,
                    flight,
                    outcome,
                });
            }
        }
    }

    /// Ends all that runs; what it would have come to is nobody's any more.
    pub(super) fn drop_all(&mut self) {
        *self = Self::default();
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn has(&self, lane: LaneId) -> bool {
        self.known.contains_key(&lane)
    }

    /// Notes whether a function runs or all wait for their turn.
    pub(super) fn look(&mut self) {
        self.all_wait = !self.known.is_empty() && self.known.values().all(waits);
    }

    /// As of the last look, unless something started since.
    pub(super) fn all_wait(&self) -> bool {
        self.all_wait
    }

    /// Whether another look may show something else.
    pub(super) fn needs_look(&self) -> bool {
        self.all_wait || self.known.values().any(waits)
    }
}

fn waits(flight: &Flight) -> bool {
    !flight.begun.is_told()
}
