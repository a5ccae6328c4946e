//! Capsules: an invocation that failed, with everything it was told and what came of it, so that it can be run again.
//!
//! In: an invocation, what its guest was told, its outcome. Out: a document that stands for itself, and back: a line of JSON
//! with the records behind it as bytes, or all of it as JSON for who wants to read it. A capsule is run without effects: what
//! comes of it is compared with what came of it then. Whoever keeps capsules implements `CapsuleSink`.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use model::{
    Answer, Digest, FaultClass, FencingToken, FunctionName, FunctionVersion, HashKey, Invocation,
    Outcome, Position, ShardId, StreamKey, Timestamp, TraceParent, TriggerName, UserRecord,
    invocation::{Begun, ItemFailures, StateReader, TumblingWindow, WindowKept},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::{Remembered, Told, ToldNames, ToldValue};

mod base64;
mod records;

use base64::{Base64, base64};

/// The version of a document that holds everything, and of one that stands before its records.
const LISTED: u32 = 1;
const PACKED: u32 = 2;
/// How one that stands before its records begins, and no other.
const PACKED_HEAD: &[u8] = b"{\"capsule\":2,";

/// Keeps the capsules of invocations that failed. Called where the function ran, so it never waits.
pub trait CapsuleSink: Send + Sync + fmt::Debug {
    fn keep(&self, capsule: &Capsule);
}

#[derive(Debug, Clone, PartialEq)]
pub struct Capsule {
    pub invocation: Facts,
    pub told: Told,
    /// What came of it, as `result` writes it.
    pub result: Value,
}

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

/// Stands in the place of a trigger's name in the log of a repeated run.
const REPLAY: &str = "replay";

/// Whose words the log takes down: what is said in a repeated run is not said by its trigger.
pub(crate) fn heard(invocation: &Invocation, is_replay: bool) -> Cow<'_, Invocation> {
    if !is_replay {
        return Cow::Borrowed(invocation);
    }
    let mut heard = invocation.clone();
    heard.request_id = format!("replay/{}", heard.request_id);
    heard.trigger = TriggerName::parse(REPLAY).unwrap_or(heard.trigger);
    Cow::Owned(heard)
}

/// Whether any of its records will be delivered again, or given up. What could not be run at all says nothing.
pub(crate) fn has_failed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered(answer) => !answer.failures.is_empty(),
        Outcome::Failed(fault) => fault.class == FaultClass::Function,
    }
}

/// What came of a run, in a form that two runs can be compared by: neither times nor memory are in it.
#[must_use]
pub fn result(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Failed(fault) => json!({
            "came": "failed",
            "kind": fault.kind,
            "message": fault.message,
        }),
        Outcome::Answered(answer) => answered(answer),
    }
}

fn answered(answer: &Answer) -> Value {
    let failures = answer.failures.iter().map(|failure| {
        json!({
            "index": failure.index,
            "action": format!("{:?}", failure.action),
            "kind": failure.kind,
            "reason": failure.reason,
        })
    });
    let outputs = answer.outputs.iter().map(|record| {
        json!({
            "output": record.output,
            "key": base64(&record.partition_key),
            "hash_key": record.explicit_hash_key.map(|key| key.0.to_string()),
            "data": base64(&record.data),
            "source": record.source,
        })
    });
    let state = answer.state.iter().map(|write| {
        json!({
            "source": write.source,
            "name": write.name,
            "value": write.value.as_ref().map(base64),
        })
    });
    json!({
        "came": "answered",
        "failures": failures.collect::<Value>(),
        "outputs": outputs.collect::<Value>(),
        "state": state.collect::<Value>(),
    })
}

