//! `state list|get`: the values that a trigger's function keeps, by partition key. Those of detached triggers too.

use std::sync::Arc;

use bytes::Bytes;
use dispatch::KeptValue;
use model::{
    Timestamp, TriggerName, ViewWrite,
    keys::{self, Namespace},
};
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, audit, redrive, triggers::keeper};
use crate::{
    assemble::Rooms,
    limits::{API_PAGE_BYTES_MAX, API_ROWS_MAX, CLEARED_VALUES_MAX},
};

pub(crate) fn list(rooms: &Rooms, trigger: &str, call: &Call<'_>) -> Reply {
    let trigger = keeper(rooms, trigger)?;
    let after = call.query.get("after").map(|text| {
        base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(text)
            .map_err(|_| ApiError::bad("`after` is not what an earlier page returned"))
    });
    let after = after.transpose()?;
    let limit = call.query.limit()?;
    let prefix = keys::of_trigger(Namespace::State, &trigger);
    let mut rows = rooms
        .journal
        .scan(&prefix, after.as_deref(), limit)
        .map_err(ApiError::failed)?;
    let whole = rows.len();
    rows.truncate(fitting(&rows));
    let next = rows
        .last()
        .filter(|_| whole == limit || rows.len() < whole)
        .map(|(key, _)| base64_simd::URL_SAFE_NO_PAD.encode_to_string(key));
    page(rooms, &trigger, &rows, next.as_deref())
}

pub(crate) fn get(rooms: &Rooms, trigger: &str, key: &str) -> Reply {
    let trigger = &keeper(rooms, trigger)?;
    let hash_key = model::HashKey::of_partition_key(key);
    let prefix = keys::state_of_key(trigger, hash_key, key.as_bytes());
    let rows = rooms
        .journal
        .scan(&prefix, None, API_ROWS_MAX)
        .map_err(ApiError::failed)?;
    let found = page(rooms, trigger, &rows, None)?;
    if found["values"] == json!([]) {
        return Err(ApiError::not_found(&format!(
            "state of key {key} in trigger {trigger}"
        )));
    }
    Ok(found)
}

/// Removes the values of one key, or all of them, while nothing of the trigger runs.
pub(crate) async fn clear(rooms: &Rooms, trigger: &str, key: Option<&str>) -> Reply {
    let name = keeper(rooms, trigger)?;
    let _one_at_a_time = rooms.runners.order(&name).await;
    let runs = rooms.runners.brake(&name).is_some();
    let _hold = if runs {
        Some(redrive::held(rooms, &name).await?)
    } else {
        None
    };
    let prefix = match key {
        Some(key) => {
            let hash_key = model::HashKey::of_partition_key(key);
            keys::state_of_key(&name, hash_key, key.as_bytes())
        }
        None => keys::of_trigger(Namespace::State, &name),
    };
    let removals = removals(rooms, &name, &prefix)?;
    let count = removals.len();
    if count == 0 && key.is_some() {
        let key = key.unwrap_or_default();
        let what = format!("state of key {key} in trigger {name}");
        return Err(ApiError::not_found(&what));
    }
    let row = audit::row(
        rooms,
        "state clear",
        &name,
        json!({ "key": key, "values": count }),
    );
    let cleared = dispatch::remove_values(
        Arc::clone(&rooms.journal),
        rooms.runners.state(&name),
        &name,
        removals,
        row,
    );
    cleared.await.map_err(ApiError::failed)?;
    Ok(json!({ "trigger": name, "key": key, "cleared": count }))
}

/// Writes that remove every value of a trigger.
pub(crate) fn clearing(rooms: &Rooms, name: &TriggerName) -> Result<Vec<ViewWrite>, ApiError> {
    let prefix = keys::of_trigger(Namespace::State, name);
    removals(rooms, name, &prefix)
}

fn removals(rooms: &Rooms, name: &TriggerName, prefix: &[u8]) -> Result<Vec<ViewWrite>, ApiError> {
    let rows = rooms.journal.scan(prefix, None, CLEARED_VALUES_MAX + 1);
    let rows = rows.map_err(ApiError::failed)?;
    if rows.len() > CLEARED_VALUES_MAX {
        return Err(ApiError::conflict(format!(
            "clear the state of trigger {name}: it has more than {CLEARED_VALUES_MAX} values, which do not go at once"
        ))
        .with_hint(format!("`shardmill state clear {name} KEY` removes those of one key")));
    }
    let removal = |(key, _): (Bytes, Bytes)| ViewWrite { key, value: None };
    Ok(rows.into_iter().map(removal).collect())
}

/// How many rows a page takes: at least one, and those that fit beside it.
fn fitting(rows: &[(Bytes, Bytes)]) -> usize {
    let mut left = API_PAGE_BYTES_MAX;
    let fit = rows.iter().take_while(|(key, value)| {
        let before = left;
        left = left.saturating_sub(key.len() + value.len());
        before > 0
    });
    fit.count()
}

fn page(
    rooms: &Rooms,
    trigger: &TriggerName,
    rows: &[(Bytes, Bytes)],
    after: Option<&str>,
) -> Reply {
    let detached = !rooms.triggers.now().contains_key(trigger);
    let values = live(rooms, trigger, rows)?;
    Ok(json!({ "trigger": trigger, "detached": detached, "values": values, "after": after }))
}

/// Expired values are gone, removed or not.
fn live(
    rooms: &Rooms,
    trigger: &TriggerName,
    rows: &[(Bytes, Bytes)],
) -> Result<Vec<Value>, ApiError> {
    let state = rooms
        .triggers
        .now()
        .get(trigger)
        .and_then(|settings| settings.state);
    let ttl = state.and_then(|state| state.ttl);
    let now = rooms.platform.clock.wall();
    let mut values = Vec::with_capacity(rows.len());
    for (key, stored) in rows {
        let kept = KeptValue::decode(stored).map_err(ApiError::failed)?;
        if !kept.is_expired(ttl, now) {
            let expires = ttl.map(|ttl| kept.written.plus(ttl));
            values.extend(document(trigger, key, &kept, expires));
        }
    }
    Ok(values)
}

fn document(
    trigger: &TriggerName,
    key: &[u8],
    kept: &KeptValue,
    expires: Option<Timestamp>,
) -> Option<Value> {
    let (_, partition_key, name) = keys::split_state(trigger, key)?;
    let (encoding, text) = match std::str::from_utf8(&kept.value) {
        Ok(text) => ("text", text.to_owned()),
        Err(_) => (
            "base64",
            base64_simd::STANDARD.encode_to_string(&kept.value),
        ),
    };
    Some(json!({
        "key": String::from_utf8_lossy(partition_key),
        "name": name,
        "value": text,
        "encoding": encoding,
        "written_ms": kept.written.as_millis(),
        "expires_ms": expires.map(Timestamp::as_millis),
    }))
}
