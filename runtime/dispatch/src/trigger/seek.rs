//! Moves a trigger that is stopped to another place of its stream: all of its shards together, or one.
//!
//! In: where to begin again. Out: where each shard stood, where it stands now, and how many records that repeats or
//! skips. The leases are taken first, so nothing that an earlier holder still has in hand can be written afterwards. A
//! bookmark of the old place is written with the new one, and so is a row of the audit log. What was being tried again is
//! forgotten with the old place; dead letters, state and outputs stay as they are.

mod counting;
mod marking;
mod moving;

use std::collections::BTreeSet;

use model::{
    Checkpoint, SequenceNumber, ShardId, keys,
    seams::{ReadFrom, ReadLimit, ShardFacts},
};

use super::{StartError, start};
use crate::{
    bookmarks::Bookmark,
    progress::Progress,
    settings::{StartAt, TriggerSettings},
    shard::Rooms,
};
use counting::count;

pub use marking::{bookmark, restoring};
pub use moving::{begin_anew, seek};

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeekTo {
    pub target: Target,
    /// Only this shard, and those that came of it where it begins before its end again.
    pub shard: Option<ShardId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Start(StartAt),
    /// This record is the next one.
    Sequence(SequenceNumber),
    Bookmark(Box<Bookmark>),
}

impl From<StartAt> for SeekTo {
    fn from(start: StartAt) -> Self {
        Self {
            target: Target::Start(start),
            shard: None,
        }
    }
}

/// One shard, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub shard: ShardId,
    pub from: Checkpoint,
    pub to: Checkpoint,
    /// None where there is more between both than is looked at.
    pub counts: Option<Counts>,
    before: Progress,
    after: Progress,
}

/// User records that the trigger is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Settled before, and delivered again.
    pub repeats: u64,
    /// Not settled before, and never delivered.
    pub skips: u64,
}

/// What `seek` would do now. Shards that the trigger never took up are left out.
pub async fn look(
    rooms: &Rooms,
    settings: &TriggerSettings,
    to: impl Into<SeekTo>,
) -> Result<Vec<Moved>, StartError> {
    let to = to.into();
    let shards = rooms.source.shards(&settings.stream)?;
    let mut moves = Vec::new();
    let mut reopened = BTreeSet::new();
    // Parents come before their children.
    for shard in &shards {
        let Some(before) = standing(rooms, settings, shard.id)? else {
            continue;
        };
        let follows = shard.parents.iter().any(|parent| reopened.contains(parent));
        let meant = to.shard.is_none_or(|only| only == shard.id);
        let after = match (&to.target, follows && to.shard.is_some()) {
            (_, true) => Progress::starting(before.token, Checkpoint::TrimHorizon),
            (target, false) if meant => place(rooms, settings, target, shard, &before).await?,
            (_, false) => continue,
        };
        let is_over = before.low == Checkpoint::ShardEnd && after.low != Checkpoint::ShardEnd;
        if is_over || follows {
            reopened.insert(shard.id);
        }
        let after = Progress {
            seen: start::seen(rooms, settings, shard.id, after.low),
            lost: before.lost,
            last: before.last,
            ..after
        };
        let counts = count(rooms, settings, shard, &before, &after).await?;
        moves.push(Moved {
            shard: shard.id,
            from: before.low,
            to: after.low,
            counts,
            before,
            after,
        });
    }
    Ok(moves)
}

/// Where a shard stands; None where the trigger never took it up.
fn standing(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: ShardId,
) -> Result<Option<Progress>, StartError> {
    let rows = rooms.leases.list(&settings.name)?;
    let Some(row) = rows.into_iter().find(|row| row.key.shard == shard) else {
        return Ok(None);
    };
    Ok(Some(
        match rooms.journal.get(&keys::progress(&row.key))? {
            Some(bytes) => Progress::decode(&bytes)?,
            None => Progress::starting(row.token, row.initial),
        },
    ))
}

async fn place(
    rooms: &Rooms,
    settings: &TriggerSettings,
    target: &Target,
    shard: &ShardFacts,
    before: &Progress,
) -> Result<Progress, StartError> {
    let starting = |checkpoint| Progress::starting(before.token, checkpoint);
    Ok(match target {
        // A shard that is closed and done stays so.
        Target::Start(StartAt::Latest) if before.low == Checkpoint::ShardEnd => before.clone(),
        Target::Start(start) => starting(start::place(rooms, settings, *start, shard.id).await?),
        Target::Sequence(sequence) => starting(Checkpoint::Settled(start::just_before(*sequence))),
        Target::Bookmark(bookmark) => {
            let of_shard = bookmark.shards.iter().find(|(of, _)| *of == shard.id);
            // A shard that came later is read whole (RS-3).
            of_shard.map_or_else(|| starting(Checkpoint::TrimHorizon), |(_, row)| row.clone())
        }
    })
}

/// The number of the newest record of a shard, as far as it is known.
pub async fn newest(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: ShardId,
) -> Result<Option<SequenceNumber>, StartError> {
    let limit = ReadLimit {
        records: 1,
        bytes: 1,
    };
    let page = rooms
        .source
        .read(&settings.stream, shard, ReadFrom::Latest, limit);
    Ok(match page.await?.next {
        ReadFrom::After(sequence) | ReadFrom::At(sequence) => Some(sequence),
        ReadFrom::Oldest | ReadFrom::Latest | ReadFrom::Arrived(_) => None,
    })
}
