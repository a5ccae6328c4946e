//! `trigger seek`: counts what repeats and what is skipped, then moves the shards of a trigger, or one of them.
//!
//! Every seek that moves leaves a bookmark of the old place, which is its undo, and a row in the audit log.

use std::sync::Arc;

use dispatch::{Counters, Moved, SeekTo, ShardState, ShardStatus, Target, TriggerSettings};
use model::{Checkpoint, SequenceNumber, ShardId, ViewWrite};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, bookmarks, state, triggers};
use crate::{assemble::Rooms, config, lag, plan};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A place as triggers.yaml has it, a sequence number, or the name of a bookmark.
    from: Option<String>,
    /// Back to where the trigger was before its newest seek.
    #[serde(default)]
    undo: bool,
    shard: Option<String>,
    #[serde(default)]
    dry_run: bool,
    /// What runs is dropped instead of being waited for.
    #[serde(default)]
    abort: bool,
    /// A trigger with state that sees records again must be told what becomes of its values.
    state: Option<ValuesAfter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ValuesAfter {
    Keep,
    Clear,
    /// As they were at the bookmark.
    Restore,
}

/// Carried out to its end, also when whoever asked goes away: half-way the trigger stands still.
pub(crate) async fn seek(rooms: &Arc<Rooms>, name: &str, call: &Call<'_>) -> Reply {
    let settings = triggers::known(rooms, name)?;
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read where to seek: {error}")))?;
    let shared = Arc::clone(rooms);
    let carried_out = async move { carry_out(&shared, &settings, &asked).await };
    let tasks = &rooms.platform.tasks;
    tasks
        .spawn("seek", carried_out)
        .await
        .map_err(ApiError::failed)?
}

async fn carry_out(rooms: &Rooms, settings: &TriggerSettings, asked: &Asked) -> Reply {
    let _one_at_a_time = rooms.runners.order(&settings.name).await;
    let to = SeekTo {
        target: target(rooms, settings, asked)?,
        shard: shard_of(rooms, settings, asked.shard.as_deref())?,
    };
    let parts = rooms.runners.parts(&settings.name);
    let (shared, _) = parts.ok_or_else(|| ApiError::failed("the trigger does not run"))?;
    let anew = dispatch::is_another_stream(&shared, settings);
    if anew.map_err(ApiError::failed)? {
        return begin_anew(rooms, settings, &to, asked).await;
    }
    refuse_what_is_nowhere(&shared, settings, &to).await?;
    let looked = dispatch::look(&shared, settings, to.clone()).await;
    let looked = looked.map_err(ApiError::failed)?;
    let report = report(rooms, settings, &looked, asked.dry_run);
    let repeats = report["repeats"].as_u64().unwrap_or(0);
    values(rooms, settings, (asked, &to), repeats)?;
    if asked.dry_run {
        return Ok(report);
    }
    if asked.abort {
        rooms.runners.abort(&settings.name);
    }
    // Only now does nothing write values any more.
    let with = || {
        let writes = values(rooms, settings, (asked, &to), repeats);
        writes.map_err(|refused| refused.sentence().to_owned())
    };
    let moved = rooms.runners.seek(&settings.name, to.clone(), with).await;
    moved.map_err(ApiError::failed)?;
    // What was settled between the look and the move is in neither count; it moved by itself.
    let undo = bookmarks::store(rooms).list(&settings.name);
    let undo = undo.map_err(ApiError::failed)?;
    let undo = undo.iter().rfind(|it| it.is_automatic());
    let mut report = report;
    report["undo"] = json!(undo.map(|bookmark| &bookmark.name));
    Ok(report)
}

/// The stream was deleted and created again: nothing of the old place means anything in it.
async fn begin_anew(
    rooms: &Rooms,
    settings: &TriggerSettings,
    to: &SeekTo,
    asked: &Asked,
) -> Reply {
    let name = &settings.name;
    let (Target::Start(start), None) = (&to.target, to.shard) else {
        return Err(ApiError::conflict(format!(
            "seek {name}: its stream was deleted and created again, so it begins anew in all shards"
        ))
        .with_hint(format!(
            "`shardmill trigger seek {name} --from oldest`, or latest, or a time"
        )));
    };
    // Values of the old stream are there, whatever is delivered.
    let values = || values(rooms, settings, (asked, to), 1);
    values()?;
    if !asked.dry_run {
        let begun = rooms.runners.begin_anew(name, *start, values()?).await;
        begun.map_err(ApiError::failed)?;
    }
    Ok(json!({
        "trigger": name,
        "moved": !asked.dry_run,
        "anew": true,
        "repeats": 0,
        "skips": 0,
        "exact": true,
        "shards": [],
    }))
}

