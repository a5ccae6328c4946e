//! What only a server may do that runs for tests (`up --testing`): forget its streams, and let wall time pass.
//!
//! The clock goes forward only, and only the wall clock: retention, ages and the life of iterators and tokens follow it,
//! deadlines of the network, leases and signatures do not. What expired by a jump is gone when the answer comes.

use std::time::Duration;

use model::{StreamKey, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::{ApiError, Call, Reply};
use crate::{assemble::Rooms, limits::CLOCK_JUMP_MAX};

/// Where a test wants the clock: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Jump {
    advance_ms: Option<i64>,
    to_ms: Option<u64>,
}

impl Jump {
    /// By how much the clock has to be moved at `now`.
    fn by(&self, now: Timestamp) -> Result<Duration, ApiError> {
        let backward = || {
            ApiError::bad("move the clock: it only goes forward").with_hint(
                "a new server begins at the time of the machine; records and leases hold times that must not lie ahead",
            )
        };
        let by = match (self.advance_ms, self.to_ms) {
            (Some(by), None) => Duration::from_millis(u64::try_from(by).map_err(|_| backward())?),
            (None, Some(to)) => {
                let behind = Timestamp::from_millis(to) < now;
                if behind {
                    return Err(backward());
                }
                Timestamp::from_millis(to).since(now)
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(ApiError::bad(
                    "move the clock: say either `advance_ms` or `to_ms`, in milliseconds",
                ));
            }
        };
        if by > CLOCK_JUMP_MAX {
            return Err(ApiError::bad(
                "move the clock: one jump is at most ten years",
            ));
        }
        Ok(by)
    }
}

/// Moves the wall clock, wakes what waits for a wall time, and frees what has expired by it.
pub(crate) async fn clock(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let jump: Jump = serde_json::from_slice(&call.body).map_err(|error| {
        ApiError::bad(&format!("move the clock: {error}"))
            .with_hint("send {\"advance_ms\": 3600000} or {\"to_ms\": 1893456000000}")
    })?;
    let clock = &rooms.platform.clock;
    clock.shift(jump.by(clock.wall())?);
    let trimmed = rooms.streams.trim_expired(clock.wall()).await;
    trimmed.map_err(|error| ApiError::failed(&error))?;
    Ok(shown(rooms))
}

/// The wall clock as it stands.
pub(crate) fn shown(rooms: &Rooms) -> serde_json::Value {
    let clock = &rooms.platform.clock;
    let (wall, unshifted) = (clock.wall(), clock.unshifted_wall());
    let ahead = u64::try_from(wall.since(unshifted).as_millis()).unwrap_or(u64::MAX);
    json!({ "wall_ms": wall.as_millis(), "ahead_ms": ahead })
}

/// Forgets every stream with its consumers, at once; streams that a trigger reads or writes stay, for their records
/// are somebody's work.
pub(crate) async fn reset(rooms: &Rooms) -> Reply {
    let triggers = rooms.triggers.now();
    let of_trigger = |key: &StreamKey| {
        triggers.values().any(|trigger| {
            trigger.stream == *key || trigger.outputs.values().any(|output| output == key)
        })
    };
    let gone = rooms.streams.reset(|key| !of_trigger(key)).await;
    let gone = gone.map_err(|error| ApiError::failed(&error))?;
    let deleted: Vec<&str> = gone.iter().map(|key| key.name.as_str()).collect();
    Ok(json!({ "deleted": deleted }))
}

pub(crate) fn refused(what: &str) -> ApiError {
    ApiError::not_found(&format!("`{what}` of a server that does not run for tests"))
        .with_hint("start it with `shardmill up --testing`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_forward_only() {
        let now = Timestamp::from_millis(1_000_000);
        let check = |text: &str, expected: Option<u64>| {
            let jump: Jump = serde_json::from_str(text).unwrap();
            let by = jump.by(now).ok().map(|by| by.as_millis());
            assert_eq!(by, expected.map(u128::from), "{text}");
        };
        check(r#"{"advance_ms": 0}"#, Some(0));
        check(r#"{"advance_ms": 7}"#, Some(7));
        check(r#"{"advance_ms": -1}"#, None);
        check(r#"{"advance_ms": 9223372036854775807}"#, None);
        check(r#"{"to_ms": 1000007}"#, Some(7));
        check(r#"{"to_ms": 999999}"#, None);
        check(r#"{"to_ms": 1000007, "advance_ms": 1}"#, None);
        check("{}", None);
    }
}
