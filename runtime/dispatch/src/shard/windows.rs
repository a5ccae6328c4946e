//! Tumbling windows of a shard: which one is open, when the last of it has come, and what is written with each success.
//!
//! A window by shard hands one value from invocation to invocation; it closes before anything later of the shard is handled. Windows by
//! key leave their values where the key's hash lies and close key by key, once nothing of them is left in the lanes.

mod closing;
mod ends;
mod settling;

use std::collections::BTreeSet;

use super::*;
use crate::{
    batch::Batch,
    settings::Tumbling,
    tumbling::{InWindow, Part, Place, WindowsRow},
    window_state::WindowValues,
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
