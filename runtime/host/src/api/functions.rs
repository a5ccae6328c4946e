//! `function list|show`, `invoke`.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use model::{
    FencingToken, FunctionName, FunctionVersion, Invocation, Outcome, Position, RecordFailure,
    SequenceNumber, ShardId, StreamName, TriggerName, UserRecord,
};
use sandbox::{Called, FunctionCounts, Kind, SandboxPolicy};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{ApiError, Call, Reply};
use crate::{
    assemble::{LoadedFunction, Rooms},
    logs::Line,
    plan::stream_key,
    report::Report,
};

pub(crate) fn list(rooms: &Rooms) -> Reply {
    Ok(Value::Array(all(rooms)))
}

pub(crate) fn all(rooms: &Rooms) -> Vec<Value> {
    rooms
        .functions
        .iter()
        .map(|(name, loaded)| document(name, loaded))
        .collect()
}

pub(crate) fn show(rooms: &Rooms, name: &str) -> Reply {
    let (name, loaded) = find(rooms, name)?;
    Ok(document(name, loaded))
}

fn find<'a>(
    rooms: &'a Rooms,
    name: &str,
) -> Result<(&'a FunctionName, &'a LoadedFunction), ApiError> {
    FunctionName::parse(name)
        .ok()
        .and_then(|name| rooms.functions.get_key_value(&name))
        .ok_or_else(|| {
            ApiError::not_found(&format!("function {name}"))
                .with_hint("`shardmill function list` shows what is there")
        })
}

fn document(name: &FunctionName, loaded: &LoadedFunction) -> Value {
    json!({
        "name": name,
        "kind": loaded.function.kind().name(),
        "version": loaded.version,
        "digest": loaded.function.digest().to_string(),
        "source": loaded.source.display().to_string(),
        "memory": loaded.limits.memory.to_string(),
        "timeout_ms": u64::try_from(loaded.limits.timeout.as_millis()).unwrap_or(u64::MAX),
        "sandbox": match loaded.function.policy() { SandboxPolicy::Fresh => "fresh", SandboxPolicy::Warm => "warm" },
        "measured": measured(&loaded.function.counts()),
    })
}

/// Since it was loaded.
fn measured(counts: &FunctionCounts) -> Value {
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    json!({
        "invocations": counts.invocations,
        "failed": counts.failed(),
        "faults": counts.faults,
        "fresh": counts.fresh,
        "warm": counts.warm,
        "duration_us": micros(counts.duration),
        "init_us": micros(counts.init),
        "memory_bytes_max": counts.memory_bytes_max,
        "output_bytes": counts.output_bytes,
    })
}

/// Under this name, in the place of a trigger's, stands what functions say when they are invoked by hand.
pub(crate) const INVOKE: &str = "invoke";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    records: Vec<AskedRecord>,
    event: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedRecord {
    key: String,
    data: String,
}

/// Runs a function on given records, without effects: outputs are shown, nothing is stored.
pub(crate) async fn invoke(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let (name, loaded) = find(rooms, name)?;
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read what to invoke with: {error}")))?;
    let takes_events = match loaded.function.kind() {
        Kind::Event | Kind::Command => true,
        Kind::Stream => false,
        Kind::Http => {
            return Err(ApiError::conflict(format!(
                "invoke function {name}: it takes requests, not events"
            ))
            .with_hint("ask it through its route: `shardmill trigger list` shows which"));
        }
    };
    let (records, event) = match asked.event {
        Some(event) if takes_events => (
            Vec::new(),
            Some(String::from(Box::<str>::from(event)).into_bytes()),
        ),
        Some(event) => (user_records(rooms, kinesis_records(&event)?)?, None),
        None => (user_records(rooms, asked.records)?, None),
    };
    let request_id = format!("invoke-{:016x}", rooms.platform.rng.u64());
    let function = (name, loaded.version);
    let invocation = invocation(rooms, function, request_id.clone(), records)?;
    let report = Report::of(&invocation);
    let called = loaded.function.call(invocation, event).await;
    let lines = rooms.logs.of_invocation(&request_id);
    let now = rooms.platform.clock.wall();
    report.say(&rooms.logs, &called, loaded.limits.memory, now);
    Ok(answered(&called, &lines))
}

/// The records of an event in the shape of Lambda's Kinesis event: what a stream function can be run with.
fn kinesis_records(event: &RawValue) -> Result<Vec<AskedRecord>, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Event {
        records: Vec<Record>,
    }
    #[derive(Deserialize)]
    struct Record {
        kinesis: Kinesis,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kinesis {
        partition_key: String,
        data: String,
    }
    let event: Event = serde_json::from_str(event.get()).map_err(|error| {
        ApiError::bad(&format!("read the event: {error}")).with_hint(
            "a stream function takes `records`, or an event as Lambda has it for Kinesis",
        )
    })?;
    let asked = |record: Record| AskedRecord {
        key: record.kinesis.partition_key,
        data: record.kinesis.data,
    };
    Ok(event.records.into_iter().map(asked).collect())
}

