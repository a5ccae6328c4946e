//! Runs dead letters again: what succeeds leaves the store, what fails gets another attempt in its entry.
//!
//! In: entries that are claimed, and how. Out: what became of each. Effects, the change of the entry and the row of the
//! audit log are one transaction, which counts only while the entry is as it was read: nothing is done twice, however
//! often an operator asks and whenever the server ends. A dry run does nothing but run the function.

mod invoking;
mod trying;
mod writing;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use model::UserRecord;

use crate::{
    dead_letters::{Claim, DeadLetter, DeadLetterError, Note, key_of},
    settings::TriggerSettings,
    shard::Rooms,
    stale::{self, LookError, Newer, Stale},
    state::StateStore,
};

/// How dead letters are run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    pub order: RedriveOrder,
    /// Run the function and say what it would do.
    pub dry_run: bool,
    /// Also records whose keys went on meanwhile.
    pub allow_stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedriveOrder {
    /// Nothing of the trigger runs meanwhile; after a failure later records of its key are not tried.
    InOrder,
    /// Beside what runs, each on its own.
    Side,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Redriven {
    pub id: String,
    pub stale: Vec<Stale>,
    pub came: Came,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Came {
    /// The entry is gone.
    Done {
        records: usize,
        outputs: usize,
    },
    /// Some records are gone from the entry, which may have another id now.
    Partly {
        done: usize,
        left: usize,
        id: String,
        note: Note,
    },
    Failed {
        records: usize,
        note: Note,
    },
    /// What it would have come to.
    Tried {
        records: usize,
        outputs: usize,
        state: usize,
        failed: Option<Note>,
    },
    Refused(Refused),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("later records of its keys were acknowledged, or nobody can tell")]
    Stale,
    #[error("somebody else runs it again just now")]
    Claimed,
    #[error("it is not there any more")]
    Gone,
    #[error("an earlier record of its key failed again")]
    Behind,
    #[error("its records expired before they were settled: nothing is left to run")]
    Lost,
    #[error("it could not be written: {0}")]
    Unwritten(String),
}

/// One request: entries of one trigger.
#[derive(Debug)]
pub struct Redrive {
    pub rooms: Rooms,
    pub settings: TriggerSettings,
    pub state: Option<Arc<StateStore>>,
    pub how: How,
}

/// An entry as it was read, and the right to change it.
struct Open {
    _claim: Claim,
    key: Bytes,
    stored: Bytes,
    letter: DeadLetter,
}

impl Redrive {
    /// In the order of their records, whatever the order of `ids`. `failed` are keys of which a record failed before, in an
    /// earlier part of the same order; more may be among them afterwards.
    pub async fn run(
        &self,
        ids: &[String],
        failed: &mut BTreeSet<Bytes>,
    ) -> Result<Vec<Redriven>, LookError> {
        let mut told = Vec::new();
        let mut open = Vec::new();
        for id in ids {
            match self.open(id) {
                Ok(entry) => open.push(entry),
                Err(refused) => told.push(Redriven {
                    id: id.clone(),
                    stale: Vec::new(),
                    came: Came::Refused(refused),
                }),
            }
        }
        open.sort_by_key(|entry| entry.letter.records.first().map(|record| record.position()));
        let records = open.iter().flat_map(|entry| &entry.letter.records);
        let records: Vec<UserRecord> = records.map(|record| record.to_user_record()).collect();
        let newer = stale::look(&self.rooms, &self.settings, &records).await?;
        for entry in open {
            told.push(self.entry(entry, &newer, failed).await);
        }
        Ok(told)
    }

    fn open(&self, id: &str) -> Result<Open, Refused> {
        let claim = self.rooms.dead_letters.claim(&self.settings.name, id);
        let (Some(claim), Some(key)) = (claim, key_of(&self.settings.name, id)) else {
            return Err(Refused::Claimed);
        };
        let unread = |error: DeadLetterError| Refused::Unwritten(error.to_string());
        let stored = self.rooms.journal.get(&key);
        let stored = stored.map_err(|error| unread(error.into()))?;
        let stored = stored.ok_or(Refused::Gone)?;
        let letter = DeadLetter::decode(&stored).map_err(unread)?;
        if letter.lost.is_some() {
            return Err(Refused::Lost);
        }
        Ok(Open {
            _claim: claim,
            key,
            stored,
            letter,
        })
    }

    /// `failed` are keys of which a record failed before, in this request.
    async fn entry(&self, mut open: Open, newer: &Newer, failed: &mut BTreeSet<Bytes>) -> Redriven {
        let id = open.letter.id.clone();
        let records: Vec<UserRecord> = self.deliveries(&open.letter);
        let mut stale: Vec<Stale> = records.iter().filter_map(|r| newer.than(r)).collect();
        stale.dedup();
        let keeps_order = self.how.order == RedriveOrder::InOrder;
        let behind = |record: &UserRecord| failed.contains(&record.partition_key);
        let came = if keeps_order && !stale.is_empty() && !self.how.allow_stale && !self.how.dry_run
        {
            Came::Refused(Refused::Stale)
        } else if keeps_order && records.iter().any(behind) {
            failed.extend(records.into_iter().map(|record| record.partition_key));
            Came::Refused(Refused::Behind)
        } else {
            self.records(&mut open, records, failed).await
        };
        Redriven { id, stale, came }
    }
}
