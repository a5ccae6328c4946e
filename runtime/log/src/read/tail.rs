//! The bodies of recent frames, shared with every reader at the tip: no system call and no copy there.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::limits::TAIL_BYTES_MAX;

#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// In log order, with their positions.
    frames: VecDeque<(u64, Bytes)>,
    bytes: usize,
}

impl Tail {
    /// Positions only grow.
    pub(crate) fn add(&mut self, position: u64, bodies: Bytes) {
        self.bytes += bodies.len();
        self.frames.push_back((position, bodies));
    }

    /// The oldest that there is no room for any more. Letting go of them takes its time, so not under a lock.
    pub(crate) fn shed(&mut self) -> Vec<Bytes> {
        let mut shed = Vec::new();
        while self.bytes > TAIL_BYTES_MAX
            && let Some((_, oldest)) = self.frames.pop_front()
        {
            self.bytes -= oldest.len();
            shed.push(oldest);
        }
        shed
    }

    pub(crate) fn get(&self, position: u64) -> Option<Bytes> {
        let found = self.frames.binary_search_by_key(&position, |frame| frame.0);
        let (_, bodies) = self.frames.get(found.ok()?)?;
        Some(bodies.clone())
    }
}
