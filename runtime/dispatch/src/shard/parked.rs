//! Parked keys of a shard: what of a work goes behind them, and how one that an operator lets go on is caught up.
//!
//! Every record passes the front of its lane before it is handled or parked, so what waits behind a key is always older than
//! what is still in the lanes. A key that goes on runs beside the lanes and is live again once nothing waits behind it.

use super::{writing::Sums, *};
use crate::{
    ledger::Replaced,
    limits::PARKED_UNWRITTEN_BYTES_MAX,
    parking::{Parked, ParkedKey, waiting},
    settle::{Origin, Parking},
};

/// The parked keys that the shard knows of.
#[derive(Debug)]
pub(super) struct ParkedHere {
    pub(super) keys: BTreeMap<Bytes, ParkedKey>,
    pub(super) orders: watch::Receiver<u64>,
}

impl ShardTask {
    /// Reads which keys of the shard's hash range are parked.
    pub(super) fn look_at_parked(&mut self) -> Result<(), Halt> {
        self.parked.orders.borrow_and_update();
        let mut rows = self.stores.parked.list()?;
        rows.retain(|row| self.shard.range.contains(row.hash_key));
        let keyed = rows.into_iter().map(|row| (row.partition_key.clone(), row));
        self.parked.keys = keyed.collect();
        Ok(())
    }

    pub(super) fn has_park_room(&self) -> bool {
        // Where the count cannot be read nothing can be written either.
        self.stores.parked.has_room().unwrap_or(true)
    }

    /// Takes out of a work what must not be handled before an earlier record of its key that is set aside, and may yet be
    /// parked; `None` where nothing must.
    pub(super) fn held_back(&self, lane: LaneId, work: &Work) -> Option<Settlement> {
        let carves = work.origin == Origin::Shard && work.mode == Mode::Together;
        if self.settings.retry.then != Then::Park || !carves || self.ledger.aside() == 0 {
            return None;
        }
        let keys = self.ledger.keys_aside(lane);
        let records = work.records.iter().cloned();
        let (held, rest): (Vec<_>, Vec<_>) =
            records.partition(|record| keys.contains(&record.partition_key));
        if held.is_empty() {
            return None;
        }
        let held = Work {
            mode: Mode::Aside,
            ..work.part(held)
        };
        let rest = Work {
            records: rest.into(),
            ..work.clone()
        };
        let again = [held, rest].into_iter();
        Some(Settlement {
            again: again.filter(|work| !work.records.is_empty()).collect(),
            ..Settlement::default()
        })
    }

    /// Settles what `carved` took out of a work. What only goes behind keys that are parked already goes there with the next
    /// row: until then a restart reads it again, so nothing needs to wait for it.
    pub(super) async fn carve(
        &mut self,
        lane: LaneId,
        settlement: Settlement,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let keys = &self.parked.keys;
        let mut records = settlement.parked.iter().flat_map(|group| &group.records);
        let is_known = records.all(|record| keys.contains_key(&record.partition_key));
        if settlement.parked.is_empty() || !is_known {
            return self.write_quietly(lane, settlement, stop).await;
        }
        let Settlement { parked, again, .. } = settlement;
        let (writes, rows) = self.parking(&parked, Origin::Shard);
        let before = (self.ledger.low(), self.is_within_record());
        self.behind_from.get_or_insert(before);
        let replaced = self.ledger.replace(lane, again);
        let sums = Sums::of(replaced.as_ref(), &[], &parked);
        self.behind.extend(writes);
        self.write_within(COALESCE);
        self.written_as(&sums, rows, 0, false);
        if self.flush_is_due() || bytes_of(&self.behind) > PARKED_UNWRITTEN_BYTES_MAX {
            self.flush().await?;
        }
        self.show(ShardState::Running);
        Ok(())
    }

    /// Takes what belongs behind parked keys out of a work; `None` where nothing does.
    pub(super) fn carved(&self, work: &Work, now: Timestamp) -> Option<Settlement> {
        let is_parked = |record: &UserRecord| self.parked.keys.contains_key(&record.partition_key);
        let carves = work.origin == Origin::Shard
            && matches!(work.mode, Mode::Together | Mode::NoRoom)
            && (work.mode == Mode::NoRoom || !self.parked.keys.is_empty());
        if !carves {
            return None;
        }
        let any = work.records.iter().any(is_parked);
        if !any && work.mode == Mode::Together {
            return None;
        }
        if !self.has_park_room() {
            let waits = Work {
                mode: Mode::NoRoom,
                not_before: now.plus(FULL_PAUSE),
                ..work.clone()
            };
            return Some(Settlement {
                again: vec![waits],
                ..Settlement::default()
            });
        }
        if !any {
            return Some(found_room(work));
        }
        let (mut parked, mut rest, mut holes) = (Vec::new(), Vec::new(), 0);
        let mut records = work.records.iter().cloned().peekable();
        while let Some(record) = records.peek() {
            if is_parked(record) {
                holes += usize::from(!rest.is_empty());
                // A progress row names no more of them; what is left is looked at in its turn.
                if holes > self.ledger.holes_left() {
                    break;
                }
                parked.extend(records.next());
            } else {
                rest.extend(records.next());
            }
        }
        let part = |records: Vec<UserRecord>| Work {
            records: records.into(),
            mode: Mode::Together,
            ..work.clone()
        };
        let again = [rest, records.collect()].into_iter().map(part);
        Some(Settlement {
            parked: vec![Parking {
                records: parked,
                notes: Vec::new(),
            }],
            again: again.filter(|work| !work.records.is_empty()).collect(),
            ..Settlement::default()
        })
    }

