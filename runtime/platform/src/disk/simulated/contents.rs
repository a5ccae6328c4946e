//! One simulated file: the bytes that readers see, the bytes that a power loss surely leaves, and who holds its lock.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::ranges::Ranges;
use super::survival::Survival;

#[derive(Default)]
pub(super) struct Contents {
    seen: Vec<u8>,
    synced: Vec<u8>,
    /// Where the two may differ, lengths aside: a sync copies no more than this.
    dirty: Ranges,
    /// Written before a sync that failed: later syncs do not know of it, as with the kernel's pages.
    given_up: Ranges,
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
        self.dirty.add(&(old..len));
    }

    /// Zeros fill the gap when `at` lies beyond the end.
    pub(super) fn write_at(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if self.seen.len() < end {
            self.set_len(end);
        }
        self.seen[at..end].copy_from_slice(bytes);
        self.dirty.add(&(at..end));
    }

    pub(super) fn read_at(&self, len: usize, at: usize) -> Bytes {
        let start = at.min(self.seen.len());
        let end = start.saturating_add(len).min(self.seen.len());
        Bytes::copy_from_slice(&self.seen[start..end])
    }

    pub(super) fn sync(&mut self) {
        self.synced.resize(self.seen.len(), 0);
        for range in self.dirty.iter() {
            copy(&self.seen, &mut self.synced, range);
        }
        self.dirty.clear();
    }

    /// A sync failed: what was to be written may or may not be there, and nobody writes it again.
    pub(super) fn fail_sync(&mut self) {
        self.given_up.add_all(&self.dirty);
        self.dirty.clear();
    }

    /// The file as a power loss leaves it.
    pub(super) fn after_power_loss(&self, survival: Survival<'_>) -> Self {
        let mut unsynced = self.dirty.clone();
        unsynced.add_all(&self.given_up);
        let mut left = self.synced.clone();
        left.resize(survival.size(self.synced.len(), self.seen.len()), 0);
        for range in survival.sectors(unsynced.iter()) {
            copy(&self.seen, &mut left, range);
        }
        Self {
            synced: left.clone(),
            seen: left,
            ..Self::default()
        }
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
}

/// As much of `range` as both have.
fn copy(from: &[u8], to: &mut [u8], range: Range<usize>) {
    let end = range.end.min(from.len()).min(to.len());
    let start = range.start.min(end);
    to[start..end].copy_from_slice(&from[start..end]);
}
