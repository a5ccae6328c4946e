//! Counts of what clients asked of a stream, one set for each kind of call that AWS measures.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// A kind of call, or of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    PutRecord,
    PutRecords,
    GetRecords,
    SubscribeToShard,
    /// What a subscription sends.
    Event,
}

impl Operation {
    pub const ALL: [Self; 5] = [
        Self::PutRecord,
        Self::PutRecords,
        Self::GetRecords,
        Self::SubscribeToShard,
        Self::Event,
    ];
}

/// What came of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noted {
    pub succeeded: bool,
    pub bytes: u64,
    pub records: u64,
    /// Of the records, those that were refused because their shard was full.
    pub throttled: u64,
    pub took: Duration,
}

/// What came of all calls so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub calls: u64,
    pub succeeded: u64,
    pub bytes: u64,
    pub records: u64,
    pub throttled: u64,
    pub took: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct OperationMeter {
    calls: AtomicU64,
    succeeded: AtomicU64,
    bytes: AtomicU64,
    records: AtomicU64,
    throttled: AtomicU64,
    took_nanos: AtomicU64,
}

impl OperationMeter {
    pub(crate) fn note(&self, noted: Noted) {
        self.calls.fetch_add(1, Relaxed);
        self.succeeded
            .fetch_add(u64::from(noted.succeeded), Relaxed);
        self.bytes.fetch_add(noted.bytes, Relaxed);
        self.records.fetch_add(noted.records, Relaxed);
        self.throttled.fetch_add(noted.throttled, Relaxed);
        let nanos = u64::try_from(noted.took.as_nanos()).unwrap_or(u64::MAX);
        self.took_nanos.fetch_add(nanos, Relaxed);
    }

    pub(crate) fn counted(&self) -> Counted {
        Counted {
            calls: self.calls.load(Relaxed),
            succeeded: self.succeeded.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            records: self.records.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            took: Duration::from_nanos(self.took_nanos.load(Relaxed)),
        }
    }
}
