//! `wait`: until everything that was put before is settled, and everything that triggers made of it.
//!
//! What is in the streams is noted once and waited for; then what the triggers wrote of it, one trigger further each
//! round. So it ends, however much is put meanwhile. Disabled triggers are waited for only when they are named.

use std::{collections::BTreeSet, time::Duration};

use dispatch::{ShardState, ShardStatus, TriggerSettings};
use model::{Checkpoint, SequenceNumber, ShardId, StreamKey, TriggerName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply, triggers::known};
use crate::{assemble::Rooms, lag, limits::WAIT_LOOK};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    trigger: Option<String>,
    #[serde(default = "half_a_minute")]
    timeout_ms: u64,
}

fn half_a_minute() -> u64 {
    30_000
}

pub(crate) async fn wait(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let asked: Waiting = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read what to wait for: {error}")))?;
    let only = asked
        .trigger
        .as_deref()
        .map(|name| known(rooms, name))
        .transpose()?;
    let triggers = rooms.triggers.now();
    let edges: Vec<Edge<'_>> = triggers.values().filter(|s| s.enabled).collect();
    let names = match &only {
        Some(settings) => before(&edges, settings),
        None => edges.iter().map(|settings| &settings.name).collect(),
    };
    let started = counted(rooms, &names);
    let timeout = Duration::from_millis(asked.timeout_ms);
    let settled = settle_all(rooms, &names);
    let settled = rooms.platform.clock.timeout(timeout, settled);
    let settled = tokio::select! {
        biased;
        settled = settled => settled,
        () = rooms.stop.stopped() => return Err(ApiError::stopping()),
    };
    match settled {
        Ok(settled) => settled.map(|()| answer(started, counted(rooms, &names))),
        Err(_) => Err(ApiError::timed_out(format!(
            "wait: after {} ms not everything is settled",
            asked.timeout_ms
        ))
        .with_hint("`shardmill why` says what waits")),
    }
}

type Edge<'a> = &'a TriggerSettings;

/// The trigger, and those whose outputs reach it.
fn before<'a>(edges: &[Edge<'a>], only: Edge<'a>) -> BTreeSet<&'a TriggerName> {
    let mut names = BTreeSet::from([&only.name]);
    let mut read: Vec<&StreamKey> = vec![&only.stream];
    while let Some(stream) = read.pop() {
        let writers = edges
            .iter()
            .filter(|edge| edge.outputs.values().any(|output| output == stream));
        for writer in writers {
            if names.insert(&writer.name) {
                read.push(&writer.stream);
            }
        }
    }
    names
}

async fn settle_all(rooms: &Rooms, names: &BTreeSet<&TriggerName>) -> Result<(), ApiError> {
    let triggers = rooms.triggers.now();
    let all: Vec<Edge<'_>> = names
        .iter()
        .filter_map(|name| triggers.get(*name))
        .collect();
    let mut round = all.clone();
    visible(rooms).await?;
    // Without a loop among the triggers this is as long as a chain can be; with one it would never come to rest.
    for _ in 0..all.len() {
        let ends: Vec<(Edge<'_>, End)> = round.iter().flat_map(|edge| ends(rooms, edge)).collect();
        for (settings, end) in ends {
            reached(rooms, settings, end).await;
        }
        visible(rooms).await?;
        round = after(&all, &round);
    }
    Ok(())
}

/// What is placed is in the streams only once it is durable.
async fn visible(rooms: &Rooms) -> Result<(), ApiError> {
    let placed = rooms.log.status().placed;
    rooms.log.durable(placed).await.map_err(ApiError::failed)
}

/// Those that read what `round` writes.
fn after<'a>(all: &[Edge<'a>], round: &[Edge<'a>]) -> Vec<Edge<'a>> {
    let written: BTreeSet<&StreamKey> = round
        .iter()
        .flat_map(|edge| edge.outputs.values())
        .collect();
    let readers = all.iter().filter(|edge| written.contains(&edge.stream));
    readers.copied().collect()
}

/// How far a shard reached when it was looked at.
#[derive(Debug, Clone, Copy)]
struct End {
    shard: ShardId,
    starting: SequenceNumber,
    /// Carries the index that the shard's next record will have or exceed.
    tip: SequenceNumber,
}

fn ends<'a>(rooms: &Rooms, settings: Edge<'a>) -> Vec<(Edge<'a>, End)> {
    let shards = rooms.streams.shards(&settings.stream).unwrap_or_default();
    let end = |shard: streams::ShardDescription| {
        let tip = rooms.streams.tip(&settings.stream, shard.facts.id).ok()?;
        let end = End {
            shard: shard.facts.id,
            starting: shard.starting,
            tip,
        };
        Some((settings, end))
    };
    shards.into_iter().filter_map(end).collect()
}

/// Resolves once the trigger has settled the shard up to its end of then, or what is left of it has expired.
async fn reached(rooms: &Rooms, settings: &TriggerSettings, end: End) {
    loop {
        // A shard that has just been opened may not be taken up yet.
        let watched = rooms.runners.watch(&settings.name, end.shard);
        let Some(mut status) = watched else {
            rooms.platform.clock.sleep(WAIT_LOOK).await;
            continue;
        };
        let settled = status.wait_for(|status| is_settled(status, end));
        // Records expire in silence, so the state is looked at again from time to time.
        if rooms
            .platform
            .clock
            .timeout(WAIT_LOOK, settled)
            .await
            .is_ok_and(|seen| seen.is_ok())
        {
            return;
        }
        let now = status.borrow().clone();
        if now.checkpoint != Checkpoint::Latest && lag::of_shard(rooms, settings, &now).records == 0
        {
            return;
        }
    }
}

fn is_settled(status: &ShardStatus, end: End) -> bool {
    let index = |number: SequenceNumber| number.parts().map_or(0, |parts| parts.index);
    match status.checkpoint {
        Checkpoint::Settled(position) => {
            let passed = u64::from(!status.within_record);
            index(position.sequence) + passed >= index(end.tip)
        }
        Checkpoint::ShardEnd => true,
        // Nothing settled yet: right only for a shard that holds nothing. Its first record would have the next index.
        Checkpoint::TrimHorizon => index(end.tip) <= index(end.starting) + 1,
        Checkpoint::AtTimestamp(_) | Checkpoint::Latest => status.state == ShardState::CaughtUp,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counted {
    settled: u64,
    dead_letters: u64,
}

/// Since this server started; what is given up is settled too, but its records wait for a look.
fn counted(rooms: &Rooms, names: &BTreeSet<&TriggerName>) -> Counted {
    let shards = names.iter().flat_map(|name| rooms.runners.status(name));
    shards.fold(Counted::default(), |sum, shard| Counted {
        settled: sum.settled + shard.counters.settled,
        dead_letters: sum.dead_letters + shard.counters.dead_lettered,
    })
}

fn answer(started: Counted, ended: Counted) -> Value {
    json!({
        "settled": ended.settled,
        "dead_letters": ended.dead_letters,
        "while_waiting": {
            "settled": ended.settled.saturating_sub(started.settled),
            "dead_letters": ended.dead_letters.saturating_sub(started.dead_letters),
        },
    })
}

#[cfg(test)]
#[path = "wait_tests.rs"]
mod tests;
