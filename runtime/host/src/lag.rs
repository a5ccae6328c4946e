//! How far a trigger is behind its stream: records, bytes and time of what is not settled yet.
//!
//! In: the checkpoint of a shard and what the stream still holds. Out: counts of whole records, which cost no reading: an
//! aggregate of which anything is not settled counts as one. It never waits.

use std::time::Duration;

use dispatch::{ShardState, ShardStatus, TriggerSettings};
use model::{Checkpoint, ShardId, seams::ReadFrom};
use streams::Backlog;

use crate::assemble::Rooms;

/// What lies after a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lag {
    pub(crate) records: u64,
    /// As they lie in the log.
    pub(crate) bytes: u64,
    /// How long the oldest of them has been there.
    pub(crate) time: Duration,
}

pub(crate) fn of_shard(rooms: &Rooms, settings: &TriggerSettings, status: &ShardStatus) -> Lag {
    let now = rooms.platform.clock.wall();
    backlog(rooms, settings, status).map_or_else(Lag::default, |backlog| Lag {
        records: backlog.records,
        bytes: backlog.bytes,
        time: backlog
            .oldest
            .map_or(Duration::ZERO, |oldest| now.since(oldest)),
    })
}

/// How long until the shard loses data, at the rate at which it goes now.
pub(crate) fn loses_in(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: ShardId,
) -> Option<Duration> {
    let retention = rooms.streams.describe(&settings.stream).ok()?.retention;
    let now = rooms.platform.clock.wall();
    rooms
        .forecast
        .loses_in(&settings.name, shard, retention, now)
}

/// Takes a look at every shard that is behind, for the forecast.
pub(crate) fn look(rooms: &Rooms) {
    let now = rooms.platform.clock.wall();
    for settings in rooms.triggers.now().values() {
        for status in rooms.runners.status(&settings.name) {
            let at_rest = matches!(status.state, ShardState::CaughtUp | ShardState::Ended);
            let behind = (!at_rest)
                .then(|| backlog(rooms, settings, &status))
                .flatten();
            let oldest = behind.and_then(|behind| behind.oldest);
            rooms
                .forecast
                .look(&settings.name, status.shard, now, oldest);
        }
    }
}

/// None where nothing can be behind: the shard has ended, or is gone with its stream.
fn backlog(rooms: &Rooms, settings: &TriggerSettings, status: &ShardStatus) -> Option<Backlog> {
    let from = match status.checkpoint {
        Checkpoint::Settled(position) if status.within_record => ReadFrom::At(position.sequence),
        Checkpoint::Settled(position) => ReadFrom::After(position.sequence),
        Checkpoint::AtTimestamp(at) => ReadFrom::Arrived(at),
        Checkpoint::TrimHorizon => ReadFrom::Oldest,
        Checkpoint::Latest => ReadFrom::Latest,
        Checkpoint::ShardEnd => return None,
    };
    rooms
        .streams
        .backlog(&settings.stream, status.shard, from)
        .ok()
}
