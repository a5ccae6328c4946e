//! Faults that have a time, and workers that are replaced while they stand still.
//!
//! What cannot be done any more, because the shard is closed by now, is said and left out.

use std::{sync::Arc, time::Duration};

use model::{HashKey, LeaseKey, ShardId, StreamName};
use platform::StopToken;
use tracing::{info, warn};

use super::{Fault, Points};
use crate::{assemble::Rooms, plan};

/// Runs until the server stops.
pub(crate) async fn run(rooms: Arc<Rooms>, points: Arc<Points>, stop: StopToken) {
    let began = rooms.platform.clock.monotonic().0;
    let Some(mut replaced) = points.take_orders() else {
        return;
    };
    let mut timed: Vec<(Duration, &Fault)> = points
        .faults()
        .filter_map(|fault| Some((time(fault)?, fault)))
        .collect();
    timed.sort_by_key(|(at, _)| *at);
    let mut timed = timed.into_iter().peekable();
    loop {
        let left = timed.peek().map(|(at, _)| {
            let now = rooms.platform.clock.monotonic().0.saturating_sub(began);
            at.saturating_sub(now)
        });
        tokio::select! {
            biased;
            () = stop.stopped() => return,
            Some(worker) = replaced.recv() => {
                let LeaseKey { trigger, shard } = &worker;
                info!(%trigger, %shard, "another worker takes the lease");
                rooms.runners.replace(&worker).await;
            }
            () = rooms.platform.clock.sleep(left.unwrap_or_default()), if left.is_some() => {
                if let Some((_, fault)) = timed.next() {
                    match bring(&rooms, fault).await {
                        Ok(()) => warn!(%fault, "a fault on purpose"),
                        Err(why) => warn!(%fault, why, "a fault on purpose is left out"),
                    }
                }
            }
        }
    }
}

fn time(fault: &Fault) -> Option<Duration> {
    match fault {
        Fault::Throttle { at, .. } | Fault::Split { at, .. } | Fault::Merge { at, .. } => Some(*at),
        Fault::Crash { .. } | Fault::Freeze { .. } | Fault::Slow { .. } => None,
    }
}

async fn bring(rooms: &Rooms, fault: &Fault) -> Result<(), String> {
    let key = |stream: &StreamName| plan::stream_key(&rooms.world, stream);
    match fault {
        Fault::Throttle {
            stream,
            shard,
            lasts,
            ..
        } => {
            let there = rooms.streams.throttle(&key(stream), *shard, *lasts);
            there.then_some(()).ok_or_else(|| missing(*shard))
        }
        Fault::Split { stream, shard, .. } => {
            let at = middle(rooms, stream, *shard).ok_or_else(|| missing(*shard))?;
            let done = rooms.streams.split(key(stream), *shard, at).await;
            done.map(drop).map_err(|error| error.to_string())
        }
        Fault::Merge {
            stream,
            shards: [one, other],
            ..
        } => {
            let done = rooms.streams.merge(key(stream), *one, *other).await;
            done.map(drop).map_err(|error| error.to_string())
        }
        Fault::Crash { .. } | Fault::Freeze { .. } | Fault::Slow { .. } => Ok(()),
    }
}

fn missing(shard: ShardId) -> String {
    format!("there is no open shard {}", shard.0)
}

fn middle(rooms: &Rooms, stream: &StreamName, shard: ShardId) -> Option<HashKey> {
    let shards = rooms
        .streams
        .shards(&plan::stream_key(&rooms.world, stream));
    let shards = shards.ok()?;
    let known = shards
        .iter()
        .find(|known| known.facts.id == shard && known.facts.open)?;
    let (starting, ending) = (known.facts.range.starting.0, known.facts.range.ending.0);
    Some(HashKey(starting + (ending - starting) / 2 + 1))
}
