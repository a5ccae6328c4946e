//! `logs`: pages of what functions said, waiting for more where asked.
//!
//! A filter that can match nothing is refused rather than answered with silence.

use model::{FunctionName, ShardId, TriggerName};
use serde_json::json;

use super::{
    ApiError, Call, Reply,
    functions::find,
    news,
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
    let (trigger, function) = subject(rooms, query.get("trigger"), query.get("function")).await?;
    let known = trigger.and_then(|name| keeper(rooms, name).ok());
    let shard = query
        .get("shard")
        .map(|shard| logged_shard(rooms, known.as_ref(), shard));
    let level = query.get("level").map(level).transpose()?;
    let wanted = Wanted {
        after: query.number("after")?.unwrap_or(0),
        since_ms: query.number("since_ms")?.unwrap_or(0),
        trigger: trigger.map(str::to_owned),
        function: function.map(str::to_owned),
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

/// Trigger and function whose lines are wanted. A name in the place of a trigger's may be a function's where no trigger has it.
async fn subject<'a>(
    rooms: &Rooms,
    trigger: Option<&'a str>,
    function: Option<&'a str>,
) -> Result<(Option<&'a str>, Option<&'a str>), ApiError> {
    let is_function = |name: &str| {
        let parsed = FunctionName::parse(name).ok();
        parsed.is_some_and(|name| rooms.functions.entry(&name).is_some())
    };
    if let Some(name) = function.filter(|name| !is_function(name))
        && !said_anything(rooms, (None, Some(name))).await?
    {
        return find(rooms, name).map(|_| (trigger, function));
    }
    let Some(name) = trigger else {
        return Ok((None, function));
    };
    let refused = keeper(rooms, name).err();
    match refused {
        Some(refused) if name != INVOKE && !said_anything(rooms, (Some(name), None)).await? => {
            if function.is_none() && is_function(name) {
                return Ok((None, Some(name)));
            }
            Err(refused)
        }
        Some(_) | None => Ok((trigger, function)),
    }
}

/// Whether lines are kept of a trigger or function, which may be gone.
async fn said_anything(
    rooms: &Rooms,
    (trigger, function): (Option<&str>, Option<&str>),
) -> Result<bool, ApiError> {
    let any = Wanted {
        trigger: trigger.map(str::to_owned),
        function: function.map(str::to_owned),
        limit: 1,
        ..Wanted::default()
    };
    let (lines, _) = rooms.logs.read(&any).await.map_err(ApiError::failed)?;
    Ok(!lines.is_empty())
}
