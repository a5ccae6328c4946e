//! `dead-letter redrive`: entries of one trigger run again, as many as a request takes.
//!
//! The caller names entries; which of many are meant is decided by `dead_letters::chosen`, page by page.

use std::collections::BTreeSet;

use bytes::Bytes;
use dispatch::{Came, How, Note, Redrive, RedriveOrder, Redriven, Refused, Stale};
use model::TriggerName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, dead_letters, triggers};
use crate::{
    assemble::Rooms,
    limits::{HOLD_MAX, REDRIVEN_MAX},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Ids without the trigger's name.
    entries: Vec<String>,
    #[serde(default)]
    side: bool,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    allow_stale: bool,
    /// Keys, as base64, of which a record failed in an earlier part of the same order.
    #[serde(default)]
    failed_keys: Vec<String>,
}

pub(crate) async fn redrive(rooms: &Rooms, trigger: &str, call: &Call<'_>) -> Reply {
    let name = triggers::keeper(rooms, trigger)?;
    let settings = triggers::known(rooms, trigger).map_err(|_| {
        ApiError::conflict(format!(
            "redrive dead letters of trigger {name}: it is detached, so nothing says which function they go to"
        ))
        .with_hint("name the trigger in triggers.yaml again and start the server")
    })?;
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read what to redrive: {error}")))?;
    if asked.entries.is_empty() || asked.entries.len() > REDRIVEN_MAX {
        return Err(ApiError::bad(&format!(
            "name 1 to {REDRIVEN_MAX} entries at a time"
        )));
    }
    let how = How {
        order: if asked.side {
            RedriveOrder::Side
        } else {
            RedriveOrder::InOrder
        },
        dry_run: asked.dry_run,
        allow_stale: asked.allow_stale,
    };
    // Values that a live record and a redriven one both read and write would be lost to one of them.
    let alone = !how.dry_run && (how.order == RedriveOrder::InOrder || settings.state.is_some());
    let _one_at_a_time = if alone {
        Some(rooms.runners.order(&name).await)
    } else {
        None
    };
    let parts = rooms.runners.parts(&name);
    let (shared, _) = parts.ok_or_else(|| ApiError::failed("the trigger does not run"))?;
    let _hold = if alone {
        Some(held(rooms, &name).await?)
    } else {
        None
    };
    let redrive = Redrive {
        rooms: shared,
        state: rooms.runners.state(&name),
        settings,
        how,
    };
    let known = asked.failed_keys.iter().map(|key| {
        base64_simd::STANDARD
            .decode_to_vec(key)
            .map(Bytes::from)
            .map_err(|_| ApiError::bad("`failed_keys` are base64"))
    });
    let mut failed = known.collect::<Result<BTreeSet<Bytes>, _>>()?;
    let told = redrive.run(&asked.entries, &mut failed).await;
    let told = told.map_err(ApiError::failed)?;
    let failed: Vec<String> = failed
        .iter()
        .map(|key| base64_simd::STANDARD.encode_to_string(key))
        .collect();
    let told: Vec<Value> = told.iter().map(|it| document(&name, it)).collect();
    Ok(json!({ "trigger": name, "redriven": told, "failed_keys": failed }))
}

/// Nothing of the trigger runs while the answer is held.
pub(crate) async fn held(rooms: &Rooms, name: &TriggerName) -> Result<dispatch::Hold, ApiError> {
    let brake = rooms.runners.brake(name);
    let brake = brake.ok_or_else(|| ApiError::failed("the trigger does not run"))?;
    let held = brake.hold(&rooms.platform.clock, HOLD_MAX).await;
    held.ok_or_else(|| {
        ApiError::timed_out(format!(
            "let trigger {name} stand still: after {} s an invocation still runs, or waits for room",
            HOLD_MAX.as_secs()
        ))
        .with_hint(format!(
            "`shardmill why {name}` says what it does; try again, or pause it first"
        ))
    })
}

fn document(trigger: &TriggerName, redriven: &Redriven) -> Value {
    let mut shown = came(trigger, &redriven.came);
    shown["id"] = json!(format!("{trigger}/{}", redriven.id));
    shown["stale"] = redriven.stale.iter().map(stale).collect();
    shown
}

fn came(trigger: &TriggerName, came: &Came) -> Value {
    match came {
        Came::Done { records, outputs } => {
            json!({ "came": "done", "records": records, "outputs": outputs })
        }
        Came::Partly {
            done,
            left,
            id,
            note,
        } => json!({
            "came": "partly",
            "records": done,
            "left": left,
            "left_in": format!("{trigger}/{id}"),
            "error": error(note),
        }),
        Came::Failed { records, note } => {
            json!({ "came": "failed", "records": records, "error": error(note) })
        }
        Came::Tried {
            records,
            outputs,
            state,
            failed,
        } => json!({
            "came": if failed.is_some() { "would fail" } else { "would be done" },
            "records": records,
            "outputs": outputs,
            "values": state,
            "error": failed.as_ref().map(error),
        }),
        Came::Refused(refused) => json!({
            "came": "refused",
            "because": because(refused),
            "error": refused.to_string(),
        }),
    }
}

fn because(refused: &Refused) -> &'static str {
    match refused {
        Refused::Stale => "stale",
        Refused::Claimed => "claimed",
        Refused::Gone => "gone",
        Refused::Behind => "behind",
        Refused::Lost => "lost",
        Refused::Unwritten(_) => "unwritten",
    }
}

fn error(note: &Note) -> String {
    dead_letters::error(note)
}

fn stale(stale: &Stale) -> String {
    match stale {
        Stale::Newer { key, position } => format!(
            "key {}: record {position}, which is later, was acknowledged",
            String::from_utf8_lossy(key)
        ),
        Stale::Unknown { key } => format!(
            "key {}: nobody can tell whether later records were acknowledged, the stream no longer has all of them or there are too many",
            String::from_utf8_lossy(key)
        ),
    }
}
