//! When a lease of somebody else has expired: it was not renewed for as long as a lease lasts, by the observer's own
//! monotonic clock. Pure; no two clocks are ever compared, so it does not matter how far they are apart.

use std::{collections::BTreeMap, time::Duration};

use model::{LeaseKey, LeaseRow};

use crate::balance::kcl2::Age;

/// An expired lease is forgotten after so many times its duration.
const LONG: u32 = 3;

/// Counters, and since when each is what it is.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    seen: BTreeMap<LeaseKey, (u64, Duration)>,
}

impl Watch {
    /// Notes what the table says at `now`; rows that are gone are forgotten.
    pub fn see(&mut self, rows: &[LeaseRow], now: Duration) {
        let mut seen = BTreeMap::new();
        for row in rows {
            let since = match self.seen.get(&row.key) {
                Some((counter, since)) if *counter == row.counter => *since,
                Some(_) | None => now,
            };
            seen.insert(row.key.clone(), (row.counter, since));
        }
        self.seen = seen;
    }

    /// Of a lease that lasts `duration`; what was never seen counts from now on.
    #[must_use]
    pub fn age(&self, key: &LeaseKey, now: Duration, duration: Duration) -> Age {
        let since = self.seen.get(key).map_or(now, |(_, since)| *since);
        let unchanged = now.saturating_sub(since);
        if unchanged <= duration {
            Age::Renewed
        } else if unchanged <= duration * LONG {
            Age::Expired
        } else {
            Age::LongExpired
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Checkpoint, LeaseSlot, ShardId, TriggerName};

    use super::*;

    #[test]
    fn a_lease_expires_when_its_counter_stands_still_by_the_observers_own_clock() {
        let key = LeaseKey {
            trigger: TriggerName::parse("board").unwrap(),
            shard: ShardId(0),
        };
        let mut row = crate::created(key.clone(), LeaseSlot(1), Vec::new(), Checkpoint::Latest);
        let (mut watch, second) = (Watch::default(), Duration::from_secs(1));
        // Seconds of the observer, the counter it sees then, and what it makes of a lease of ten seconds.
        for (now, counter, age) in [
            (100, 1, Age::Renewed),
            (110, 1, Age::Renewed),
            (111, 1, Age::Expired),
            (112, 2, Age::Renewed),
            (142, 2, Age::Expired),
            (143, 2, Age::LongExpired),
            (144, 3, Age::Renewed),
        ] {
            row.counter = counter;
            watch.see(std::slice::from_ref(&row), second * now);
            assert_eq!(
                watch.age(&key, second * now, second * 10),
                age,
                "at {now} s"
            );
        }
        watch.see(&[], second * 200);
        assert_eq!(watch.age(&key, second * 999, second * 10), Age::Renewed);
    }
}
