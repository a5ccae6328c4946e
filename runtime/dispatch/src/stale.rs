//! Whether later records of a key were acknowledged, so that an earlier one would come back over newer values.
//!
//! In: the records that somebody wants to run again. Out: for each of their keys the newest acknowledged record, and
//! whether anybody can tell: what the stream has trimmed, or what is too much to look at, stays unknown.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::{
    Checkpoint, LeaseKey, Position, Timestamp, UserRecord, keys,
    seams::{CommitError, SourceError},
};

use crate::{
    dead_letters::{DeadLetter, DeadLetters},
    limits::STALE_LETTERS_PAGE,
    progress::{Progress, Standing},
    settings::TriggerSettings,
    shard::Rooms,
    walk::{Walk, reading_from},
};

/// What is known about records behind those that were asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Newer {
    /// The newest acknowledged record of each key.
    acknowledged: BTreeMap<Bytes, Position>,
    /// Nobody can tell about records that arrived before this.
    trimmed: Option<Timestamp>,
    /// There was more than is looked at.
    cut_off: bool,
}

/// Why a record may not simply be run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// This later record of its key was acknowledged.
    Newer { key: Bytes, position: Position },
    /// The stream no longer holds all that came after it, or it is too much to look at.
    Unknown { key: Bytes },
}

impl Newer {
    pub(crate) fn than(&self, record: &UserRecord) -> Option<Stale> {
        let key = record.partition_key.clone();
        match self.acknowledged.get(&key) {
            Some(&position) if position > record.position => Some(Stale::Newer { key, position }),
            Some(_) | None => {
                let trimmed = self.trimmed.is_some_and(|before| record.arrived < before);
                (trimmed || self.cut_off).then_some(Stale::Unknown { key })
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Journal(#[from] CommitError),
    #[error("the stored progress cannot be read: {0}")]
    Progress(String),
}

/// Looks at what lies behind the oldest of these records, in every shard that may hold their keys.
pub(crate) async fn look(
    rooms: &Rooms,
    settings: &TriggerSettings,
    records: &[UserRecord],
) -> Result<Newer, LookError> {
    let Some(oldest) = records.iter().map(|record| record.position).min() else {
        return Ok(Newer::default());
    };
    let wanted: BTreeSet<&Bytes> = records.iter().map(|record| &record.partition_key).collect();
    let retention = rooms.source.retention(&settings.stream);
    let now = rooms.platform.clock.wall();
    let mut newer = Newer {
        trimmed: retention.map(|retention| now.minus(retention)),
        ..Newer::default()
    };
    let mut dead = None;
    for shard in rooms.source.shards(&settings.stream)? {
        let holds = |record: &UserRecord| shard.range.contains(record.effective_hash_key());
        if !records.iter().any(holds) {
            continue;
        }
        let key = LeaseKey {
            trigger: settings.name.clone(),
            shard: shard.id,
        };
        let Some(row) = rooms.journal.get(&keys::progress(&key))? else {
            continue;
        };
        let row = Progress::decode(&row).map_err(|error| LookError::Progress(error.0))?;
        let from = reading_from(Checkpoint::Settled(oldest));
        let mut walk = Walk::new(rooms, settings, &shard, from);
        'shard: while let Some(page) = walk.page().await? {
            for record in page {
                if Checkpoint::Settled(record.position) > row.through {
                    break 'shard;
                }
                if record.position <= oldest || !wanted.contains(&record.partition_key) {
                    continue;
                }
                let lane = row.divided().of(&record);
                let settled = Checkpoint::Settled(record.position) <= row.low
                    || row.of(record.position, lane) == Standing::Settled;
                if settled {
                    let dead = match &dead {
                        Some(dead) => dead,
                        None => dead.insert(given_up(rooms, settings)?),
                    };
                    if !dead.contains(&record.position) {
                        newer
                            .acknowledged
                            .insert(record.partition_key, record.position);
                    }
                }
            }
        }
        newer.cut_off |= walk.is_cut_off();
    }
    Ok(newer)
}

/// Records of the trigger that are dead letters: they were passed, not acknowledged.
fn given_up(rooms: &Rooms, settings: &TriggerSettings) -> Result<BTreeSet<Position>, LookError> {
    let store = DeadLetters::new(std::sync::Arc::clone(&rooms.journal));
    let mut found = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(&settings.name, after.as_deref(), STALE_LETTERS_PAGE);
        let page: Vec<DeadLetter> = page.map_err(|error| LookError::Progress(error.to_string()))?;
        for letter in &page {
            let positions = letter.records.iter().map(crate::KeptRecord::position);
            found.extend(positions);
        }
        match page.last() {
            Some(last) if page.len() == STALE_LETTERS_PAGE => after = Some(last.id.clone()),
            Some(_) | None => return Ok(found),
        }
    }
}
