//! `logs`: pages of what functions said, waiting for more where asked.
//!
//! A filter that can match nothing is refused rather than answered with silence.

use model::{ShardId, TriggerName};
use serde_json::json;

use super::{
    ApiError, Call, Reply, news,
    triggers::{keeper, worked_on},
};
use crate::{
    assemble::Rooms,
    config::did_you_mean,
    functions::INVOKE,
    limits::API_PAGE_BYTES_MAX,
    logs::{Level, Line, Wanted},
};

pub(crate) async fn logs(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let query = &call.query;
    let trigger = query.get("trigger");
    let known = trigger.and_then(|name| keeper(rooms, name).ok());
    let shard = query
        .get("shard")
        .map(|shard| logged_shard(rooms, known.as_ref(), shard));
    let level = query.get("level").map(level).transpose()?;
    if let (Some(name), None) = (trigger, &known) {
        said_anything(rooms, name).await?;
    }
    let wanted = Wanted {
        after: query.number("after")?.unwrap_or(0),
        since_ms: query.number("since_ms")?.unwrap_or(0),
        trigger: trigger.map(str::to_owned),
        shard: shard.transpose()?.map(|shard| shard.to_string()),
        invocation: query.get("invocation").map(str::to_owned),
        level,
        limit: query.limit()?,
    };
    let mut newest = rooms.logs.watch();
    let read = || rooms.logs.read(&wanted);
    let (mut lines, mut after) = read().await.map_err(ApiError::failed)?;
    let wait = query.wait()?;
    if lines.is_empty() && !wait.is_zero() {
        news(rooms, wait, newest.changed()).await;
        (lines, after) = read().await.map_err(ApiError::failed)?;
    }
    if let Some(last) = fitting(&lines) {
        lines.truncate(last);
        after = lines.last().map_or(after, |line| line.id);
    }
    Ok(json!({ "lines": lines, "after": after }))
}

/// How many lines a page takes, when it does not take them all: at least one, and those that fit beside it.
fn fitting(lines: &[Line]) -> Option<usize> {
    let mut bytes = 0;
    lines.iter().position(|line| {
        let full = bytes > API_PAGE_BYTES_MAX;
        bytes += line.message.len();
        full
    })
}

fn level(name: &str) -> Result<Level, ApiError> {
    let known = ["trace", "debug", "info", "warn", "error"];
    Level::parse(name).ok_or_else(|| {
        let hint = did_you_mean(name, known).unwrap_or_else(|| known.join(", "));
        ApiError::bad(&format!("`{name}` is no level of log lines")).with_hint(hint)
    })
}

/// A trigger that is not in the file may have had any shard.
fn logged_shard(
    rooms: &Rooms,
    trigger: Option<&TriggerName>,
    shard: &str,
) -> Result<ShardId, ApiError> {
    match (trigger, ShardId::parse(shard)) {
        (Some(name), Some(shard)) if !rooms.triggers.now().contains_key(name) => Ok(shard),
        (only, _) => worked_on(rooms, only, shard),
    }
}

/// Refuses a name that is no trigger's, unless lines of it are kept: of a trigger that is gone, or of `invoke`.
async fn said_anything(rooms: &Rooms, name: &str) -> Result<(), ApiError> {
    let any = Wanted {
        trigger: Some(name.to_owned()),
        limit: 1,
        ..Wanted::default()
    };
    let (lines, _) = rooms.logs.read(&any).await.map_err(ApiError::failed)?;
    if name == INVOKE || !lines.is_empty() {
        return Ok(());
    }
    keeper(rooms, name).map(drop)
}
