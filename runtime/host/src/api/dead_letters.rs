//! `dead-letter list|show`: what was set aside, with the full records and every attempt.
//!
//! An id is `TRIGGER/SHARD-POSITION`, so that it names one entry of the whole server.

use dispatch::{DeadLetter, DeadLetters, Note};
use model::TriggerName;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, triggers::known};
use crate::assemble::Rooms;

pub(crate) fn list(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let limit = call.query.limit()?;
    let wanted: Vec<TriggerName> = match call.query.get("trigger") {
        Some(name) => vec![known(rooms, name)?.name.clone()],
        None => rooms.triggers.keys().cloned().collect(),
    };
    let mut found: Vec<Value> = Vec::new();
    for trigger in &wanted {
        let left = limit.saturating_sub(found.len());
        let letters = store(rooms)
            .list(trigger, None, left)
            .map_err(ApiError::failed)?;
        found.extend(letters.iter().map(summary));
    }
    Ok(json!({ "dead_letters": found }))
}

fn summary(letter: &DeadLetter) -> Value {
    let last = letter.attempts.last();
    json!({
        "id": format!("{}/{}", letter.trigger, letter.id),
        "trigger": letter.trigger,
        "shard": letter.shard.to_string(),
        "condition": letter.condition,
        "at_ms": letter.written_ms,
        "records": letter.records.len(),
        "attempts": letter.attempts.len(),
        "version": last.map(|note| note.version),
        "error": last.map(error),
    })
}

/// One line: the backtrace is in the entry.
fn error(note: &Note) -> String {
    let fact = note.message.lines().next().unwrap_or_default();
    format!("{}: {fact}", note.error_type)
}

pub(crate) fn show(rooms: &Rooms, trigger: &str, id: &str) -> Reply {
    let name = known(rooms, trigger)?.name.clone();
    let letter = store(rooms)
        .get(&name, id)
        .map_err(ApiError::failed)?
        .ok_or_else(|| {
            ApiError::not_found(&format!("dead letter {trigger}/{id}"))
                .with_hint("`shardmill dead-letter list` shows what is there")
        })?;
    let mut document = serde_json::to_value(&letter).map_err(ApiError::failed)?;
    document["id"] = json!(format!("{}/{}", letter.trigger, letter.id));
    document["shard"] = json!(letter.shard.to_string());
    Ok(document)
}

fn store(rooms: &Rooms) -> DeadLetters {
    DeadLetters::new(std::sync::Arc::clone(&rooms.journal))
}
