//! `why`: each shard and trigger that stands, with its reason and what to do.

use dispatch::ShardState;
use model::{ShardId, TriggerName};
use serde_json::{Value, json};

use super::{
    Call, Reply, deliveries, keys, routes, schedules,
    triggers::{known, reads_nothing, worked_on},
};
use crate::{assemble::Rooms, lag};

pub(super) fn why(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let asked = call.query.get("trigger");
    let mut others = schedules::waiting(rooms, asked);
    others.extend(routes::waiting(rooms, asked));
    if asked.is_some_and(|name| reads_nothing(rooms, name)) {
        return Ok(json!({ "waiting": others, "moving": 0, "caught_up": 0 }));
    }
    let only = asked.map(|name| known(rooms, name)).transpose()?;
    let only = only.as_ref().map(|settings| &settings.name);
    let shard = call
        .query
        .get("shard")
        .map(|shard| worked_on(rooms, only, shard))
        .transpose()?;
    let mut waiting = Vec::new();
    let mut moving = 0_usize;
    let mut caught_up = 0_usize;
    for name in rooms
        .triggers
        .now()
        .keys()
        .filter(|name| only.is_none_or(|only| only == *name))
    {
        for status in rooms
            .runners
            .status(name)
            .iter()
            .filter(|status| shard.is_none_or(|shard| shard == status.shard))
        {
            let held = rooms.development.as_ref();
            if let Some(why) = held.and_then(|held| held.waits(name, status.shard)) {
                waiting.push(json!({
                    "trigger": name,
                    "shard": status.shard.to_string(),
                    "reason": why,
                    "hint": "the keys of `shardmill dev` let it go on, as does its next save",
                }));
            } else if is_moving(&status.state) {
                moving += 1;
                caught_up += usize::from(is_at_rest(&status.state));
            } else {
                let settings = rooms.triggers.now().get(name).cloned();
                let loses_in = settings
                    .and_then(|settings| lag::loses_in(rooms, &settings, status.shard))
                    .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
                waiting.push(json!({
                    "loses_in_ms": loses_in,
                    "trigger": name,
                    "shard": status.shard.to_string(),
                    "reason": status.state.to_string(),
                    "hint": hint(name, status.shard, &status.state),
                }));
            }
        }
    }
    if shard.is_none() {
        waiting.extend(standing(rooms, only));
        waiting.extend(deliveries::waiting(rooms, only));
        waiting.append(&mut others);
    }
    let mut notes = rolled_back(rooms, only);
    notes.extend(lost(rooms, only));
    let (parked, more) = keys::waiting(rooms, only, shard)?;
    notes.extend(more);
    Ok(
        json!({ "waiting": waiting, "parked": parked, "moving": moving, "caught_up": caught_up, "notes": notes }),
    )
}

/// Canaries of the triggers that were rolled back.
fn rolled_back(rooms: &Rooms, only: Option<&TriggerName>) -> Vec<String> {
    let triggers = rooms.triggers.now();
    let meant = triggers
        .values()
        .filter(|settings| only.is_none_or(|only| *only == settings.name));
    let run: std::collections::BTreeSet<_> = meant
        .map(|settings| (&settings.function, &settings.qualifier))
        .collect();
    let taken_back = rooms.functions.taken_back().into_iter();
    taken_back
        .filter(|(function, alias, _)| run.contains(&(function, alias)))
        .map(|(_, _, sentence)| sentence)
        .collect()
}

/// Shards that lost records to retention.
fn lost(rooms: &Rooms, only: Option<&TriggerName>) -> Vec<String> {
    let triggers = rooms.triggers.now();
    let meant = triggers
        .keys()
        .filter(|name| only.is_none_or(|only| only == *name));
    let of_trigger = |name: &TriggerName| {
        let shards = rooms.runners.status(name).into_iter();
        let lost = shards.filter(|status| status.counters.lost_to_retention > 0);
        let said = lost.map(|status| {
            format!(
                "{} of trigger {name} lost {} records to retention before they were settled: `shardmill dead-letter list --trigger {name}` names where they lay, as far as there was room for it",
                status.shard, status.counters.lost_to_retention
            )
        });
        said.collect::<Vec<_>>()
    };
    meant.flat_map(of_trigger).collect()
}

