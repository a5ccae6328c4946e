//! Tumbling windows of a shard: which one is open, when the last of it has come, and what is written with each success.
//!
//! A window by shard hands one value from invocation to invocation; it closes before anything later of the shard is handled. Windows by
//! key leave their values where the key's hash lies and close key by key, once nothing of them is left in the lanes.

use std::collections::BTreeSet;

use model::invocation::{StateReader, TumblingWindow, WindowKept};

use super::*;
use crate::{
    batch::Batch,
    limits::WINDOW_STATE_BYTES_MAX,
    settings::Tumbling,
    settle::Origin,
    tumbling::{InWindow, OpenWindow, Part, Place, WindowsRow},
    window_state::{WindowKey, WindowValues},
};

/// With tumbling windows a shard has one lane.
const ONLY: LaneId = LaneId(0);

#[derive(Debug)]
pub(super) struct Windows {
    tumbling: Tumbling,
    row: WindowsRow,
    values: Option<WindowValues>,
    /// By key: windows that have values of keys in the shard's range.
    open: BTreeSet<Timestamp>,
    /// Of everything read.
    latest_arrival: Timestamp,
    /// The latest moment that a record named, where records do.
    latest_time: Timestamp,
    /// What arrived before this can be read.
    arrivals: Timestamp,
    /// What arrived before this has been read: a read that began when all of it was there found nothing more.
    found_nothing: Timestamp,
    /// When something was read last.
    read_last: Timestamp,
}

/// What a success changes, once it is placed.
#[derive(Debug, Default)]
pub(super) struct WindowChange {
    row: Option<WindowsRow>,
    opens: Option<Timestamp>,
    closes: bool,
    pub(super) writes: Vec<ViewWrite>,
}

impl Windows {
    fn closes_at(&self, start: Timestamp) -> Timestamp {
        self.tumbling.end_of(start)
    }

    fn watermark(&self) -> Timestamp {
        let by_time = self.latest_time.minus(self.tumbling.lateness());
        by_time.max(self.row.watermark())
    }

    /// Whether everything of the window has been read (TW-11). A record that is on its way to the disk has its time of arrival
    /// already, so that a look that finds nothing tells only of what arrived before everything on its way was there.
    fn is_over(&self, start: Timestamp, now: Timestamp) -> bool {
        let end = self.closes_at(start);
        if self.tumbling.reads_time() {
            return end <= self.watermark();
        }
        // Nothing arrives before what came before it, wherever the clock is set.
        self.latest_arrival >= end || (now >= end && self.found_nothing >= end)
    }

    /// Nothing has come for so long that what is open closes, although no record says that it is time.
    fn idle_until(&self, start: Timestamp) -> Timestamp {
        let quiet = self.tumbling.every + self.tumbling.lateness();
        let end = self.closes_at(start).plus(self.tumbling.lateness());
        self.read_last.plus(quiet).max(end)
    }

    fn first_open(&self) -> Option<Timestamp> {
        if self.tumbling.is_by_key() {
            return self.open.first().copied();
        }
        self.row.open.as_ref().map(OpenWindow::start)
    }

    /// Whether more of a window has come that is over by the clock: first everything that is on its way must be there.
    fn look(&self, start: Timestamp) -> Step {
        if self.arrivals >= self.closes_at(start) {
            return Step::Read;
        }
        Step::Wait(Wait {
            state: ShardState::Running,
            until: None,
            listens: Listens::ForArrivals,
        })
    }

    /// When the shard has to look again, although nothing came.
    pub(super) fn looks_at(&self, now: Timestamp) -> Option<Timestamp> {
        let start = self.first_open()?;
        let at = if self.tumbling.reads_time() {
            self.idle_until(start)
        } else {
            self.closes_at(start)
        };
        Some(at).filter(|at| *at > now)
    }
}

