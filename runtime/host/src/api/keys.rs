//! `key list|show|park|unpark|drop`: partition keys that wait, parked by a record that failed or by an operator.

use std::sync::Arc;

use dispatch::{ParkedKey, ParkedKeys};
use model::{FencingToken, ShardId, TriggerName};
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, audit, dead_letters, triggers};
use crate::{
    assemble::Rooms,
    limits::{PARKED_COUNTED_MAX, PARKED_SAID_MAX, PARKED_SHOWN_MAX},
};

pub(crate) fn list(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let names: Vec<TriggerName> = match call.query.get("trigger") {
        Some(name) => vec![triggers::known(rooms, name)?.name],
        None => rooms.triggers.now().keys().cloned().collect(),
    };
    let mut found = Vec::new();
    for name in names {
        let Some(parked) = rooms.runners.parked(&name) else {
            continue;
        };
        for row in parked.list().map_err(ApiError::failed)? {
            found.push(summary(&name, &parked, &row)?);
        }
    }
    Ok(json!({ "keys": found }))
}

fn summary(trigger: &TriggerName, parked: &ParkedKeys, row: &ParkedKey) -> Reply {
    let records = parked.records(row, None, PARKED_COUNTED_MAX);
    let records = records.map_err(ApiError::failed)?;
    let last = row.why.notes.last();
    Ok(json!({
        "trigger": trigger,
        "key": row.key_text(),
        "shard": by_a_shard(row).map(|shard| shard.to_string()),
        "since_ms": row.why.since_ms,
        "records": records.len(),
        "goes_on": row.why.goes_on,
        "error": last.map(dead_letters::error),
    }))
}

/// Where a record parked it; an operator parks a key wherever its records come.
fn by_a_shard(row: &ParkedKey) -> Option<ShardId> {
    (row.why.token != FencingToken::default()).then_some(row.why.shard)
}

/// Keys that wait for somebody, each in a sentence with the command that helps, for `why`; and a note where there are
/// more.
pub(super) fn waiting(
    rooms: &Rooms,
    only: Option<&TriggerName>,
    shard: Option<ShardId>,
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let triggers = rooms.triggers.now();
    let meant = |name: &&TriggerName| only.is_none_or(|only| only == *name);
    let mut said = Vec::new();
    let mut more = 0_usize;
    for name in triggers.keys().filter(meant) {
        let Some(parked) = rooms.runners.parked(name) else {
            continue;
        };
        for row in parked.list().map_err(ApiError::failed)? {
            let is_of_shard = shard.is_none_or(|shard| by_a_shard(&row) == Some(shard));
            if row.why.goes_on || !is_of_shard {
                continue;
            }
            if said.len() < PARKED_SAID_MAX {
                said.push(sentence(name, &parked, &row)?);
            } else {
                more += 1;
            }
        }
    }
    let more = (more > 0).then(|| format!("{more} more keys are parked: `shardmill key list`"));
    Ok((said, more))
}

fn sentence(trigger: &TriggerName, parked: &ParkedKeys, row: &ParkedKey) -> Reply {
    let mut told = summary(trigger, parked, row)?;
    let first = parked.records(row, None, 1).map_err(ApiError::failed)?;
    let because = match (row.why.notes.last(), first.first()) {
        (Some(note), Some(record)) => format!(
            "record {} failed {} ({})",
            record.sequence_number,
            times(row.why.notes.len()),
            dead_letters::error(note)
        ),
        (Some(note), None) => format!("a record failed ({})", dead_letters::error(note)),
        (None, _) => "parked by an operator".to_owned(),
    };
    let wait = match told["records"].as_u64().unwrap_or(0) {
        1 => "1 record of this key waits".to_owned(),
        many => format!("{many} records of this key wait"),
    };
    told["reason"] = json!(format!("{because}; {wait} in order, the other keys go on"));
    let key = quoted(&row.key_text());
    told["hint"] = json!(if row.why.notes.is_empty() {
        format!("`shardmill key unpark {trigger} {key}`")
    } else {
        format!(
            "`shardmill key show {trigger} {key}` has what it said; after the fix `shardmill key unpark {trigger} {key}`"
        )
    });
    Ok(told)
}

fn times(number: usize) -> String {
    match number {
        1 => "once".to_owned(),
        many => format!("{many} times"),
    }
}

/// As a shell takes it for one word.
fn quoted(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !key.is_empty() && key.chars().all(plain) {
        return key.to_owned();
    }
    format!("'{}'", key.replace('\'', "'\\''"))
}

pub(crate) fn show(rooms: &Rooms, trigger: &str, key: &str) -> Reply {
    let (name, parked) = of(rooms, trigger)?;
    let rows = parked.get(key.as_bytes()).map_err(ApiError::failed)?;
    let row = rows.first().ok_or_else(|| missing(&name, key))?;
    let records = parked.records(row, None, PARKED_SHOWN_MAX);
    let records = records.map_err(ApiError::failed)?;
    let mut shown = summary(&name, &parked, row)?;
    let waiting: Vec<Value> = records.iter().map(dead_letters::record).collect();
    shown["waiting"] = json!(waiting);
    shown["attempts"] = row.why.notes.iter().map(dead_letters::attempt).collect();
    Ok(shown)
}

pub(crate) async fn park(rooms: &Rooms, trigger: &str, key: &str) -> Reply {
    let (name, parked) = of(rooms, trigger)?;
    let row = audit::row(rooms, "key park", &name, json!({ "key": key }));
    let now = rooms.platform.clock.wall();
    let done = parked.park(key.as_bytes(), now, vec![row]).await;
    done.map_err(ApiError::failed)?;
    Ok(json!({ "trigger": name, "key": key, "parked": true }))
}

pub(crate) async fn unpark(rooms: &Rooms, trigger: &str, key: &str) -> Reply {
    let (name, parked) = of(rooms, trigger)?;
    let row = audit::row(rooms, "key unpark", &name, json!({ "key": key }));
    let done = parked.unpark(key.as_bytes(), vec![row]).await;
    if !done.map_err(ApiError::failed)? {
        return Err(missing(&name, key));
    }
    Ok(json!({ "trigger": name, "key": key, "goes_on": true }))
}

pub(crate) async fn drop(rooms: &Rooms, trigger: &str, key: &str) -> Reply {
    let (name, parked) = of(rooms, trigger)?;
    if parked
        .get(key.as_bytes())
        .map_err(ApiError::failed)?
        .is_empty()
    {
        return Err(missing(&name, key));
    }
    let row = audit::row(rooms, "key drop", &name, json!({ "key": key }));
    let dropped = parked.drop_key(key.as_bytes(), vec![row]).await;
    let dropped = dropped.map_err(ApiError::failed)?;
    Ok(json!({ "trigger": name, "key": key, "dropped": dropped }))
}

fn of(rooms: &Rooms, trigger: &str) -> Result<(TriggerName, Arc<ParkedKeys>), ApiError> {
    let name = triggers::known(rooms, trigger)?.name;
    let parked = rooms.runners.parked(&name);
    let parked = parked.ok_or_else(|| ApiError::failed("the trigger does not run"))?;
    Ok((name, parked))
}

fn missing(trigger: &TriggerName, key: &str) -> ApiError {
    ApiError::not_found(&format!("parked key {key} of trigger {trigger}"))
        .with_hint("`shardmill key list` shows what is parked")
}
