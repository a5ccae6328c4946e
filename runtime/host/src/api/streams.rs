//! `stream list|show|create|delete|shards`.

use std::time::Duration;

use model::{HashKey, StreamKey, StreamName, seams::ReadFrom};
use serde::Deserialize;
use serde_json::{Value, json};
use streams::{Declared, StreamFacts, StreamMode, StreamStatus};

use super::{ApiError, Call, Reply};
use crate::{
    assemble::Rooms,
    config::{RETENTION_MAX, RETENTION_MIN},
    limits::API_ROWS_MAX,
    needs,
};

/// With `by=size` the largest first, each with what it stores.
pub(crate) fn list(rooms: &Rooms, call: &Call<'_>) -> Reply {
    match call.query.get("by") {
        None => Ok(Value::Array(all(rooms))),
        Some("size") => Ok(Value::Array(by_size(rooms))),
        Some(_) => Err(ApiError::bad("`by` is size, or not said")),
    }
}

fn by_size(rooms: &Rooms) -> Vec<Value> {
    let listing = rooms.streams.list(&rooms.world, None, API_ROWS_MAX);
    let sized = listing.streams.iter().map(|facts| {
        let (mut bytes, mut records) = (0, 0);
        for shard in rooms.streams.shards(&facts.key).unwrap_or_default() {
            let from = ReadFrom::Oldest;
            let held = rooms.streams.backlog(&facts.key, shard.facts.id, from);
            let held = held.unwrap_or_default();
            bytes += held.bytes;
            records += held.records;
        }
        let mut document = document(rooms, facts);
        (document["stored_bytes"], document["stored_records"]) = (json!(bytes), json!(records));
        (bytes, document)
    });
    let mut sized: Vec<(u64, Value)> = sized.collect();
    sized.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    sized.into_iter().map(|(_, document)| document).collect()
}

pub(crate) fn all(rooms: &Rooms) -> Vec<Value> {
    let listing = rooms.streams.list(&rooms.world, None, API_ROWS_MAX);
    listing
        .streams
        .iter()
        .map(|facts| document(rooms, facts))
        .collect()
}

pub(crate) fn show(rooms: &Rooms, name: &str) -> Reply {
    let facts = rooms
        .streams
        .describe(&key(rooms, name)?)
        .map_err(|_| missing(name))?;
    let mut document = document(rooms, &facts);
    if let Some(autoscale) = rooms.autoscaled.get(&facts.key) {
        document["autoscale"] = json!(format!(
            "{} to {} shards, {} % of each",
            autoscale.shards_min, autoscale.shards_max, autoscale.target_percent
        ));
    }
    if let Ok(traffic) = rooms.streams.traffic(&facts.key) {
        document["traffic"] = needs::document(&traffic);
    }
    Ok(document)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStream {
    name: String,
    #[serde(default = "one")]
    shards: u32,
    retention_ms: Option<u64>,
}

fn one() -> u32 {
    1
}

pub(crate) async fn create(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let new: NewStream = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read the stream to create: {error}")))?;
    let key = key(rooms, &new.name)?;
    if rooms.streams.describe(&key).is_ok() {
        return Err(ApiError::conflict(format!(
            "create stream {}: it exists already",
            new.name
        )));
    }
    let retention = new
        .retention_ms
        .map_or(rooms.retention, Duration::from_millis);
    if !(RETENTION_MIN..=RETENTION_MAX).contains(&retention) {
        return Err(ApiError::bad(&format!(
            "create stream {}: records are kept for 1d to 365d",
            new.name
        ))
        .with_hint("as `retention` in triggers.yaml: `--retention 7d`"));
    }
    rooms
        .streams
        .declare(
            key,
            Declared {
                shards: new.shards,
                retention,
                durability: None,
                mode: None,
            },
        )
        .await
        .map_err(|error| ApiError::bad(&error.to_string()))?;
    show(rooms, &new.name)
}

pub(crate) async fn delete(rooms: &Rooms, name: &str) -> Reply {
    let key = key(rooms, name)?;
    let facts = rooms.streams.describe(&key).map_err(|_| missing(name))?;
    if facts.status == StreamStatus::Deleting {
        return Err(ApiError::conflict(format!(
            "delete stream {name}: it is being deleted already"
        ))
        .with_hint("it is gone in a moment"));
    }
    for trigger in rooms.triggers.now().values() {
        let use_of_it = if trigger.stream == key {
            "reads"
        } else if trigger.outputs.values().any(|output| *output == key) {
            "writes"
        } else {
            continue;
        };
        return Err(ApiError::conflict(format!(
            "delete stream {name}: trigger {} {use_of_it} it",
            trigger.name
        ))
        .with_hint("change the trigger in triggers.yaml and start the server again first"));
    }
    rooms
        .streams
        .delete(key)
        .await
        .map_err(|error| ApiError::conflict(error.to_string()))?;
    Ok(json!({ "deleted": name }))
}

/// The key of a stream in the server's own account and region.
pub(crate) fn key(rooms: &Rooms, name: &str) -> Result<StreamKey, ApiError> {
    let name = StreamName::parse(name).map_err(|error| ApiError::bad(&error.to_string()))?;
    Ok(StreamKey {
        account: rooms.world.account.clone(),
        region: rooms.world.region.clone(),
        name,
    })
}

pub(crate) fn missing(name: &str) -> ApiError {
    ApiError::not_found(&format!("stream {name}"))
        .with_hint("`shardmill stream list` shows what exists")
}

fn document(rooms: &Rooms, facts: &StreamFacts) -> Value {
    let shards = rooms.streams.shards(&facts.key).unwrap_or_default();
    let shards: Vec<Value> = shards
        .iter()
        .map(|shard| {
            json!({
                "id": shard.facts.id.to_string(),
                "starting_hash_key": decimal(shard.facts.range.starting),
                "ending_hash_key": decimal(shard.facts.range.ending),
                "open": shard.facts.open,
                "parents": shard.facts.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "starting_sequence_number": shard.starting.to_string(),
            })
        })
        .collect();
    json!({
        "name": facts.key.name,
        "account": facts.key.account,
        "region": facts.key.region,
        "arn": facts.key.arn(),
        "status": status(facts.status),
        "mode": match facts.mode { StreamMode::Provisioned => "provisioned", StreamMode::OnDemand => "on-demand" },
        "retention_ms": u64::try_from(facts.retention.as_millis()).unwrap_or(u64::MAX),
        "created_ms": facts.created.as_millis(),
        "open_shards": facts.open_shards,
        "shards": shards,
    })
}

fn decimal(key: HashKey) -> String {
    key.0.to_string()
}

fn status(status: StreamStatus) -> &'static str {
    match status {
        StreamStatus::Creating => "CREATING",
        StreamStatus::Active => "ACTIVE",
        StreamStatus::Updating => "UPDATING",
        StreamStatus::Deleting => "DELETING",
    }
}

/// Where `tail --from` begins: `oldest`, `latest`, `time:MS` or a sequence number.
pub(crate) fn read_from(text: &str) -> Result<ReadFrom, ApiError> {
    match text {
        "oldest" => Ok(ReadFrom::Oldest),
        "latest" => Ok(ReadFrom::Latest),
        other => {
            if let Some(ms) = other.strip_prefix("time:").and_then(|ms| ms.parse().ok()) {
                return Ok(ReadFrom::Arrived(model::Timestamp::from_millis(ms)));
            }
            other.parse().map(ReadFrom::At).map_err(|_| {
                ApiError::bad("`from` is oldest, latest, time:MILLISECONDS or a sequence number")
            })
        }
    }
}
