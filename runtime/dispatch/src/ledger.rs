//! What of a shard is settled and what is being worked on, lane by lane: the progress row while it lives.
//!
//! Pure. Works enter their lane in order, are taken from its front, and come back in parts until nothing of them is left.
//! What was changed for a transaction that the log then refuses is taken back as it was.

mod queue;
mod reliefs;
mod replacing;
mod row;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::{Checkpoint, Position, Timestamp, UserRecord};

use crate::{
    lanes::{LaneId, Lanes},
    limits::{HOLES_MAX, OPEN_KEYS_MAX, TRIES_MAX},
    progress::Progress,
    settle::{Origin, Work},
    window::Window,
};
use queue::Queue;

pub(crate) use replacing::Replaced;

#[derive(Debug)]
pub(crate) struct Ledger {
    lanes: Lanes,
    window: Window,
    /// The last position that any lane began; what is no lane's is settled up to here.
    through: Checkpoint,
    queues: BTreeMap<LaneId, Queue>,
    /// Settled records that lie between unsettled ones of a work.
    holes: BTreeSet<Position>,
    /// After a seek back: up to here records were delivered before.
    replayed: Option<Checkpoint>,
}

impl Ledger {
    pub(crate) fn resume(row: &Progress, lanes: Lanes) -> Self {
        let mut ledger = Self {
            lanes,
            window: Window::new(row.low),
            through: row.through,
            queues: BTreeMap::new(),
            holes: row.holes.iter().copied().collect(),
            replayed: row.replayed,
        };
        for (lane, through) in (0..).zip(&row.lane_through) {
            ledger.queue(LaneId(lane)).through = *through;
        }
        ledger
    }

    fn queue(&mut self, lane: LaneId) -> &mut Queue {
        let through = self.window.low();
        self.queues
            .entry(lane)
            .or_insert_with(|| Queue::new(through))
    }

    /// Settled up to and including, everything.
    pub(crate) fn low(&self) -> Checkpoint {
        self.window.low()
    }

    pub(crate) fn is_within_record(&self) -> bool {
        self.window.is_within_record()
    }

    pub(crate) fn through(&self) -> Checkpoint {
        self.through
    }

    /// How many records are not settled.
    pub(crate) fn open(&self) -> usize {
        self.window.open()
    }

    /// Where records begin that must not be worked on yet, because a row has no room to name all before them.
    pub(crate) fn horizon(&self) -> Option<Position> {
        match self.lanes {
            Lanes::Hashed(_) | Lanes::Split { .. } => None,
            Lanes::Keys(_) => self.window.nth_open(OPEN_KEYS_MAX),
        }
    }

    pub(crate) fn open_bytes(&self) -> usize {
        self.window.open_bytes()
    }

    /// One more record, later than all before it, that has to be settled some day.
    pub(crate) fn read(&mut self, record: &UserRecord) {
        self.window.read(record.position, record.data.len());
    }

    /// Everything up to `seen` was read.
    pub(crate) fn see(&mut self, seen: Checkpoint) {
        self.window.pass(seen);
    }

    /// Everything up to `seen` was read and is in some work, or needs none.
    pub(crate) fn pass(&mut self, seen: Checkpoint) {
        self.window.pass(seen);
        self.through = self.through.max(seen);
        for queue in self.queues.values_mut() {
            queue.through = queue.through.max(seen);
        }
    }

    /// A new batch of a lane, later than everything the lane has.
    pub(crate) fn begin(&mut self, lane: LaneId, work: Work) {
        let last = work.records.last().map(|record| record.position);
        let last = last.filter(|_| work.origin == Origin::Shard);
        let queue = self.queue(lane);
        queue.works.push_back(work);
        if let Some(last) = last.map(Checkpoint::Settled) {
            queue.through = queue.through.max(last);
            self.through = self.through.max(last);
        }
    }

    /// The work whose turn it is in a lane: the first that is not set aside.
    pub(crate) fn front(&self, lane: LaneId) -> Option<&Work> {
        self.queues.get(&lane)?.front()
    }

