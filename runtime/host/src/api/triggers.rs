//! `status`, `trigger list|show|pause|resume`, `why`.

use dispatch::{ShardState, ShardStatus, Switch, TriggerSettings};
use model::{ByteSize, Checkpoint, ShardId, TriggerName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, audit, deliveries, functions, routes, schedules, streams};
use crate::{
    assemble::Rooms,
    config::did_you_mean,
    detached, forecast, lag,
    limits::{DEAD_LETTERS_READ_MAX, LOSS_SAID},
    mappings, renaming,
};

pub(crate) async fn status(rooms: &Rooms) -> Reply {
    let log = rooms.log.status();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "node": rooms.node,
        "data": rooms.data.display().to_string(),
        "address": rooms.address.to_string(),
        "log": {
            "durable": log.durable,
            "placed": log.placed,
            "segments": log.segments,
            "bytes": log.bytes,
            "syncs": log.syncs,
            "poisoned": log.poisoned,
        },
        "streams": streams::all(rooms),
        "functions": functions::all(rooms),
        "triggers": all(rooms)?,
        "schedules": schedules::all(rooms),
        "routes": routes::all(rooms),
        "dead_letters": {
            "bytes": rooms.dead_letters.bytes().map_err(ApiError::failed)?.bytes(),
            "max_bytes": rooms.dead_letters.max().bytes(),
        },
        "destinations": deliveries::all(rooms),
        "logs": { "bytes": rooms.logs.bytes().await.bytes() },
        "notes": notes(rooms)?,
    }))
}

/// What holds always, and which store is nearly full.
fn notes(rooms: &Rooms) -> Result<Vec<String>, ApiError> {
    let mut notes: Vec<String> = rooms.drift.clone();
    notes.extend(deliveries::notes(rooms));
    notes.extend(unaccounted(rooms));
    notes.extend(losses(rooms));
    for name in rooms.triggers.now().keys() {
        notes.extend(rooms.runners.why_it_stands(name));
    }
    let left = detached::all(rooms.journal.as_ref(), &rooms.triggers.now());
    notes.extend(left.map_err(ApiError::failed)?.iter().map(|name| {
        format!("trigger {name} is detached: triggers.yaml no longer has it; what it left is kept until `shardmill trigger delete {name}`")
    }));
    let dead_letters = &rooms.dead_letters;
    let bytes = dead_letters.bytes().map_err(ApiError::failed)?;
    notes.extend(nearly_full(
        "the dead-letter store",
        bytes,
        dead_letters.max(),
    ));
    for name in rooms.triggers.now().keys() {
        if let Some(state) = rooms.runners.state(name) {
            let bytes = state.bytes().map_err(ApiError::failed)?;
            let store = format!("the state of trigger {name}");
            notes.extend(nearly_full(&store, bytes, state.max()));
        }
    }
    Ok(notes)
}

/// Shards from which retention takes records before long, if nothing changes.
pub(crate) fn losses(rooms: &Rooms) -> Vec<String> {
    let mut said = Vec::new();
    for settings in rooms.triggers.now().values() {
        for status in rooms.runners.status(&settings.name) {
            let loses_in = lag::loses_in(rooms, settings, status.shard);
            if let Some(span) = loses_in.filter(|span| *span <= LOSS_SAID) {
                said.push(format!(
                    "at this rate {} of trigger {} loses data in {}: `shardmill why {}` says what it waits for, `shardmill stream retention {} DURATION` gives it time",
                    status.shard,
                    settings.name,
                    forecast::said(span),
                    settings.name,
                    settings.stream.name
                ));
            }
        }
    }
    said
}

/// At four fifths.
fn nearly_full(store: &str, bytes: ByteSize, max: ByteSize) -> Option<String> {
    let nearly = bytes.bytes() / 4 >= max.bytes() / 5;
    nearly.then(|| format!("{store} is nearly full: {bytes} of {max}"))
}

/// Whatever drives them.
pub(crate) fn list(rooms: &Rooms) -> Reply {
    let mut listed = all(rooms)?;
    listed.extend(schedules::all(rooms));
    listed.extend(routes::all(rooms));
    Ok(Value::Array(listed))
}

fn all(rooms: &Rooms) -> Result<Vec<Value>, ApiError> {
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

/// Shards on which the records that were read are not all passed, settled, given up or in flight.
fn unaccounted(rooms: &Rooms) -> Vec<String> {
    let triggers = rooms.triggers.now();
    let statuses = triggers.keys().flat_map(|name| {
        let shards = rooms.runners.status(name).into_iter();
        shards.map(move |status| (name, status))
    });
    let wrong = statuses.filter(|(_, status)| !status.is_conserved());
    let note = |(name, status): (&TriggerName, ShardStatus)| {
        format!(
            "the counts of trigger {name} on {} do not add up, which is a mistake of shardmill: {:?}",
            status.shard, status.counters
        )
    };
    wrong.map(note).collect()
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
    let rows = renaming::forget(journal.as_ref(), &name, row).await;
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
        "expired": rooms.runners.expired(&settings.name, status.shard),
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
        "lost_to_retention": status.counters.lost_to_retention,
        "in_flight": status.in_flight,
        "conserved": status.is_conserved(),
    })
}

/// A shard that runs or has nothing to do needs no explanation.
pub(crate) fn is_moving(state: &ShardState) -> bool {
    match state {
        ShardState::Running
        | ShardState::CaughtUp
        | ShardState::Collecting { .. }
        | ShardState::Ended => true,
        ShardState::BackingOff { .. }
        | ShardState::BreakerOpen { .. }
        | ShardState::Paused
        | ShardState::PausedShard
        | ShardState::Held
        | ShardState::Disabled
        | ShardState::Blocked { .. }
        | ShardState::WaitingForParent(_)
        | ShardState::NoLease(_)
        | ShardState::DiskFull
        | ShardState::DeadLettersFull { .. }
        | ShardState::StateFull { .. }
        | ShardState::ParkFull { .. }
        | ShardState::NoOutput(_)
        | ShardState::WaitingForSlot
        | ShardState::LogStopped(_)
        | ShardState::Fenced { .. }
        | ShardState::Broken(_)
        | ShardState::Stopped => false,
    }
}

