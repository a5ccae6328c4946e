//! Forms batches: pure, fed with records and asked with the time.
//!
//! In: user records with their encoded size. Out: batches that close on count, bytes, batch window or the end of a tumbling
//! window, in order. A record too large for any request becomes a batch of its own that is never invoked (RD-10).

use std::{collections::VecDeque, mem, time::Duration};

use model::{Position, Timestamp, UserRecord};

use crate::settings::BatchPolicy;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub records: Vec<UserRecord>,
    /// The tumbling window of all of them, by its start.
    pub window: Option<Timestamp>,
    /// Of the one record the encoded request exceeds the bound on its own.
    pub oversized: bool,
}

#[derive(Debug)]
pub struct Batcher {
    policy: BatchPolicy,
    open: Vec<UserRecord>,
    open_bytes: usize,
    window: Option<Timestamp>,
    /// The length of tumbling windows that end by the wall clock.
    every: Option<Duration>,
    /// When the window of the open batch began: with its first record, or when the batch before it had come to its end.
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
            window: None,
            every: None,
            since: Timestamp::default(),
            closed: VecDeque::new(),
        }
    }

    /// No batch stays open beyond the end of its tumbling window.
    #[must_use]
    pub(crate) fn within_windows(mut self, every: Option<Duration>) -> Self {
        self.every = every;
        self
    }

    /// `encoded` is the record's share of a request, in bytes; `window` the start of its tumbling window.
    pub fn push(
        &mut self,
        record: UserRecord,
        encoded: usize,
        window: Option<Timestamp>,
        now: Timestamp,
    ) {
        if encoded > self.policy.bytes {
            self.close();
            self.closed.push_back(Batch {
                records: vec![record],
                window,
                oversized: true,
            });
            return;
        }
        if self.open_bytes + encoded > self.policy.bytes || self.window != window {
            self.close();
        }
        self.window = window;
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
        let next = self.closed.front().map_or(&self.open, |it| &it.records);
        next.first().map(|record| record.position)
    }

    /// When its oldest record arrived.
    pub(crate) fn first_arrived(&self) -> Option<Timestamp> {
        let next = self.closed.front().map_or(&self.open, |it| &it.records);
        next.first().map(|record| record.arrived)
    }

    /// The next batch, also where more might have joined it.
    pub(crate) fn close_now(&mut self) -> Option<Batch> {
        if self.closed.is_empty() {
            self.close();
        }
        self.closed.pop_front()
    }

    /// The tumbling windows of what is in it, in order, some several times.
    pub(crate) fn windows(&self) -> impl Iterator<Item = Timestamp> {
        let open = (!self.open.is_empty()).then_some(self.window);
        let closed = self.closed.iter().map(|batch| batch.window);
        closed.chain(open).flatten()
    }

    /// Puts back what cannot be worked on yet.
    pub(crate) fn put_back(&mut self, records: Vec<UserRecord>, window: Option<Timestamp>) {
        if !records.is_empty() {
            self.closed.push_front(Batch {
                records,
                window,
                oversized: false,
            });
        }
    }

    /// The batch before it has come to its end: the window of an open one runs from here (RD-5).
    pub(crate) fn begin_window(&mut self, now: Timestamp) {
        self.since = self.since.max(now);
    }

    /// The clock was set back.
    pub(crate) fn move_back(&mut self, by: Duration) {
        self.since = self.since.minus(by);
    }

    /// When the open batch closes by its window.
    #[must_use]
    pub fn closes_at(&self) -> Option<Timestamp> {
        let by_wait = (!self.open.is_empty()).then(|| self.since.plus(self.policy.wait))?;
        let end = self
            .window
            .zip(self.every)
            .map(|(at, every)| at.plus(every));
        Some(end.map_or(by_wait, |end| by_wait.min(end)))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.open_bytes = 0;
            self.closed.push_back(Batch {
                records: mem::take(&mut self.open),
                window: self.window,
                oversized: false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
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
        batcher.push(record, encoded, None, now);
    }

    fn sizes(batcher: &mut Batcher, now: Timestamp) -> Vec<Option<usize>> {
        std::iter::from_fn(|| batcher.next(now, true))
            .map(|batch| (!batch.oversized).then_some(batch.records.len()))
            .collect()
    }

    #[test]
    fn ten_records_of_1_mib_are_three_batches() {
        let mut batcher = batcher(10, Duration::ZERO);
        (0..10).for_each(|index| push(&mut batcher, index, 1 << 20, at(0)));
        assert_eq!(sizes(&mut batcher, at(0)), [Some(4), Some(4), Some(2)]);
    }

    #[test]
    fn a_record_that_fits_no_request_stands_alone_between_its_neighbours() {
        let mut batcher = batcher(10, Duration::ZERO);
        for (index, bytes) in [(0, 10), (1, 5 << 20), (2, 10)] {
            push(&mut batcher, index, bytes, at(0));
        }
        assert_eq!(sizes(&mut batcher, at(0)), [Some(1), None, Some(1)]);
    }

    #[test]
    fn a_batch_window_runs_from_the_first_record() {
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
    fn a_batch_holds_records_of_one_tumbling_window() {
        let mut batcher = batcher(10, Duration::ZERO);
        for (index, window) in [(0, 0), (1, 0), (2, 60), (3, 0)] {
            let record = user_record(index, "k");
            batcher.push(record, 10, Some(at(window)), at(0));
        }
        let windows: Vec<Timestamp> = batcher.windows().collect();
        assert_eq!(windows, [at(0), at(60), at(0)]);
        assert_eq!(sizes(&mut batcher, at(0)), [Some(2), Some(1), Some(1)]);
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
