//! The keys that weigh most, found with bounded memory: a space-saving sketch.
//!
//! In: a key and what one record of it weighs. Out: the heaviest keys, each with what it weighs at most and by how much
//! that may be too high. A key that holds more than its share of the sketch is always in it. Old weight fades.

use crate::limits::HOT_KEYS_KEPT;

#[derive(Debug, Default)]
pub(crate) struct HotKeys {
    kept: Vec<Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) hash: u128,
    /// The partition key of the first record that was seen.
    pub(crate) key: Box<[u8]>,
    pub(crate) weight: u64,
    /// Of the weight, what may be other keys'.
    pub(crate) doubt: u64,
}

impl HotKeys {
    pub(crate) fn note(&mut self, hash: u128, key: &[u8], weight: u64) {
        if let Some(known) = self.kept.iter_mut().find(|kept| kept.hash == hash) {
            known.weight = known.weight.saturating_add(weight);
            return;
        }
        let fresh = |over: u64| Kept {
            hash,
            key: key.into(),
            weight: over.saturating_add(weight),
            doubt: over,
        };
        if self.kept.len() < HOT_KEYS_KEPT {
            self.kept.push(fresh(0));
        } else if let Some(lightest) = self.kept.iter_mut().min_by_key(|kept| kept.weight) {
            *lightest = fresh(lightest.weight);
        }
    }

    /// The heaviest first, by what they weigh at least.
    pub(crate) fn heaviest(&self, count: usize) -> Vec<Kept> {
        let mut sorted = self.kept.clone();
        sorted.sort_by_key(|kept| (std::cmp::Reverse(kept.sure()), kept.hash));
        sorted.truncate(count);
        sorted
    }

    pub(crate) fn fade(&mut self) {
        for kept in &mut self.kept {
            kept.weight /= 2;
            kept.doubt /= 2;
        }
        self.kept.retain(|kept| kept.weight > 0);
    }
}

impl Kept {
    /// What the key weighs at least.
    pub(crate) fn sure(&self) -> u64 {
        self.weight - self.doubt
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hot_key_stands_out_of_many_cold_ones() {
        let mut keys = HotKeys::default();
        for round in 0..10_000_u128 {
            let hash = if round % 4 == 0 { 7 } else { 1_000 + round };
            keys.note(hash, &hash.to_be_bytes(), 1);
        }
        let heaviest = keys.heaviest(2);
        assert_eq!(heaviest[0].hash, 7);
        assert!(heaviest[0].sure() >= 2_000 && heaviest[0].weight <= 3_000);
        assert!(heaviest[1].sure() < 10, "{:?}", heaviest[1]);
        for _ in 0..20 {
            keys.fade();
        }
        assert!(keys.heaviest(1).is_empty());
    }

    proptest! {
        #[test]
        fn weights_are_never_too_low_and_doubts_tell_by_how_much_they_are_too_high(
            notes in prop::collection::vec((0..200_u128, 1..50_u64), 0..2_000),
        ) {
            let mut keys = HotKeys::default();
            let mut truth: BTreeMap<u128, u64> = BTreeMap::new();
            for (hash, weight) in &notes {
                keys.note(*hash, &[], *weight);
                *truth.entry(*hash).or_default() += weight;
            }
            let total: u64 = truth.values().sum();
            let kept = keys.heaviest(usize::MAX);
            prop_assert!(kept.len() <= HOT_KEYS_KEPT);
            for one in &kept {
                let weight = truth[&one.hash];
                prop_assert!(one.sure() <= weight && weight <= one.weight);
            }
            let fair = total / u64::try_from(HOT_KEYS_KEPT).unwrap();
            for (hash, weight) in truth {
                prop_assert!(weight <= fair || kept.iter().any(|one| one.hash == hash));
            }
        }
    }
}