/// Nothing is left to do, now or for ever.
fn is_at_rest(state: &ShardState) -> bool {
    matches!(state, ShardState::CaughtUp | ShardState::Ended)
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

fn hint(trigger: &TriggerName, shard: ShardId, state: &ShardState) -> Option<String> {
    match state {
        ShardState::PausedShard => {
            let shard = shard.0;
            Some(format!("`shardmill trigger resume {trigger} --shard {shard}`"))
        }
        ShardState::Paused => Some(format!("`shardmill trigger resume {trigger}`")),
        ShardState::Disabled => {
            Some("say `enabled: true` in triggers.yaml and start the server again".to_owned())
        }
        ShardState::DeadLettersFull { .. } => Some(
            "raise `server.dead_letters.max` in triggers.yaml, or say `when_full: drop-oldest`, and start the server again".to_owned(),
        ),
        ShardState::Blocked { .. } => Some(format!(
            "mend the function, start again, then `shardmill trigger resume {trigger}`"
        )),
        ShardState::BackingOff { .. } | ShardState::BreakerOpen { .. } => Some(format!(
            "`shardmill logs {trigger}` shows what the function said"
        )),
        ShardState::ParkFull { .. } => Some(format!(
            "mend the function and `shardmill key unpark {trigger} KEY`, or raise `retry.park.max` of the trigger in triggers.yaml"
        )),
        ShardState::StateFull { .. } => Some(format!(
            "raise `max` or set `ttl` under `triggers.{trigger}.state` in triggers.yaml, and start the server again"
        )),
        ShardState::NoOutput(stream) => Some(format!(
            "create stream {stream} again, or name another under `triggers.{trigger}.outputs` and start the server again"
        )),
        ShardState::WaitingForSlot => Some(
            "raise `concurrency` of the function in triggers.yaml, or make it faster".to_owned(),
        ),
        ShardState::DiskFull => {
            Some("free space or shorten retention: `shardmill stream list`".to_owned())
        }
        ShardState::NoLease(_)
        | ShardState::LogStopped(_)
        | ShardState::Fenced { .. }
        | ShardState::Broken(_)
        | ShardState::Stopped => {
            Some("start the server again: everything acknowledged is kept".to_owned())
        }
        ShardState::Running
        | ShardState::CaughtUp
        | ShardState::Collecting { .. }
        | ShardState::WaitingForParent(_)
        | ShardState::Held
        | ShardState::Ended => None,
    }
}

pub(crate) fn why(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let asked = call.query.get("trigger");
    let mut others = schedules::waiting(rooms, asked);
    others.extend(routes::waiting(rooms, asked));
    if asked.is_some_and(|name| reads_nothing(rooms, name)) {
        return Ok(json!({ "waiting": others, "moving": 0, "caught_up": 0 }));
    }
    let only = call
        .query
        .get("trigger")
        .map(|name| known(rooms, name))
        .transpose()?
        .map(|settings| settings.name);
    let only = only.as_ref();
    let shard = call
        .query
        .get("shard")
        .map(|shard| worked_on(rooms, only, shard))
        .transpose()?;
    let mut waiting = Vec::new();
    let mut moving = 0_usize;
    let mut caught_up = 0_usize;
    for name in rooms
        .triggers
        .now()
        .keys()
        .filter(|name| only.is_none_or(|only| only == *name))
    {
        for status in rooms
            .runners
            .status(name)
            .iter()
            .filter(|status| shard.is_none_or(|shard| shard == status.shard))
        {
            let held = rooms.development.as_ref();
            if let Some(why) = held.and_then(|held| held.waits(name, status.shard)) {
                waiting.push(json!({
                    "trigger": name,
                    "shard": status.shard.to_string(),
                    "reason": why,
                    "hint": "the keys of `shardmill dev` let it go on, as does its next save",
                }));
            } else if is_moving(&status.state) {
                moving += 1;
                caught_up += usize::from(is_at_rest(&status.state));
            } else {
                let settings = rooms.triggers.now().get(name).cloned();
                let loses_in = settings
                    .and_then(|settings| lag::loses_in(rooms, &settings, status.shard))
                    .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
                waiting.push(json!({
                    "loses_in_ms": loses_in,
                    "trigger": name,
                    "shard": status.shard.to_string(),
                    "reason": status.state.to_string(),
                    "hint": hint(name, status.shard, &status.state),
                }));
            }
        }
    }
    if shard.is_none() {
        waiting.extend(standing(rooms, only));
        waiting.extend(deliveries::waiting(rooms, only));
        waiting.append(&mut others);
    }
    Ok(json!({ "waiting": waiting, "moving": moving, "caught_up": caught_up }))
}

/// Triggers none of whose shards is worked on, each with its reason.
fn standing(rooms: &Rooms, only: Option<&TriggerName>) -> Vec<Value> {
    let triggers = rooms.triggers.now();
    let meant = triggers
        .keys()
        .filter(|name| only.is_none_or(|only| only == *name));
    let stands = |name: &TriggerName| {
        let because = rooms.runners.why_it_stands(name)?;
        Some(json!({
            "trigger": name,
            "shard": "all shards",
            "reason": because,
            "hint": format!("`shardmill trigger seek {name} --from oldest`, or latest, or a time"),
        }))
    };
    meant.filter_map(stands).collect()
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
