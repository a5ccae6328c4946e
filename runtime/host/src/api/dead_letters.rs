//! `dead-letter list|show`: what was set aside, with the full records and every attempt.
//!
//! An id is `TRIGGER/SHARD-POSITION`, so that it names one entry of the whole server. Entries of detached triggers are
//! listed too, and marked.

use std::collections::BTreeSet;

use dispatch::{DeadLetter, DeadLetters, Gap, KeptRecord, Note, Removed};
use model::{TriggerName, keys::Namespace};
use serde_json::{Value, json};

use super::{ApiError, Call, Query, Reply, audit, triggers::keeper};
use crate::{
    assemble::Rooms,
    detached,
    limits::{API_PAGE_BYTES_MAX, DEAD_LETTERS_READ_MAX},
};

pub(crate) fn list(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let limit = call.query.limit()?;
    let wanted: BTreeSet<TriggerName> = match call.query.get("trigger") {
        Some(name) => BTreeSet::from([keeper(rooms, name)?]),
        None => {
            let journal = rooms.journal.as_ref();
            detached::keepers(journal, Namespace::DeadLetter).map_err(ApiError::failed)?
        }
    };
    let filter = Filter::of(&call.query)?;
    let mut place = call.query.get("after").map(parsed).transpose()?;
    let mut page = Page::default();
    let from = place.as_ref().map(|(trigger, _)| trigger.clone());
    for trigger in wanted.iter().filter(|name| Some(*name) >= from.as_ref()) {
        let mut after = place.take_if(|(of, _)| of == trigger).map(|(_, id)| id);
        loop {
            let asked = DEAD_LETTERS_READ_MAX.min(limit - page.items.len());
            let letters = store(rooms)
                .list(trigger, after.as_deref(), asked)
                .map_err(ApiError::failed)?;
            let last = letters.len() < asked;
            for letter in &letters {
                page.look(
                    letter,
                    filter.lets_pass(letter).then(|| summary(letter, rooms)),
                );
            }
            if page.items.len() == limit || page.bytes > API_PAGE_BYTES_MAX {
                return Ok(json!({ "dead_letters": page.items, "after": page.after }));
            }
            if last {
                break;
            }
            after = letters.last().map(|letter| letter.id.clone());
        }
    }
    Ok(json!({ "dead_letters": page.items, "after": null }))
}

/// Which entries are meant, of all that there are.
#[derive(Debug, Default)]
struct Filter<'a> {
    condition: Option<&'a str>,
    /// The kind of the newest error.
    error: Option<&'a str>,
    key: Option<&'a str>,
    since_ms: u64,
}

impl<'a> Filter<'a> {
    fn of(query: &'a Query) -> Result<Self, ApiError> {
        Ok(Self {
            condition: query.get("condition"),
            error: query.get("error"),
            key: query.get("key"),
            since_ms: query.number("since_ms")?.unwrap_or(0),
        })
    }

    fn lets_pass(&self, letter: &DeadLetter) -> bool {
        let condition = format!("{:?}", letter.condition);
        let error = letter.attempts.last().map(|note| note.error_type.as_str());
        let has = |key: &str| {
            let mut records = letter.records.iter();
            records.any(|record| record.partition_key == key.as_bytes())
        };
        letter.written_ms >= self.since_ms
            && self.condition.is_none_or(|wanted| wanted == condition)
            && self.error.is_none_or(|wanted| Some(wanted) == error)
            && self.key.is_none_or(has)
    }
}

#[derive(Debug, Default)]
struct Page {
    items: Vec<Value>,
    /// That were read for it.
    bytes: usize,
    after: Option<String>,
}

impl Page {
    /// Takes in what was looked at, and shows it where it is wanted.
    fn look(&mut self, letter: &DeadLetter, item: Option<Value>) {
        self.bytes += letter
            .records
            .iter()
            .map(|record| record.data.len())
            .sum::<usize>();
        self.after = Some(full_id(letter));
        self.items.extend(item);
    }
}