fn user_records(rooms: &Rooms, asked: Vec<AskedRecord>) -> Result<Vec<UserRecord>, ApiError> {
    let now = rooms.platform.clock.wall();
    let mut bodies: Vec<(String, Bytes)> = Vec::new();
    for record in asked {
        let data = base64_simd::STANDARD
            .decode_to_vec(&record.data)
            .map_err(|_| ApiError::bad("`data` of a record is base64"))?;
        bodies.push((record.key, data.into()));
    }
    if bodies.is_empty() {
        return Err(ApiError::bad(
            "there is nothing to invoke with: give `records` or an `event`",
        ));
    }
    let number = |index: u64| SequenceNumber([0, 0, index + 1]);
    Ok((0_u64..)
        .zip(bodies)
        .map(|(index, (key, data))| UserRecord {
            position: Position {
                sequence: number(index),
                sub_sequence: 0,
            },
            arrived: now,
            partition_key: key.into(),
            explicit_hash_key: None,
            data,
            aggregated: false,
            deliveries: 1,
        })
        .collect())
}

/// Facts of an invocation that no trigger drives: every output that some trigger of the function has is granted.
fn invocation(
    rooms: &Rooms,
    (function, version): (&FunctionName, FunctionVersion),
    request_id: String,
    records: Vec<UserRecord>,
) -> Result<Invocation, ApiError> {
    let named = |error: model::ids::InvalidName| ApiError::failed(error);
    let outputs: BTreeSet<String> = rooms
        .triggers
        .now()
        .values()
        .filter(|trigger| trigger.function == *function)
        .flat_map(|trigger| trigger.outputs.keys().cloned())
        .chain(granted_elsewhere(rooms, function))
        .chain(["default".to_owned()])
        .collect();
    Ok(Invocation {
        trigger: TriggerName::parse(INVOKE).map_err(named)?,
        function: function.clone(),
        version,
        stream: stream_key(&rooms.world, &StreamName::parse("invoke").map_err(named)?),
        shard: ShardId(0),
        request_id,
        attempt: 1,
        attempts_max: Some(1),
        fencing_token: FencingToken(0),
        behind_ms: 0,
        started: rooms.platform.clock.wall(),
        records: records.into(),
        outputs: Arc::new(outputs),
        state: Some(Arc::new(crate::scratch_state::ScratchState)),
        item_failures: model::invocation::ItemFailures::default(),
        begun: model::invocation::Begun::default(),
    })
}

/// Outputs of its triggers that read no stream.
fn granted_elsewhere(rooms: &Rooms, function: &FunctionName) -> Vec<String> {
    let schedules = rooms.schedules.all().into_iter();
    let schedules = schedules.filter(|(settings, _)| settings.function == *function);
    let schedules =
        schedules.flat_map(|(settings, _)| settings.outputs.keys().cloned().collect::<Vec<_>>());
    let routes = rooms
        .routes
        .all()
        .filter(|gate| gate.settings.function() == function);
    let routes = routes.flat_map(|gate| gate.settings.outputs.keys().cloned());
    schedules.chain(routes).collect()
}

/// What an event function answered, else which records failed.
fn said(called: &Called, failures: &[RecordFailure]) -> Value {
    let Some(document) = &called.document else {
        return failures
            .iter()
            .map(|failure| {
                json!({
                    "index": failure.index,
                    "action": format!("{:?}", failure.action),
                    "kind": failure.kind,
                    "reason": failure.reason,
                })
            })
            .collect();
    };
    serde_json::from_slice(document).unwrap_or_else(|_| String::from_utf8_lossy(document).into())
}

fn answered(called: &Called, lines: &[Line]) -> Value {
    match &called.outcome {
        Outcome::Answered(answer) => json!({
            "ok": answer.failures.is_empty(),
            "answer": said(called, &answer.failures),
            "outputs": answer.outputs.iter().map(|record| json!({
                "output": record.output,
                "key": String::from_utf8_lossy(&record.partition_key),
                "data": base64_simd::STANDARD.encode_to_string(&record.data),
            })).collect::<Vec<_>>(),
            "error": null,
            "duration_us": u64::try_from(answer.usage.duration.as_micros()).unwrap_or(u64::MAX),
            "logs": lines,
        }),
        Outcome::Failed(fault) => json!({
            "ok": false,
            "answer": said(called, &[]),
            "outputs": [],
            "error": { "kind": fault.kind, "message": fault.message },
            "duration_us": u64::try_from(fault.usage.duration.as_micros()).unwrap_or(u64::MAX),
            "logs": lines,
        }),
    }
}
