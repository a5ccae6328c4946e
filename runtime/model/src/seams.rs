//! The traits by which crates that stand side by side are plugged together in `host`.
//!
//! Each has two implementors: the real one and one for tests or another backend. Futures are boxed: a call across a
//! seam costs an allocation a batch, never one a record.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;

use crate::{
    FencingToken, FunctionVersion, HashKeyRange, Invocation, LogPosition, Outcome, Records,
    SequenceNumber, ShardId, StreamKey, Timestamp, Transaction, UserRecord,
};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a trigger's records come from.
pub trait Source: Send + Sync + fmt::Debug {
    /// When the stream was created: a deleted stream and a later one of its name are two.
    fn created(&self, stream: &StreamKey) -> Result<Timestamp, SourceError>;
    /// How long its records are kept; None where nobody knows.
    fn retention(&self, _stream: &StreamKey) -> Option<Duration> {
        None
    }
    /// All shards of the stream that still hold records or are open, in order of creation.
    fn shards(&self, stream: &StreamKey) -> Result<Vec<ShardFacts>, SourceError>;
    /// The next records after `from`, without waiting. An empty page that is not the end means the reader is at the tip.
    fn read<'a>(
        &'a self,
        stream: &'a StreamKey,
        shard: ShardId,
        from: ReadFrom,
        limit: ReadLimit,
    ) -> BoxFuture<'a, Result<Page, SourceError>>;
    /// How many records the shard ever had before a place, those that retention has taken included. None where the place
    /// itself is gone, or nobody counts.
    fn records_before(
        &self,
        _stream: &StreamKey,
        _shard: ShardId,
        _place: ReadFrom,
    ) -> Option<u64> {
        None
    }
    /// Resolves once the shard may hold something after `tip`, or has ended. Commits wake it; it never polls.
    fn wait<'a>(
        &'a self,
        stream: &'a StreamKey,
        shard: ShardId,
        tip: ReadFrom,
    ) -> BoxFuture<'a, Result<(), SourceError>>;
    /// Resolves once everything that has arrived by now can be read, with a moment: nothing that comes later arrives before
    /// it. Between its arrival and its becoming visible a record is on its way to the disk, which no read shows.
    fn arrivals(&self) -> BoxFuture<'_, Result<Timestamp, SourceError>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardFacts {
    pub id: ShardId,
    pub range: HashKeyRange,
    pub parents: Vec<ShardId>,
    pub open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    Oldest,
    Latest,
    At(SequenceNumber),
    After(SequenceNumber),
    Arrived(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    pub records: usize,
    pub bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub records: Records,
    /// Where the next read continues.
    pub next: ReadFrom,
    /// How far behind the tip of the shard the page ends; 0 at the tip.
    pub behind_ms: u64,
    /// The shard is closed and everything in it has been read.
    pub ended: bool,
    /// How many records the shard ever had before this page: said where the page does not go on at the number that was
    /// asked for, because retention has taken what lay there or no number was named.
    pub records_before: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("stream {0} does not exist")]
    NoSuchStream(String),
    #[error("shard {0} does not exist")]
    NoSuchShard(ShardId),
    #[error("the log has stopped: {0}")]
    Down(String),
}

/// What takes an invocation.
pub trait Handler: Send + Sync + fmt::Debug {
    /// Which version of the function runs an attempt; the invocation then names it. `before` ran the attempt before it, and
    /// runs this one too unless somebody said otherwise; `fraction` in [0, 1) is the draw between several.
    fn version(&self, before: Option<FunctionVersion>, fraction: f64) -> FunctionVersion;
    /// Which share of what comes a second version takes, 0 to 1: a draw below it picks that one. None where one runs.
    fn share(&self) -> Option<f64> {
        None
    }
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Outcome>;
    /// What a record of this stream costs in a request, in bytes, at most.
    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize;
    /// Whether it may say which record it is at when it is asked to.
    fn marks(&self) -> bool {
        false
    }
}

/// What functions said, as far as it is still there.
pub trait LogTail: Send + Sync + fmt::Debug {
    /// The newest lines of one attempt that began at `since`, oldest first, together at most `bytes_max`.
    fn tail(&self, request_id: &str, attempt: u32, since: Timestamp, bytes_max: usize) -> String;
}

/// The durable truth as `dispatch`, `leases` and `catalog` see it.
pub trait Journal: Send + Sync + fmt::Debug {
    /// Resolves once the transaction has its place in the log's order; it may not be durable yet.
    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<LogPosition, CommitError>>;
    /// Resolves once everything up to `at` is durable.
    fn durable(&self, at: LogPosition) -> BoxFuture<'_, Result<(), CommitError>>;
    /// The newest placed value, durable or not.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CommitError>;
    /// Keys that begin with `prefix` and lie after `after`, in order, at most `limit`.
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, CommitError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    #[error("fenced: the lease has the newer token {current}")]
    Fenced { current: FencingToken },
    /// Nothing was written; whoever reads again may try again.
    #[error("a row is not as it was read: somebody else created or changed it meanwhile")]
    Changed,
    #[error("the transaction has {bytes} bytes, at most {max} are accepted")]
    TooLarge { bytes: u64, max: u64 },
    #[error("output stream {0} does not exist")]
    NoSuchStream(String),
    #[error("the data disk is full; nothing acknowledged is lost")]
    Full,
    #[error("the log has stopped: {0}")]
    Down(String),
}
