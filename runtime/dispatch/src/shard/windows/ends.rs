//! When a tumbling window is over: by the clock, by what records say, or because nothing comes any more.
//!
//! In: what was read, and the time. Out: whether everything of a window has come, and when to look again. Nothing is
//! changed here.

use super::Windows;
use crate::{shard::*, tumbling::OpenWindow};

impl Windows {
    pub(super) fn closes_at(&self, start: Timestamp) -> Timestamp {
        self.tumbling.end_of(start)
    }

    pub(super) fn watermark(&self) -> Timestamp {
        let by_time = self.latest_time.minus(self.tumbling.lateness());
        by_time.max(self.row.watermark())
    }

    /// Whether everything of the window has been read (TW-11). A record that is on its way to the disk has its time of arrival
    /// already, so that a look that finds nothing tells only of what arrived before everything on its way was there.
    pub(super) fn is_over(&self, start: Timestamp, now: Timestamp) -> bool {
        let end = self.closes_at(start);
        if self.tumbling.reads_time() {
            return end <= self.watermark();
        }
        // Nothing arrives before what came before it, wherever the clock is set.
        self.latest_arrival >= end || (now >= end && self.found_nothing >= end)
    }

    /// Nothing has come for so long that what is open closes, although no record says that it is time.
    pub(super) fn idle_until(&self, start: Timestamp) -> Timestamp {
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
    pub(super) fn look(&self, start: Timestamp) -> Step {
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
    pub(in super::super) fn looks_at(&self, now: Timestamp) -> Option<Timestamp> {
        let start = self.first_open()?;
        let at = if self.tumbling.reads_time() {
            self.idle_until(start)
        } else {
            self.closes_at(start)
        };
        Some(at).filter(|at| *at > now)
    }
}
