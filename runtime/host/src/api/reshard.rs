//! `stream split|merge|scale|retention|mode|consumers` and `stream shards --hot`.

use std::time::Duration;

use model::{HashKey, ShardId, StreamKey};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use streams::{
    Amendment, Consumer, ConsumerStatus, ReshardError, StreamMode, StreamStatus, Unrevised,
};

use super::{
    ApiError, Call, Reply,
    streams::{key, missing, show},
};
use crate::{
    assemble::Rooms,
    config::{RETENTION_MAX, RETENTION_MIN},
    needs,
};

const HOUR: Duration = Duration::from_hours(1);
/// As on AWS.
const CONSUMERS_MAX: usize = 20;

pub(crate) fn hot(rooms: &Rooms, name: &str) -> Reply {
    let traffic = rooms.streams.traffic(&key(rooms, name)?);
    let traffic = traffic.map_err(|_| missing(name))?;
    Ok(json!({ "shards": needs::hot_shards(name, &traffic) }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    shard: String,
    at: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Where no place is given, between halves of the traffic.
pub(crate) async fn split(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let asked: Split = read(call, "the split")?;
    let key = key(rooms, name)?;
    let traffic = rooms.streams.traffic(&key).map_err(|_| missing(name))?;
    let shard = shard_id(&asked.shard)?;
    let at = match &asked.at {
        Some(at) => at.parse().map_err(|_| {
            ApiError::bad("split a shard: `at` is a hash key, a whole number below 2^128")
        })?,
        None => {
            let mut shards = traffic.shards.iter();
            let known = shards.find(|known| known.id == shard && known.open);
            let known = known.ok_or_else(|| refused(ReshardError::NoSuchShard(shard), name))?;
            needs::split_point(known).ok_or_else(|| {
                ApiError::conflict(format!("split {shard}: its range is too small to be split"))
            })?
        }
    };
    if !asked.dry_run {
        let done = rooms.streams.split(key, shard, HashKey(at)).await;
        done.map_err(|error| refused(error, name))?;
    }
    Ok(
        json!({ "stream": name, "shard": shard.to_string(), "at": at.to_string(), "dry_run": asked.dry_run }),
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    shards: [String; 2],
    #[serde(default)]
    dry_run: bool,
}

/// In whichever order the two are named.
pub(crate) async fn merge(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let asked: Merge = read(call, "the merge")?;
    let key = key(rooms, name)?;
    let shards = rooms.streams.shards(&key).map_err(|_| missing(name))?;
    let mut found = Vec::new();
    for given in &asked.shards {
        let id = shard_id(given)?;
        let known = shards
            .iter()
            .find(|shard| shard.facts.id == id && shard.facts.open);
        found.push(known.ok_or_else(|| refused(ReshardError::NoSuchShard(id), name))?);
    }
    found.sort_by_key(|shard| shard.facts.range.starting);
    let ids: Vec<ShardId> = found.iter().map(|shard| shard.facts.id).collect();
    let &[lower, upper] = ids.as_slice() else {
        return Err(ApiError::bad("merge shards: name two"));
    };
    let meets =
        found[0].facts.range.ending.0.checked_add(1) == Some(found[1].facts.range.starting.0);
    if !meets {
        return Err(refused(ReshardError::NotAdjacent, name));
    }
    if !asked.dry_run {
        let done = rooms.streams.merge(key, lower, upper).await;
        done.map_err(|error| refused(error, name))?;
    }
    Ok(
        json!({ "stream": name, "shards": [lower.to_string(), upper.to_string()], "dry_run": asked.dry_run }),
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    shards: u32,
    #[serde(default)]
    dry_run: bool,
}

pub(crate) async fn scale(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let asked: Scale = read(call, "the scale")?;
    let key = key(rooms, name)?;
    let facts = rooms.streams.describe(&key).map_err(|_| missing(name))?;
    let before = u32::try_from(facts.open_shards).unwrap_or(u32::MAX);
    if !asked.dry_run {
        let done = rooms.streams.scale(key, asked.shards).await;
        done.map_err(|error| refused(error, name))?;
    }
    Ok(json!({ "stream": name, "before": before, "after": asked.shards, "dry_run": asked.dry_run }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retention {
    retention_ms: u64,
}

pub(crate) async fn retention(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let asked: Retention = read(call, "the retention")?;
    let retention = Duration::from_millis(asked.retention_ms);
    let whole = asked
        .retention_ms
        .is_multiple_of(u64::try_from(HOUR.as_millis()).unwrap_or(1));
    if !whole || !(RETENTION_MIN..=RETENTION_MAX).contains(&retention) {
        return Err(ApiError::bad(&format!(
            "keep records of stream {name}: whole hours of 1d to 365d are possible"
        ))
        .with_hint("as `retention` in triggers.yaml: 24h or 7d"));
    }
    amend(rooms, name, move |amendment| {
        amendment.set_retention(retention);
        Ok(())
    })
    .await?;
    show(rooms, name)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mode {
    mode: String,
}

pub(crate) async fn mode(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let asked: Mode = read(call, "the mode")?;
    let mode = match asked.mode.as_str() {
        "provisioned" => StreamMode::Provisioned,
        "on-demand" => StreamMode::OnDemand,
        other => {
            return Err(ApiError::bad(&format!(
                "set the mode of stream {name}: `{other}` is none"
            ))
            .with_hint("write provisioned or on-demand"));
        }
    };
    amend(rooms, name, move |amendment| {
        active(amendment)?;
        amendment.begin_update();
        amendment.set_mode(mode);
        Ok(())
    })
    .await?;
    show(rooms, name)
}

pub(crate) fn consumers(rooms: &Rooms, name: &str) -> Reply {
    let key = key(rooms, name)?;
    let facts = rooms.streams.describe(&key).map_err(|_| missing(name))?;
    let now = rooms.platform.clock.wall();
    let document = |consumer: &Consumer| {
        let status = match consumer.status(now)? {
            ConsumerStatus::Creating => "CREATING",
            ConsumerStatus::Active => "ACTIVE",
            ConsumerStatus::Deleting => "DELETING",
        };
        Some(json!({
            "name": consumer.name, "status": status, "arn": consumer.arn(&key),
            "created_ms": consumer.created.as_millis(),
        }))
    };
    let found: Vec<Value> = facts.traits.consumers(now).filter_map(document).collect();
    Ok(json!({ "consumers": found }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewConsumer {
    name: String,
}

pub(crate) async fn add_consumer(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let NewConsumer { name: consumer } = read(call, "the consumer")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if !(1..=128).contains(&consumer.len()) || !consumer.bytes().all(plain) {
        return Err(ApiError::bad(&format!(
            "register consumer `{consumer}`: a name has 1 to 128 letters, digits, `_`, `.` and `-`"
        )));
    }
    amend(rooms, name, move |amendment| {
        let (now, transition) = (amendment.now(), amendment.transition());
        let traits = amendment.traits_mut();
        if traits.consumer(&consumer, None, now).is_some() {
            return Err(format!(
                "register consumer {consumer}: it is registered already"
            ));
        }
        if traits.consumers(now).count() >= CONSUMERS_MAX {
            return Err(format!(
                "register consumer {consumer}: a stream has {CONSUMERS_MAX} at most"
            ));
        }
        let made = Consumer {
            name: consumer,
            created: now,
            active_from: now.plus(transition),
            gone_from: None,
            tags: std::collections::BTreeMap::default(),
            policy: None,
        };
        traits.add_consumer(made, now);
        Ok(())
    })
    .await?;
    consumers(rooms, name)
}

pub(crate) async fn remove_consumer(rooms: &Rooms, name: &str, consumer: &str) -> Reply {
    let wanted = consumer.to_owned();
    let found = amend(rooms, name, move |amendment| {
        let (now, transition) = (amendment.now(), amendment.transition());
        let found = amendment.traits_mut().consumer_mut(&wanted, None, now);
        let known = found.is_some();
        if let Some(found) = found {
            found.gone_from.get_or_insert(now.plus(transition));
        }
        Ok(known)
    });
    if !found.await? {
        return Err(
            ApiError::not_found(&format!("consumer {consumer} of stream {name}"))
                .with_hint("`shardmill stream consumers NAME` shows those there are"),
        );
    }
    consumers(rooms, name)
}

/// What a decision refuses is a conflict.
async fn amend<T: Send + 'static>(
    rooms: &Rooms,
    name: &str,
    decide: impl FnOnce(&mut Amendment<'_>) -> Result<T, String> + Send + 'static,
) -> Result<T, ApiError> {
    let key: StreamKey = key(rooms, name)?;
    let amended = rooms.streams.amend(key, decide).await;
    amended.map_err(|error| match error {
        Unrevised::Unknown(_) => missing(name),
        Unrevised::Refused(why) => ApiError::conflict(why),
        Unrevised::Down(why) => ApiError::failed(why),
    })
}

fn active(amendment: &Amendment<'_>) -> Result<(), String> {
    match amendment.status() {
        StreamStatus::Active => Ok(()),
        status @ (StreamStatus::Creating | StreamStatus::Updating | StreamStatus::Deleting) => Err(
            format!("change the stream: it is {status:?}, wait until it is active"),
        ),
    }
}

fn read<T: DeserializeOwned>(call: &Call<'_>, what: &str) -> Result<T, ApiError> {
    serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read {what}: {error}")))
}

fn shard_id(text: &str) -> Result<ShardId, ApiError> {
    ShardId::parse(text)
        .ok_or_else(|| ApiError::bad(&format!("`{text}` is no shard: write its number or its id")))
}

fn refused(error: ReshardError, name: &str) -> ApiError {
    match error {
        ReshardError::Unknown(_) => missing(name),
        ReshardError::NoSuchShard(shard) | ReshardError::Closed(shard) => {
            ApiError::not_found(&format!("open shard {shard} of stream {name}"))
                .with_hint("`shardmill stream shards NAME` shows those there are")
        }
        ReshardError::OnDemand => ApiError::conflict(error.to_string())
            .with_hint("`shardmill stream mode NAME provisioned` lets you do it yourself"),
        ReshardError::NotActive(_) => {
            ApiError::conflict(error.to_string()).with_hint("ask again in a moment")
        }
        ReshardError::OutsideOfShard { .. }
        | ReshardError::NotAdjacent
        | ReshardError::TooMany { .. }
        | ReshardError::TooFew { .. }
        | ReshardError::Limit { .. } => ApiError::bad(&error.to_string()),
        ReshardError::UsedUp | ReshardError::Down(_) => ApiError::failed(error),
    }
}
