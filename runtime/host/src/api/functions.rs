//! `function list|show`, `invoke`.

use std::sync::Arc;

use bytes::Bytes;
use catalog::{Origin, Route};
use model::{ByteSize, FunctionName, FunctionVersion, Outcome, RecordFailure};
use sandbox::{Called, FunctionCounts, Kind};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{ApiError, Call, Reply, versions};
use crate::{
    assemble::Rooms,
    functions::{
        Deployed,
        calling::{self, Facts},
    },
    logs::Line,
    report::OwedReport,
};

pub(crate) fn list(rooms: &Rooms) -> Reply {
    Ok(Value::Array(all(rooms)))
}

pub(crate) fn all(rooms: &Rooms) -> Vec<Value> {
    let functions = rooms.functions.now();
    let documents = functions.iter();
    documents
        .map(|(name, deployed)| document(name, deployed))
        .collect()
}

pub(crate) fn show(rooms: &Rooms, name: &str) -> Reply {
    let (name, deployed) = find(rooms, name)?;
    Ok(document(&name, &deployed))
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

/// A function by its name, or by what stands before an `@` in it.
pub(crate) fn find(rooms: &Rooms, text: &str) -> Result<(FunctionName, Arc<Deployed>), ApiError> {
    let name = text.split_once('@').map_or(text, |(name, _)| name);
    let name = FunctionName::parse(name).ok();
    let found = name.and_then(|name| {
        let deployed = rooms.functions.get(&name)?;
        Some((name, deployed))
    });
    found.ok_or_else(|| {
        ApiError::not_found(&format!("function {text}"))
            .with_hint("`shardmill function list` shows what is there")
    })
}

fn document(name: &FunctionName, deployed: &Deployed) -> Value {
    let entry = &deployed.entry;
    let route = entry
        .route(None)
        .unwrap_or(Route::to(FunctionVersion::LATEST));
    let revision = entry.revision(route.version).unwrap_or(&entry.head.latest);
    let settings = &revision.settings;
    json!({
        "name": name,
        "by": match entry.head.origin { Origin::File => "file", Origin::Api => "api" },
        "kind": revision.code.kind,
        "version": versions::named(route.version),
        "shares": route.other.map(|share| json!({ "version": share.version, "weight": share.weight })),
        "declared": entry.head.declared,
        "aliases": versions::aliases(entry),
        "digest": revision.code.digest.to_string(),
        "source": deployed.source.display().to_string(),
        "memory": ByteSize(settings.memory_bytes).to_string(),
        "timeout_ms": settings.timeout_ms,
        "sandbox": deployed.policy(route.version).or(settings.sandbox.as_deref()).unwrap_or("fresh"),
        "concurrency": deployed.gate.max(),
        "running": deployed.gate.running(),
        "measured": deployed.counts(route.version).as_ref().map(measured),
    })
}

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
    let qualifier = name.split_once('@').map(|(_, qualifier)| qualifier);
    let (name, deployed) = find(rooms, name)?;
    let entry = &deployed.entry;
    let version = entry.of_attempt(qualifier, None, rooms.platform.rng.fraction());
    let version = version.map_err(|error| ApiError::bad(&format!("invoke {name}: {error}")))?;
    let loaded = rooms.functions.load(&deployed, version).await;
    let function = loaded.map_err(|why| ApiError::bad(&format!("invoke {name}: {why}")))?;
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read what to invoke with: {error}")))?;
    let takes_events = match function.kind() {
        Kind::Event | Kind::Command | Kind::Process => true,
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
        Some(event) => {
            let bodies = calling::kinesis_records(event.get().as_bytes()).map_err(|error| {
                ApiError::bad(&format!("read the event: {error}")).with_hint(
                    "a stream function takes `records`, or an event as Lambda has it for Kinesis",
                )
            })?;
            (calling::user_records(rooms, bodies), None)
        }
        None => (calling::user_records(rooms, decoded(asked.records)?), None),
    };
    let request_id = format!("invoke-{:016x}", rooms.platform.rng.u64());
    let facts = Facts {
        function: &name,
        version,
        request_id: request_id.clone(),
        attempt: 1,
        qualifier: qualifier.map(Arc::from),
        client_context: None,
        trace_parent: None,
    };
    let invocation = calling::invocation(rooms, facts, records).map_err(ApiError::failed)?;
    let report = OwedReport::of(rooms, &invocation, function.limits().memory_told);
    let _pass = deployed.gate.enter().await;
    let called = function.call(invocation, event).await;
    let lines = rooms.logs.of_invocation(&request_id);
    report.say(&called);
    Ok(answered(&called, &lines))
}

fn decoded(asked: Vec<AskedRecord>) -> Result<Vec<(String, Bytes)>, ApiError> {
    if asked.is_empty() {
        return Err(ApiError::bad(
            "there is nothing to invoke with: give `records` or an `event`",
        ));
    }
    let taken = |record: AskedRecord| {
        let data = base64_simd::STANDARD.decode_to_vec(&record.data);
        let data = data.map_err(|_| ApiError::bad("`data` of a record is base64"))?;
        Ok((record.key, data.into()))
    };
    asked.into_iter().map(taken).collect()
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
