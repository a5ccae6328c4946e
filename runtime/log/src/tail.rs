//! The bodies of recent frames, shared with every reader at the tip: no system call and no copy there.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::limits::TAIL_BYTES_MAX;

#[derive(Debug, Default)]
pub(crate) struct Tail {
    frames: BTreeMap<u64, Bytes>,
    bytes: usize,
}

impl Tail {
    pub(crate) fn add(&mut self, position: u64, bodies: Bytes) {
        self.bytes += bodies.len();
        self.frames.insert(position, bodies);
        while self.bytes > TAIL_BYTES_MAX
            && let Some((_, oldest)) = self.frames.pop_first()
        {
            self.bytes -= oldest.len();
        }
    }

    pub(crate) fn get(&self, position: u64) -> Option<Bytes> {
        self.frames.get(&position).cloned()
    }
}
