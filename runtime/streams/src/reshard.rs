//! Resharding: shards close, and others open for their ranges, in one change.
//!
//! In: which shards, where to split them, or how many there should be. Out: an entry in which every closed shard has
//! children and every key has one open shard again. Records of a child are younger than those of its parents, in
//! their numbers as well. What is closed stays readable until retention has passed. What is asked for is checked and stored
//! at once, and done when the stream has been UPDATING for its while, as on AWS; a start in between does it too.

use std::convert::Infallible;

use model::{HashKey, HashKeyRange, ShardId, StreamKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    engine::Streams,
    facts::{StreamMode, StreamStatus, UnknownStream},
    limits::{CHILD_POSTDATES, SHARDS_PER_COUNTER, SHARDS_PER_STREAM_MAX},
    registry::{GoneShard, ShardEntry},
    revise::{Draft, Unrevised},
    scaling::Step,
};

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

    /// Forgets closed shards of which retention covers nothing any more.
    pub(crate) async fn drop_expired_shards(&self, key: &StreamKey) -> Result<(), UnknownStream> {
        let now = self.now();
        let entry = self.existing(key)?;
        if !entry
            .shards
            .iter()
            .any(|shard| entry.has_expired(shard, now))
        {
            return Ok(());
        }
        let streams = self.clone();
        let decide = move |draft: &mut Draft| {
            let shards = draft.entry.shards.iter();
            let expired: Vec<ShardEntry> = shards
                .filter(|shard| draft.entry.has_expired(shard, draft.now))
                .copied()
                .collect();
            draft.drops = expired.iter().map(|shard| shard.slot).collect();
            let gone = expired.iter().map(|shard| GoneShard {
                id: shard.id,
                records: streams
                    .ever_before(shard.slot, u64::MAX)
                    .unwrap_or_default(),
            });
            draft.entry.forget(gone.collect());
            Ok::<(), UnknownStream>(())
        };
        match self.revise(key.clone(), decide).await {
            Ok(()) => Ok(()),
            Err(Unrevised::Unknown(unknown) | Unrevised::Refused(unknown)) => Err(unknown),
            Err(Unrevised::Down(reason)) => {
                // The next look tries again.
                tracing::warn!(%reason, "expired shards could not be forgotten");
                Ok(())
            }
        }
    }
}

/// Opens as many shards of equal size as are missing to a count. Shards that are there stay if they are enough.
pub(crate) fn grow_to(draft: &mut Draft, shards: u32) -> Result<(), ReshardError> {
    let open = u32::try_from(draft.entry.routes().len()).unwrap_or(u32::MAX);
    let shards = shards.min(SHARDS_PER_STREAM_MAX);
    if shards > open {
        after_update(draft, Reshard::Scale(shards))?;
    }
    Ok(())
}

fn open_shard(draft: &Draft, id: ShardId) -> Result<ShardEntry, ReshardError> {
    if draft.entry.mode == StreamMode::OnDemand {
        return Err(ReshardError::OnDemand);
    }
    let found = draft.entry.shard(id).copied();
    let found = found.ok_or(ReshardError::NoSuchShard(id))?;
    match found.closed {
        None => Ok(found),
        Some(_) => Err(ReshardError::Closed(id)),
    }
}

fn begin(draft: &mut Draft, reshard: Reshard) -> Result<(), ReshardError> {
    check_active(draft)?;
    draft.begin_update();
    after_update(draft, reshard)
}

fn check_active(draft: &Draft) -> Result<(), ReshardError> {
    match draft.status {
        StreamStatus::Active => Ok(()),
        status @ (StreamStatus::Creating | StreamStatus::Updating | StreamStatus::Deleting) => {
            Err(ReshardError::NotActive(status))
        }
    }
}

/// At once where the stream is not UPDATING for any time.
fn after_update(draft: &mut Draft, reshard: Reshard) -> Result<(), ReshardError> {
    let now = draft.now;
    let update = draft.entry.update.as_ref();
    if update.is_none_or(|update| update.until <= now) {
        return carry_out(draft, reshard);
    }
    // What could not be carried out is refused while somebody listens.
    carry_out(&mut draft.clone(), reshard.clone())?;
    if let Some(update) = &mut draft.entry.update {
        update.then = Some(reshard);
    }
    Ok(())
}

fn carry_out(draft: &mut Draft, reshard: Reshard) -> Result<(), ReshardError> {
    let found = |draft: &Draft, id: ShardId| {
        let open = draft.entry.routes().iter().find(|shard| shard.id == id);
        open.copied().ok_or(ReshardError::NoSuchShard(id))
    };
    let steps = match reshard {
        Reshard::Scale(asked) => return even_out(draft, asked),
        Reshard::Steps(steps) => steps,
    };
    for step in steps {
        match step {
            Step::Split { shard, at } => {
                let mut rest = found(draft, shard)?;
                for border in at {
                    rest = divide(draft, &rest, border)?.1;
                }
            }
            Step::Merge { lower, upper } => {
                let (lower, upper) = (found(draft, lower)?, found(draft, upper)?);
                if !meet(&lower, &upper) {
                    return Err(ReshardError::NotAdjacent);
                }
                unite(draft, &lower, &upper)?;
            }
        }
    }
    Ok(())
}

