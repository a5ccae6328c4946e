//! Triggers that run by the clock, as `trigger list|show|run`, `status` and `why` show them.

use dispatch::Switch;
use model::{Outcome, Timestamp};
use sandbox::Called;
use serde_json::{Value, json};

use super::{ApiError, Reply};
use crate::{
    assemble::Rooms,
    limits::SCHEDULE_SLOTS_SHOWN,
    schedules::{ScheduleSettings, ScheduleState, ScheduleStatus},
};

pub(crate) fn all(rooms: &Rooms) -> Vec<Value> {
    let all = rooms.schedules.all();
    all.iter()
        .map(|(settings, status)| document(rooms, settings, status))
        .collect()
}

/// None where no schedule has this name.
pub(crate) fn show(rooms: &Rooms, name: &str) -> Option<Value> {
    let (settings, status) = rooms.schedules.get(name)?;
    Some(document(rooms, &settings, &status))
}

fn document(rooms: &Rooms, settings: &ScheduleSettings, status: &ScheduleStatus) -> Value {
    let row = status.row.as_ref();
    let last = row.and_then(|row| row.last.as_ref()).map(|last| {
        json!({
            "slot": settings.schedule.shown(last.slot),
            "began": last.began.to_string(),
            "duration_ms": last.duration_ms,
            "error": last.error,
        })
    });
    json!({
        "name": settings.name,
        "by": "file",
        "kind": "schedule",
        "expression": settings.schedule.expression.to_string(),
        "zone": settings.zone,
        "function": settings.function,
        "outputs": outputs(settings),
        "enabled": settings.enabled,
        "paused": status.state == ScheduleState::Paused,
        "missed": match settings.policy.missed {
            catalog::schedule::Missed::Skip => "skip",
            catalog::schedule::Missed::Once => "once",
            catalog::schedule::Missed::All => "all",
        },
        "flexible_ms": u64::try_from(settings.policy.flexible.as_millis()).unwrap_or(u64::MAX),
        "moving": status.state.is_moving(),
        "reason": status.state.to_string(),
        "next": next(settings, status, rooms.platform.clock.wall()),
        "last": last,
        "run": row.map_or(0, |row| row.run),
        "given_up": row.map_or(0, |row| row.given_up),
        "passed": row.map_or(0, |row| row.passed),
    })
}

fn outputs(settings: &ScheduleSettings) -> Value {
    let names = settings
        .outputs
        .iter()
        .map(|(output, stream)| (output.clone(), json!(stream.name)));
    Value::Object(names.collect())
}

/// The next runs: the moment of each slot as its zone's clocks show it, and when it is run.
fn next(settings: &ScheduleSettings, status: &ScheduleStatus, now: Timestamp) -> Vec<Value> {
    let row = status.row.as_ref();
    let since = row.map_or(now, |row| row.slots.since);
    let after = row
        .map_or(now, |row| row.slots.through)
        .max(now.minus(settings.policy.flexible));
    let slots = settings
        .schedule
        .upcoming(since, after, SCHEDULE_SLOTS_SHOWN);
    let run = |slot: &Timestamp| {
        let runs = slot.plus(catalog::schedule::offset(*slot, &settings.policy));
        json!({ "slot": settings.schedule.shown(*slot), "runs": runs.to_string() })
    };
    slots.iter().map(run).collect()
}

/// What does not move, and why.
pub(crate) fn waiting(rooms: &Rooms, only: Option<&str>) -> Vec<Value> {
    let all = rooms.schedules.all().into_iter();
    let wanted = all.filter(|(settings, status)| {
        only.is_none_or(|only| only == settings.name.as_str()) && !status.state.is_moving()
    });
    let reason = |(settings, status): (std::sync::Arc<ScheduleSettings>, ScheduleStatus)| {
        json!({
            "trigger": settings.name,
            "shard": "",
            "reason": status.state.to_string(),
            "hint": hint(settings.name.as_str(), &status.state),
        })
    };
    wanted.map(reason).collect()
}

fn hint(name: &str, state: &ScheduleState) -> Option<String> {
    match state {
        ScheduleState::Paused => Some(format!("`shardmill trigger resume {name}`")),
        ScheduleState::Disabled => {
            Some("say `enabled: true` in triggers.yaml and start the server again".to_owned())
        }
        ScheduleState::BackingOff { .. } => Some(format!(
            "`shardmill logs {name}` shows what the function said"
        )),
        ScheduleState::NoOutput(stream) => Some(format!("create stream {stream} again")),
        ScheduleState::DiskFull => {
            Some("free space or shorten retention: `shardmill stream list --by-size`".to_owned())
        }
        ScheduleState::DeadLettersFull { .. } => Some(
            "raise `server.dead_letters.max` in triggers.yaml, or say `when_full: drop-oldest`, and start the server again".to_owned(),
        ),
        ScheduleState::Stopped(_) => {
            Some("start the server again: everything acknowledged is kept".to_owned())
        }
        ScheduleState::Starting
        | ScheduleState::Waiting { .. }
        | ScheduleState::Running { .. }
        | ScheduleState::Over => None,
    }
}

/// None where no schedule has this name.
pub(crate) async fn turn(rooms: &Rooms, name: &str, to: Switch) -> Option<Reply> {
    let (settings, _) = rooms.schedules.get(name)?;
    if let Err(refused) = super::triggers::order(rooms, &settings.name, settings.enabled, to).await
    {
        return Some(Err(refused));
    }
    rooms.schedules.turn(&settings.name, to);
    show(rooms, name).map(Ok)
}

/// Runs it once now, beside its slots.
pub(crate) async fn run(rooms: &Rooms, name: &str) -> Reply {
    let Some((settings, status)) = rooms.schedules.get(name) else {
        let known = super::triggers::known(rooms, name)?;
        return Err(ApiError::conflict(format!(
            "run trigger {}: it has no schedule, its records drive it",
            known.name
        ))
        .with_hint("`shardmill invoke` runs its function with records or an event"));
    };
    let stopped = || ApiError::conflict(format!("run trigger {name}: {}", status.state));
    let called = rooms
        .schedules
        .run(&settings.name)
        .await
        .ok_or_else(stopped)?;
    Ok(answered(&called))
}

fn answered(called: &Called) -> Value {
    let document = called.document.as_ref().map(|document| {
        serde_json::from_slice(document)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(document)))
    });
    let (usage, outputs, error) = match &called.outcome {
        Outcome::Answered(answer) => (answer.usage, answer.outputs.len(), Value::Null),
        Outcome::Failed(fault) => (
            fault.usage,
            0,
            json!({ "kind": fault.kind, "message": fault.message }),
        ),
    };
    json!({
        "ok": error.is_null(),
        "answer": document,
        "outputs": outputs,
        "error": error,
        "duration_us": u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX),
    })
}
