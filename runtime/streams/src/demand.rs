//! What a stream on demand had to bear: the highest load of each of the last thirty days, stored with its entry so that a
//! restart does not make it small. A load counts thousandths of what one shard takes.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::limits::{DEMAND_DAYS, ON_DEMAND_SHARDS_MIN};

const DAY_SECONDS: u64 = 24 * 60 * 60;
const SHARD: u64 = 1_000;

/// By the number of the day since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Demand(BTreeMap<u64, u64>);

impl Demand {
    /// As if these shards were what twice the traffic needs: so many are kept for thirty days.
    pub(crate) fn of_shards(shards: u32, now: Timestamp) -> Self {
        Self([(day(now), u64::from(shards) * SHARD / 2)].into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a load is so much above what is stored for the day that it is worth writing.
    pub(crate) fn is_outdone(&self, load: u64, now: Timestamp) -> bool {
        let known = self.0.get(&day(now)).copied().unwrap_or_default();
        load > known + known / 10 + SHARD / 20
    }

    pub(crate) fn note(&mut self, load: u64, now: Timestamp) {
        let today = day(now);
        self.0.retain(|day, _| day + DEMAND_DAYS > today);
        let known = self.0.entry(today).or_default();
        *known = load.max(*known);
    }

    /// Shards for twice the highest load of thirty days.
    pub(crate) fn shards(&self, now: Timestamp) -> u32 {
        let today = day(now);
        let remembered = self.0.iter().filter(|(day, _)| *day + DEMAND_DAYS > today);
        let highest = remembered.map(|(_, load)| *load).max().unwrap_or_default();
        let shards = highest.saturating_mul(2).div_ceil(SHARD);
        u32::try_from(shards)
            .unwrap_or(u32::MAX)
            .max(ON_DEMAND_SHARDS_MIN)
    }
}

fn day(now: Timestamp) -> u64 {
    now.as_seconds() / DAY_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_highest_load_of_thirty_days_counts() {
        let at = |day: u64| Timestamp::from_millis(day * DAY_SECONDS * 1000 + 5);
        let mut demand = Demand::default();
        assert_eq!(demand.shards(at(100)), 4);
        for (day, load, shards) in [
            (100, 1_900, 4),
            (100, 5_000, 10),
            (110, 2_600, 10),
            (129, 100, 10),
            (130, 100, 6),
            (140, 100, 4),
        ] {
            demand.note(load, at(day));
            assert_eq!(demand.shards(at(day)), shards, "day {day}");
        }
        assert_eq!(Demand::of_shards(7, at(0)).shards(at(29)), 7);
        assert!(demand.is_outdone(161, at(140)) && !demand.is_outdone(160, at(140)));
    }
}
