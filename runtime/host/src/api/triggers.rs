//! `trigger list|show|pause|resume|delete`.

use dispatch::{ShardState, ShardStatus, Switch, TriggerSettings};
use model::{Checkpoint, ShardId, TriggerName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, audit, routes, schedules, why::is_moving};
use crate::{
    assemble::Rooms, config::did_you_mean, detached, lag, limits::DEAD_LETTERS_READ_MAX, mappings,
    renaming,
};

/// Whatever drives them.
pub(crate) fn list(rooms: &Rooms) -> Reply {
    let mut listed = all(rooms)?;
    listed.extend(schedules::all(rooms));
    listed.extend(routes::all(rooms));
    Ok(Value::Array(listed))
}

pub(super) fn all(rooms: &Rooms) -> Result<Vec<Value>, ApiError> {
    rooms
        .triggers
        .now()
        .values()
        .map(|settings| document(rooms, settings))
        .collect()
}

pub(crate) fn show(rooms: &Rooms, name: &str) -> Reply {
    let other = schedules::show(rooms, name).or_else(|| routes::show(rooms, name));
    match other {
        Some(shown) => Ok(shown),
        None => document(rooms, &known(rooms, name)?),
    }
}

/// Whether a trigger without a stream has this name.
pub(crate) fn reads_nothing(rooms: &Rooms, name: &str) -> bool {
    rooms.schedules.get(name).is_some() || rooms.routes.get(name).is_some()
}

/// The settings of a trigger by name, or the error that says there is none.
pub(crate) fn known(rooms: &Rooms, name: &str) -> Result<TriggerSettings, ApiError> {
    let triggers = rooms.triggers.now();
    TriggerName::parse(name)
        .ok()
        .and_then(|name| triggers.get(&name).cloned())
        .ok_or_else(|| {
            if reads_nothing(rooms, name) {
                return ApiError::conflict(format!("trigger {name} reads no stream")).with_hint(
                    format!("`shardmill trigger show {name}` says what drives it"),
                );
            }
            let names = triggers.keys().map(TriggerName::as_str);
            let hint = did_you_mean(name, names)
                .unwrap_or_else(|| "`shardmill trigger list` shows what is there".to_owned());
            ApiError::not_found(&format!("trigger {name}")).with_hint(hint)
        })
}

/// The name of a trigger that is in the file, or has left something behind.
pub(crate) fn keeper(rooms: &Rooms, name: &str) -> Result<TriggerName, ApiError> {
    if reads_nothing(rooms, name)
        && let Ok(name) = TriggerName::parse(name)
    {
        return Ok(name);
    }
    let unknown = match known(rooms, name) {
        Ok(settings) => return Ok(settings.name),
        Err(unknown) => unknown,
    };
    let name = TriggerName::parse(name).map_err(|_| unknown.clone())?;
    let journal = rooms.journal.as_ref();
    if detached::has_left_something(journal, &name).map_err(ApiError::failed)? {
        return Ok(name);
    }
    Err(unknown)
}

/// What is paused or resumed: all of a trigger, or one shard.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    shard: Option<String>,
    /// What runs is dropped instead of being waited for.
    #[serde(default)]
    abort: bool,
}

fn part(
    rooms: &Rooms,
    name: &TriggerName,
    call: &Call<'_>,
) -> Result<(Option<ShardId>, bool), ApiError> {
    let part: Part = if call.body.is_empty() {
        Part::default()
    } else {
        serde_json::from_slice(&call.body)
            .map_err(|error| ApiError::bad(&format!("read what is meant: {error}")))?
    };
    let shard = part.shard.as_deref();
    let shard = shard.map(|shard| worked_on(rooms, Some(name), shard));
    Ok((shard.transpose()?, part.abort))
}

pub(crate) async fn pause(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    if let Some(paused) = turn(rooms, name, Switch::Paused).await {
        return paused;
    }
    let settings = &known(rooms, name)?;
    let (shard, abort) = part(rooms, &settings.name, call)?;
    let facts = json!({ "shard": shard, "abort": abort });
    let row = audit::row(rooms, "trigger pause", &settings.name, facts);
    let paused = rooms.runners.pause(&settings.name, shard, row).await;
    paused.map_err(ApiError::failed)?;
    if abort {
        rooms.runners.abort(&settings.name);
    }
    document(rooms, settings)
}