fn parsed(after: &str) -> Result<(TriggerName, String), ApiError> {
    let parts = after
        .split_once('/')
        .and_then(|(trigger, id)| Some((TriggerName::parse(trigger).ok()?, id.to_owned())));
    parts.ok_or_else(|| ApiError::bad("`after` is not what an earlier page returned"))
}

fn full_id(letter: &DeadLetter) -> String {
    format!("{}/{}", letter.trigger, letter.id)
}

fn summary(letter: &DeadLetter, rooms: &Rooms) -> Value {
    let last = letter.attempts.last();
    json!({
        "id": full_id(letter),
        "trigger": letter.trigger,
        "detached": !rooms.triggers.now().contains_key(&letter.trigger),
        "shard": letter.shard.to_string(),
        "condition": letter.condition,
        "at_ms": letter.written_ms,
        "records": letter.records.len(),
        "lost": letter.lost,
        "attempts": letter.attempts.len(),
        "version": last.map(|note| note.version),
        "error": last.map(error).or_else(|| letter.lost.map(gone)),
    })
}

fn gone(gap: Gap) -> String {
    format!("{} records expired before they were settled", gap.records)
}

/// One line: the backtrace is in the entry.
pub(crate) fn error(note: &Note) -> String {
    let fact = note.message.lines().next().unwrap_or_default();
    format!("{}: {fact}", note.error_type)
}

pub(crate) fn show(rooms: &Rooms, trigger: &str, id: &str) -> Reply {
    let name = keeper(rooms, trigger)?;
    let letter = store(rooms)
        .get(&name, id)
        .map_err(ApiError::failed)?
        .ok_or_else(|| {
            ApiError::not_found(&format!("dead letter {trigger}/{id}"))
                .with_hint("`shardmill dead-letter list` shows what is there")
        })?;
    Ok(json!({
        "id": full_id(&letter),
        "trigger": letter.trigger,
        "detached": !rooms.triggers.now().contains_key(&letter.trigger),
        "shard": letter.shard.to_string(),
        "condition": letter.condition,
        "at_ms": letter.written_ms,
        "fencing_token": letter.fencing_token,
        "attempts": letter.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "records": letter.records.iter().map(record).collect::<Vec<_>>(),
        "lost": letter.lost,
    }))
}

pub(crate) async fn drop(rooms: &Rooms, trigger: &str, id: &str) -> Reply {
    let name = keeper(rooms, trigger)?;
    let row = audit::row(rooms, "dead-letter drop", &name, json!({ "id": id }));
    let dropped = rooms.dead_letters.remove(&name, id, row).await;
    match dropped.map_err(ApiError::failed)? {
        Removed::Done => {}
        Removed::NotThere => {
            return Err(ApiError::not_found(&format!("dead letter {trigger}/{id}"))
                .with_hint("`shardmill dead-letter list` shows what is there"));
        }
        Removed::Claimed => {
            return Err(ApiError::conflict(format!(
                "drop dead letter {trigger}/{id}: somebody runs it again just now"
            )));
        }
    }
    Ok(json!({ "dropped": format!("{trigger}/{id}") }))
}

pub(crate) fn attempt(note: &Note) -> Value {
    json!({
        "at_ms": note.at_ms,
        "version": note.version,
        "duration_ms": note.duration_ms,
        "error": note.error_type,
        "message": note.message,
        "log": note.log_tail,
    })
}

/// As `tail` shows records.
pub(crate) fn record(kept: &KeptRecord) -> Value {
    json!({
        "sequence": kept.sequence_number,
        "sub_sequence": kept.sub_sequence_number,
        "arrived_ms": kept.arrived_ms,
        "key": String::from_utf8_lossy(&kept.partition_key),
        "data": base64_simd::STANDARD.encode_to_string(&kept.data),
    })
}

fn store(rooms: &Rooms) -> DeadLetters {
    DeadLetters::new(std::sync::Arc::clone(&rooms.journal))
}
