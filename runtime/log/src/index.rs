//! Where the records of each shard are: one small entry a frame, durable frames only. Pure.
//!
//! Indexes of a shard grow but have gaps (a counter is shared by several shards), so everything is a binary search.

use std::{collections::VecDeque, ops::Range};

use model::Timestamp;
use platform::watch;

/// One shard's records within one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameRef {
    pub first_index: u64,
    pub count: u32,
    pub arrived: Timestamp,
    /// Where the frame begins, how long it is, and in which segment.
    pub position: u64,
    pub frame_len: u32,
    pub segment: u64,
    /// The part within the frame's bodies.
    pub part_at: u32,
    pub part_len: u32,
}

/// What a range of indexes holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    pub records: u64,
    /// As they lie in the log; of a frame that is not whole in the range, its share.
    pub bytes: u64,
    /// When the first of them arrived.
    pub oldest: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct Shard {
    /// `None` until somebody declares the shard: its frames were found, but nobody may append.
    pub counter: Option<u32>,
    pub tail: watch::Sender<u64>,
    pub frames: VecDeque<FrameRef>,
    /// Last visible index + 1.
    pub end: u64,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            counter: None,
            tail: watch::Sender::new(0),
            frames: VecDeque::new(),
            end: 0,
        }
    }

    pub(crate) fn push(&mut self, frame: FrameRef) {
        self.end = frame.first_index + u64::from(frame.count);
        self.frames.push_back(frame);
    }

    /// Watchers of the tail learn that nothing more will come.
    pub(crate) fn close_tail(&mut self) {
        self.tail = watch::Sender::new(self.end);
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.frames
            .front()
            .map_or(self.end, |frame| frame.first_index)
    }

    /// Frames that may hold `index` or anything after it.
    pub(crate) fn from(&self, index: u64) -> impl Iterator<Item = &FrameRef> {
        let start = self
            .frames
            .partition_point(|frame| frame.first_index + u64::from(frame.count) <= index);
        self.frames.range(start..)
    }

    pub(crate) fn index_at_time(&self, time: Timestamp) -> u64 {
        let at = self.frames.partition_point(|frame| frame.arrived < time);
        self.frames
            .get(at)
            .map_or(self.end, |frame| frame.first_index)
    }

    /// Walks over the frames of the range.
    pub(crate) fn count(&self, range: &Range<u64>) -> Counted {
        let mut counted = Counted::default();
        let frames = self.from(range.start);
        for frame in frames.take_while(|frame| frame.first_index < range.end) {
            let count = u64::from(frame.count);
            let last = (frame.first_index + count).min(range.end);
            let records = last.saturating_sub(frame.first_index.max(range.start));
            counted.records += records;
            counted.bytes += (u64::from(frame.part_len) * records)
                .checked_div(count)
                .unwrap_or_default();
            counted.oldest.get_or_insert(frame.arrived);
        }
        counted
    }

    /// Forgets frames that arrived before `time` and returns them.
    pub(crate) fn trim(&mut self, time: Timestamp) -> Vec<FrameRef> {
        let count = self.frames.partition_point(|frame| frame.arrived < time);
        self.frames.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_step_over_gaps() {
        let mut shard = Shard::new();
        for (first_index, ms) in [(10, 1), (20, 5), (30, 9)] {
            shard.push(FrameRef {
                first_index,
                count: 2,
                arrived: Timestamp::from_millis(ms),
                position: 0,
                frame_len: 0,
                segment: 0,
                part_at: 0,
                part_len: 100,
            });
        }
        for (index, found) in [
            (0, Some(10)),
            (11, Some(10)),
            (12, Some(20)),
            (31, Some(30)),
            (32, None),
        ] {
            assert_eq!(
                shard.from(index).next().map(|frame| frame.first_index),
                found
            );
        }
        for (ms, index) in [(0, 10), (2, 20), (9, 30), (10, 32)] {
            assert_eq!(shard.index_at_time(Timestamp::from_millis(ms)), index);
        }
        for (range, records, bytes, oldest) in [
            (0..u64::MAX, 6, 300, Some(1)),
            (11..31, 4, 200, Some(1)),
            (12..20, 0, 0, None),
            (32..u64::MAX, 0, 0, None),
        ] {
            let oldest = oldest.map(Timestamp::from_millis);
            let counted = Counted {
                records,
                bytes,
                oldest,
            };
            assert_eq!(shard.count(&range), counted, "{range:?}");
        }
        assert_eq!(shard.trim(Timestamp::from_millis(6)).len(), 2);
        assert_eq!((shard.oldest(), shard.end), (30, 32));
    }
}
