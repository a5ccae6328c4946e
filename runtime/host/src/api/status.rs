//! `status`: everything at a glance, with notes on what is wrong or will be.

use dispatch::ShardStatus;
use model::{ByteSize, TriggerName};
use serde_json::json;

use super::{ApiError, Reply, deliveries, functions, routes, schedules, shadow, streams, triggers};
use crate::{assemble::Rooms, detached, forecast, lag, limits::LOSS_SAID};

pub(super) async fn status(rooms: &Rooms) -> Reply {
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
            "archived_objects": log.archived_objects,
            "archived_bytes": log.archived_bytes,
            "syncs": log.syncs,
            "poisoned": log.poisoned,
        },
        "streams": streams::all(rooms),
        "functions": functions::all(rooms),
        "triggers": triggers::all(rooms)?,
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
    notes.extend(rooms.log.status().archive_refused.map(|why| {
        format!("records that should be archived stay in the log, it is tried again: {why}")
    }));
    notes.extend(unaccounted(rooms));
    notes.extend(losses(rooms));
    notes.extend(shadow::notes(rooms));
    let taken_back = rooms.functions.taken_back();
    notes.extend(taken_back.into_iter().map(|(_, _, sentence)| sentence));
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