    /// Of all lanes that have one.
    pub(crate) fn fronts(&self) -> impl Iterator<Item = (LaneId, &Work)> {
        let queues = self.queues.iter();
        queues.filter_map(|(lane, queue)| Some((*lane, queue.front()?)))
    }

    /// No work is left in any lane, not even one that is set aside.
    pub(crate) fn has_no_works(&self) -> bool {
        self.queues.values().all(|queue| queue.works.is_empty())
    }

    /// For one try, works that failed are passed over in each lane, until they are acquitted.
    pub(crate) fn pass_over(&mut self, failed: impl Fn(&Work) -> bool) {
        let queues = self.queues.values_mut();
        queues.for_each(|queue| queue.pass_over(&failed));
    }

    /// Works that are set aside, of all lanes.
    pub(crate) fn works_aside(&self) -> impl Iterator<Item = &Work> {
        let queues = self.queues.values();
        queues.flat_map(|queue| queue.works.iter().take(queue.turn()))
    }

    /// Whether works of the lane are passed over, or set aside.
    pub(crate) fn is_out_of_turn(&self, lane: LaneId) -> bool {
        self.queues.get(&lane).is_some_and(|queue| queue.turn() > 0)
    }

    /// The keys of records that are set aside in a lane.
    pub(crate) fn keys_aside(&self, lane: LaneId) -> BTreeSet<Bytes> {
        let queue = self.queues.get(&lane).into_iter();
        let aside = queue.flat_map(|queue| queue.works.iter().take(queue.turn()));
        let records = aside.flat_map(|work| work.records.iter());
        records.map(|record| record.partition_key.clone()).collect()
    }

    /// How many works are set aside.
    pub(crate) fn aside(&self) -> usize {
        self.queues.values().map(Queue::turn).sum()
    }

    /// How many more records may be settled between others of their work.
    pub(crate) fn holes_left(&self) -> usize {
        HOLES_MAX.saturating_sub(self.holes.len())
    }

    /// How many more sets of records an answer may leave open. Of keys with lanes of their own a row names what it has room for.
    pub(crate) fn sets_left(&self) -> usize {
        let open: usize = match self.lanes {
            Lanes::Hashed(_) | Lanes::Split { .. } => self.queues.values().map(Queue::len).sum(),
            Lanes::Keys(_) => 0,
        };
        TRIES_MAX.saturating_sub(open)
    }

    /// Forgets what is left of a lane; only where its records are kept elsewhere.
    pub(crate) fn clear(&mut self, lane: LaneId) {
        self.queues.remove(&lane);
    }

    /// Whether a work of an earlier tumbling window, or of this one, is left.
    pub(crate) fn has_window_through(&self, start: Timestamp) -> bool {
        let mut works = self.queues.values().flat_map(|queue| &queue.works);
        works.any(|work| work.window.is_some_and(|window| window.start <= start))
    }

    /// Records that no lane has.
    pub(crate) fn settle(&mut self, positions: impl IntoIterator<Item = Position>) {
        self.window.settle(positions);
    }

    pub(crate) fn reopen(&mut self, positions: impl IntoIterator<Item = Position>) {
        self.window.reopen(positions);
    }

    /// What was settled is written, or will be: it need not be taken back any more.
    pub(crate) fn trim(&mut self) {
        self.window.trim();
        let low = self.window.low();
        self.holes = std::mem::take(&mut self.holes)
            .into_iter()
            .filter(|at| Checkpoint::Settled(*at) > low)
            .collect();
        if matches!(self.lanes, Lanes::Keys(_)) {
            self.queues.retain(|_, queue| !queue.works.is_empty());
        }
    }

    /// Divides the shard otherwise; only where nothing is open.
    pub(crate) fn divide(&mut self, lanes: Lanes) {
        debug_assert!(self.open() == 0, "records of the old lanes are open");
        self.lanes = lanes;
        self.queues.clear();
    }
}

#[cfg(test)]
mod tests;
