//! One bucket that refills at a steady rate, kept as the moment at which it is full again.

use std::time::Duration;

use platform::Monotonic;

const SECOND_NANOS: u128 = 1_000_000_000;

/// How fast a bucket refills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u64,
    pub burst: u64,
}

/// Full when it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at: Duration,
}

impl Rate {
    /// A bucket that holds what refills within a second.
    #[must_use]
    pub const fn per_second(per_second: u64) -> Self {
        Self {
            per_second,
            burst: per_second,
        }
    }

    fn time_for(self, amount: u64) -> Duration {
        let nanos = u128::from(amount) * SECOND_NANOS;
        let nanos = nanos.div_ceil(u128::from(self.per_second.max(1)));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Bucket {
    /// Whether so much is in it. More than it can ever hold never is.
    #[must_use]
    pub fn holds(&self, rate: Rate, amount: u64, now: Monotonic) -> bool {
        let missing = self.full_at.saturating_sub(now.0);
        missing.saturating_add(rate.time_for(amount)) <= rate.time_for(rate.burst)
    }

    /// How long until so much is in it.
    #[must_use]
    pub fn holds_in(&self, rate: Rate, amount: u64, now: Monotonic) -> Duration {
        let missing = self.full_at.saturating_sub(now.0);
        let needed = missing.saturating_add(rate.time_for(amount));
        needed.saturating_sub(rate.time_for(rate.burst))
    }

    /// Takes out so much, even if it is not there: what is missing must refill first.
    pub fn take(&mut self, rate: Rate, amount: u64, now: Monotonic) {
        let from = self.full_at.max(now.0);
        self.full_at = from.saturating_add(rate.time_for(amount));
    }

    /// Takes out so much if it is there.
    pub fn pass(&mut self, rate: Rate, amount: u64, now: Monotonic) -> bool {
        let holds = self.holds(rate, amount, now);
        if holds {
            self.take(rate, amount, now);
        }
        holds
    }

    /// Whether it is as if it had never been used.
    #[must_use]
    pub fn is_full(&self, now: Monotonic) -> bool {
        self.full_at <= now.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    #[test]
    fn a_bucket_gives_a_burst_and_then_its_rate() {
        let rate = Rate {
            per_second: 5,
            burst: 5,
        };
        let mut bucket = Bucket::default();
        let passed = |bucket: &mut Bucket, ms| bucket.pass(rate, 1, at(ms));
        assert_eq!((0..7).filter(|_| passed(&mut bucket, 0)).count(), 5);
        assert!(!passed(&mut bucket, 199));
        assert!(passed(&mut bucket, 200));
        assert!(!passed(&mut bucket, 399));
        assert!(bucket.is_full(at(1_200)) && !bucket.is_full(at(1_199)));
        assert!(!bucket.pass(rate, 6, at(1_000_000)), "more than it holds");
        bucket.take(rate, 9, at(2_000_000));
        let wait = |ms| bucket.holds_in(rate, 1, at(ms)).as_millis();
        assert_eq!([2_000_000, 2_000_900, 2_001_000].map(wait), [1_000, 100, 0]);
    }

    proptest! {
        /// Within any span there passes at most a burst and what refills meanwhile.
        #[test]
        fn no_span_lets_more_pass_than_burst_and_rate(
            per_second in 1..2_000_u64,
            burst in 1..2_000_u64,
            asked in prop::collection::vec((0..500_u64, 1..100_u64), 1..200),
        ) {
            let rate = Rate { per_second, burst };
            let (mut bucket, mut now_ms) = (Bucket::default(), 0);
            let mut passed: Vec<(u64, u64)> = Vec::new();
            for (pause_ms, amount) in asked {
                now_ms += pause_ms;
                if bucket.pass(rate, amount, at(now_ms)) {
                    passed.push((now_ms, amount));
                }
            }
            for (index, (from_ms, _)) in passed.iter().enumerate() {
                let mut sum = 0;
                for (until_ms, amount) in &passed[index..] {
                    sum += amount;
                    prop_assert!(sum * 1000 <= burst * 1000 + (until_ms - from_ms) * per_second + 1000);
                }
            }
        }

        /// Whoever waits until it is full gets all that it holds.
        #[test]
        fn a_full_bucket_gives_what_it_holds(per_second in 1..10_000_u64, taken in 0..10_000_u64) {
            let rate = Rate::per_second(per_second);
            let mut bucket = Bucket::default();
            bucket.take(rate, taken, at(0));
            let full_ms = taken * 1000 / per_second + 1;
            prop_assert!(bucket.pass(rate, per_second, at(full_ms)));
        }
    }
}