    /// What the next key that goes on is to be caught up with.
    pub(super) fn caught_up_with(&self) -> Result<Option<Step>, Halt> {
        // What is not behind its key yet is there in a moment.
        if !self.is_free(LaneId::PARKED) || !self.behind.is_empty() {
            return Ok(None);
        }
        let Some(key) = self.parked.keys.values().find(|key| key.why.goes_on) else {
            return Ok(None);
        };
        let policy = &self.settings.batch;
        let kept = self.stores.parked.records(key, None, policy.records)?;
        if kept.is_empty() {
            return Ok(Some(Step::Live(key.partition_key.clone())));
        }
        let mut records = Vec::new();
        let (mut bytes, mut window) = (0, None);
        for record in kept
            .iter()
            .map(crate::dead_letters::KeptRecord::to_user_record)
        {
            bytes += self.encoded_len(&record);
            let own = self.window_of(&record);
            if records.is_empty() {
                window = own;
            } else if bytes > policy.bytes || own != window {
                break;
            }
            records.push(record);
        }
        let work = Work {
            origin: Origin::Parked(key.hash_key),
            window,
            ..Work::new(records)
        };
        Ok(Some(Step::Begin(LaneId::PARKED, work)))
    }

    /// Nothing waits behind the key any more.
    pub(super) async fn live(&mut self, key: &Bytes, stop: &StopToken) -> Result<(), Halt> {
        let Some(row) = self.parked.keys.get(key) else {
            return Ok(());
        };
        let write = ViewWrite {
            key: keys::parked_key(&self.settings.name, row.hash_key, key),
            value: None,
        };
        let effects = Transaction {
            writes: vec![write],
            ..Transaction::default()
        };
        self.write(None, Settlement::default(), effects, stop)
            .await?;
        self.parked.keys.remove(key);
        Ok(())
    }

    /// Writes records behind their keys, and the rows of keys that are new there; which those are.
    pub(super) fn parking(
        &self,
        parked: &[Parking],
        origin: Origin,
    ) -> (Vec<ViewWrite>, Vec<ParkedKey>) {
        let trigger = &self.settings.name;
        let mut writes = Vec::new();
        let mut rows: BTreeMap<Bytes, ParkedKey> = BTreeMap::new();
        for group in parked {
            for record in &group.records {
                let key = &record.partition_key;
                let known = rows.get(key).or_else(|| self.parked.keys.get(key));
                let known = known.filter(|_| origin == Origin::Shard);
                let hash_key = match (known, origin) {
                    (Some(known), _) => known.hash_key,
                    (None, Origin::Parked(hash_key)) => hash_key,
                    (None, Origin::Shard | Origin::Window) => record.effective_hash_key(),
                };
                if known.is_none() {
                    let row = self.parked_key(record, hash_key, group.notes.clone());
                    rows.entry(key.clone()).or_insert(row);
                }
                writes.push(waiting(trigger, hash_key, record));
            }
        }
        let rows: Vec<ParkedKey> = rows.into_values().collect();
        writes.extend(rows.iter().map(|row| row.write(trigger)));
        (writes, rows)
    }

    fn parked_key(&self, record: &UserRecord, hash_key: HashKey, notes: Vec<Note>) -> ParkedKey {
        ParkedKey {
            partition_key: record.partition_key.clone(),
            hash_key,
            why: Parked {
                since_ms: record.arrived.as_millis(),
                shard: self.shard.id,
                token: self.holder.token(),
                goes_on: false,
                notes,
            },
        }
    }

    /// Removes what was handled from behind its key; what is parked again stays there.
    pub(super) fn taken_out(&self, replaced: &Replaced, parked: &[Parking]) -> Vec<ViewWrite> {
        let work = replaced.work();
        let Origin::Parked(hash_key) = work.origin else {
            return Vec::new();
        };
        let stay = parked.iter().flat_map(|group| &group.records);
        let stay: Vec<Position> = stay.map(|record| record.position).collect();
        let gone = |record: &&UserRecord| {
            replaced.settled.contains(&record.position) && !stay.contains(&record.position)
        };
        let removal = |record: &UserRecord| ViewWrite {
            key: keys::parked(
                &self.settings.name,
                hash_key,
                &record.partition_key,
                record.position,
            ),
            value: None,
        };
        work.records.iter().filter(gone).map(removal).collect()
    }
}

/// A work that waited for room, none of whose keys is parked: it failed and is parked now, or its keys are live again.
fn found_room(work: &Work) -> Settlement {
    if work.attempts == 0 {
        return Settlement {
            again: vec![Work {
                mode: Mode::Together,
                ..work.clone()
            }],
            ..Settlement::default()
        };
    }
    Settlement {
        parked: vec![work.clone().into_parking()],
        ..Settlement::default()
    }
}

fn bytes_of(writes: &[ViewWrite]) -> usize {
    let value = |write: &ViewWrite| write.value.as_ref().map_or(0, Bytes::len);
    writes.iter().map(value).sum()
}
