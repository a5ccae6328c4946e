//! `trigger seek`: counts what repeats and what is skipped, then moves every shard of a trigger.

use dispatch::{Counters, Moved, ShardState, ShardStatus, TriggerSettings};
use model::Checkpoint;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, triggers};
use crate::{assemble::Rooms, config, lag, plan};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: String,
    #[serde(default)]
    dry_run: bool,
    /// A trigger with state that sees records again must be told what becomes of its values: `keep`.
    state: Option<String>,
}

pub(crate) async fn seek(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let settings = &triggers::known(rooms, name)?;
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read where to seek: {error}")))?;
    let start = config::parse_start(&asked.from).ok_or_else(|| {
        ApiError::bad(&format!("`{}` is no place in a stream", asked.from))
            .with_hint("write oldest, latest, a time such as 2026-11-23T09:00Z, or @-1h")
    })?;
    let to = plan::start(start, rooms.platform.clock.wall());
    let parts = rooms.runners.parts(&settings.name);
    let (shared, _) = parts.ok_or_else(|| ApiError::failed("the trigger does not run"))?;
    let moves = dispatch::look(&shared, settings, to).await;
    let moves = moves.map_err(ApiError::failed)?;
    let shards: Vec<Value> = moves.iter().map(|it| shard(rooms, settings, it)).collect();
    let total = |member: &str| {
        shards
            .iter()
            .filter_map(|shard| shard[member].as_u64())
            .sum()
    };
    let (repeats, skips): (u64, u64) = (total("repeats"), total("skips"));
    let told = asked.state.as_deref() == Some("keep");
    if repeats > 0 && settings.state.is_some() && !told && !asked.dry_run {
        return Err(ApiError::conflict(format!(
            "seek {name}: it keeps state, and {repeats} records would meet values that they wrote before"
        ))
        .with_hint("`--state keep` says that this is meant"));
    }
    if !asked.dry_run {
        let moved = rooms.runners.seek(&settings.name, to).await;
        moved.map_err(ApiError::failed)?;
    }
    Ok(json!({
        "trigger": settings.name,
        "moved": !asked.dry_run,
        "repeats": repeats,
        "skips": skips,
        "shards": shards,
    }))
}

/// Counts are of records as they lie in the stream, of this moment.
fn shard(rooms: &Rooms, settings: &TriggerSettings, moved: &Moved) -> Value {
    let behind = |checkpoint: Checkpoint| {
        let status = ShardStatus {
            shard: moved.shard,
            state: ShardState::Running,
            checkpoint,
            behind_ms: 0,
            counters: Counters::default(),
            in_flight: 0,
            parked_keys: 0,
            parked_since: None,
        };
        lag::of_shard(rooms, settings, &status).records
    };
    let (before, after) = (behind(moved.from), behind(moved.to));
    json!({
        "shard": moved.shard.to_string(),
        "from": triggers::checkpoint(moved.from),
        "to": triggers::checkpoint(moved.to),
        "repeats": after.saturating_sub(before),
        "skips": before.saturating_sub(after),
    })
}
