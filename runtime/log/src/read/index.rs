//! Where the records of each shard are, durable frames only: one small entry a frame for recent segments, one a segment
//! for sealed ones, one an object for archived ones. Pure.
//!
//! Indexes of a shard grow but have gaps (a counter is shared by several shards), so everything is a binary search. What
//! lies in a sealed segment is known here only by its ends; who needs more is told where to look.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Range,
    time::Duration,
};

use model::Timestamp;
use platform::watch;

use crate::{append::durability::Durability, layout::sealed::Run, limits::RETENTION_UNSAID};

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

impl FrameRef {
    pub(crate) fn end_index(&self) -> u64 {
        self.first_index + u64::from(self.count)
    }
}

/// One shard's records within one sealed segment, or one archived object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub segment: u64,
    pub segment_end: u64,
    pub run: Run,
    /// How many of its frames count as readable in their segment.
    pub live_frames: u64,
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

impl Counted {
    /// Of these frames, in their order, what lies in the range.
    pub(crate) fn of<'a>(frames: impl Iterator<Item = &'a FrameRef>, range: &Range<u64>) -> Self {
        let mut counted = Self::default();
        let frames = frames.skip_while(|frame| frame.end_index() <= range.start);
        for frame in frames.take_while(|frame| frame.first_index < range.end) {
            let count = u64::from(frame.count);
            let last = frame.end_index().min(range.end);
            let records = last.saturating_sub(frame.first_index.max(range.start));
            let bytes = (u64::from(frame.part_len) * records).checked_div(count);
            counted = counted.and(Self {
                records,
                bytes: bytes.unwrap_or_default(),
                oldest: Some(frame.arrived),
            });
        }
        counted
    }

    /// Together with what comes later.
    pub(crate) fn and(self, later: Self) -> Self {
        Self {
            records: self.records + later.records,
            bytes: self.bytes + later.bytes,
            oldest: self.oldest.or(later.oldest),
        }
    }
}

/// An index, or the sealed segment whose frames say which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    Index(u64),
    Within(Span),
}

/// Frames that nobody can read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Released {
    pub segment: u64,
    pub frames: u64,
}