impl ShardTask {
    /// Takes up the windows where the last holder of the shard, or of its parents, left them.
    pub(super) fn resume_windows(&mut self) -> Result<(), Halt> {
        let Some(tumbling) = self.settings.tumbling.clone() else {
            return Ok(());
        };
        let journal = &self.rooms.journal;
        let stored = journal.get(&keys::windows(&self.holder.key))?;
        let mut row = stored.map_or(Ok(WindowsRow::default()), |it| WindowsRow::decode(&it))?;
        let now = self.now();
        let values = self.stores.state.as_ref().map(|state| state.windows());
        let values = values.filter(|_| tumbling.is_by_key());
        for parent in &self.shard.parents {
            let parent = model::LeaseKey {
                shard: *parent,
                ..self.holder.key.clone()
            };
            if let Some(stored) = journal.get(&keys::windows(&parent))? {
                let theirs = WindowsRow::decode(&stored)?.watermark_ms;
                row.watermark_ms = row.watermark_ms.max(theirs);
            }
        }
        let open = match &values {
            Some(values) => values.open_in(self.shard.range)?,
            None => BTreeSet::new(),
        };
        self.windows = Some(Windows {
            tumbling,
            row,
            values,
            open,
            latest_arrival: Timestamp::default(),
            latest_time: Timestamp::default(),
            arrivals: Timestamp::default(),
            found_nothing: Timestamp::default(),
            read_last: now,
        });
        Ok(())
    }

    /// A record was read.
    pub(super) fn saw(&mut self, arrived: Timestamp) {
        if let Some(windows) = &mut self.windows {
            windows.latest_arrival = windows.latest_arrival.max(arrived);
            windows.read_last = self.rooms.platform.clock.wall();
        }
    }

    pub(super) fn saw_nothing(&mut self) {
        if let Some(windows) = &mut self.windows {
            windows.found_nothing = windows.arrivals;
        }
    }

    /// The clock was set back. By arrival a window ends when the clock is there again: arrival does not go back in a stream.
    pub(super) fn move_windows_back(&mut self, by: Duration) {
        if let Some(windows) = &mut self.windows {
            windows.read_last = windows.read_last.minus(by);
        }
    }

    /// Everything that arrived before this can be read from now on.
    pub(super) fn has_all_before(&mut self, arrivals: Timestamp) {
        if let Some(windows) = &mut self.windows {
            windows.arrivals = windows.arrivals.max(arrivals);
        }
    }

    /// Where a new record belongs; without windows it has no place to be late for.
    pub(super) fn placed_in_window(&mut self, record: &UserRecord) -> Option<Place> {
        let windows = self.windows.as_mut()?;
        let place = windows.tumbling.place(record, windows.watermark());
        if let Some(at) = windows.tumbling.time_of(record) {
            windows.latest_time = windows.latest_time.max(at);
        }
        Some(place)
    }

    /// The window of a record that was accepted before.
    pub(super) fn window_of(&self, record: &UserRecord) -> Option<InWindow> {
        let tumbling = self.settings.tumbling.as_ref()?;
        let start = tumbling.start_of(tumbling.time_of(record)?);
        let part = Part::Some;
        Some(InWindow { start, part })
    }

    /// Whether a batch of this window may begin: none by shard while an earlier one is open.
    pub(super) fn is_turn_of(&self, window: Option<Timestamp>) -> bool {
        let open = self.windows.as_ref().and_then(|it| it.row.open.as_ref());
        open.is_none_or(|open| window == Some(open.start()) && !open.is_early)
    }

    /// By shard the last records of a window are handled in its last invocation.
    pub(super) fn part_of(&self, start: Timestamp, now: Timestamp) -> Part {
        let Some(windows) = &self.windows else {
            return Part::Some;
        };
        let more = self.batchers.get(&ONLY);
        let more = more.is_some_and(|batcher| batcher.windows().next() == Some(start));
        let over = windows.is_over(start, now) || self.ended;
        if windows.tumbling.is_by_key() || more || !over {
            Part::Some
        } else {
            Part::Last
        }
    }

    /// Leaves as many records of a batch as fit beside the state that goes with them.
    pub(super) fn beside_state(&self, batch: &mut Batch) -> Vec<UserRecord> {
        let open = self.windows.as_ref().and_then(|it| it.row.open.as_ref());
        let Some(open) = open.filter(|_| !batch.oversized) else {
            return Vec::new();
        };
        let room = self.settings.batch.bytes.saturating_sub(open.state.len());
        let mut bytes = 0;
        let fits = batch.records.iter().take_while(|record| {
            bytes += self.encoded_len(record);
            bytes <= room
        });
        let fits = fits.count().max(1);
        batch.records.split_off(fits)
    }

