//! Writes what running records again came to, as one transaction with the entry's change and the row of the audit log.
//!
//! In: an open entry, the records that were run, and what came of them. Out: all of it durable, and the entry as it is
//! then; or nothing, where somebody changed the entry meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use model::{Answer, LeaseKey, Timestamp, UserRecord, ViewWrite, keys};
use serde_json::json;

use super::{Open, Redrive, RedriveOrder, Refused};
use crate::{
    audit::Order,
    commit::{NotPlaced, Stores, effects},
    dead_letters::{DeadLetter, Note, id},
    limits::NOTES_MAX,
    parking::ParkedKeys,
    settle::Settlement,
};

impl Redrive {
    /// What running `records` of the entry came to becomes durable together with the entry's change.
    pub(super) async fn commit(
        &self,
        open: &mut Open,
        records: &[UserRecord],
        came: Result<Answer, &Note>,
    ) -> Result<(), Refused> {
        let now = self.rooms.platform.clock.wall();
        let left = match &came {
            Ok(_) => without(&open.letter, records),
            Err(note) => Some(noted(&open.letter, note)),
        };
        let row = self.audit(open, records.len(), came.as_ref().err().copied(), now);
        let mut settlement = Settlement::default();
        if let Ok(answer) = came {
            settlement.outputs = answer.outputs;
            settlement.state = answer.state;
        }
        let (trigger, granted) = (&self.settings.name, &self.settings.outputs);
        let mut transaction = effects(&mut settlement, (trigger, None), granted, records, now);
        transaction.guards.extend(self.guard(&open.letter));
        transaction.writes.push(row);
        let (key, next) = self.next(open, left);
        let changed = next.as_ref().map(|(_, stored)| stored.clone());
        if next.as_ref().is_none_or(|(key, _)| *key != open.key) {
            transaction.writes.push(ViewWrite {
                key: open.key.clone(),
                value: None,
            });
        }
        transaction
            .writes
            .extend(next.map(|(key, stored)| ViewWrite {
                key,
                value: Some(stored),
            }));
        let stores = Stores {
            journal: Arc::clone(&self.rooms.journal),
            state: self.state.clone(),
            dead_letters: Arc::clone(&self.rooms.dead_letters),
            // Nothing that is run again is parked.
            parked: Arc::new(ParkedKeys::new(
                Arc::clone(&self.rooms.journal),
                self.settings.name.clone(),
                self.settings.retry.park_max,
            )),
        };
        let placed = stores.place_while(transaction, (&open.key, &open.stored));
        let at = placed.await.map_err(unwritten)?.ok_or(Refused::Gone)?;
        let durable = self.rooms.journal.durable(at).await;
        durable.map_err(|error| Refused::Unwritten(error.to_string()))?;
        if let (Some(key), Some(stored)) = (key, changed) {
            open.key = key;
            open.stored = stored;
        }
        Ok(())
    }

    /// Where the entry is afterwards, and as what. An entry is named by its first record.
    fn next(
        &self,
        open: &mut Open,
        left: Option<DeadLetter>,
    ) -> (Option<Bytes>, Option<(Bytes, Bytes)>) {
        let Some(mut letter) = left else {
            return (None, None);
        };
        let Some(first) = letter.records.first().map(|record| record.position()) else {
            return (None, None);
        };
        letter.id = id(letter.shard, first);
        let lease = LeaseKey {
            trigger: letter.trigger.clone(),
            shard: letter.shard,
        };
        let key = keys::dead_letter(&lease, first);
        let stored = Bytes::from(letter.encode());
        open.letter = letter;
        (Some(key.clone()), Some((key, stored)))
    }

    fn audit(
        &self,
        open: &Open,
        records: usize,
        failed: Option<&Note>,
        now: Timestamp,
    ) -> ViewWrite {
        let order = match self.how.order {
            RedriveOrder::InOrder => "in-order",
            RedriveOrder::Side => "side",
        };
        let facts = json!({
            "id": open.letter.id,
            "mode": order,
            "records": records,
            "came": if failed.is_some() { "failed" } else { "done" },
            "error": failed.map(|note| &note.error_type),
        });
        Order::new(now, "dead-letter redrive", Some(&self.settings.name), facts)
            .row(&self.rooms.platform)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is `map_err`'s"
)]
fn unwritten(error: NotPlaced) -> Refused {
    Refused::Unwritten(error.to_string())
}

/// The entry without these records; None where nothing is left.
fn without(letter: &DeadLetter, records: &[UserRecord]) -> Option<DeadLetter> {
    let gone: BTreeMap<_, ()> = records.iter().map(|record| (record.position, ())).collect();
    let mut left = letter.clone();
    left.records
        .retain(|record| !gone.contains_key(&record.position()));
    (!left.records.is_empty()).then_some(left)
}

fn noted(letter: &DeadLetter, note: &Note) -> DeadLetter {
    let mut noted = letter.clone();
    if noted.attempts.len() >= NOTES_MAX {
        noted.attempts.remove(0);
    }
    noted.attempts.push(note.clone());
    noted
}
