//! `key list|show|park|unpark|drop`: partition keys that wait, parked by a record that failed or by an operator.

use std::sync::Arc;

use dispatch::{ParkedKey, ParkedKeys};
use model::TriggerName;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, audit, dead_letters, triggers};
use crate::{
    assemble::Rooms,
    limits::{PARKED_COUNTED_MAX, PARKED_SHOWN_MAX},
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
        "shard": row.why.shard.to_string(),
        "since_ms": row.why.since_ms,
        "records": records.len(),
        "goes_on": row.why.goes_on,
        "error": last.map(dead_letters::error),
    }))
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