#[derive(Debug)]
pub(crate) struct Shard {
    /// `None` until somebody declares the shard: its frames were found, but nobody may append.
    pub counter: Option<u32>,
    /// `None` where the log's own holds.
    pub durability: Option<Durability>,
    /// How long its records are kept; trimming is the caller's.
    pub retention: Duration,
    pub tail: watch::Sender<u64>,
    pub sealed: VecDeque<Span>,
    /// Those behind the sealed segments.
    pub frames: VecDeque<FrameRef>,
    /// Last visible index + 1.
    pub end: u64,
    /// What arrived before is hidden, also where its segment is still there.
    pub hidden_before: Timestamp,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            counter: None,
            durability: None,
            retention: RETENTION_UNSAID,
            tail: watch::Sender::new(0),
            sealed: VecDeque::new(),
            frames: VecDeque::new(),
            end: 0,
            hidden_before: Timestamp::from_millis(0),
        }
    }

    pub(crate) fn push(&mut self, frame: FrameRef) {
        self.end = frame.end_index();
        self.frames.push_back(frame);
    }

    /// A sealed segment that recovery found.
    pub(crate) fn push_sealed(&mut self, segment: u64, segment_end: u64, run: Run) {
        self.end = run.end_index;
        self.sealed.push_back(Span {
            segment,
            segment_end,
            run,
            live_frames: u64::from(run.frames),
        });
    }

    /// The frames that lie in a segment; asked for the oldest that is not sealed.
    pub(crate) fn in_segment(&self, segment: u64) -> Vec<FrameRef> {
        let frames = self.frames.iter();
        frames
            .take_while(|frame| frame.segment == segment)
            .copied()
            .collect()
    }

    /// Forgets the frames of the oldest segment that is not sealed; `run` is where they are now.
    pub(crate) fn seal(&mut self, segment: u64, segment_end: u64, run: Run) {
        let count = self
            .frames
            .partition_point(|frame| frame.segment <= segment);
        self.frames.drain(..count);
        self.frames.shrink_to(self.frames.len() * 2);
        // Frames that were trimmed meanwhile are released already.
        if count > 0 {
            self.sealed.push_back(Span {
                segment,
                segment_end,
                run,
                live_frames: count as u64,
            });
        }
    }

    /// Those of segments lie behind most of the archived ones.
    pub(crate) fn sealed_at(&self, segment: u64) -> Option<Span> {
        let mut spans = self.sealed.iter().rev();
        spans.find(|span| span.segment == segment).copied()
    }

    pub(crate) fn has_sealed(&self, segment: u64) -> bool {
        self.sealed_at(segment).is_some()
    }

    /// Puts archived spans in the place of a sealed segment; those that are still readable. None where it went meanwhile.
    pub(crate) fn replace(&mut self, segment: u64, spans: Vec<Span>) -> Vec<Span> {
        let at = self.sealed.iter().rposition(|span| span.segment == segment);
        let Some(at) = at.filter(|at| self.sealed.remove(*at).is_some()) else {
            return Vec::new();
        };
        let readable = |span: &Span| span.run.last_arrived >= self.hidden_before;
        let spans: Vec<Span> = spans.into_iter().filter(readable).collect();
        for span in spans.iter().rev() {
            self.sealed.insert(at, *span);
        }
        spans
    }

    /// Forgets segments whose records were archived.
    pub(crate) fn forget_segments(&mut self, segments: &BTreeSet<u64>) {
        self.sealed.retain(|span| !segments.contains(&span.segment));
        self.frames
            .retain(|frame| !segments.contains(&frame.segment));
    }

    /// Archived spans that recovery found.
    pub(crate) fn take_in(&mut self, spans: Vec<Span>) {
        for span in &spans {
            self.end = self.end.max(span.run.end_index);
        }
        self.sealed.extend(spans);
        let sealed = self.sealed.make_contiguous();
        sealed.sort_by_key(|span| span.run.first_index);
    }

    /// Watchers of the tail learn that nothing more will come.
    pub(crate) fn close_tail(&mut self) {
        self.tail = watch::Sender::new(self.end);
    }

    /// The sealed segment that may hold `index`, or the first one behind it.
    pub(crate) fn sealed_from(&self, index: u64) -> Option<Span> {
        let at = self
            .sealed
            .partition_point(|span| span.run.end_index <= index);
        self.sealed.get(at).copied()
    }

    /// Recent frames that may hold `index` or anything after it.
    pub(crate) fn from(&self, index: u64) -> impl Iterator<Item = &FrameRef> {
        let start = self
            .frames
            .partition_point(|frame| frame.end_index() <= index);
        self.frames.range(start..)
    }

    /// The first visible record that arrived at `time` or later.
    pub(crate) fn sought(&self, time: Timestamp) -> Sought {
        let time = time.max(self.hidden_before);
        let at = self
            .sealed
            .partition_point(|span| span.run.last_arrived < time);
        if let Some(span) = self.sealed.get(at) {
            return if span.run.first_arrived >= time {
                Sought::Index(span.run.first_index)
            } else {
                Sought::Within(*span)
            };
        }
        let at = self.frames.partition_point(|frame| frame.arrived < time);
        let index = self
            .frames
            .get(at)
            .map_or(self.end, |frame| frame.first_index);
        Sought::Index(index)
    }

    /// The sealed segments that may hold a part of the range.
    pub(crate) fn sealed_in(&self, range: &Range<u64>) -> Vec<Span> {
        let overlaps =
            |span: &&Span| span.run.end_index > range.start && span.run.first_index < range.end;
        self.sealed.iter().filter(overlaps).copied().collect()
    }

    /// Hides what arrived before `time`. A sealed segment's frames are released together, with the last of them.
    pub(crate) fn trim(&mut self, time: Timestamp) -> Vec<Released> {
        self.hidden_before = self.hidden_before.max(time);
        let sealed = self
            .sealed
            .partition_point(|span| span.run.last_arrived < time);
        let frames = self.frames.partition_point(|frame| frame.arrived < time);
        self.release(sealed, frames)
    }

    /// Everything, because the shard is gone.
    pub(crate) fn release_all(&mut self) -> Vec<Released> {
        self.release(self.sealed.len(), self.frames.len())
    }

    fn release(&mut self, sealed: usize, frames: usize) -> Vec<Released> {
        let sealed = self.sealed.drain(..sealed).map(|span| Released {
            segment: span.segment,
            frames: span.live_frames,
        });
        let frames = self.frames.drain(..frames).map(|frame| Released {
            segment: frame.segment,
            frames: 1,
        });
        sealed.chain(frames).collect()
    }
}