/// Of what the file switched off.
pub(crate) fn disabled(name: &str) -> ApiError {
    ApiError::conflict(format!(
        "resume trigger {name}: it is not paused but disabled, triggers.yaml says `enabled: false`"
    ))
    .with_hint("say `enabled: true` there and start the server again")
}

/// Writes down that a trigger without a stream pauses or goes on, and by whose order.
pub(crate) async fn order(
    rooms: &Rooms,
    name: &TriggerName,
    is_enabled: bool,
    to: Switch,
) -> Result<(), ApiError> {
    if to == Switch::On && !is_enabled {
        return Err(disabled(name.as_str()));
    }
    let row = |order| audit::row(rooms, order, name, Value::Null);
    let written = match to {
        Switch::On => {
            let row = row("trigger resume");
            rooms.runners.resume(name, None, row).await
        }
        Switch::Paused | Switch::Disabled => {
            let row = row("trigger pause");
            rooms.runners.pause(name, None, row).await
        }
    };
    written.map_err(ApiError::failed)
}

/// Of a trigger without a stream; nothing where none has this name.
async fn turn(rooms: &Rooms, name: &str, to: Switch) -> Option<Reply> {
    match schedules::turn(rooms, name, to).await {
        Some(turned) => Some(turned),
        None => routes::turn(rooms, name, to).await,
    }
}

/// Forgets a trigger that the file no longer has: checkpoints, state, bookmarks, dead letters.
pub(crate) async fn delete(rooms: &Rooms, name: &str) -> Reply {
    let name = keeper(rooms, name)?;
    if rooms.triggers.now().contains_key(&name) {
        return Err(ApiError::conflict(format!(
            "delete trigger {name}: it is in use"
        ))
        .with_hint("take it out of triggers.yaml and start the server again, or DeleteEventSourceMapping where the Lambda API made it"));
    }
    let journal = &rooms.journal;
    let letters = dispatch::DeadLetters::new(std::sync::Arc::clone(journal));
    let mut dropped = 0_usize;
    loop {
        let page = letters.list(&name, None, DEAD_LETTERS_READ_MAX);
        let page = page.map_err(ApiError::failed)?;
        if page.is_empty() {
            break;
        }
        for letter in page {
            let row = audit::row(rooms, "dead-letter drop", &name, json!({ "id": letter.id }));
            let removed = rooms.dead_letters.remove(&name, &letter.id, row).await;
            removed.map_err(ApiError::failed)?;
            dropped += 1;
        }
    }
    let row = audit::row(
        rooms,
        "trigger delete",
        &name,
        json!({ "dead_letters": dropped }),
    );
    let rows = renaming::forget(journal.as_ref(), &name, &[], row).await;
    let rows = rows.map_err(ApiError::failed)?;
    Ok(json!({ "deleted": name, "dead_letters": dropped, "rows": rows }))
}

pub(crate) async fn resume(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    if let Some(resumed) = turn(rooms, name, Switch::On).await {
        return resumed;
    }
    let settings = &known(rooms, name)?;
    let (shard, _) = part(rooms, &settings.name, call)?;
    if !settings.enabled {
        return Err(disabled(name));
    }
    let facts = json!({ "shard": shard });
    let row = audit::row(rooms, "trigger resume", &settings.name, facts);
    let resumed = rooms.runners.resume(&settings.name, shard, row).await;
    resumed.map_err(ApiError::failed)?;
    document(rooms, settings)
}

