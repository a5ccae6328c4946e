//! Moves a trigger that is stopped to another place of its stream, all of its shards together.
//!
//! In: where to begin again. Out: where each shard stood and where it stands now. The leases are taken first, so nothing
//! that an earlier holder still has in hand can be written afterwards. What was being tried again is forgotten with the
//! old place; dead letters, state and outputs stay as they are.

use std::sync::Arc;

use leases::HeldLease;
use model::{Checkpoint, LeaseKey, ShardId, Transaction, ViewWrite, keys};

use super::{StartError, start};
use crate::{
    progress::Progress,
    settings::{StartAt, TriggerSettings},
    shard::Rooms,
    window_state::WindowValues,
};

/// One shard, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub shard: ShardId,
    pub from: Checkpoint,
    pub to: Checkpoint,
}

/// What `seek` would do now. Shards that the trigger never took up are left out.
pub async fn look(
    rooms: &Rooms,
    settings: &TriggerSettings,
    to: StartAt,
) -> Result<Vec<Moved>, StartError> {
    let rows = rooms.leases.list(&settings.name)?;
    let mut moves = Vec::new();
    for shard in rooms.source.shards(&settings.stream)? {
        let Some(row) = rows.iter().find(|row| row.key.shard == shard.id) else {
            continue;
        };
        let from = match rooms.journal.get(&keys::progress(&row.key))? {
            Some(bytes) => Progress::decode(&bytes)?.low,
            None => row.initial,
        };
        let to = start::place(rooms, settings, to, shard.id).await?;
        moves.push(Moved {
            shard: shard.id,
            from,
            to,
        });
    }
    Ok(moves)
}

/// Durable when it returns; a crash before that leaves every shard where it was. No lane of the trigger may run.
pub async fn seek(
    rooms: &Rooms,
    settings: &TriggerSettings,
    to: StartAt,
) -> Result<Vec<Moved>, StartError> {
    let moves = look(rooms, settings, to).await?;
    let mut held: Vec<HeldLease> = Vec::with_capacity(moves.len());
    let mut transaction = Transaction::default();
    for moved in &moves {
        let key = LeaseKey {
            trigger: settings.name.clone(),
            shard: moved.shard,
        };
        let lease = rooms.leases.take(&key).await?;
        let row = Progress::starting(lease.token(), moved.to).encode()?;
        transaction.guards.push(lease.guard());
        transaction.writes.push(ViewWrite {
            key: keys::progress(&key),
            value: Some(row.into()),
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
    let at = rooms.journal.commit(transaction).await?;
    for lease in held {
        rooms.leases.release(lease).await?;
    }
    rooms.journal.durable(at).await?;
    Ok(moves)
}