#[cfg(test)]
mod tests {
    use model::ShardSlot;

    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn shard() -> Shard {
        let mut shard = Shard::new();
        for (first_index, ms, segment) in [(10, 1, 0), (20, 5, 0), (30, 9, 7), (40, 12, 7)] {
            shard.push(FrameRef {
                first_index,
                count: 2,
                arrived: at(ms),
                position: 0,
                frame_len: 0,
                segment,
                part_at: 0,
                part_len: 100,
            });
        }
        shard
    }

    fn run() -> Run {
        Run {
            slot: ShardSlot(1),
            frames: 2,
            crc: 0,
            first_index: 10,
            end_index: 22,
            first_arrived: at(1),
            last_arrived: at(5),
            offset: 0,
            records: 4,
            bytes: 200,
        }
    }

    #[test]
    fn searches_step_over_gaps() {
        let mut shard = shard();
        for (index, found) in [
            (0, Some(10)),
            (11, Some(10)),
            (12, Some(20)),
            (31, Some(30)),
            (42, None),
        ] {
            let first = shard.from(index).next();
            assert_eq!(first.map(|frame| frame.first_index), found);
        }
        for (ms, index) in [(0, 10), (2, 20), (9, 30), (13, 42)] {
            assert_eq!(shard.sought(at(ms)), Sought::Index(index));
        }
        for (range, records, bytes, oldest) in [
            (0..u64::MAX, 8, 400, Some(1)),
            (11..31, 4, 200, Some(1)),
            (12..20, 0, 0, None),
            (42..u64::MAX, 0, 0, None),
        ] {
            let oldest = oldest.map(at);
            let counted = Counted {
                records,
                bytes,
                oldest,
            };
            assert_eq!(Counted::of(shard.from(0), &range), counted, "{range:?}");
        }
        assert_eq!(shard.trim(at(6)).len(), 2);
        assert_eq!((shard.sought(at(0)), shard.end), (Sought::Index(30), 42));
    }

    #[test]
    fn a_sealed_segment_is_known_by_its_ends_and_released_as_a_whole() {
        let mut shard = shard();
        assert_eq!(shard.in_segment(0).len(), 2);
        shard.seal(0, 7, run());
        assert_eq!((shard.frames.len(), shard.sealed.len()), (2, 1));
        assert!(shard.sealed_from(21).is_some() && shard.sealed_from(22).is_none());
        assert_eq!(shard.sought(at(0)), Sought::Index(10));
        assert_eq!(shard.sought(at(6)), Sought::Index(30));
        assert!(matches!(shard.sought(at(2)), Sought::Within(_)));
        assert_eq!(shard.trim(at(3)), []);
        assert!(matches!(shard.sought(at(0)), Sought::Within(_)));
        let whole = Released {
            segment: 0,
            frames: 2,
        };
        assert_eq!(shard.trim(at(6)), [whole]);
        assert_eq!(shard.release_all().len(), 2);
    }

    #[test]
    fn what_was_trimmed_before_sealing_is_not_released_twice() {
        let mut shard = shard();
        assert_eq!(shard.trim(at(3)).len(), 1);
        shard.seal(0, 7, run());
        let rest = Released {
            segment: 0,
            frames: 1,
        };
        assert_eq!(shard.trim(at(6)), [rest]);
    }
}