    /// What windows ask for before the next batch: their last invocation, or a look whether more of them has come.
    pub(super) fn window_step(&mut self, now: Timestamp) -> Result<Option<Step>, Halt> {
        if self.windows.is_none() || !self.is_free(ONLY) {
            return Ok(None);
        }
        if self
            .settings
            .tumbling
            .as_ref()
            .is_some_and(Tumbling::is_by_key)
        {
            return self.step_of_keys(now);
        }
        let Some(windows) = &self.windows else {
            return Ok(None);
        };
        let open = windows.row.open.as_ref();
        let pending = self.batchers.get(&ONLY);
        let pending = pending.and_then(|batcher| batcher.windows().next());
        let Some(start) = open.map(OpenWindow::start).or(pending) else {
            return Ok(None);
        };
        let closing = |part| {
            let window = Some(InWindow { start, part });
            let work = Work {
                origin: Origin::Window,
                window,
                ..Work::new(Vec::new())
            };
            Ok(Some(Step::Begin(ONLY, work)))
        };
        if open.is_some_and(|open| open.is_early) {
            return closing(Part::Early);
        }
        let over = windows.is_over(start, now);
        let must_look = now >= windows.closes_at(start) && !over && self.at_tip && !self.ended;
        if must_look {
            return Ok(Some(windows.look(start)));
        }
        if open.is_none() || pending == Some(start) {
            return Ok(None);
        }
        if over || (self.ended && pending.is_none()) {
            return closing(Part::Last);
        }
        Ok(None)
    }

    fn step_of_keys(&mut self, now: Timestamp) -> Result<Option<Step>, Halt> {
        loop {
            let Some(windows) = &mut self.windows else {
                return Ok(None);
            };
            let Some(start) = windows.open.first().copied() else {
                return Ok(None);
            };
            let reads_time = windows.tumbling.reads_time();
            let end = windows.closes_at(start);
            if reads_time && self.at_tip && !self.ended && now >= windows.idle_until(start) {
                windows.row.watermark_ms = windows.row.watermark_ms.max(end.as_millis());
            }
            if !windows.is_over(start, now) {
                let looks = !reads_time && now >= end && self.at_tip && !self.ended;
                return Ok(looks.then(|| windows.look(start)));
            }
            let pending = self.batchers.get(&ONLY);
            let waits = pending.is_some_and(|it| it.windows().any(|of| of <= start))
                || self.ledger.has_window_through(start);
            let Some(values) = windows.values.as_ref().filter(|_| !waits) else {
                return Ok(None);
            };
            let range = self.shard.range;
            let found = values.keys_in(start, range, None, self.settings.batch.records)?;
            if found.is_empty() {
                windows.open.remove(&start);
                continue;
            }
            let part = Part::Keys;
            let work = Work {
                origin: Origin::Window,
                window: Some(InWindow { start, part }),
                ..Work::new(
                    (0..)
                        .zip(found)
                        .map(|it| stand_in(it, (start, end)))
                        .collect::<Vec<_>>(),
                )
            };
            return Ok(Some(Step::Begin(ONLY, work)));
        }
    }

    /// The window as an invocation of the work sees it, and the keyed state that it has in place of the trigger's.
    pub(super) fn seen_window(
        &self,
        work: &Work,
    ) -> Option<(TumblingWindow, Option<Arc<dyn StateReader>>)> {
        let (windows, at) = (self.windows.as_ref()?, work.window?);
        let values = windows.values.as_ref().map(|values| {
            let values: Arc<dyn StateReader> = Arc::new(values.of(at.start));
            values
        });
        let open = windows.row.open.as_ref();
        let state = open.filter(|open| open.start() == at.start);
        let kept = match &values {
            Some(_) => WindowKept::ByKey,
            None => WindowKept::ByShard(state.map(|open| open.state.clone()).unwrap_or_default()),
        };
        let window = TumblingWindow {
            start: at.start,
            end: windows.closes_at(at.start),
            kept,
            is_final: at.part != Part::Some,
            is_early: at.part == Part::Early,
        };
        Some((window, values))
    }

    /// An answer within a window by shard must say what it has come to (TW-4).
    pub(super) fn says_state(&self, work: &Work, answer: Answer) -> Outcome {
        let by_shard = self.windows.as_ref().is_some_and(|it| it.values.is_none());
        let wanted = work.window.is_some_and(|at| at.part == Part::Some);
        if !by_shard || !wanted || answer.window_state.is_some() {
            return Outcome::Answered(answer);
        }
        Outcome::Failed(Fault {
            class: FaultClass::Function,
            kind: "NoWindowState".to_owned(),
            message: "the answer has no `state`, which the next invocation of the tumbling window begins with"
                .to_owned(),
            retry_after: None,
            usage: answer.usage,
        })
    }

