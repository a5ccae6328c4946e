//! `state list|get`: the values that a trigger's function keeps, by partition key.

use model::{
    TriggerName,
    keys::{self, Namespace},
};
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, triggers::known};
use crate::{assemble::Rooms, limits::API_ROWS_MAX};

pub(crate) fn list(rooms: &Rooms, trigger: &str, call: &Call<'_>) -> Reply {
    let trigger = known(rooms, trigger)?.name.clone();
    let after = call.query.get("after").map(|text| {
        base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(text)
            .map_err(|_| ApiError::bad("`after` is not what an earlier page returned"))
    });
    let after = after.transpose()?;
    let limit = call.query.limit()?;
    let (values, last) = page(rooms, &trigger, after.as_deref(), limit)?;
    let next = (values.len() == limit)
        .then(|| last.map(|key| base64_simd::URL_SAFE_NO_PAD.encode_to_string(key)))
        .flatten();
    Ok(json!({ "values": values, "after": next }))
}

pub(crate) fn get(rooms: &Rooms, trigger: &str, key: &str) -> Reply {
    let trigger = known(rooms, trigger)?.name.clone();
    let hash_key = model::HashKey::of_partition_key(key);
    let prefix = keys::state_of_key(&trigger, hash_key, key.as_bytes());
    let rows = rooms
        .journal
        .scan(&prefix, None, API_ROWS_MAX)
        .map_err(ApiError::failed)?;
    if rows.is_empty() {
        return Err(ApiError::not_found(&format!(
            "state of key {key} in trigger {trigger}"
        )));
    }
    let values: Vec<Value> = rows
        .iter()
        .filter_map(|(key, value)| document(&trigger, key, value))
        .collect();
    Ok(json!({ "values": values, "after": null }))
}

type Page = (Vec<Value>, Option<bytes::Bytes>);

fn page(
    rooms: &Rooms,
    trigger: &TriggerName,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Page, ApiError> {
    let prefix = keys::of_trigger(Namespace::State, trigger);
    let rows = rooms
        .journal
        .scan(&prefix, after, limit)
        .map_err(ApiError::failed)?;
    let last = rows.last().map(|(key, _)| key.clone());
    Ok((
        rows.iter()
            .filter_map(|(key, value)| document(trigger, key, value))
            .collect(),
        last,
    ))
}

fn document(trigger: &TriggerName, key: &[u8], value: &[u8]) -> Option<Value> {
    let (_, partition_key, name) = keys::split_state(trigger, key)?;
    let (encoding, text) = match std::str::from_utf8(value) {
        Ok(text) => ("text", text.to_owned()),
        Err(_) => ("base64", base64_simd::STANDARD.encode_to_string(value)),
    };
    Some(json!({
        "key": String::from_utf8_lossy(partition_key),
        "name": name,
        "value": text,
        "encoding": encoding,
    }))
}
