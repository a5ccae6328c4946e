//! Moves a trigger that is stopped to another place of its stream: all of its shards together, or one.
//!
//! In: where to begin again. Out: where each shard stood, where it stands now, and how many records that repeats or
//! skips. The leases are taken first, so nothing that an earlier holder still has in hand can be written afterwards. A
//! bookmark of the old place is written with the new one, and so is a row of the audit log. What was being tried again is
//! forgotten with the old place; dead letters, state and outputs stay as they are.

use std::{collections::BTreeSet, sync::Arc};

use leases::{HeldLease, NewLease};
use model::{
    Checkpoint, FencingToken, LeaseKey, Position, SequenceNumber, ShardId, Transaction, UserRecord,
    ViewWrite, keys,
    seams::{CommitError, Journal, ReadFrom, ReadLimit, ShardFacts},
};
use serde_json::json;

use super::{StartError, binding, start};
use crate::{
    audit::Order,
    before,
    bookmarks::{Bookmark, Bookmarks},
    progress::{Progress, Standing},
    settings::{StartAt, TriggerSettings},
    shard::Rooms,
    state::counted,
    walk::{Walk, reading_from},
    window_state::WindowValues,
};

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

/// Where every shard of the trigger stands now, under a name.
pub fn bookmark(
    rooms: &Rooms,
    settings: &TriggerSettings,
    name: String,
) -> Result<Bookmark, StartError> {
    let mut shards = Vec::new();
    for shard in rooms.source.shards(&settings.stream)? {
        if let Some(row) = standing(rooms, settings, shard.id)? {
            shards.push((shard.id, row));
        }
    }
    let marks = Bookmarks::new(Arc::clone(&rooms.journal)).marks(&settings.name)?;
    let now = rooms.platform.clock.wall().as_millis();
    Ok(Bookmark {
        name,
        trigger: settings.name.clone(),
        // No two have the same, and later ones have later ones, whatever the clock says.
        made_ms: marks.last().map_or(now, |newest| now.max(newest + 1)),
        stream: settings.stream.clone(),
        created: rooms.source.created(&settings.stream)?,
        values: settings.state.is_some(),
        shards,
    })
}

/// Writes for a seek, after which every value is what it was at the moment of the bookmark.
pub fn restoring(
    journal: &dyn Journal,
    bookmark: &Bookmark,
) -> Result<Vec<ViewWrite>, CommitError> {
    before::restored(journal, &bookmark.trigger, bookmark.made_ms)
}

/// Durable when it returns; a crash before that leaves every shard where it was. No lane of the trigger may run. `with` is
/// written together with it.
pub async fn seek(
    rooms: &Rooms,
    settings: &TriggerSettings,
    to: impl Into<SeekTo>,
    with: Vec<ViewWrite>,
) -> Result<Vec<Moved>, StartError> {
    let to = to.into();
    let moves = look(rooms, settings, to.clone()).await?;
    let now = rooms.platform.clock.wall();
    let mark = bookmark(rooms, settings, Bookmark::automatic_name(now))?;
    let mut held: Vec<HeldLease> = Vec::with_capacity(moves.len());
    let mut transaction = Transaction {
        writes: with,
        ..Transaction::default()
    };
    for moved in &moves {
        let key = LeaseKey {
            trigger: settings.name.clone(),
            shard: moved.shard,
        };
        let lease = rooms.leases.take(&key).await?;
        transaction.guards.push(lease.guard());
        transaction.writes.push(ViewWrite {
            key: keys::progress(&key),
            value: Some(moved.row(lease.token()).encode()?.into()),
        });
        transaction.writes.push(ViewWrite {
            key: keys::windows(&key),
            value: None,
        });
        held.push(lease);
    }
    // Windows begin anew with what is read from there on.
    let windows = WindowValues::new(Arc::clone(&rooms.journal), settings.name.clone());
    transaction.writes.extend(windows.removal_of_all()?);
    let old = Bookmarks::new(Arc::clone(&rooms.journal)).overdue(&settings.name);
    transaction.writes.extend(old.unwrap_or_default());
    let facts = json!({ "bookmark": mark.name, "to": said(&to), "shards": moves.iter().map(facts).collect::<Vec<_>>() });
    transaction.writes.push(mark.row());
    if mark.values {
        // What becomes of values with this seek is the first change after the place that it leaves.
        let (journal, name) = (rooms.journal.as_ref(), &settings.name);
        let saved = before::saved(journal, name, mark.made_ms, &transaction.writes)?;
        transaction.writes.extend(saved);
        let count = counted(&rooms.journal, name, &transaction.writes).await?;
        transaction.writes.push(count);
    }
    let order = Order::new(now, "trigger seek", Some(&settings.name), facts);
    transaction.writes.push(order.row(&rooms.platform));
    let at = rooms.journal.commit(transaction).await?;
    for lease in held {
        rooms.leases.release(lease).await?;
    }
    rooms.journal.durable(at).await?;
    Ok(moves)
}

