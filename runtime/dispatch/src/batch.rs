//! Forms batches: pure, fed with records and asked with the time.
//!
//! In: user records with their encoded size. Out: batches that close on count, bytes or batch window, in order. A record
//! too large for any request becomes a batch of its own that is never invoked (RD-10).

use std::{collections::VecDeque, mem};

use model::{Position, Timestamp, UserRecord};

use crate::settings::BatchPolicy;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    Fit(Vec<UserRecord>),
    /// Its encoded request exceeds the bound on its own.
    Oversized(UserRecord),
}

#[derive(Debug)]
pub struct Batcher {
    policy: BatchPolicy,
    open: Vec<UserRecord>,
    open_bytes: usize,
    /// When the first record of the open batch was collected.
    since: Timestamp,
    closed: VecDeque<Batch>,
}

impl Batcher {
    #[must_use]
    pub fn new(policy: BatchPolicy) -> Self {
        Self {
            policy,
            open: Vec::new(),
            open_bytes: 0,
            since: Timestamp::default(),
            closed: VecDeque::new(),
        }
    }

    /// `encoded` is the record's share of a request, in bytes.
    pub fn push(&mut self, record: UserRecord, encoded: usize, now: Timestamp) {
        if encoded > self.policy.bytes {
            self.close();
            self.closed.push_back(Batch::Oversized(record));
            return;
        }
        if self.open_bytes + encoded > self.policy.bytes {
            self.close();
        }
        if self.open.is_empty() {
            self.since = now;
        }
        self.open.push(record);
        self.open_bytes += encoded;
        if self.open.len() >= self.policy.records {
            self.close();
        }
    }

    /// The next batch that may be invoked. `at_tip`: nothing more is at hand, so an empty batch window closes too.
    pub fn next(&mut self, now: Timestamp, at_tip: bool) -> Option<Batch> {
        if self.closed.is_empty() && self.is_ready(now, at_tip) {
            self.close();
        }
        self.closed.pop_front()
    }

    /// Whether there is a next batch.
    #[must_use]
    pub fn is_ready(&self, now: Timestamp, at_tip: bool) -> bool {
        let window_over = self.closes_at().is_some_and(|at| at <= now);
        !self.closed.is_empty() || (window_over && (at_tip || !self.policy.wait.is_zero()))
    }

    /// The oldest record in it.
    #[must_use]
    pub fn first(&self) -> Option<Position> {
        let first = match self.closed.front() {
            Some(Batch::Fit(records)) => records.first(),
            Some(Batch::Oversized(record)) => Some(record),
            None => self.open.first(),
        };
        first.map(|record| record.position)
    }

    /// Puts back what cannot be worked on yet.
    pub(crate) fn put_back(&mut self, records: Vec<UserRecord>) {
        if !records.is_empty() {
            self.closed.push_front(Batch::Fit(records));
        }
    }

    /// When the open batch closes by its window.
    #[must_use]
    pub fn closes_at(&self) -> Option<Timestamp> {
        (!self.open.is_empty()).then(|| self.since.plus(self.policy.wait))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.open_bytes = 0;
            self.closed.push_back(Batch::Fit(mem::take(&mut self.open)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{AccountId, Region, StreamKey, StreamName, lambda::encoded_len};

    use super::*;
    use crate::testing::user_record;

    const REQUEST_BYTES: usize = 6_291_456;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn batcher(records: usize, wait: Duration) -> Batcher {
        Batcher::new(BatchPolicy {
            records,
            bytes: REQUEST_BYTES,
            wait,
        })
    }

    fn push(batcher: &mut Batcher, index: u64, bytes: usize, now: Timestamp) {
        let record = UserRecord {
            data: vec![0; bytes].into(),
            ..user_record(index, "k")
        };
        let stream = StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("clicks").unwrap(),
        };
        let encoded = encoded_len(&stream, &record);
        batcher.push(record, encoded, now);
    }

    fn sizes(batcher: &mut Batcher, now: Timestamp) -> Vec<Option<usize>> {
        std::iter::from_fn(|| batcher.next(now, true))
            .map(|batch| match batch {
                Batch::Fit(records) => Some(records.len()),
                Batch::Oversized(_) => None,
            })
            .collect()
    }

    #[test]
    fn a15_ten_records_of_1_mib_are_three_invocations() {
        let mut batcher = batcher(10, Duration::ZERO);
        (0..10).for_each(|index| push(&mut batcher, index, 1 << 20, at(0)));
        assert_eq!(sizes(&mut batcher, at(0)), [Some(4), Some(4), Some(2)]);
    }

    #[test]
    fn a16_a_record_that_fits_no_request_stands_alone_between_its_neighbours() {
        let mut batcher = batcher(10, Duration::ZERO);
        for (index, bytes) in [(0, 10), (1, 5 << 20), (2, 10)] {
            push(&mut batcher, index, bytes, at(0));
        }
        assert_eq!(sizes(&mut batcher, at(0)), [Some(1), None, Some(1)]);
    }

    #[test]
    fn a17_a_batch_window_runs_from_the_first_record() {
        let mut batcher = batcher(100, Duration::from_secs(5));
        for (index, ms) in [(0, 0), (1, 1_000), (2, 2_000)] {
            push(&mut batcher, index, 10, at(ms));
        }
        assert_eq!(batcher.closes_at(), Some(at(5_000)));
        assert_eq!(batcher.next(at(4_999), true), None);
        assert_eq!(sizes(&mut batcher, at(5_000)), [Some(3)]);
        assert!(batcher.is_empty());
    }

    #[test]
    fn without_a_window_a_batch_closes_only_when_nothing_more_is_at_hand() {
        let mut batcher = batcher(3, Duration::ZERO);
        push(&mut batcher, 0, 10, at(0));
        assert_eq!(batcher.next(at(0), false), None);
        push(&mut batcher, 1, 10, at(0));
        assert_eq!(sizes(&mut batcher, at(0)), [Some(2)]);
    }
}