/// What is wrong with a file that should hold a capsule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapsuleError {
    #[error("it is no capsule: {0}")]
    Unreadable(String),
    #[error("it has version {0}, this shardmill reads versions {LISTED} and {PACKED}")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
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
    records: Vec<RecordDocument>,
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordDocument {
    position: Position,
    arrived_ms: u64,
    key: Base64,
    hash_key: Option<String>,
    data: Base64,
    aggregated: bool,
    deliveries: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldDocument {
    seed: Base64,
    wall_ms: Vec<u64>,
    monotonic_ns: Vec<u64>,
    deadline_ns: u64,
    deadline_wall_ms: u64,
    /// Hash key, partition key, name, value.
    values: Vec<(String, Base64, String, Option<Base64>)>,
    names: Vec<(String, Base64, Vec<String>)>,
    warmth: u32,
    is_cut_off: bool,
}

impl Capsule {
    /// Of its first record: of a dead letter that came of it, that is the name too. Where there are no records, of the
    /// window that closed, or of the request.
    #[must_use]
    pub fn id(&self) -> String {
        let facts = &self.invocation;
        let (trigger, shard) = (&facts.trigger, facts.shard.0);
        let first = facts.records.first().map(|record| record.position);
        match (first, &facts.window) {
            (Some(first), _) => format!("{trigger}/{shard}-{first}"),
            (None, Some(window)) => {
                format!("{trigger}/{shard}-window-{}", window.start.as_millis())
            }
            (None, None) => format!("{trigger}/{}", self.request()),
        }
    }

    /// The request as a part of a name.
    fn request(&self) -> String {
        let facts = &self.invocation;
        let own = format!("{}/", facts.trigger);
        let request = facts.request_id.strip_prefix(&own);
        let request = request.unwrap_or(&facts.request_id);
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        request.chars().map(plain).collect()
    }

    /// For a file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to a Vec cannot fail, and a document is text and numbers.
        let written = serde_json::to_writer(&mut bytes, &self.document(PACKED, Vec::new()));
        debug_assert!(written.is_ok());
        bytes.push(b'\n');
        records::pack(&self.invocation.records, &mut bytes);
        bytes
    }

    /// For people; `decode` takes it too.
    pub fn listed(&self) -> Result<Value, CapsuleError> {
        let records = self.invocation.records.iter().map(record_document);
        let document = self.document(LISTED, records.collect());
        serde_json::to_value(document).map_err(|error| unreadable(&error))
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, CapsuleError> {
        #[derive(Deserialize)]
        struct Head {
            capsule: u32,
        }
        let no_number = || CapsuleError::Unreadable("a number is none".to_owned());
        if bytes.starts_with(PACKED_HEAD) {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let end = end.unwrap_or(bytes.len());
            let (head, rest) = bytes.split_at(end);
            let document: Document =
                serde_json::from_slice(head).map_err(|error| unreadable(&error))?;
            let rest = Bytes::copy_from_slice(rest.get(1..).unwrap_or_default());
            let records = records::unpack(rest);
            let records =
                records.ok_or_else(|| CapsuleError::Unreadable("it is cut off".to_owned()))?;
            return Self::of(document, records).ok_or_else(no_number);
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        if head.capsule != LISTED {
            return Err(CapsuleError::Version(head.capsule));
        }
        let mut document: Document =
            serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        let listed = std::mem::take(&mut document.records).into_iter();
        let records: Option<Vec<UserRecord>> = listed.map(record).collect();
        records
            .and_then(|records| Self::of(document, records))
            .ok_or_else(no_number)
    }

    fn document(&self, version: u32, records: Vec<RecordDocument>) -> Document {
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
    fn of(document: Document, records: Vec<UserRecord>) -> Option<Self> {
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

fn unreadable(error: &serde_json::Error) -> CapsuleError {
    CapsuleError::Unreadable(error.to_string())
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

fn record_document(record: &UserRecord) -> RecordDocument {
    RecordDocument {
        position: record.position,
        arrived_ms: record.arrived.as_millis(),
        key: Base64(record.partition_key.clone()),
        hash_key: record.explicit_hash_key.map(|key| key.0.to_string()),
        data: Base64(record.data.clone()),
        aggregated: record.aggregated,
        deliveries: record.deliveries,
    }
}

fn record(document: RecordDocument) -> Option<UserRecord> {
    let hash_key = document.hash_key.map(|text| hash_key(&text));
    Some(UserRecord {
        position: document.position,
        arrived: Timestamp::from_millis(document.arrived_ms),
        partition_key: document.key.0,
        explicit_hash_key: match hash_key {
            Some(key) => Some(key?),
            None => None,
        },
        data: document.data.0,
        aggregated: document.aggregated,
        deliveries: document.deliveries,
    })
}

fn hash_key(text: &str) -> Option<HashKey> {
    text.parse().map(HashKey).ok()
}

fn told_document(told: &Told) -> ToldDocument {
    let value = |value: &ToldValue| {
        (
            value.hash_key.0.to_string(),
            Base64(value.partition_key.clone()),
            value.name.clone(),
            value.value.clone().map(Base64),
        )
    };
    let names = |names: &ToldNames| {
        (
            names.hash_key.0.to_string(),
            Base64(names.partition_key.clone()),
            names.names.clone(),
        )
    };
    ToldDocument {
        seed: Base64(Bytes::copy_from_slice(&told.seed)),
        wall_ms: told.wall_ms.clone(),
        monotonic_ns: told.monotonic_ns.clone(),
        deadline_ns: told.deadline_ns,
        deadline_wall_ms: told.deadline_wall_ms,
        values: told.values.iter().map(value).collect(),
        names: told.names.iter().map(names).collect(),
        warmth: told.warmth,
        is_cut_off: told.is_cut_off,
    }
}

fn told(document: ToldDocument) -> Option<Told> {
    let value = |(hash, key, name, value): (String, Base64, String, Option<Base64>)| {
        Some(ToldValue {
            hash_key: hash_key(&hash)?,
            partition_key: key.0,
            name,
            value: value.map(|value| value.0),
        })
    };
    let names = |(hash, key, names): (String, Base64, Vec<String>)| {
        Some(ToldNames {
            hash_key: hash_key(&hash)?,
            partition_key: key.0,
            names,
        })
    };
    Some(Told {
        seed: document.seed.0.as_ref().try_into().ok()?,
        wall_ms: document.wall_ms,
        monotonic_ns: document.monotonic_ns,
        deadline_ns: document.deadline_ns,
        deadline_wall_ms: document.deadline_wall_ms,
        values: document
            .values
            .into_iter()
            .map(value)
            .collect::<Option<_>>()?,
        names: document
            .names
            .into_iter()
            .map(names)
            .collect::<Option<_>>()?,
        warmth: document.warmth,
        is_cut_off: document.is_cut_off,
    })
}
