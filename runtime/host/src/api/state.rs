//! `state list|get`: the values that a trigger's function keeps, by partition key.

use bytes::Bytes;
use dispatch::{KeptValue, TriggerSettings};
use model::{
    Timestamp,
    keys::{self, Namespace},
};
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, triggers::known};
use crate::{assemble::Rooms, limits::API_ROWS_MAX};

pub(crate) fn list(rooms: &Rooms, trigger: &str, call: &Call<'_>) -> Reply {
    let settings = known(rooms, trigger)?;
    let after = call.query.get("after").map(|text| {
        base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(text)
            .map_err(|_| ApiError::bad("`after` is not what an earlier page returned"))
    });
    let after = after.transpose()?;
    let limit = call.query.limit()?;
    let prefix = keys::of_trigger(Namespace::State, &settings.name);
    let rows = rooms
        .journal
        .scan(&prefix, after.as_deref(), limit)
        .map_err(ApiError::failed)?;
    let next = rows
        .last()
        .filter(|_| rows.len() == limit)
        .map(|(key, _)| base64_simd::URL_SAFE_NO_PAD.encode_to_string(key));
    let values = live(rooms, settings, &rows)?;
    Ok(json!({ "values": values, "after": next }))
}

pub(crate) fn get(rooms: &Rooms, trigger: &str, key: &str) -> Reply {
    let settings = known(rooms, trigger)?;
    let trigger = &settings.name;
    let hash_key = model::HashKey::of_partition_key(key);
    let prefix = keys::state_of_key(trigger, hash_key, key.as_bytes());
    let rows = rooms
        .journal
        .scan(&prefix, None, API_ROWS_MAX)
        .map_err(ApiError::failed)?;
    let values = live(rooms, settings, &rows)?;
    if values.is_empty() {
        return Err(ApiError::not_found(&format!(
            "state of key {key} in trigger {trigger}"
        )));
    }
    Ok(json!({ "values": values, "after": null }))
}

/// Expired values are gone, removed or not.
fn live(
    rooms: &Rooms,
    settings: &TriggerSettings,
    rows: &[(Bytes, Bytes)],
) -> Result<Vec<Value>, ApiError> {
    let ttl = settings.state.and_then(|state| state.ttl);
    let now = rooms.platform.clock.wall();
    let mut values = Vec::with_capacity(rows.len());
    for (key, stored) in rows {
        let kept = KeptValue::decode(stored).map_err(ApiError::failed)?;
        if !kept.is_expired(ttl, now) {
            let expires = ttl.map(|ttl| kept.written.plus(ttl));
            values.extend(document(settings, key, &kept, expires));
        }
    }
    Ok(values)
}

fn document(
    settings: &TriggerSettings,
    key: &[u8],
    kept: &KeptValue,
    expires: Option<Timestamp>,
) -> Option<Value> {
    let (_, partition_key, name) = keys::split_state(&settings.name, key)?;
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
