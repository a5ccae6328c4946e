//! How many payloads came twice: fingerprints of the newest ones, in a table that forgets.
//!
//! Which payloads are looked at follows from their own bytes, so that a repeated one is looked at both times.

use std::{
    hash::BuildHasher as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use foldhash::fast::FixedState;

use crate::limits::{PAYLOADS_KEPT, SAMPLE_EVERY};

#[derive(Debug)]
pub(crate) struct Fingerprints {
    newest: Box<[AtomicU64]>,
    looked_at: AtomicU64,
    repeated: AtomicU64,
}

impl Default for Fingerprints {
    fn default() -> Self {
        Self {
            newest: (0..PAYLOADS_KEPT).map(|_| AtomicU64::new(0)).collect(),
            looked_at: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
        }
    }
}

impl Fingerprints {
    /// Looks at every payload, or at one of sixteen.
    pub(crate) fn note(&self, data: &[u8], every: bool) {
        if data.is_empty() || !every && !is_chosen(data) {
            return;
        }
        // 0 stands for nothing.
        let print = FixedState::with_seed(0).hash_one(data) | 1;
        let place = usize::try_from(print >> 1).unwrap_or_default() % PAYLOADS_KEPT;
        let weight = if every { 1 } else { SAMPLE_EVERY };
        self.looked_at.fetch_add(weight, Relaxed);
        if self.newest[place].swap(print, Relaxed) == print {
            self.repeated.fetch_add(weight, Relaxed);
        }
    }

    /// Payloads that were looked at, and those among them that had come before.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.looked_at.load(Relaxed), self.repeated.load(Relaxed))
    }
}

/// By a few of its bytes, which costs nothing beside storing it.
fn is_chosen(data: &[u8]) -> bool {
    let word = |from: usize| {
        let bytes = data.get(from..).unwrap_or_default();
        match bytes.first_chunk() {
            Some(whole) => u64::from_le_bytes(*whole),
            None => bytes
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte)),
        }
    };
    let length = u64::try_from(data.len()).unwrap_or_default();
    let middle = data.len() / 2;
    let last = data.len().saturating_sub(8);
    let mixed = super::meter::mix(word(0) ^ word(middle).rotate_left(21) ^ word(last) ^ length);
    mixed.is_multiple_of(SAMPLE_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(every: bool, payloads: impl Iterator<Item = String>) -> (u64, u64) {
        let prints = Fingerprints::default();
        for payload in payloads {
            prints.note(payload.as_bytes(), every);
        }
        prints.counts()
    }

    #[test]
    fn repeated_payloads_are_counted() {
        let each_twice = |count: u32| (0..count).flat_map(|n| [n, n]).map(|n| format!("load {n}"));
        assert_eq!(counted(true, each_twice(500)), (1_000, 500));
        let once = (0..500).map(|n| format!("load {n}"));
        assert_eq!(counted(true, once), (500, 0));
        assert_eq!(
            counted(true, [String::new(), String::new()].into_iter()),
            (0, 0)
        );
    }

    #[test]
    fn a_sample_tells_about_all() {
        let payloads =
            (0..100_000_u32).map(|n| format!("{:020}", if n % 4 == 0 { n / 4 * 4 + 1 } else { n }));
        let (looked_at, repeated) = counted(false, payloads);
        assert!((80_000..120_000).contains(&looked_at), "{looked_at}");
        assert!((20_000..30_000).contains(&repeated), "{repeated}");
    }
}
