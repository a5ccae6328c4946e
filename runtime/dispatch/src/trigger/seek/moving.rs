//! Carries out a seek, and begins anew in a stream that was created again.
//!
//! In: a trigger of which no lane runs, and where to. Out: every shard at its new place, with a bookmark of the old one
//! and a row of the audit log, in one transaction; a crash before that leaves all as it was.

use std::sync::Arc;

use leases::{HeldLease, NewLease};
use model::{Checkpoint, FencingToken, LeaseKey, Position, Transaction, ViewWrite, keys};
use serde_json::json;

use super::{Moved, SeekTo, Target, look, marking::bookmark};
use crate::{
    audit::Order,
    before,
    bookmarks::{Bookmark, Bookmarks},
    progress::Progress,
    settings::{StartAt, TriggerSettings},
    shard::Rooms,
    state::counted,
    trigger::{StartError, binding, start},
    window_state::WindowValues,
};

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
    placed(rooms, transaction, held).await?;
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
    placed(rooms, transaction, held).await
}

/// Durable when it returns; the leases are free for whoever runs the trigger next.
async fn placed(
    rooms: &Rooms,
    transaction: Transaction,
    held: Vec<HeldLease>,
) -> Result<(), StartError> {
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
