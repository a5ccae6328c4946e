//! The background part: applies durable writes to the view and removes segments that hold nothing readable.
//!
//! Only the oldest segments can go, so that the log stays one piece. What the view still points to moves forward first,
//! and the view is synced before the file goes. A failed read or write here stops the log like any other.

pub(crate) mod apply;
pub(crate) mod carry;
pub(crate) mod seal;
pub(crate) mod spares;
pub(crate) mod worth;

use std::{collections::BTreeMap, io, sync::Arc};

use model::Timestamp;
use tracing::debug;

use crate::{
    archive::Looked,
    clean::{
        spares::Pace,
        worth::{Measured, worth_cleaning},
    },
    layout::segment::Segment,
    shared::{Claim, EndsOnPanic, Shared},
};

#[derive(Debug)]
pub(crate) struct Cleaner {
    pub shared: Arc<Shared>,
    pub claim: Arc<Claim>,
    /// What was found in segments without readable records, and how far the log reached then.
    pub measured: BTreeMap<u64, (Measured, u64)>,
    pub pace: Option<Pace>,
    pub looked: Looked,
    /// When deletions in the archive are tried again.
    pub strays_from: Option<Timestamp>,
}

/// A segment in which no record is readable any more, and where it ends.
#[derive(Debug, Clone)]
pub(crate) struct Dead {
    pub segment: Arc<Segment>,
    pub end: u64,
}

impl Dead {
    fn bytes(&self) -> u64 {
        self.end - self.segment.base
    }
}

impl Cleaner {
    pub(crate) fn new(shared: &Arc<Shared>, claim: Arc<Claim>) -> Self {
        Self {
            shared: Arc::clone(shared),
            claim,
            measured: BTreeMap::new(),
            pace: None,
            looked: Looked::default(),
            strays_from: None,
        }
    }

    pub(crate) async fn run(mut self) {
        let _guard = EndsOnPanic(Arc::clone(&self.shared));
        loop {
            if let Err(failure) = self.round().await {
                self.shared.poison(&failure.to_string());
                return;
            }
            if self.shared.ends() {
                return;
            }
            self.woken().await;
        }
    }

    /// Until there is something to do, or what the archive refused may be tried again.
    async fn woken(&self) {
        let more = self.shared.applied.notified();
        let clock = &self.shared.platform.clock;
        let strays = !self.shared.state().strays.is_empty();
        let deletes = self.strays_from.filter(|_| strays);
        match [self.looked.retry, deletes].into_iter().flatten().min() {
            None => more.await,
            // Woken or not, there is a round.
            Some(at) => drop(clock.timeout(at.since(clock.wall()), more).await),
        }
    }

    async fn round(&mut self) -> io::Result<()> {
        self.shared.apply(&self.claim)?;
        if self.seal().await? {
            // The next start takes an index over only where the view has seen its segment.
            self.shared.sync_view(&self.claim)?;
        }
        self.archive().await?;
        self.remove_archived().await?;
        loop {
            let dead = self.oldest_dead();
            // The view can say what lives in them only when it knows all that they hold.
            self.shared.apply(&self.claim)?;
            let Some(count) = self.worth_cleaning(&dead)? else {
                return self.prepare_spare().await;
            };
            for dead in dead.into_iter().take(count) {
                if !self.remove(dead).await? {
                    return Ok(());
                }
            }
        }
    }

    /// The oldest segments without readable records, never the last one.
    fn oldest_dead(&self) -> Vec<Dead> {
        let state = self.shared.state();
        if state.stopped.is_some() || state.stopping {
            return Vec::new();
        }
        let segments = state.segments.values();
        segments
            .clone()
            .zip(segments.skip(1))
            .take_while(|(segment, next)| {
                let readable = state.live.get(&segment.base).copied().unwrap_or_default();
                readable == 0 && state.durable > next.base
            })
            .map(|(segment, next)| Dead {
                segment: Arc::clone(segment),
                end: next.base,
            })
            .collect()
    }

    /// Measures from the oldest on, no further than needed.
    fn worth_cleaning(&mut self, dead: &[Dead]) -> io::Result<Option<usize>> {
        let all = dead.iter().map(Dead::bytes).sum::<u64>();
        // Measuring again reads at most four times what was written meanwhile.
        let fresh = self.shared.settings.segment_bytes.max(all / 4);
        let (full, next) = {
            let state = self.shared.state();
            (state.full, state.next)
        };
        let mut measured = Vec::with_capacity(dead.len());
        for dead in dead {
            let known = self.measured.get(&dead.segment.base);
            // What lives here only shrinks, so an old measure is too high, never too low.
            let known = known.filter(|(_, at)| next - at < fresh);
            if let Some((known, _)) = known {
                measured.push(*known);
            } else {
                let found = Measured {
                    bytes: dead.bytes(),
                    live_bytes: self.live_bytes(dead)?,
                };
                self.measured.insert(dead.segment.base, (found, next));
                measured.push(found);
            }
            if let Some(count) = worth_cleaning(&measured, full) {
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// Whether the segment is gone; not so when the log stops meanwhile.
    async fn remove(&mut self, dead: Dead) -> io::Result<bool> {
        // What lives here only shrinks.
        let measured = self.measured.get(&dead.segment.base);
        let lives = measured.is_none_or(|(measured, _)| measured.live_bytes > 0);
        if lives && self.carry(&dead).await?.is_none() {
            return Ok(false);
        }
        if self.begin_behind(&dead).await?.is_none() {
            return Ok(false);
        }
        self.shared.apply(&self.claim)?;
        self.shared.sync_view(&self.claim)?;
        let base = dead.segment.base;
        self.measured.remove(&base);
        self.shared.state().forget_segment(base);
        self.free(&dead).await?;
        self.shared.measure_space().await?;
        debug!(base, "segment removed");
        Ok(true)
    }
}
