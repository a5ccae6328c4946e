//! One call of a handler: the records of one shard, and the facts a handler may ask for.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;

use crate::{
    FencingToken, FunctionName, FunctionVersion, HashKey, Position, ShardId, StreamKey, Timestamp,
    TraceParent, TriggerName, UserRecord,
};

/// A batch on its way into a handler, with the facts of the `invocation` interface of `function.wit`.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub trigger: TriggerName,
    pub function: FunctionName,
    pub version: FunctionVersion,
    pub stream: StreamKey,
    pub shard: ShardId,
    /// Stable over the attempts of one batch.
    pub request_id: String,
    /// From 1.
    pub attempt: u32,
    pub attempts_max: Option<u32>,
    pub fencing_token: FencingToken,
    /// How far the last record of the batch is behind the tip of the shard.
    pub behind_ms: u64,
    /// When the invocation began, by the wall clock.
    pub started: Timestamp,
    /// In sequence order, all of one shard; empty only where a function is run with an event instead.
    pub records: Arc<[UserRecord]>,
    /// Outputs that the trigger grants, by name.
    pub outputs: Arc<BTreeSet<String>>,
    /// Keyed state, where the trigger grants it.
    pub state: Option<Arc<dyn StateReader>>,
    /// Where the trigger has tumbling windows: the one that all the records belong to.
    pub window: Option<TumblingWindow>,
    /// The host looks for the record that failed: the handler had better say where it is.
    pub tracing: bool,
    /// A JSON event also says what function.wit's `invocation` says, in a member `shardmill`.
    pub envelope: bool,
    /// What a JSON answer may say about single records.
    pub item_failures: ItemFailures,
    /// The role of the function, where it was made with one; events name it.
    pub role: Option<Arc<str>>,
    /// The version or alias that the caller, or the trigger, names; none: the function by its bare name.
    pub qualifier: Option<Arc<str>>,
    /// What a caller of the Lambda API handed over besides the event.
    pub client_context: Option<Arc<str>>,
    /// The trace that the caller, or the producer of the first record, says this belongs to.
    pub trace_parent: Option<TraceParent>,
    /// Whoever runs the invocation tells it once it has a place to run in.
    pub begun: Begun,
    /// Records up to here were delivered before a seek or a redrive brought them back.
    pub replayed_to: Option<Position>,
}

impl Invocation {
    /// The function as it was asked for.
    #[must_use]
    pub fn invoked_arn(&self) -> String {
        let (region, account) = (&self.stream.region, &self.stream.account);
        let qualifier = self.qualifier.as_deref();
        self.function.arn(region, account, qualifier)
    }

    /// How many of the records, from the first on, were delivered before a seek or a redrive brought them back.
    #[must_use]
    pub fn replayed(&self) -> usize {
        let replayed = |to| self.records.partition_point(|record| record.position <= to);
        self.replayed_to.map_or(0, replayed)
    }
}

/// A tumbling window, as its invocations see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TumblingWindow {
    pub start: Timestamp,
    /// The first moment that is not in it.
    pub end: Timestamp,
    pub kept: WindowKept,
    /// The last invocation of the window.
    pub is_final: bool,
    /// Its state grew beyond its bound, so it ends before its time; what follows of it begins without state.
    pub is_early: bool,
}

/// Where a tumbling window keeps what it has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowKept {
    /// One value for the shard, handed from one invocation to the next; empty at first.
    ByShard(Bytes),
    /// In the keyed state, which is the window's own. The last invocations have one empty record for each key.
    ByKey,
}

/// How the answer of an event function is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ItemFailures {
    /// Any answer is a success, as in Lambda without `ReportBatchItemFailures`.
    Ignored,
    /// An object with `batchItemFailures` names the records that failed; any other answer is a success.
    #[default]
    Named,
    /// As in Lambda with `ReportBatchItemFailures`: an object with other keys fails its whole batch (PB-5).
    Strict,
}

/// Whether an invocation runs or still waits for its place.
#[derive(Debug, Clone, Default)]
pub struct Begun(Arc<AtomicBool>);

impl Begun {
    pub fn tell(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durable values of a trigger, by key and name; pending writes included.
pub trait StateReader: Send + Sync + fmt::Debug {
    fn get(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
        name: &str,
    ) -> Result<Option<Bytes>, StateUnavailable>;
    /// Names with a value under this key, in order, at most 1,000.
    fn names(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
    ) -> Result<Vec<String>, StateUnavailable>;
}

/// The store below cannot answer; the invocation is retried without using an attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read keyed state: {0}")]
pub struct StateUnavailable(pub String);
