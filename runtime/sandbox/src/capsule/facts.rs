//! What a capsule knows of its invocation: all that a run needs, but for what only a running host has.
//!
//! In: an invocation that ran. Out: facts that stand for themselves, and of them the invocation once more.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    Digest, FencingToken, FunctionName, FunctionVersion, Invocation, Position, ShardId, StreamKey,
    Timestamp, TraceParent, TriggerName, UserRecord,
    invocation::{Begun, ItemFailures, StateReader, TumblingWindow},
};

use crate::world::{Remembered, Told};

/// An invocation without what only a running host has.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub trigger: TriggerName,
    pub function: FunctionName,
    pub version: FunctionVersion,
    /// Of the function that ran.
    pub digest: Digest,
    pub stream: StreamKey,
    pub shard: ShardId,
    pub request_id: String,
    pub attempt: u32,
    pub attempts_max: Option<u32>,
    pub fencing_token: FencingToken,
    pub behind_ms: u64,
    pub started: Timestamp,
    pub records: Arc<[UserRecord]>,
    /// What it was run with in place of records.
    pub event: Option<Bytes>,
    /// The role that the event names, where it is not the usual one.
    pub role: Option<Arc<str>>,
    /// The version or alias that its caller named.
    pub qualifier: Option<Arc<str>>,
    /// What a caller of the Lambda API handed over besides the event.
    pub client_context: Option<Arc<str>>,
    pub trace_parent: Option<TraceParent>,
    /// The tumbling window of the records, with what it had come to.
    pub window: Option<TumblingWindow>,
    pub outputs: Vec<String>,
    pub has_state: bool,
    pub tracing: bool,
    pub envelope: bool,
    pub item_failures: ItemFailures,
    pub replayed_to: Option<Position>,
}

impl Facts {
    pub(crate) fn of(invocation: &Invocation, event: Option<Bytes>, digest: Digest) -> Self {
        Self {
            trigger: invocation.trigger.clone(),
            function: invocation.function.clone(),
            version: invocation.version,
            digest,
            stream: invocation.stream.clone(),
            shard: invocation.shard,
            request_id: invocation.request_id.clone(),
            attempt: invocation.attempt,
            attempts_max: invocation.attempts_max,
            fencing_token: invocation.fencing_token,
            behind_ms: invocation.behind_ms,
            started: invocation.started,
            records: Arc::clone(&invocation.records),
            event,
            role: invocation.role.clone(),
            qualifier: invocation.qualifier.clone(),
            client_context: invocation.client_context.clone(),
            trace_parent: invocation.trace_parent.clone(),
            window: invocation.window.clone(),
            outputs: invocation.outputs.iter().cloned().collect(),
            has_state: invocation.state.is_some(),
            tracing: invocation.tracing,
            envelope: invocation.envelope,
            item_failures: invocation.item_failures,
            replayed_to: invocation.replayed_to,
        }
    }

    /// The invocation once more; its state is what was read of it, and `more` for what was not.
    pub(crate) fn invocation(&self, told: &Told, more: Option<Arc<dyn StateReader>>) -> Invocation {
        let told = told.clone();
        let remembered = || Arc::new(Remembered { told, more }) as _;
        let state = self.has_state.then(remembered);
        Invocation {
            trigger: self.trigger.clone(),
            function: self.function.clone(),
            version: self.version,
            stream: self.stream.clone(),
            shard: self.shard,
            request_id: self.request_id.clone(),
            attempt: self.attempt,
            attempts_max: self.attempts_max,
            fencing_token: self.fencing_token,
            behind_ms: self.behind_ms,
            started: self.started,
            records: Arc::clone(&self.records),
            outputs: Arc::new(self.outputs.iter().cloned().collect()),
            state,
            window: self.window.clone(),
            tracing: self.tracing,
            envelope: self.envelope,
            item_failures: self.item_failures,
            role: self.role.clone(),
            qualifier: self.qualifier.clone(),
            client_context: self.client_context.clone(),
            trace_parent: self.trace_parent.clone(),
            begun: Begun::default(),
            replayed_to: self.replayed_to,
        }
    }
}
