//! Runs dead letters again: what succeeds leaves the store, what fails gets another attempt in its entry.
//!
//! In: entries that are claimed, and how. Out: what became of each. Effects, the change of the entry and the row of the
//! audit log are one transaction, which counts only while the entry is as it was read: nothing is done twice, however
//! often an operator asks and whenever the server ends. A dry run does nothing but run the function.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use model::{
    Answer, Fault, FencingToken, Guard, Invocation, LeaseKey, Outcome, Timestamp, UserRecord,
    ViewWrite, invocation::Begun, keys,
};
use serde_json::json;

use crate::{
    audit::Order,
    commit::{NotPlaced, Stores, effects},
    dead_letters::{Claim, DeadLetter, DeadLetterError, Note, id, key_of},
    lanes::key_draw,
    limits::{LOG_TAIL_BYTES_MAX, NOTES_MAX, TRIES_MAX},
    parking::ParkedKeys,
    settings::{CanaryBy, TriggerSettings},
    settle::{Circumstances, Settlement, contradiction},
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

/// What running some records again came to.
enum Verdict {
    Done(Answer),
    Failed(Note),
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

    /// All records together; where that fails, one after another.
    async fn records(
        &self,
        open: &mut Open,
        records: Vec<UserRecord>,
        failed: &mut BTreeSet<Bytes>,
    ) -> Came {
        let count = records.len();
        let verdict = self.invoke(open, &records).await;
        if self.how.dry_run {
            return tried(count, verdict);
        }
        match verdict {
            Verdict::Done(answer) => {
                let outputs = answer.outputs.len();
                match self.commit(open, &records, Ok(answer)).await {
                    Ok(()) => Came::Done {
                        records: count,
                        outputs,
                    },
                    Err(refused) => Came::Refused(refused),
                }
            }
            Verdict::Failed(note) if count == 1 => {
                failed.extend(records.iter().map(|record| record.partition_key.clone()));
                match self.commit(open, &records, Err(&note)).await {
                    Ok(()) => Came::Failed {
                        records: count,
                        note,
                    },
                    Err(refused) => Came::Refused(refused),
                }
            }
            Verdict::Failed(_) => self.one_by_one(open, records, failed).await,
        }
    }

    async fn one_by_one(
        &self,
        open: &mut Open,
        records: Vec<UserRecord>,
        failed: &mut BTreeSet<Bytes>,
    ) -> Came {
        let (mut done, mut outputs, mut left, mut newest) = (0, 0, 0, None);
        for record in records {
            let keeps_order = self.how.order == RedriveOrder::InOrder;
            if keeps_order && failed.contains(&record.partition_key) {
                left += 1;
                continue;
            }
            let one = std::slice::from_ref(&record);
            let written = match self.invoke(open, one).await {
                Verdict::Done(answer) => {
                    done += 1;
                    outputs += answer.outputs.len();
                    self.commit(open, one, Ok(answer)).await
                }
                Verdict::Failed(note) => {
                    left += 1;
                    failed.insert(record.partition_key.clone());
                    let written = self.commit(open, one, Err(&note)).await;
                    newest = Some(note);
                    written
                }
            };
            if let Err(refused) = written {
                return Came::Refused(refused);
            }
        }
        let id = open.letter.id.clone();
        match (newest, done) {
            (None, _) => Came::Done {
                records: done,
                outputs,
            },
            (Some(note), 0) => Came::Failed {
                records: left,
                note,
            },
            (Some(note), _) => Came::Partly {
                done,
                left,
                id,
                note,
            },
        }
    }

    /// As they are delivered now: once more than before.
    fn deliveries(&self, letter: &DeadLetter) -> Vec<UserRecord> {
        let attempts = u32::try_from(letter.attempts.len()).unwrap_or(u32::MAX);
        let records = letter.records.iter().map(|record| UserRecord {
            deliveries: attempts.saturating_add(1),
            ..record.to_user_record()
        });
        records.collect()
    }

    fn attempt(letter: &DeadLetter) -> u32 {
        let attempts = u32::try_from(letter.attempts.len()).unwrap_or(u32::MAX);
        attempts.saturating_add(1)
    }

    async fn invoke(&self, open: &Open, records: &[UserRecord]) -> Verdict {
        let letter = &open.letter;
        let started = self.rooms.platform.clock.wall();
        let attempt = Self::attempt(letter);
        let request_id = format!("redrive/{}/{}", letter.trigger, letter.id);
        let draw = match (self.settings.canary.by, records.first()) {
            (CanaryBy::Key, Some(record)) => key_draw(record),
            (CanaryBy::Key | CanaryBy::Batch, _) => self.rooms.platform.rng.fraction(),
        };
        let version = self.rooms.handler.version(None, draw);
        let state = self.state.clone();
        let outputs: BTreeSet<String> = self.settings.outputs.keys().cloned().collect();
        let invocation = Invocation {
            trigger: self.settings.name.clone(),
            function: self.settings.function.clone(),
            version,
            stream: self.settings.stream.clone(),
            shard: letter.shard,
            request_id: request_id.clone(),
            attempt,
            attempts_max: self.settings.retry.attempts,
            fencing_token: self.guard(letter).map_or(FencingToken(0), |it| it.token),
            behind_ms: 0,
            started,
            records: records.into(),
            outputs: Arc::new(outputs),
            state: state.map(|store| store as _),
            window: None,
            tracing: false,
            envelope: self.settings.envelope,
            item_failures: self.settings.item_failures,
            role: None,
            qualifier: None,
            client_context: None,
            trace_parent: None,
            begun: Begun::default(),
            replayed_to: records.last().map(|record| record.position),
        };
        let outcome = self.rooms.handler.invoke(invocation).await;
        let outcome = match outcome {
            Outcome::Answered(answer) => self.admitted(answer, records.len()),
            failed @ Outcome::Failed(_) => failed,
        };
        let logs = &self.rooms.logs;
        let log_tail = logs.tail(&request_id, attempt, started, LOG_TAIL_BYTES_MAX);
        let at = Circumstances {
            policy: &self.settings.retry,
            now: self.rooms.platform.clock.wall(),
            version,
            log_tail: &log_tail,
            fraction: 0.5,
            healthy: true,
            marks: false,
            has_room: true,
            sets_max: TRIES_MAX,
        };
        match outcome {
            Outcome::Answered(answer) => match answer.failures.first() {
                Some(failure) => Verdict::Failed(Note::of_failure(failure, answer.usage, at)),
                None => Verdict::Done(answer),
            },
            Outcome::Failed(fault) => Verdict::Failed(Note::of_fault(&fault, at)),
        }
    }

    /// An answer may only use what the trigger grants, and only name records that it got.
    fn admitted(&self, answer: Answer, records: usize) -> Outcome {
        let fault = |message: String| Fault {
            class: model::FaultClass::Function,
            kind: "NotGranted".to_owned(),
            message,
            retry_after: None,
            usage: answer.usage,
        };
        let granted = &self.settings.outputs;
        let unknown = answer
            .outputs
            .iter()
            .find(|it| !granted.contains_key(&it.output));
        if let Some(unknown) = unknown {
            let output = &unknown.output;
            return Outcome::Failed(fault(format!("the trigger grants no output `{output}`")));
        }
        if !answer.state.is_empty() && self.state.is_none() {
            return Outcome::Failed(fault("the trigger grants no state".to_owned()));
        }
        match contradiction(&answer, records) {
            Some(contradiction) => Outcome::Failed(contradiction),
            None => Outcome::Answered(answer),
        }
    }

    /// Of the shard that gave the entry up: whoever lost it meanwhile changes nothing.
    fn guard(&self, letter: &DeadLetter) -> Option<Guard> {
        let rows = self.rooms.leases.list(&self.settings.name).ok()?;
        let row = rows.into_iter().find(|row| row.key.shard == letter.shard)?;
        Some(Guard {
            slot: row.slot,
            token: row.token,
        })
    }

    /// What running `records` of the entry came to becomes durable together with the entry's change.
    async fn commit(
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

fn tried(records: usize, verdict: Verdict) -> Came {
    match verdict {
        Verdict::Done(answer) => Came::Tried {
            records,
            outputs: answer.outputs.len(),
            state: answer.state.len(),
            failed: None,
        },
        Verdict::Failed(note) => Came::Tried {
            records,
            outputs: 0,
            state: 0,
            failed: Some(note),
        },
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
