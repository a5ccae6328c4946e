//! A set of byte ranges, kept apart and in order; touching ones become one.

use std::collections::BTreeMap;
use std::ops::Range;

#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    by_start: BTreeMap<usize, usize>,
}

impl Ranges {
    pub(super) fn add(&mut self, range: &Range<usize>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        while let Some((&before, &until)) = self.by_start.range(..=end).next_back()
            && until >= start
        {
            start = start.min(before);
            end = end.max(until);
            self.by_start.remove(&before);
        }
        self.by_start.insert(start, end);
    }

    pub(super) fn add_all(&mut self, others: &Self) {
        for range in others.iter() {
            self.add(&range);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Range<usize>> {
        self.by_start.iter().map(|(&start, &end)| start..end)
    }

    pub(super) fn clear(&mut self) {
        self.by_start.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_hold_what_was_added_once_and_in_order(
            added in prop::collection::vec((0..60_usize, 0..12_usize), 0..20)
        ) {
            let mut ranges = Ranges::default();
            let mut expected = std::collections::BTreeSet::new();
            for (start, len) in added {
                ranges.add(&(start..start + len));
                expected.extend(start..start + len);
            }
            let held: Vec<usize> = ranges.iter().flatten().collect();
            prop_assert_eq!(held, expected.into_iter().collect::<Vec<_>>());
            let ends: Vec<_> = ranges.iter().collect();
            prop_assert!(ends.windows(2).all(|two| two[0].end < two[1].start));
        }
    }
}