/// What names a place of a stream by itself, so that no bookmark of that name would be found.
pub(super) fn is_place(from: &str) -> bool {
    config::parse_start(from).is_some() || from.parse::<SequenceNumber>().is_ok()
}

fn target(rooms: &Rooms, settings: &TriggerSettings, asked: &Asked) -> Result<Target, ApiError> {
    let name = &settings.name;
    let bookmarks = bookmarks::store(rooms);
    let from = match (&asked.from, asked.undo) {
        (Some(from), false) => from.as_str(),
        (None, true) => {
            let all = bookmarks.list(name).map_err(ApiError::failed)?;
            let newest = all.into_iter().rfind(dispatch::Bookmark::is_automatic);
            let newest = newest.ok_or_else(|| {
                ApiError::conflict(format!(
                    "undo the newest seek of trigger {name}: there was none"
                ))
            })?;
            return Ok(Target::Bookmark(Box::new(newest)));
        }
        (Some(_), true) | (None, false) => {
            return Err(ApiError::bad("say either where to seek from or `undo`"));
        }
    };
    let now = rooms.platform.clock.wall();
    if let Some(start) = config::parse_start(from) {
        let start = plan::start(start, now);
        return match start {
            dispatch::StartAt::At(at) if at > now => Err(ApiError::bad(&format!(
                "`{from}` is not over yet, and records that come until then would be skipped unseen"
            ))),
            dispatch::StartAt::Oldest | dispatch::StartAt::Latest | dispatch::StartAt::At(_) => {
                Ok(Target::Start(start))
            }
        };
    }
    if let Ok(sequence) = from.parse::<SequenceNumber>() {
        return Ok(Target::Sequence(sequence));
    }
    let marked = from.strip_prefix("bookmark:").unwrap_or(from);
    match bookmarks.get(name, marked).map_err(ApiError::failed)? {
        Some(bookmark) => Ok(Target::Bookmark(Box::new(bookmark))),
        None if marked != from => Err(bookmarks::missing(name.as_str(), marked)),
        None => Err(ApiError::bad(&format!(
            "`{from}` is no place in a stream, and no bookmark of trigger {name}"
        ))
        .with_hint(
            "write oldest, latest, a time such as 2026-11-23T09:00Z, @-1h, a sequence number or a bookmark: `shardmill bookmark list`",
        )),
    }
}

fn shard_of(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: Option<&str>,
) -> Result<Option<ShardId>, ApiError> {
    let shard = shard.map(|shard| triggers::worked_on(rooms, Some(&settings.name), shard));
    shard.transpose()
}

/// A sequence number is of one shard and not of the future; a bookmark is of the stream that there is now.
async fn refuse_what_is_nowhere(
    shared: &dispatch::Rooms,
    settings: &TriggerSettings,
    to: &SeekTo,
) -> Result<(), ApiError> {
    let source = &shared.source;
    match &to.target {
        Target::Start(_) => Ok(()),
        Target::Bookmark(bookmark) => {
            let created = source.created(&settings.stream).map_err(ApiError::failed)?;
            if bookmark.created == created && bookmark.stream == settings.stream {
                return Ok(());
            }
            Err(ApiError::conflict(format!(
                "go back to bookmark {}: it is about a stream that was deleted since",
                bookmark.name
            )))
        }
        Target::Sequence(sequence) => {
            let shards = source.shards(&settings.stream).map_err(ApiError::failed)?;
            let shard = match (to.shard, shards.as_slice()) {
                (Some(shard), _) => shard,
                (None, [only]) => only.id,
                (None, _) => {
                    return Err(ApiError::bad(&format!(
                        "{sequence} is a place in one shard, and the stream has {}",
                        shards.len()
                    ))
                    .with_hint("add `--shard`: `shardmill tail` shows the shard of each record"));
                }
            };
            let newest = dispatch::newest(shared, settings, shard).await;
            match newest.map_err(ApiError::failed)? {
                Some(newest) if *sequence <= newest => Ok(()),
                Some(_) | None => Err(ApiError::bad(&format!(
                    "{sequence} lies behind the newest record of {shard}, and what comes until then would be skipped unseen"
                ))
                .with_hint("`--from latest` is behind the newest record")),
            }
        }
    }
}

