//! From totals at two moments to rates, and the highest of the last quarter of an hour.

use std::time::Duration;

use platform::Monotonic;

use crate::limits::{
    READ_BYTES_PER_SECOND, TRAFFIC_MINUTES, WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What passes in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    pub write_bytes: u64,
    pub write_records: u64,
    /// Of what readers share: fan-out has its own.
    pub read_bytes: u64,
}

/// Two looks at the totals lie at least this far apart.
const LOOK_MIN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Watch {
    totals: Rates,
    at: Duration,
    now: Rates,
    /// The highest rates of each of the last minutes, at the place of the minute's number.
    minutes: [Rates; TRAFFIC_MINUTES],
    minute: u64,
}

impl Watch {
    /// Takes in what has passed so far. True when a minute has ended.
    pub(crate) fn look(&mut self, totals: Rates, now: Monotonic) -> bool {
        let passed = now.0.saturating_sub(self.at);
        if passed < LOOK_MIN {
            return false;
        }
        self.now = totals.zip(self.totals, |now, before| {
            rate(now.saturating_sub(before), passed)
        });
        (self.totals, self.at) = (totals, now.0);
        let minute = now.0.as_secs() / MINUTE.as_secs();
        let ended = minute > self.minute;
        for skipped in (self.minute + 1..=minute).take(TRAFFIC_MINUTES) {
            *self.place(skipped) = Rates::default();
        }
        // What was skipped beyond the ring is cleared with it.
        self.minute = minute;
        let highest = *self.place(minute);
        *self.place(minute) = highest.zip(self.now, u64::max);
        ended
    }

    pub(crate) fn now(&self) -> Rates {
        self.now
    }

    pub(crate) fn peak(&self) -> Rates {
        let highest = |one: Rates, other: &Rates| one.zip(*other, u64::max);
        self.minutes.iter().fold(Rates::default(), highest)
    }

    fn place(&mut self, minute: u64) -> &mut Rates {
        let count = u64::try_from(TRAFFIC_MINUTES).unwrap_or(1);
        let index = usize::try_from(minute % count).unwrap_or(0);
        &mut self.minutes[index]
    }
}

impl Rates {
    fn zip(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            write_bytes: join(self.write_bytes, other.write_bytes),
            write_records: join(self.write_records, other.write_records),
            read_bytes: join(self.read_bytes, other.read_bytes),
        }
    }

    /// How many thousandths of a shard the writes fill, by bytes or by records, whichever is more.
    #[must_use]
    pub fn write_load(self) -> u64 {
        let bytes = self.write_bytes.saturating_mul(1000) / WRITE_BYTES_PER_SECOND;
        let records = self.write_records.saturating_mul(1000) / WRITE_RECORDS_PER_SECOND;
        bytes.max(records)
    }

    /// The same for reads that share a shard.
    #[must_use]
    pub fn read_load(self) -> u64 {
        self.read_bytes.saturating_mul(1000) / READ_BYTES_PER_SECOND
    }
}

fn rate(amount: u64, passed: Duration) -> u64 {
    let rate = u128::from(amount) * 1000 / passed.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(write_bytes: u64) -> Rates {
        Rates {
            write_bytes,
            ..Rates::default()
        }
    }

    #[test]
    fn rates_follow_and_peaks_last_a_quarter_of_an_hour() {
        let mut watch = Watch::default();
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        for (seconds, total, now, peak) in [
            (10, 1_000, 100, 100),
            (20, 1_000, 0, 100),
            (21, 1_500, 500, 500),
            (70, 1_990, 10, 500),
            (899, 1_990, 0, 500),
            (900, 2_000, 10, 10),
            (10_000, 2_000, 0, 0),
        ] {
            watch.look(bytes(total), at(seconds));
            let found = (watch.now().write_bytes, watch.peak().write_bytes);
            assert_eq!(found, (now, peak), "{seconds}");
        }
        watch.look(
            bytes(9_000),
            Monotonic(at(10_000).0 + Duration::from_millis(9)),
        );
        assert_eq!(watch.now().write_bytes, 0, "too soon to tell");
    }

    #[test]
    fn the_fuller_measure_counts() {
        for (write_bytes, write_records, load) in [
            (0, 0, 0),
            (1 << 20, 10, 1_000),
            (1 << 19, 10, 500),
            (10, 700, 700),
            (3 << 20, 2_000, 3_000),
        ] {
            let rates = Rates {
                write_bytes,
                write_records,
                read_bytes: 1 << 20,
            };
            assert_eq!((rates.write_load(), rates.read_load()), (load, 500));
        }
    }
}
