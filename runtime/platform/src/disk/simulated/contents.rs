//! One simulated file: the bytes that readers see, the bytes that a crash leaves, and who holds its lock.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::wear::Wear;

#[derive(Default)]
pub(super) struct Contents {
    seen: Vec<u8>,
    synced: Vec<u8>,
    /// Where the two may differ, lengths aside: a sync copies no more than this.
    dirty: Range<usize>,
    holder: Weak<()>,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("len", &self.seen.len())
            .field("synced_len", &self.synced.len())
            .finish_non_exhaustive()
    }
}

impl Contents {
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn set_len(&mut self, len: usize) {
        let old = self.seen.len();
        self.seen.resize(len, 0);
        if old < len {
            self.touch(old..len);
        }
    }

    /// Zeros fill the gap when `at` lies beyond the end.
    pub(super) fn write_at(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if self.seen.len() < end {
            self.set_len(end);
        }
        self.seen[at..end].copy_from_slice(bytes);
        self.touch(at..end);
    }

    pub(super) fn read_at(&self, len: usize, at: usize) -> Bytes {
        let start = at.min(self.seen.len());
        let end = start.saturating_add(len).min(self.seen.len());
        Bytes::copy_from_slice(&self.seen[start..end])
    }

    pub(super) fn sync(&mut self) {
        self.synced.resize(self.seen.len(), 0);
        let end = self.dirty.end.min(self.seen.len());
        let start = self.dirty.start.min(end);
        self.synced[start..end].copy_from_slice(&self.seen[start..end]);
        self.dirty = 0..0;
    }

    /// Back to what was synced, and what a worn disk wrote beyond that; nobody holds the lock any more.
    pub(super) fn crash(&mut self, wear: &Wear) {
        let end = self.dirty.end.min(self.seen.len());
        let start = self.dirty.start.min(end);
        let end = start + wear.written(end - start);
        if start < end {
            let len = self.synced.len().max(end);
            self.synced.resize(len, 0);
            self.synced[start..end].copy_from_slice(&self.seen[start..end]);
        }
        self.seen.clone_from(&self.synced);
        self.dirty = 0..0;
        self.holder = Weak::new();
    }

    /// Held until the answer is dropped; `None` while somebody else holds it.
    pub(super) fn lock(&mut self) -> Option<Arc<()>> {
        if self.holder.strong_count() > 0 {
            return None;
        }
        let held = Arc::new(());
        self.holder = Arc::downgrade(&held);
        Some(held)
    }

    fn touch(&mut self, range: Range<usize>) {
        self.dirty = if self.dirty.is_empty() {
            range
        } else {
            self.dirty.start.min(range.start)..self.dirty.end.max(range.end)
        };
    }
}