/// What becomes of the trigger's values: writes for the same transaction, or a refusal.
fn values(
    rooms: &Rooms,
    settings: &TriggerSettings,
    (asked, to): (&Asked, &SeekTo),
    repeats: u64,
) -> Result<Vec<ViewWrite>, ApiError> {
    let name = &settings.name;
    if settings.state.is_none() {
        return match asked.state {
            Some(_) => Err(ApiError::bad(&format!("trigger {name} keeps no state"))),
            None => Ok(Vec::new()),
        };
    }
    match asked.state {
        Some(ValuesAfter::Keep) => Ok(Vec::new()),
        Some(ValuesAfter::Clear) if asked.dry_run => Ok(Vec::new()),
        Some(ValuesAfter::Clear) => state::clearing(rooms, name),
        Some(ValuesAfter::Restore) => restoring(rooms, settings, asked, to),
        None if repeats == 0 || asked.dry_run => Ok(Vec::new()),
        None => Err(ApiError::conflict(format!(
            "seek {name}: it keeps state, and {repeats} records would meet values that they wrote before"
        ))
        .with_hint("`--state keep` says that this is meant, `--state clear` begins with no values, `--state restore` has them as they were at the bookmark")),
    }
}

/// Every value as it was at the bookmark.
fn restoring(
    rooms: &Rooms,
    settings: &TriggerSettings,
    asked: &Asked,
    to: &SeekTo,
) -> Result<Vec<ViewWrite>, ApiError> {
    let name = &settings.name;
    let refused = |why: &str| {
        ApiError::conflict(format!("restore the state of trigger {name}: {why}"))
            .with_hint("`--state keep` leaves values as they are, `--state clear` begins with none")
    };
    let bookmark = match (&to.target, to.shard) {
        (Target::Bookmark(bookmark), None) => bookmark,
        (Target::Bookmark(_), Some(_)) => {
            return Err(refused("values of all shards go back together"));
        }
        (Target::Start(_) | Target::Sequence(_), _) => {
            return Err(refused("what they were is known at bookmarks alone"));
        }
    };
    if !bookmark.values {
        return Err(refused("the bookmark was made without them"));
    }
    if asked.dry_run {
        return Ok(Vec::new());
    }
    let writes = dispatch::restoring(rooms.journal.as_ref(), bookmark);
    writes.map_err(ApiError::failed)
}

fn report(rooms: &Rooms, settings: &TriggerSettings, moves: &[Moved], dry_run: bool) -> Value {
    let shards: Vec<Value> = moves.iter().map(|it| shard(rooms, settings, it)).collect();
    let total = |member: &str| -> u64 {
        let counts = shards.iter().filter_map(|shard| shard[member].as_u64());
        counts.sum()
    };
    json!({
        "trigger": settings.name,
        "moved": !dry_run,
        "repeats": total("repeats"),
        "skips": total("skips"),
        "exact": moves.iter().all(|it| it.counts.is_some()),
        "shards": shards,
    })
}

/// Counts are of the records that the trigger is for, of this moment; where there are too many to look at, of records as
/// they lie in the stream.
fn shard(rooms: &Rooms, settings: &TriggerSettings, moved: &Moved) -> Value {
    let behind = |checkpoint: Checkpoint| {
        let status = ShardStatus {
            shard: moved.shard,
            state: ShardState::Running,
            checkpoint,
            within_record: false,
            behind_ms: 0,
            counters: Counters::default(),
            in_flight: 0,
            parked_keys: 0,
            parked_since: None,
            last: None,
        };
        lag::of_shard(rooms, settings, &status).records
    };
    let (repeats, skips) = moved.counts.map_or_else(
        || {
            let (before, after) = (behind(moved.from), behind(moved.to));
            (after.saturating_sub(before), before.saturating_sub(after))
        },
        |counts| (counts.repeats, counts.skips),
    );
    json!({
        "shard": moved.shard.to_string(),
        "from": triggers::checkpoint(moved.from),
        "to": triggers::checkpoint(moved.to),
        "repeats": repeats,
        "skips": skips,
    })
}
