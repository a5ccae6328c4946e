//! The gates of one shard: writes, reads and iterators, each with AWS's rates.

use std::time::Duration;

use platform::Monotonic;

use super::{Bucket, Rate};
use crate::limits::{
    READ_BYTES_PER_SECOND, READS_PER_SECOND, SHARD_ITERATORS_PER_SECOND, WRITE_BYTES_PER_SECOND,
    WRITE_RECORDS_PER_SECOND,
};

const RECORDS: Rate = Rate::per_second(WRITE_RECORDS_PER_SECOND);
const BYTES: Rate = Rate::per_second(WRITE_BYTES_PER_SECOND);
const READS: Rate = Rate::per_second(READS_PER_SECOND);
const READ_BYTES: Rate = Rate::per_second(READ_BYTES_PER_SECOND);
const ITERATORS: Rate = Rate::per_second(SHARD_ITERATORS_PER_SECOND);

/// How long a reader that asked for too much is kept out.
const READ_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Gates {
    pub(crate) write: WriteGate,
    pub(crate) read: ReadGate,
    iterators: Bucket,
    /// Until then a test wants nothing to pass.
    shut_until: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WriteGate {
    records: Bucket,
    bytes: Bucket,
    /// What records larger than a second's worth are taken from: a reserve of one largest record, refilled at the same rate.
    reserve: Bucket,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReadGate {
    calls: Bucket,
    bytes: Bucket,
    closed_until: Duration,
}

impl Gates {
    /// Lets nothing through for so long, whatever limits are kept.
    pub(crate) fn shut(&mut self, now: Monotonic, lasts: Duration) {
        self.shut_until = self.shut_until.max(now.0.saturating_add(lasts));
    }

    pub(crate) fn is_shut(&self, now: Monotonic) -> bool {
        now.0 < self.shut_until
    }

    pub(crate) fn pass_iterator(&mut self, now: Monotonic) -> bool {
        self.iterators.pass(ITERATORS, 1, now)
    }
}

impl WriteGate {
    /// Whether a record of so many bytes may be written. One that may not takes nothing out. `record_max` is what the
    /// stream allows a record.
    pub(crate) fn pass(&mut self, bytes: u64, record_max: u64, now: Monotonic) -> bool {
        let large = bytes > WRITE_BYTES_PER_SECOND;
        let reserve = Rate {
            per_second: WRITE_BYTES_PER_SECOND,
            burst: record_max.max(WRITE_BYTES_PER_SECOND),
        };
        let (bucket, rate) = if large {
            (&mut self.reserve, reserve)
        } else {
            (&mut self.bytes, BYTES)
        };
        let passes = self.records.holds(RECORDS, 1, now) && bucket.holds(rate, bytes, now);
        if passes {
            self.records.take(RECORDS, 1, now);
            bucket.take(rate, bytes, now);
        }
        passes
    }

    /// Whether anything at all may be written.
    pub(crate) fn has_room(&self, now: Monotonic) -> bool {
        self.records.holds(RECORDS, 1, now) && self.bytes.holds(BYTES, 1, now)
    }

    /// Counts a record that is written in any case.
    pub(crate) fn charge(&mut self, bytes: u64, now: Monotonic) {
        self.records.take(RECORDS, 1, now);
        self.bytes.take(BYTES, bytes, now);
    }
}

impl ReadGate {
    /// Whether the shard may be read now.
    pub(crate) fn pass(&mut self, now: Monotonic) -> bool {
        now.0 >= self.closed_until && self.calls.pass(READS, 1, now)
    }

    /// Counts what was read. More than a second's worth at once closes the gate for as long as it would have taken.
    pub(crate) fn charge(&mut self, bytes: u64, now: Monotonic) {
        let pause = if bytes > READ_BYTES_PER_SECOND {
            // AWS counts whole seconds: 10 MiB are five.
            Duration::from_secs(bytes.div_ceil(READ_BYTES_PER_SECOND))
        } else if self.bytes.holds(READ_BYTES, bytes.saturating_add(1), now) {
            Duration::ZERO
        } else {
            READ_PAUSE
        };
        if bytes <= READ_BYTES_PER_SECOND {
            self.bytes.take(READ_BYTES, bytes, now);
        }
        if !pause.is_zero() {
            self.closed_until = now.0.saturating_add(pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    /// How many records of one size pass at each moment.
    fn check(bytes: u64, record_max: u64, moments: &[(u64, usize)]) {
        let mut gate = WriteGate::default();
        for (ms, expected) in moments {
            let passed = (0..2_000).filter(|_| gate.pass(bytes, record_max, at(*ms)));
            assert_eq!(passed.count(), *expected, "{bytes} bytes at {ms} ms");
        }
    }

    #[test]
    fn writes_have_a_rate_of_records_and_one_of_bytes() {
        check(10, MIB, &[(0, 1_000), (0, 0), (1, 1), (1_001, 1_000)]);
        check(MIB / 4, MIB, &[(0, 4), (249, 0), (250, 1), (1_250, 4)]);
        check(MIB, MIB, &[(0, 1), (999, 0), (1_000, 1)]);
    }

    #[test]
    fn a_large_record_empties_the_reserve_which_refills_at_the_same_rate() {
        check(
            10 * MIB,
            10 * MIB,
            &[(0, 1), (9_999, 0), (10_000, 1), (10_000, 0)],
        );
        let mut gate = WriteGate::default();
        assert!(gate.pass(10 * MIB, 10 * MIB, at(0)));
        assert!(
            gate.pass(MIB / 2, 10 * MIB, at(0)),
            "the others are not held up"
        );
        assert!(
            !gate.pass(2 * MIB, MIB, at(100_000)),
            "larger than the stream allows"
        );
    }

    #[test]
    fn reads_have_a_rate_of_calls() {
        let mut gate = ReadGate::default();
        let passed = |gate: &mut ReadGate, ms| (0..9).filter(|_| gate.pass(at(ms))).count();
        assert_eq!(passed(&mut gate, 0), 5);
        assert_eq!(passed(&mut gate, 200), 1);
        assert_eq!(passed(&mut gate, 1_200), 5);
    }

    #[test]
    fn what_was_read_keeps_readers_out() {
        for (read, opens_ms) in [
            (&[10 * MIB][..], 5_000),
            (&[9 * MIB], 5_000),
            (&[3 * MIB], 2_000),
            (&[2 * MIB], 1_000),
            (&[MIB, MIB], 1_000),
            (&[MIB], 0),
            (&[0], 0),
        ] {
            let mut gate = ReadGate::default();
            for bytes in read {
                assert!(gate.pass(at(0)), "{read:?}");
                gate.charge(*bytes, at(0));
            }
            assert!(opens_ms == 0 || !gate.pass(at(opens_ms - 1)), "{read:?}");
            assert!(gate.pass(at(opens_ms)), "{read:?}");
        }
    }

    #[test]
    fn iterators_have_a_rate_of_their_own() {
        let mut gates = Gates::default();
        let passed = (0..9).filter(|_| gates.pass_iterator(at(0))).count();
        assert_eq!(passed, 5);
        assert!(gates.read.pass(at(0)));
    }
}
