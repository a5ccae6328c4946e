//! What of a shard is settled and what is being worked on, lane by lane: the progress row while it lives.
//!
//! Pure. Works enter their lane in order, are taken from its front, and come back in parts until nothing of them is left.
//! What was changed for a transaction that the log then refuses is taken back as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use model::{Checkpoint, FencingToken, Position, Timestamp, UserRecord};

use crate::{
    lanes::{LaneId, Lanes},
    limits::{HOLES_MAX, KEY_TRIES_MAX, OPEN_KEYS_MAX, TRIES_MAX},
    progress::{Progress, Try},
    settle::{Mode, Origin, Work},
    window::Window,
};

/// Behind every record.
const END: Position = Position {
    sequence: model::SequenceNumber([u64::MAX; 3]),
    sub_sequence: u64::MAX,
};

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

/// What `replace` did, for the case that it cannot be written.
#[derive(Debug)]
pub(crate) struct Replaced {
    lane: LaneId,
    turn: usize,
    front: Work,
    again: usize,
    holes: Vec<Position>,
    /// What is not tried again.
    pub(crate) settled: Vec<Position>,
}

impl Replaced {
    /// The work that was replaced.
    pub(crate) fn work(&self) -> &Work {
        &self.front
    }
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
    pub(crate) fn pass_over_failed(&mut self) {
        self.queues.values_mut().for_each(Queue::pass_over_failed);
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

    /// The work whose turn it was in the lane is settled except for `again`.
    pub(crate) fn replace(&mut self, lane: LaneId, again: Vec<Work>) -> Option<Replaced> {
        let queue = self.queues.get_mut(&lane)?;
        let turn = queue.turn();
        let front = queue.works.remove(turn)?;
        let settled = without(&front, &again);
        let count = again.len();
        for work in again.into_iter().rev() {
            queue.works.insert(turn, work);
        }
        let mut holes = Vec::new();
        if front.origin == Origin::Shard {
            self.window.settle(settled.iter().copied());
            holes = self.spanned(lane, &settled);
            self.holes.extend(&holes);
        }
        Some(Replaced {
            lane,
            turn,
            settled,
            front,
            again: count,
            holes,
        })
    }

    /// Those that lie between records of a work.
    fn spanned(&self, lane: LaneId, settled: &[Position]) -> Vec<Position> {
        let works = self
            .queues
            .get(&lane)
            .into_iter()
            .flat_map(|queue| &queue.works);
        let shard = works.filter(|work| work.origin == Origin::Shard);
        let ends = |work: &Work| {
            let (first, last) = (work.records.first()?, work.records.last()?);
            Some((first.position, last.position))
        };
        let spans: Vec<(Position, Position)> = shard.filter_map(ends).collect();
        let is_within = |at: &&Position| spans.iter().any(|(first, last)| first < at && *at < last);
        settled.iter().filter(is_within).copied().collect()
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

    /// Nothing of it could be written.
    pub(crate) fn take_back(&mut self, replaced: Replaced) {
        let Some(queue) = self.queues.get_mut(&replaced.lane) else {
            return;
        };
        let turn = replaced.turn;
        drop(queue.works.drain(turn..turn + replaced.again));
        let of_shard = replaced.front.origin == Origin::Shard;
        queue.works.insert(turn, replaced.front);
        if of_shard {
            self.window.reopen(replaced.settled);
        }
        self.holes.retain(|at| !replaced.holes.contains(at));
    }

    /// Records that no lane has.
    pub(crate) fn settle(&mut self, positions: impl IntoIterator<Item = Position>) {
        self.window.settle(positions);
    }

    pub(crate) fn reopen(&mut self, positions: impl IntoIterator<Item = Position>) {
        self.window.reopen(positions);
    }

    /// Takes out those set aside, of all lanes.
    pub(crate) fn blame(&mut self) -> Vec<(LaneId, Work)> {
        let mut blamed = Vec::new();
        for (lane, queue) in &mut self.queues {
            let later = queue.works.split_off(queue.turn());
            let aside = std::mem::replace(&mut queue.works, later);
            blamed.extend(aside.into_iter().map(|work| (*lane, work)));
        }
        for (lane, work) in &blamed {
            let positions: Vec<Position> = work.positions().collect();
            self.window.settle(positions.iter().copied());
            let holes = self.spanned(*lane, &positions);
            self.holes.extend(holes);
        }
        blamed
    }

    /// Their end could not be written.
    pub(crate) fn take_back_blamed(&mut self, blamed: Vec<(LaneId, Work)>) {
        for (lane, work) in blamed.into_iter().rev() {
            self.window.reopen(work.positions());
            self.holes.retain(|at| work.positions().all(|of| of != *at));
            self.queue(lane).works.push_front(work);
        }
    }

    /// All works of an earlier holder are there.
    pub(crate) fn taken_up(&mut self) {
        self.queues.values_mut().for_each(Queue::restore_order);
    }

    /// Those set aside are not to blame: their attempts begin anew; in a lane that is run now, once that is over.
    pub(crate) fn acquit(&mut self, flies: impl Fn(LaneId) -> bool) {
        self.go_on(Relief::Acquitted, flies);
    }

    /// An operator resumed the trigger: pauses end, and what was blocked has its attempts before it.
    pub(crate) fn resume_at_once(&mut self, flies: impl Fn(LaneId) -> bool) {
        self.go_on(Relief::Resumed, flies);
    }

    /// Of works that stand between two attempts.
    pub(crate) fn end_pauses(&mut self, of: impl Fn(&Work) -> bool) {
        let paused =
            |work: &&mut Work| matches!(work.mode, Mode::Together | Mode::Prefix(_)) && of(work);
        self.works_mut()
            .filter(paused)
            .for_each(|work| work.not_before = Timestamp::default());
    }

    fn go_on(&mut self, relief: Relief, flies: impl Fn(LaneId) -> bool) {
        for (lane, queue) in &mut self.queues {
            if flies(*lane) {
                queue.relief = queue.relief.max(Some(relief));
            } else {
                queue.go_on(relief);
            }
        }
    }

    /// What came back of the lane is settled: its works may change places.
    pub(crate) fn landed(&mut self, lane: LaneId) {
        let queue = self.queues.get_mut(&lane);
        if let Some((queue, relief)) =
            queue.and_then(|it| it.relief.take().map(|relief| (it, relief)))
        {
            queue.go_on(relief);
        }
    }

    /// The clock was set back.
    pub(crate) fn move_back(&mut self, by: Duration) {
        for work in self.works_mut() {
            work.not_before = work.not_before.minus(by);
            work.first_failed = work.first_failed.map(|at| at.minus(by));
        }
    }

    /// An outage is over: what waited through it runs what was deployed meanwhile, as the invocation that ended it did.
    pub(crate) fn take_the_version_of_now(&mut self) {
        self.works_mut().for_each(|work| work.version = None);
    }

    fn works_mut(&mut self) -> impl Iterator<Item = &mut Work> {
        self.queues
            .values_mut()
            .flat_map(|queue| queue.works.iter_mut())
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

    /// Records up to here were delivered before a seek; None once everything up to there is settled again.
    pub(crate) fn replayed(&self) -> Option<Position> {
        match self.replayed.filter(|replayed| *replayed > self.low())? {
            Checkpoint::Settled(position) => Some(position),
            Checkpoint::ShardEnd => Some(END),
            Checkpoint::AtTimestamp(_) | Checkpoint::TrimHorizon | Checkpoint::Latest => None,
        }
    }

    pub(crate) fn row(&self, token: FencingToken) -> Progress {
        let low = self.low();
        let mut row = Progress {
            replayed: self.replayed.filter(|replayed| *replayed > low),
            ..Progress::starting(token, low)
        };
        if self.open() == 0 {
            return row;
        }
        let is_above = |at: &&Position| Checkpoint::Settled(**at) > low;
        row.holes = self.holes.iter().filter(is_above).copied().collect();
        let through = self.through.max(low);
        match self.lanes.numbered() {
            Some(0 | 1) => Progress {
                through,
                tries: self.tries().collect(),
                ..row
            },
            Some(lanes) => Progress {
                through,
                tries: self.tries().collect(),
                lanes: Some(self.lanes),
                lane_through: (0..lanes)
                    .map(|lane| self.queues.get(&LaneId(lane)))
                    .map(|queue| queue.map_or(low, |queue| queue.through.max(low)))
                    .collect(),
                ..row
            },
            None => self.row_of_keys(Progress { through, ..row }),
        }
    }

    /// Records that never failed are only named; a row has no room for the attempts of every key.
    fn row_of_keys(&self, row: Progress) -> Progress {
        let mut tries: Vec<(&Work, Try)> = Vec::new();
        for (lane, queue) in &self.queues {
            let failed = queue.works.iter().filter(|work| work.has_failed());
            tries.extend(failed.filter_map(|work| Some((work, self.span(*lane, work)?))));
        }
        tries.sort_by_key(|(_, tried)| tried.first);
        tries.truncate(KEY_TRIES_MAX);
        let tried: BTreeSet<Position> = tries
            .iter()
            .flat_map(|(work, _)| work.positions())
            .collect();
        let open = self.window.open_through(row.through);
        Progress {
            lanes: Some(self.lanes),
            open: open.filter(|at| !tried.contains(at)).collect(),
            tries: tries.into_iter().map(|(_, tried)| tried).collect(),
            ..row
        }
    }

    fn tries(&self) -> impl Iterator<Item = Try> {
        let queues = self.queues.iter();
        queues.flat_map(|(lane, queue)| {
            let works = queue.works.iter();
            works.filter_map(|work| self.span(*lane, work))
        })
    }

    fn span(&self, lane: LaneId, work: &Work) -> Option<Try> {
        // What waits behind parked keys and what closes windows is found again where it lies.
        if work.origin != Origin::Shard {
            return None;
        }
        Some(Try {
            first: work.records.first()?.position,
            last: work.records.last()?.position,
            lane: (!self.lanes.is_one()).then_some(lane),
            attempts: work.attempts,
            records: work.records.len(),
            alone: false,
            version: work.version,
            blocked: work.mode == Mode::Blocked,
            first_failed_ms: work.first_failed.unwrap_or_default().as_millis(),
            not_before_ms: work.not_before.as_millis(),
            notes: work.notes.clone(),
        })
    }
}

/// The records of a work that are in none of what is tried again.
fn without(work: &Work, again: &[Work]) -> Vec<Position> {
    if again
        .iter()
        .any(|it| Arc::ptr_eq(&it.records, &work.records))
    {
        return Vec::new();
    }
    let mut open: Vec<Position> = again.iter().flat_map(Work::positions).collect();
    open.sort_unstable();
    let positions = work.positions();
    positions
        .filter(|at| open.binary_search(at).is_err())
        .collect()
}

mod queue;

use queue::{Queue, Relief};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{position, user_record};

    const ONLY: LaneId = LaneId(0);

    fn work(indexes: &[u64]) -> Work {
        let record = |index: &u64| user_record(*index, "k");
        Work::new(indexes.iter().map(record).collect::<Vec<_>>())
    }

    fn ledger(lanes: Lanes) -> Ledger {
        let row = Progress::starting(FencingToken(1), Checkpoint::TrimHorizon);
        Ledger::resume(&row, lanes)
    }

    fn begin(ledger: &mut Ledger, lane: LaneId, indexes: &[u64]) {
        ledger.begin(lane, work(indexes));
    }

    fn read(ledger: &mut Ledger, indexes: std::ops::RangeInclusive<u64>) {
        indexes.for_each(|index| ledger.read(&user_record(index, "k")));
    }

    #[test]
    fn the_checkpoint_stops_before_the_first_unsettled_record() {
        for (again, low) in [(vec![], 4), (vec![vec![3]], 2), (vec![vec![2], vec![4]], 1)] {
            let mut ledger = ledger(Lanes::ONE);
            read(&mut ledger, 1..=4);
            begin(&mut ledger, ONLY, &[1, 2, 3, 4]);
            let parts = again.iter().map(|part| work(part)).collect();
            ledger.replace(ONLY, parts).unwrap();
            let low = Checkpoint::Settled(position(low));
            assert_eq!(ledger.low(), low, "{again:?}");
            assert_eq!(ledger.through(), Checkpoint::Settled(position(4)));
            assert_eq!(ledger.row(FencingToken(1)).tries.len(), again.len());
        }
    }

    #[test]
    fn nothing_settled_leaves_the_checkpoint_where_it_was() {
        let mut ledger = ledger(Lanes::ONE);
        read(&mut ledger, 1..=2);
        begin(&mut ledger, ONLY, &[1, 2]);
        ledger.replace(ONLY, vec![work(&[1, 2])]).unwrap();
        assert_eq!(ledger.low(), Checkpoint::TrimHorizon);
    }

    #[test]
    fn a_row_says_of_each_lane_how_far_it_came() {
        let mut ledger = ledger(Lanes::Hashed(3));
        read(&mut ledger, 1..=6);
        begin(&mut ledger, LaneId(0), &[1, 4]);
        begin(&mut ledger, LaneId(1), &[2, 3]);
        ledger.replace(LaneId(1), Vec::new()).unwrap();
        let row = ledger.row(FencingToken(1));
        assert_eq!((row.low, row.tries.len()), (Checkpoint::TrimHorizon, 1));
        let settled = |index| Checkpoint::Settled(position(index));
        let through = [settled(4), settled(3), Checkpoint::TrimHorizon];
        assert_eq!(row.lane_through, through);
        ledger.replace(LaneId(0), Vec::new()).unwrap();
        assert_eq!(ledger.row(FencingToken(1)).low, settled(4));
    }

    #[test]
    fn a_row_of_keys_names_what_is_open_and_tries_what_failed() {
        let mut ledger = ledger(Lanes::Keys(8));
        read(&mut ledger, 1..=6);
        begin(&mut ledger, LaneId(7), &[1, 2]);
        begin(&mut ledger, LaneId(8), &[3, 5]);
        let mut failed = work(&[2]);
        failed.attempts = 1;
        failed.failures = 1;
        ledger.replace(LaneId(7), vec![failed]).unwrap();
        let row = ledger.row(FencingToken(1));
        assert_eq!(row.low, Checkpoint::Settled(position(1)));
        assert_eq!(row.open, [3, 4, 5].map(position));
        assert_eq!((row.tries[0].first, row.tries.len()), (position(2), 1));
    }

    #[test]
    fn what_cannot_be_written_is_taken_back() {
        let mut ledger = ledger(Lanes::Hashed(2));
        read(&mut ledger, 1..=4);
        begin(&mut ledger, LaneId(0), &[1, 2]);
        begin(&mut ledger, LaneId(1), &[3, 4]);
        let before = ledger.row(FencingToken(1));
        let replaced = ledger.replace(LaneId(0), vec![work(&[2])]).unwrap();
        assert_eq!(replaced.settled, [position(1)]);
        ledger.take_back(replaced);
        assert_eq!(ledger.row(FencingToken(1)), before);

        let mut aside = work(&[3, 4]);
        aside.mode = Mode::Aside;
        ledger.replace(LaneId(1), vec![aside]).unwrap();
        let before = ledger.row(FencingToken(1));
        let blamed = ledger.blame();
        assert_eq!((blamed.len(), ledger.open()), (1, 2));
        ledger.take_back_blamed(blamed);
        assert_eq!(ledger.row(FencingToken(1)), before);
        assert_eq!(ledger.aside(), 1);
    }
}