/// Begins anew in a stream that was created again: every shard at `to`, whatever was stored of the stream before. No lane
/// of the trigger may run. Durable when it returns.
pub async fn begin_anew(
    rooms: &Rooms,
    settings: &TriggerSettings,
    to: StartAt,
    with: Vec<ViewWrite>,
) -> Result<(), StartError> {
    let mut transaction = Transaction {
        writes: with,
        ..Transaction::default()
    };
    let mut held = Vec::new();
    for shard in rooms.source.shards(&settings.stream)? {
        let initial = start::place(rooms, settings, to, shard.id).await?;
        let key = LeaseKey {
            trigger: settings.name.clone(),
            shard: shard.id,
        };
        let seen = start::seen(rooms, settings, shard.id, initial);
        let wanted = NewLease {
            key: key.clone(),
            parents: shard.parents,
            initial,
            initial_records: seen.map(|seen| seen.records),
        };
        rooms.leases.ensure(vec![wanted]).await?;
        let lease = rooms.leases.take(&key).await?;
        transaction.guards.push(lease.guard());
        let row = Progress {
            seen,
            ..Progress::starting(lease.token(), initial)
        };
        let row = row.encode()?;
        transaction.writes.push(ViewWrite {
            key: keys::progress(&key),
            value: Some(row.into()),
        });
        held.push(lease);
    }
    transaction.writes.push(binding::anew(rooms, settings)?);
    let windows = WindowValues::new(Arc::clone(&rooms.journal), settings.name.clone());
    transaction.writes.extend(windows.removal_of_all()?);
    if settings.state.is_some() {
        let count = counted(&rooms.journal, &settings.name, &transaction.writes).await?;
        transaction.writes.push(count);
    }
    let now = rooms.platform.clock.wall();
    let to = SeekTo::from(to);
    let facts = json!({ "to": said(&to), "because": "the stream was deleted and created again" });
    let order = Order::new(now, "trigger seek", Some(&settings.name), facts);
    transaction.writes.push(order.row(&rooms.platform));
    let at = rooms.journal.commit(transaction).await?;
    for lease in held {
        rooms.leases.release(lease).await?;
    }
    rooms.journal.durable(at).await?;
    Ok(())
}

impl Moved {
    /// Up to where what follows was delivered before, where it was.
    fn row(&self, token: FencingToken) -> Progress {
        Progress {
            token,
            replayed: replayed(&self.before, &self.after),
            ..self.after.clone()
        }
    }
}

/// The last position that an earlier reader passed, where the new place lies before it.
fn replayed(before: &Progress, after: &Progress) -> Option<Checkpoint> {
    let passed = before.through.max(
        before
            .replayed
            .unwrap_or(Checkpoint::AtTimestamp(model::Timestamp::default())),
    );
    (passed > after.through && passed >= Checkpoint::Settled(Position::default())).then_some(passed)
}

fn facts(moved: &Moved) -> serde_json::Value {
    json!({
        "shard": moved.shard,
        "from": moved.from,
        "to": moved.to,
        "repeats": moved.counts.map(|counts| counts.repeats),
        "skips": moved.counts.map(|counts| counts.skips),
    })
}

fn said(to: &SeekTo) -> String {
    match &to.target {
        Target::Start(StartAt::Oldest) => "oldest".to_owned(),
        Target::Start(StartAt::Latest) => "latest".to_owned(),
        Target::Start(StartAt::At(at)) => at.to_string(),
        Target::Sequence(sequence) => sequence.to_string(),
        Target::Bookmark(bookmark) => format!("bookmark {}", bookmark.name),
    }
}

/// Looks at every record between both places.
async fn count(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: &ShardFacts,
    before: &Progress,
    after: &Progress,
) -> Result<Option<Counts>, StartError> {
    let mut counts = Counts::default();
    if before.low == after.low && before.through == after.through && before.tries.is_empty() {
        return Ok(Some(counts));
    }
    let from = earlier(rooms, settings, shard.id, before.low, after.low).await?;
    let end = before.through.max(after.through);
    let mut walk = Walk::new(rooms, settings, shard, from);
    'shard: while let Some(page) = walk.page().await? {
        for record in page {
            if Checkpoint::Settled(record.position) > end && !is_by_time(before, after) {
                break 'shard;
            }
            match (is_settled(before, &record), is_settled(after, &record)) {
                (true, false) => counts.repeats += 1,
                (false, true) => counts.skips += 1,
                (true, true) | (false, false) => {}
            }
        }
    }
    Ok((!walk.is_cut_off()).then_some(counts))
}

/// A place in time may lie behind every position that is known.
fn is_by_time(before: &Progress, after: &Progress) -> bool {
    [before, after]
        .iter()
        .any(|row| matches!(row.through, Checkpoint::AtTimestamp(_)))
}

fn is_settled(row: &Progress, record: &UserRecord) -> bool {
    if let Checkpoint::AtTimestamp(at) = row.low
        && record.arrived < at
    {
        return true;
    }
    let at = Checkpoint::Settled(record.position);
    let lane = row.divided().of(record);
    row.low == Checkpoint::Latest
        || at <= row.low
        || row.of(record.position, lane) == Standing::Settled
}

/// The place of which both are behind.
async fn earlier(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: ShardId,
    one: Checkpoint,
    other: Checkpoint,
) -> Result<ReadFrom, StartError> {
    let mut earliest: Option<SequenceNumber> = None;
    for checkpoint in [one, other] {
        let sequence = match reading_from(checkpoint) {
            ReadFrom::Oldest => return Ok(ReadFrom::Oldest),
            ReadFrom::Latest => continue,
            ReadFrom::At(sequence) | ReadFrom::After(sequence) => sequence,
            arrived @ ReadFrom::Arrived(_) => {
                let limit = ReadLimit {
                    records: 1,
                    bytes: 1,
                };
                let page = rooms.source.read(&settings.stream, shard, arrived, limit);
                match page.await?.records.first() {
                    Some(record) => record.sequence,
                    None => continue,
                }
            }
        };
        earliest = Some(earliest.map_or(sequence, |earliest| earliest.min(sequence)));
    }
    Ok(earliest.map_or(ReadFrom::Latest, ReadFrom::At))
}