    /// What a settlement means for the window of its work. `state`: what a success left, where it was one.
    pub(super) fn window_change(
        &self,
        work: &Work,
        settlement: &mut Settlement,
        (success, state): (bool, Option<Bytes>),
    ) -> Result<WindowChange, Halt> {
        let (Some(windows), Some(at)) = (&self.windows, work.window) else {
            return Ok(WindowChange::default());
        };
        let mut change = WindowChange::default();
        let mut row = windows.row.clone();
        match (&windows.values, at.part) {
            (Some(_), Part::Some | Part::Last | Part::Early) => {
                change.opens = (!settlement.state.is_empty()).then_some(at.start);
            }
            (Some(values), Part::Keys) => {
                // They close: what the handler wrote for them is of no use any more, and what is given up is kept.
                settlement.state.clear();
                for key in settlement
                    .dead
                    .iter_mut()
                    .flat_map(|dead| &mut dead.records)
                {
                    let hash_key = key.effective_hash_key();
                    key.data = values.document(at.start, hash_key, &key.partition_key)?;
                }
                let open: BTreeSet<Position> =
                    settlement.again.iter().flat_map(Work::positions).collect();
                let done = work.records.iter();
                for key in done.filter(|record| !open.contains(&record.position)) {
                    let hash_key = key.effective_hash_key();
                    let removal = values.removal(at.start, hash_key, &key.partition_key)?;
                    change.writes.extend(removal);
                }
                change.closes = !change.writes.is_empty();
                let end = windows.closes_at(at.start).as_millis();
                row.watermark_ms = row.watermark_ms.max(end);
            }
            (None, Part::Last | Part::Early | Part::Keys) => {
                let gone = work.origin == Origin::Window && settlement.again.is_empty();
                if success || gone {
                    row.open = None;
                    change.closes = true;
                }
            }
            (None, Part::Some) => {
                if let Some(state) = state.filter(|_| success) {
                    row.open = Some(OpenWindow {
                        start_ms: at.start.as_millis(),
                        is_early: state.len() > WINDOW_STATE_BYTES_MAX,
                        state,
                    });
                }
            }
        }
        if row != windows.row {
            change.writes.push(ViewWrite {
                key: keys::windows(&self.holder.key),
                value: Some(row.encode()?),
            });
            change.row = Some(row);
        }
        Ok(change)
    }

    /// The change is placed.
    pub(super) fn changed(&mut self, change: WindowChange) {
        let Some(windows) = &mut self.windows else {
            return;
        };
        if let Some(row) = change.row {
            windows.row = row;
        }
        windows.open.extend(change.opens);
        self.counters.windows_closed += u64::from(change.closes);
    }

    /// What a shard that ends leaves to its children.
    pub(super) fn windows_at_end(&self) -> Result<Vec<ViewWrite>, Halt> {
        let Some(windows) = &self.windows else {
            return Ok(Vec::new());
        };
        let row = WindowsRow {
            watermark_ms: windows.watermark().as_millis(),
            ..windows.row.clone()
        };
        Ok(vec![ViewWrite {
            key: keys::windows(&self.holder.key),
            value: Some(row.encode()?),
        }])
    }
}

/// An empty record that stands for a key whose window closes. Keys come in the order of their hash.
fn stand_in((index, key): (u64, WindowKey), (start, end): (Timestamp, Timestamp)) -> UserRecord {
    let plain = HashKey::of_partition_key(&String::from_utf8_lossy(&key.partition_key));
    let limb = |shift: u32| u64::try_from(key.hash_key.0 >> shift & u128::from(u64::MAX));
    let [high, low] = [64, 0].map(|shift| limb(shift).unwrap_or_default());
    UserRecord {
        position: Position {
            sequence: model::SequenceNumber([start.as_millis(), high, low]),
            sub_sequence: index,
        },
        arrived: end,
        explicit_hash_key: (plain != key.hash_key).then_some(key.hash_key),
        partition_key: key.partition_key,
        data: Bytes::new(),
        aggregated: false,
        deliveries: 1,
    }
}