fn document(rooms: &Rooms, settings: &TriggerSettings) -> Reply {
    let shards: Vec<Value> = rooms
        .runners
        .status(&settings.name)
        .iter()
        .map(|status| shard(rooms, settings, status))
        .collect();
    let outputs: serde_json::Map<String, Value> = settings
        .outputs
        .iter()
        .map(|(output, stream)| (output.clone(), json!(stream.name)))
        .collect();
    let journal = rooms.journal.as_ref();
    let stored = mappings::is_stored(journal, settings.name.as_str());
    let by = if stored.map_err(ApiError::failed)? {
        "api"
    } else {
        "file"
    };
    Ok(json!({
        "name": settings.name,
        "by": by,
        "kind": "stream",
        "stream": settings.stream.name,
        "function": settings.function,
        "outputs": outputs,
        "enabled": settings.enabled,
        "paused": rooms.runners.is_paused(&settings.name).map_err(ApiError::failed)?,
        "state": state(rooms, settings)?,
        "stands": rooms.runners.why_it_stands(&settings.name),
        "shards": shards,
    }))
}

/// What the trigger's values take and may take, where it keeps any.
fn state(rooms: &Rooms, settings: &TriggerSettings) -> Reply {
    let Some(state) = rooms.runners.state(&settings.name) else {
        return Ok(Value::Null);
    };
    let bytes = state.bytes().map_err(ApiError::failed)?;
    Ok(json!({ "bytes": bytes.bytes(), "max_bytes": state.max().bytes() }))
}

fn shard(rooms: &Rooms, settings: &TriggerSettings, status: &ShardStatus) -> Value {
    let moving = is_moving(&status.state);
    let lag = lag::of_shard(rooms, settings, status);
    // The lane has not seen yet what the stream already has.
    let reason = if status.state == ShardState::CaughtUp && lag.records > 0 {
        ShardState::Running.to_string()
    } else {
        status.state.to_string()
    };
    json!({
        "shard": status.shard.to_string(),
        "moving": moving,
        "reason": reason,
        "checkpoint": checkpoint(status.checkpoint),
        "lag": {
            "records": lag.records,
            "bytes": lag.bytes,
            "ms": u64::try_from(lag.time.as_millis()).unwrap_or(u64::MAX),
        },
        "loses_in_ms": lag::loses_in(rooms, settings, status.shard)
            .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        "behind_ms": status.behind_ms,
        "records": status.counters.records_in,
        "settled": status.counters.settled,
        "dead_letters": status.counters.dead_lettered,
        "parked": status.counters.parked,
        "unparked": status.counters.unparked,
        "parked_keys": status.parked_keys,
        "parked_since": status.parked_since.map(|since| since.to_string()),
        "windows_closed": status.counters.windows_closed,
        "late": status.counters.late,
        "invocations": status.counters.invocations,
        "failures": status.counters.failures,
        "filtered_out": status.counters.filtered_out,
        "retention_expired": status.counters.retention_expired,
        "lost_to_retention": status.counters.lost_to_retention,
        "in_flight": status.in_flight,
        "conserved": status.is_conserved(),
    })
}

pub(crate) fn checkpoint(checkpoint: Checkpoint) -> String {
    match checkpoint {
        Checkpoint::AtTimestamp(at) => format!("AT_TIMESTAMP {}", at.as_millis()),
        Checkpoint::TrimHorizon => "TRIM_HORIZON".to_owned(),
        Checkpoint::Latest => "LATEST".to_owned(),
        Checkpoint::Settled(position) => position.to_string(),
        Checkpoint::ShardEnd => "SHARD_END".to_owned(),
    }
}

/// A shard that some trigger works on: the named one, or any.
pub(crate) fn worked_on(
    rooms: &Rooms,
    only: Option<&TriggerName>,
    text: &str,
) -> Result<ShardId, ApiError> {
    let shard = ShardId::parse(text).ok_or_else(|| {
        ApiError::bad(&format!("`{text}` is no shard: write its number or its id"))
    })?;
    let triggers = rooms.triggers.now();
    let mut names = triggers
        .keys()
        .filter(|name| only.is_none_or(|only| only == *name));
    if names.any(|name| rooms.runners.watch(name, shard).is_some()) {
        return Ok(shard);
    }
    let whose = only.map_or_else(
        || "any trigger".to_owned(),
        |name| format!("trigger {name}"),
    );
    Err(ApiError::not_found(&format!("shard {shard} of {whose}"))
        .with_hint("`shardmill status` shows the shards of each trigger"))
}