fn check_scale(draft: &Draft, open: u32, asked: u32) -> Result<(), ReshardError> {
    if draft.entry.mode == StreamMode::OnDemand {
        return Err(ReshardError::OnDemand);
    }
    // How many there are is not settled before.
    check_active(draft)?;
    let max = SHARDS_PER_STREAM_MAX;
    if asked > max {
        return Err(ReshardError::Limit { asked, max });
    }
    if asked > open.saturating_mul(2) {
        return Err(ReshardError::TooMany { open, asked });
    }
    if asked.saturating_mul(2) < open {
        return Err(ReshardError::TooFew { open, asked });
    }
    Ok(())
}

/// Splits every shard at the borders inside of it, then merges the parts between two borders.
fn even_out(draft: &mut Draft, asked: u32) -> Result<(), ReshardError> {
    let wanted = HashKeyRange::split_whole(asked);
    let mut parts = Vec::new();
    for mut rest in draft.entry.routes().to_vec() {
        let borders = wanted.iter().map(|range| range.starting);
        let inside: Vec<HashKey> = borders
            .filter(|border| *border > rest.range.starting && *border <= rest.range.ending)
            .collect();
        for border in inside {
            let (before, after) = divide(draft, &rest, border)?;
            parts.push(before);
            rest = after;
        }
        parts.push(rest);
    }
    let mut parts = parts.into_iter().peekable();
    for range in wanted {
        let Some(mut whole) = parts.next() else {
            return Ok(());
        };
        while let Some(next) = parts.next_if(|part| part.range.ending <= range.ending) {
            whole = unite(draft, &whole, &next)?;
        }
    }
    Ok(())
}

fn divide(
    draft: &mut Draft,
    parent: &ShardEntry,
    at: HashKey,
) -> Result<(ShardEntry, ShardEntry), ReshardError> {
    let below = HashKeyRange {
        starting: parent.range.starting,
        ending: HashKey(at.0 - 1),
    };
    let above = HashKeyRange {
        starting: at,
        ending: parent.range.ending,
    };
    close(draft, parent);
    Ok((
        open(draft, parent, None, below)?,
        open(draft, parent, None, above)?,
    ))
}

fn unite(
    draft: &mut Draft,
    lower: &ShardEntry,
    upper: &ShardEntry,
) -> Result<ShardEntry, ReshardError> {
    let range = HashKeyRange {
        starting: lower.range.starting,
        ending: upper.range.ending,
    };
    close(draft, lower);
    close(draft, upper);
    open(draft, lower, Some(upper), range)
}

fn meet(lower: &ShardEntry, upper: &ShardEntry) -> bool {
    lower.range.ending.0.checked_add(1) == Some(upper.range.starting.0)
}

fn close(draft: &mut Draft, shard: &ShardEntry) {
    let now = draft.now;
    let shards = &mut draft.entry.shards;
    if let Ok(known) = shards.binary_search_by_key(&shard.id, |known| known.id) {
        shards[known].closed = Some(now);
    }
    // A shard that this very change opened is not known to the log yet.
    if draft.entry.routes().iter().any(|open| open.id == shard.id) {
        draft.closes.push(shard.slot);
    }
}

/// A shard whose creation lies behind its parents', so that its numbers do.
fn open(
    draft: &mut Draft,
    parent: &ShardEntry,
    adjacent: Option<&ShardEntry>,
    range: HashKeyRange,
) -> Result<ShardEntry, ReshardError> {
    let id = draft.entry.next_shard();
    let group = |shard: ShardId| shard.0 / SHARDS_PER_COUNTER;
    let shards = &draft.entry.shards;
    let sibling = shards
        .iter()
        .rev()
        .find(|shard| group(shard.id) == group(id));
    let counter = match sibling {
        Some(sibling) => Some(sibling.counter),
        None => draft.numbers.take_counter(),
    };
    let parents_s = parent
        .created_s
        .max(adjacent.map_or(0, |shard| shard.created_s));
    let child = ShardEntry {
        id,
        slot: draft.numbers.take_slot().ok_or(ReshardError::UsedUp)?,
        counter: counter.ok_or(ReshardError::UsedUp)?,
        created_s: draft
            .now
            .plus(CHILD_POSTDATES)
            .as_seconds()
            .max(parents_s + 1),
        range,
        opened: Some(draft.now),
        parent: Some(parent.id),
        adjacent_parent: adjacent.map(|shard| shard.id),
        closed: None,
    };
    draft.entry.shards.push(child);
    Ok(child)
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
