//! Resharding: shards close, and others open for their ranges, in one change.
//!
//! In: which shards, where to split them, or how many there should be. Out: an entry in which every closed shard has
//! children and every key has one open shard again. Records of a child are younger than those of its parents, in
//! their numbers as well. What is closed stays readable until retention has passed. What is asked for is checked and stored
//! at once, and done when the stream has been UPDATING for its while, as on AWS; a start in between does it too.

mod carrying_out;
mod checks;
mod expiry;

use std::convert::Infallible;

use model::{HashKey, HashKeyRange, ShardId, StreamKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    engine::Streams,
    facts::{StreamStatus, UnknownStream},
    revise::{Draft, Unrevised},
    scaling::Step,
};
use carrying_out::{carry_out, meet};
use checks::{begin, check_scale, open_shard};

pub(crate) use checks::grow_to;

/// What becomes of the shards of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reshard {
    Steps(Vec<Step>),
    /// So many of them.
    Scale(u32),
}

/// How many open shards there were and will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaled {
    pub before: u32,
    pub after: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReshardError {
    #[error(transparent)]
    Unknown(#[from] UnknownStream),
    #[error("reshard a stream: it has no open shard {0}")]
    NoSuchShard(ShardId),
    #[error("reshard a stream: shard {0} was split or merged already")]
    Closed(ShardId),
    #[error("split a shard: the new range must begin inside of {} to {}", .range.starting.0, .range.ending.0)]
    OutsideOfShard { range: HashKeyRange },
    #[error("merge shards: their ranges do not meet")]
    NotAdjacent,
    #[error("reshard a stream: it is {0:?}, wait until it is active")]
    NotActive(StreamStatus),
    #[error("reshard a stream: it is on demand and scales by itself")]
    OnDemand,
    #[error("scale a stream from {open} to {asked} shards: more than twice as many at once")]
    TooMany { open: u32, asked: u32 },
    #[error("scale a stream from {open} to {asked} shards: less than half as many at once")]
    TooFew { open: u32, asked: u32 },
    #[error("scale a stream to {asked} shards: at most {max} are possible")]
    Limit { asked: u32, max: u32 },
    #[error("reshard a stream: all shard slots are used up")]
    UsedUp,
    #[error("reshard a stream: {0}")]
    Down(String),
}

impl Streams {
    /// Closes a shard and opens two: the second begins at `at`.
    pub async fn split(
        &self,
        key: StreamKey,
        shard: ShardId,
        at: HashKey,
    ) -> Result<(), ReshardError> {
        let decide = move |draft: &mut Draft| {
            let range = open_shard(draft, shard)?.range;
            // Each half holds more than one key, as on AWS.
            if at.0 <= range.starting.0.saturating_add(1) || at >= range.ending {
                return Err(ReshardError::OutsideOfShard { range });
            }
            let at = vec![at];
            begin(draft, Reshard::Steps(vec![Step::Split { shard, at }]))
        };
        Ok(self.revise(key, decide).await?)
    }

    /// Closes two shards and opens one for both ranges, of which the first must end where the second begins.
    pub async fn merge(
        &self,
        key: StreamKey,
        lower: ShardId,
        upper: ShardId,
    ) -> Result<(), ReshardError> {
        let decide = move |draft: &mut Draft| {
            if !meet(&open_shard(draft, lower)?, &open_shard(draft, upper)?) {
                return Err(ReshardError::NotAdjacent);
            }
            begin(draft, Reshard::Steps(vec![Step::Merge { lower, upper }]))
        };
        Ok(self.revise(key, decide).await?)
    }

    /// Gives the stream so many shards of equal size, by as many splits and merges as that takes. Parts that are merged
    /// at once appear as shards that were closed as soon as they opened, as on AWS.
    pub async fn scale(&self, key: StreamKey, asked: u32) -> Result<Scaled, ReshardError> {
        let decide = move |draft: &mut Draft| {
            let open = u32::try_from(draft.entry.routes().len()).unwrap_or(u32::MAX);
            check_scale(draft, open, asked)?;
            begin(draft, Reshard::Scale(asked))?;
            Ok(Scaled {
                before: open,
                after: asked,
            })
        };
        Ok(self.revise(key, decide).await?)
    }

    /// Carries out many splits and merges at once, whatever the mode of the stream. Tells how many shards are open then.
    pub(crate) async fn reshard(
        &self,
        key: StreamKey,
        steps: Vec<Step>,
    ) -> Result<usize, ReshardError> {
        let decide = move |draft: &mut Draft| {
            let open = draft.entry.routes().len();
            let after = steps.iter().fold(open, |open, step| match step {
                Step::Split { at, .. } => open + at.len(),
                Step::Merge { .. } => open.saturating_sub(1),
            });
            begin(draft, Reshard::Steps(steps))?;
            Ok(after)
        };
        Ok(self.revise(key, decide).await?)
    }

    /// Changes the shards of a stream that is UPDATING, as soon as the time has come.
    pub(crate) fn reshard_at(&self, key: StreamKey, at: Timestamp) {
        let streams = self.clone();
        // Where the clock was set back while nothing ran, nobody waits longer than such a change takes.
        let longest = self.now().plus(self.shared.settings.transition);
        let change = async move {
            let clock = &streams.shared.platform.clock;
            clock.sleep_towards_wall(at.min(longest)).await;
            streams.reshard_due(key, at).await;
        };
        let tasks = &self.shared.platform.tasks;
        drop(tasks.spawn("change the shards of a stream", change));
    }

    /// Changes the shards of a stream that was UPDATING until then, unless that is done.
    pub(crate) async fn reshard_due(&self, key: StreamKey, at: Timestamp) {
        let due = move |draft: &mut Draft| {
            let update = draft.entry.update.as_mut();
            let update = update.filter(|update| update.until == at);
            let Some(reshard) = update.and_then(|update| update.then.take()) else {
                return Ok(None);
            };
            let mut changed = draft.clone();
            let refused = carry_out(&mut changed, reshard).err();
            if refused.is_none() {
                *draft = changed;
            }
            Ok::<_, Infallible>(refused)
        };
        match self.revise(key.clone(), due).await {
            Ok(Some(error)) => {
                tracing::error!(stream = %key.name, %error, "its shards stay as they are");
            }
            Err(Unrevised::Down(error)) => {
                tracing::error!(stream = %key.name, error, "its shards change later");
            }
            // A stream that is gone has no shards to change.
            Ok(None) | Err(Unrevised::Unknown(_) | Unrevised::Refused(_)) => {}
        }
    }
}

impl From<Unrevised<Self>> for ReshardError {
    fn from(unrevised: Unrevised<Self>) -> Self {
        match unrevised {
            Unrevised::Unknown(unknown) => Self::Unknown(unknown),
            Unrevised::Refused(refused) => refused,
            Unrevised::Down(reason) => Self::Down(reason),
        }
    }
}
