//! Which segments there are, and what in them can still be read.
//!
//! In: frames that were released, segments that are sealed or gone. Out: a home for a span, a spare file for the next
//! segment.

use std::path::PathBuf;

use super::State;
use crate::{
    archive::{Home, is_object},
    layout::sealed::Run,
    limits::RESERVED_SEGMENTS,
    read::index::Released,
};

impl State {
    /// A segment without readable frames can go.
    pub(crate) fn release(&mut self, released: impl IntoIterator<Item = Released>) {
        for released in released {
            if let Some(live) = self.live.get_mut(&released.segment) {
                *live = live.saturating_sub(released.frames);
            }
        }
    }

    /// A file for the next segment: one that is not of the reserve, unless it is the reserve's time.
    pub(crate) fn take_spare(&mut self) -> Option<PathBuf> {
        let free_to_take = self.full || self.spares.len() > RESERVED_SEGMENTS;
        free_to_take.then(|| self.spares.pop()).flatten()
    }

    /// Nothing reads a segment any more.
    pub(crate) fn forget_segment(&mut self, base: u64) {
        self.segments.remove(&base);
        self.live.remove(&base);
        self.last_commits.remove(&base);
        self.sealed.remove(&base);
        self.newest_in.remove(&base);
    }

    /// Where the frames of a span are, unless it went meanwhile.
    pub(crate) fn home(&self, base: u64) -> Option<Home> {
        if is_object(base) {
            return self.objects.get(&base).cloned().map(Home::Object);
        }
        self.segments.get(&base).cloned().map(Home::Segment)
    }

    /// Notes how new a sealed segment's records are.
    pub(crate) fn note_newest(&mut self, base: u64, runs: &[Run]) {
        let newest = runs.iter().map(|run| run.last_arrived).max();
        self.newest_in.extend(newest.map(|newest| (base, newest)));
    }
}
