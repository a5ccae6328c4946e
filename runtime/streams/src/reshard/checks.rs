//! What a resharding must be to begin: of an active stream, of open shards, within the limits of AWS.
//!
//! In: a draft of the entry, and what is asked for. Out: the draft, changed at once or UPDATING until the change is due;
//! or the reason of a refusal, while somebody listens.

use model::ShardId;

use super::{Reshard, ReshardError, carrying_out::carry_out};
use crate::{
    facts::{StreamMode, StreamStatus},
    limits::SHARDS_PER_STREAM_MAX,
    registry::ShardEntry,
    revise::Draft,
};

/// Opens as many shards of equal size as are missing to a count. Shards that are there stay if they are enough.
pub(crate) fn grow_to(draft: &mut Draft, shards: u32) -> Result<(), ReshardError> {
    let open = u32::try_from(draft.entry.routes().len()).unwrap_or(u32::MAX);
    let shards = shards.min(SHARDS_PER_STREAM_MAX);
    if shards > open {
        after_update(draft, Reshard::Scale(shards))?;
    }
    Ok(())
}

pub(super) fn open_shard(draft: &Draft, id: ShardId) -> Result<ShardEntry, ReshardError> {
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

pub(super) fn begin(draft: &mut Draft, reshard: Reshard) -> Result<(), ReshardError> {
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

pub(super) fn check_scale(draft: &Draft, open: u32, asked: u32) -> Result<(), ReshardError> {
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
