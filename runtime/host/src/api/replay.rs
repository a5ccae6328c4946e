//! `replay`: a failed invocation once more, from its capsule: in the world as it was then, without effects.
//!
//! What comes of it is compared with what came of it then. The same code gives the same; what another version does
//! otherwise is listed, place by place.

use std::sync::Arc;

use bytes::Bytes;
use sandbox::{Capsule, Function, result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, functions};
use crate::{assemble::Rooms, limits::DIFFERENCES_MAX};

pub(crate) async fn list(rooms: &Rooms) -> Reply {
    Ok(json!({ "capsules": rooms.capsules.ids().await }))
}

/// The capsule in a form that can be read, and replayed.
pub(crate) async fn show(rooms: &Rooms, trigger: &str, entry: &str) -> Reply {
    let id = format!("{trigger}/{entry}");
    let capsule = kept(rooms, &id).await?;
    capsule.listed().map_err(ApiError::failed)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Of a capsule that the server keeps.
    id: Option<String>,
    /// What a file holds, as base64.
    file: Option<String>,
    /// Another function, or another version of it.
    with: Option<String>,
}

pub(crate) async fn replay(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read what to replay: {error}")))?;
    let capsule = match (&asked.id, &asked.file) {
        (Some(id), None) => kept(rooms, id).await?,
        (None, Some(file)) => of_file(rooms, file)?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::bad("say either an id or what a file holds"));
        }
    };
    let function = function(rooms, &capsule, asked.with.as_deref()).await?;
    let outcome = function.replay(&capsule).await;
    let now = result(&outcome);
    let (told, facts) = (&capsule.told, &capsule.invocation);
    let mut differences = Vec::new();
    differ("", &capsule.result, &now, &mut differences);
    Ok(json!({
        "id": capsule.id(),
        "function": facts.function,
        "version": facts.version,
        "attempt": facts.attempt,
        "records": facts.records.len(),
        "same_code": function.digest() == facts.digest,
        "same": differences.is_empty(),
        "then": capsule.result,
        "now": now,
        "differences": differences,
        "notes": notes(told.warmth, told.is_cut_off),
    }))
}

/// Why a run may come out otherwise although everything is the same.
fn notes(warmth: u32, is_cut_off: bool) -> Vec<String> {
    let warm = (warmth > 0).then(|| {
        format!("its sandbox had served {warmth} invocations before: what it kept of them is not in the capsule")
    });
    let cut = is_cut_off.then(|| "it was told more than a capsule keeps".to_owned());
    warm.into_iter().chain(cut).collect()
}

async fn kept(rooms: &Rooms, id: &str) -> Result<Capsule, ApiError> {
    let found = rooms.capsules.get(id).await.map_err(ApiError::failed)?;
    let found = found.ok_or_else(|| {
        ApiError::not_found(&format!("a capsule of {id}"))
            .with_hint("`shardmill replay` lists them; `shardmill dead-letter redrive ID --dry-run` runs a dead letter without one")
    })?;
    Capsule::decode(&found).map_err(ApiError::failed)
}

fn of_file(rooms: &Rooms, file: &str) -> Result<Capsule, ApiError> {
    let bytes = base64_simd::STANDARD.decode_to_vec(file);
    let bytes = bytes.map_err(|_| ApiError::bad("`file` is base64"))?;
    let opened = rooms.capsules.opened(Bytes::from(bytes));
    let opened = opened.map_err(|error| ApiError::bad(&format!("open the file: {error}")))?;
    let decoded = Capsule::decode(&opened);
    decoded.map_err(|error| ApiError::bad(&format!("read the file: {error}")))
}

/// The version that failed, as long as it is kept; else what runs now, or what `with` names: a function, a version or an
/// alias of one.
async fn function(
    rooms: &Rooms,
    capsule: &Capsule,
    with: Option<&str>,
) -> Result<Arc<Function>, ApiError> {
    let facts = &capsule.invocation;
    let named = with.unwrap_or(facts.function.as_str());
    let (_, deployed) = functions::find(rooms, named)?;
    let qualifier = named.split_once('@').map(|(_, qualifier)| qualifier);
    let before = with.is_none().then_some(facts.version);
    let fraction = rooms.platform.rng.fraction();
    let version = deployed.entry.of_attempt(qualifier, before, fraction);
    let version = version.map_err(|error| {
        ApiError::not_found(&format!("{named} ({error})"))
            .with_hint("`shardmill function list` shows what is there")
    })?;
    let function = rooms.functions.load(&deployed, version).await;
    function.map_err(ApiError::failed)
}

/// Every place where two documents are not the same.
fn differ(at: &str, then: &Value, now: &Value, found: &mut Vec<Value>) {
    if found.len() >= DIFFERENCES_MAX || then == now {
        return;
    }
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            let all: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
            for name in all {
                let of = |map: &serde_json::Map<String, Value>| map.get(name).cloned();
                let (then, now) = (of(then).unwrap_or_default(), of(now).unwrap_or_default());
                differ(&format!("{at}/{name}"), &then, &now, found);
            }
        }
        (Value::Array(then), Value::Array(now)) => {
            for index in 0..then.len().max(now.len()) {
                let of = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
                differ(&format!("{at}/{index}"), &of(then), &of(now), found);
            }
        }
        (then, now) => found.push(json!({ "at": at, "then": then, "now": now })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_by_their_place() {
        let then = json!({ "came": "answered", "outputs": [{ "data": "a" }, { "data": "b" }] });
        let now = json!({ "came": "answered", "outputs": [{ "data": "a" }, { "data": "c" }, 3] });
        let mut found = Vec::new();
        differ("", &then, &now, &mut found);
        let expect = json!([
            { "at": "/outputs/1/data", "then": "b", "now": "c" },
            { "at": "/outputs/2", "then": null, "now": 3 },
        ]);
        assert_eq!(Value::from(found), expect);
    }
}
