//! Where the records of each shard are: one small entry a frame, durable frames only. Pure.
//!
//! Indexes of a shard grow but have gaps (a counter is shared by several shards), so everything is a binary search.

use std::collections::VecDeque;

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
                part_len: 0,
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
        assert_eq!(shard.trim(Timestamp::from_millis(6)).len(), 2);
        assert_eq!((shard.oldest(), shard.end), (30, 32));
    }
}