/// Triggers none of whose shards is worked on, each with its reason.
fn standing(rooms: &Rooms, only: Option<&TriggerName>) -> Vec<Value> {
    let triggers = rooms.triggers.now();
    let meant = triggers
        .keys()
        .filter(|name| only.is_none_or(|only| only == *name));
    let stands = |name: &TriggerName| {
        let because = rooms.runners.why_it_stands(name)?;
        Some(json!({
            "trigger": name,
            "shard": "all shards",
            "reason": because,
            "hint": if rooms.runners.waits_for_a_place(name) {
                format!("`shardmill trigger seek {name} --from oldest`, or latest, or a time")
            } else {
                "mend that, then change the event source mapping, or start the server again".to_owned()
            },
        }))
    };
    meant.filter_map(stands).collect()
}

/// A shard that runs or has nothing to do needs no explanation.
pub(super) fn is_moving(state: &ShardState) -> bool {
    match state {
        ShardState::Running
        | ShardState::CaughtUp
        | ShardState::Collecting { .. }
        | ShardState::Ended => true,
        ShardState::BackingOff { .. }
        | ShardState::BreakerOpen { .. }
        | ShardState::Paused
        | ShardState::PausedShard
        | ShardState::Held
        | ShardState::Disabled
        | ShardState::Blocked { .. }
        | ShardState::WaitingForParent(_)
        | ShardState::NoLease(_)
        | ShardState::DiskFull
        | ShardState::DeadLettersFull { .. }
        | ShardState::StateFull { .. }
        | ShardState::ParkFull { .. }
        | ShardState::NoOutput(_)
        | ShardState::WaitingForSlot
        | ShardState::LogStopped(_)
        | ShardState::Fenced { .. }
        | ShardState::Broken(_)
        | ShardState::Stopped => false,
    }
}

/// Nothing is left to do, now or for ever.
fn is_at_rest(state: &ShardState) -> bool {
    matches!(state, ShardState::CaughtUp | ShardState::Ended)
}

fn hint(trigger: &TriggerName, shard: ShardId, state: &ShardState) -> Option<String> {
    match state {
        ShardState::PausedShard => {
            let shard = shard.0;
            Some(format!("`shardmill trigger resume {trigger} --shard {shard}`"))
        }
        ShardState::Paused => Some(format!("`shardmill trigger resume {trigger}`")),
        ShardState::Disabled => {
            Some("say `enabled: true` in triggers.yaml and start the server again".to_owned())
        }
        ShardState::DeadLettersFull { .. } => Some(
            "raise `server.dead_letters.max` in triggers.yaml, or say `when_full: drop-oldest`, and start the server again".to_owned(),
        ),
        ShardState::Blocked { .. } => Some(format!(
            "mend the function, `shardmill deploy`, then `shardmill trigger resume {trigger}`"
        )),
        ShardState::BackingOff { .. } | ShardState::BreakerOpen { .. } => Some(format!(
            "`shardmill logs {trigger}` shows what the function said"
        )),
        ShardState::ParkFull { .. } => Some(format!(
            "mend the function and `shardmill key unpark {trigger} KEY`, or raise `retry.park.max` of the trigger in triggers.yaml"
        )),
        ShardState::StateFull { .. } => Some(format!(
            "raise `max` or set `ttl` under `triggers.{trigger}.state` in triggers.yaml, and start the server again"
        )),
        ShardState::NoOutput(stream) => Some(format!(
            "create stream {stream} again, or name another under `triggers.{trigger}.outputs` and start the server again"
        )),
        ShardState::WaitingForSlot => Some(
            "raise `concurrency` of the function in triggers.yaml, or make it faster".to_owned(),
        ),
        ShardState::DiskFull => {
            Some("free space or shorten retention: `shardmill stream list --by-size`".to_owned())
        }
        ShardState::NoLease(_)
        | ShardState::LogStopped(_)
        | ShardState::Fenced { .. }
        | ShardState::Broken(_)
        | ShardState::Stopped => {
            Some("start the server again: everything acknowledged is kept".to_owned())
        }
        ShardState::Running
        | ShardState::CaughtUp
        | ShardState::Collecting { .. }
        | ShardState::WaitingForParent(_)
        | ShardState::Held
        | ShardState::Ended => None,
    }
}
