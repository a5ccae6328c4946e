//! The document of a capsule as its JSON has it, and the way there and back.
//!
//! In: a capsule. Out: its document; and of a document the capsule, unless a number in it is out of bounds.

use std::sync::Arc;

use model::{
    FencingToken, FunctionName, FunctionVersion, Position, ShardId, StreamKey, Timestamp,
    TraceParent, TriggerName, UserRecord,
    invocation::{ItemFailures, TumblingWindow, WindowKept},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Capsule,
    base64::Base64,
    facts::Facts,
    listed::RecordDocument,
    told::{ToldDocument, told, told_document},
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    capsule: u32,
    trigger: TriggerName,
    function: FunctionName,
    version: FunctionVersion,
    digest: String,
    stream: StreamKey,
    shard: ShardId,
    request_id: String,
    attempt: u32,
    attempts_max: Option<u32>,
    /// Decimal text: JSON numbers are too small.
    fencing_token: String,
    behind_ms: u64,
    started_ms: u64,
    outputs: Vec<String>,
    has_state: bool,
    tracing: bool,
    envelope: bool,
    item_failures: Word,
    replayed_to: Option<Position>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) records: Vec<RecordDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Base64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qualifier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_context: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace_parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<WindowDocument>,
    told: ToldDocument,
    result: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Ignored,
    Named,
    Strict,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowDocument {
    start_ms: u64,
    end_ms: u64,
    /// Of windows by shard; absent where values are kept by key.
    state: Option<Base64>,
    is_final: bool,
    is_early: bool,
}

impl Capsule {
    pub(super) fn document(&self, version: u32, records: Vec<RecordDocument>) -> Document {
        let facts = &self.invocation;
        Document {
            capsule: version,
            trigger: facts.trigger.clone(),
            function: facts.function.clone(),
            version: facts.version,
            digest: facts.digest.to_string(),
            stream: facts.stream.clone(),
            shard: facts.shard,
            request_id: facts.request_id.clone(),
            attempt: facts.attempt,
            attempts_max: facts.attempts_max,
            fencing_token: facts.fencing_token.0.to_string(),
            behind_ms: facts.behind_ms,
            started_ms: facts.started.as_millis(),
            outputs: facts.outputs.clone(),
            has_state: facts.has_state,
            tracing: facts.tracing,
            envelope: facts.envelope,
            item_failures: match facts.item_failures {
                ItemFailures::Ignored => Word::Ignored,
                ItemFailures::Named => Word::Named,
                ItemFailures::Strict => Word::Strict,
            },
            replayed_to: facts.replayed_to,
            records,
            event: facts.event.clone().map(Base64),
            role: facts.role.as_deref().map(str::to_owned),
            qualifier: facts.qualifier.as_deref().map(str::to_owned),
            client_context: facts.client_context.as_deref().map(str::to_owned),
            trace_parent: facts.trace_parent.as_ref().map(ToString::to_string),
            window: facts.window.as_ref().map(window_document),
            told: told_document(&self.told),
            result: self.result.clone(),
        }
    }

    /// None where a number is out of bounds.
    pub(super) fn of(document: Document, records: Vec<UserRecord>) -> Option<Self> {
        let invocation = Facts {
            trigger: document.trigger,
            function: document.function,
            version: document.version,
            digest: document.digest.parse().ok()?,
            stream: document.stream,
            shard: document.shard,
            request_id: document.request_id,
            attempt: document.attempt,
            attempts_max: document.attempts_max,
            fencing_token: FencingToken(document.fencing_token.parse().ok()?),
            behind_ms: document.behind_ms,
            started: Timestamp::from_millis(document.started_ms),
            records: records.into(),
            event: document.event.map(|event| event.0),
            role: document.role.map(Arc::from),
            qualifier: document.qualifier.map(Arc::from),
            client_context: document.client_context.map(Arc::from),
            trace_parent: document
                .trace_parent
                .as_deref()
                .and_then(TraceParent::parse),
            window: document.window.map(window),
            outputs: document.outputs,
            has_state: document.has_state,
            tracing: document.tracing,
            envelope: document.envelope,
            item_failures: match document.item_failures {
                Word::Ignored => ItemFailures::Ignored,
                Word::Named => ItemFailures::Named,
                Word::Strict => ItemFailures::Strict,
            },
            replayed_to: document.replayed_to,
        };
        Some(Self {
            invocation,
            told: told(document.told)?,
            result: document.result,
        })
    }
}

fn window_document(window: &TumblingWindow) -> WindowDocument {
    WindowDocument {
        start_ms: window.start.as_millis(),
        end_ms: window.end.as_millis(),
        state: match &window.kept {
            WindowKept::ByShard(state) => Some(Base64(state.clone())),
            WindowKept::ByKey => None,
        },
        is_final: window.is_final,
        is_early: window.is_early,
    }
}

fn window(document: WindowDocument) -> TumblingWindow {
    TumblingWindow {
        start: Timestamp::from_millis(document.start_ms),
        end: Timestamp::from_millis(document.end_ms),
        kept: document
            .state
            .map_or(WindowKept::ByKey, |state| WindowKept::ByShard(state.0)),
        is_final: document.is_final,
        is_early: document.is_early,
    }
}
