//! How long dead letters are kept and how much room they have, all triggers together.
//!
//! In: transactions with new entries. Out: the same with their place in the order of time and the new count, or a
//! refusal where the store is full and the shard is to wait. Where the oldest make room, that is said in the log.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use model::{
    ByteSize, FencingToken, FunctionName, LeaseKey, LogPosition, StreamKey, Timestamp, Transaction,
    TriggerName, UserRecord, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use platform::watch;
use tracing::warn;

use super::{Condition, DeadLetter, Note, entries, key_of};
use crate::{
    commit::NotPlaced,
    kept::{Counting, Stock, is_of, size},
    limits::DROPPED_DEAD_LETTERS_MAX,
    owed::{Facts, OwedBy},
    settings::{DeadLetterPolicy, WhenFull},
    settle::Discard,
};

/// The one store of the server; share it by `Arc`.
#[derive(Debug)]
pub struct DeadLetterStore {
    journal: Arc<dyn Journal>,
    policy: DeadLetterPolicy,
    stock: Stock,
    newest: watch::Sender<LogPosition>,
    /// Keys of entries that somebody runs again.
    claimed: Arc<Mutex<BTreeSet<Bytes>>>,
}

/// The right to run an entry again, and to change or remove it meanwhile.
#[derive(Debug)]
pub struct Claim {
    key: Bytes,
    claimed: Arc<Mutex<BTreeSet<Bytes>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&self.key);
    }
}

/// What a removal came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    Done,
    NotThere,
    /// Somebody runs it again just now.
    Claimed,
}

/// What a trigger that reads no stream gave up, as one record.
#[derive(Debug, Clone)]
pub struct GivenUp {
    pub key: LeaseKey,
    pub token: FencingToken,
    pub condition: Condition,
    pub record: UserRecord,
    /// The newest ones, oldest first.
    pub attempts: Vec<Note>,
    /// What stands for a stream in the documents that are owed, and who is owed them.
    pub stream: StreamKey,
    pub function: FunctionName,
    pub on_failure: Vec<String>,
}

/// An entry in the order of time.
struct Dated {
    index_key: Bytes,
    written: Timestamp,
    key: Bytes,
    bytes: u64,
}

impl DeadLetterStore {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, policy: DeadLetterPolicy) -> Self {
        Self {
            stock: Stock::new(Arc::clone(&journal), Namespace::DeadLetter, None),
            journal,
            policy,
            newest: watch::channel(LogPosition::default()).0,
            claimed: Arc::default(),
        }
    }

    /// None while somebody else has the right. An entry that is not there can be claimed too: whoever claims looks next.
    #[must_use]
    pub fn claim(&self, trigger: &TriggerName, id: &str) -> Option<Claim> {
        let key = key_of(trigger, id)?;
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.insert(key.clone()).then(|| Claim {
            key,
            claimed: Arc::clone(&self.claimed),
        })
    }

    fn is_claimed(&self, key: &Bytes) -> bool {
        let claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.contains(key)
    }

    /// The place in the log of the newest entry, for those who wait for it.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<LogPosition> {
        self.newest.subscribe()
    }

    pub(crate) fn tell(&self, at: LogPosition) {
        self.newest.send_replace(at);
    }

    #[must_use]
    pub fn max(&self) -> ByteSize {
        self.policy.max
    }

    pub fn bytes(&self) -> Result<ByteSize, CommitError> {
        self.stock.bytes().map(ByteSize)
    }

    /// Whether so many bytes more need not wait for room.
    pub(crate) fn has_room_for(&self, bytes: u64) -> Result<bool, CommitError> {
        Ok(match self.policy.when_full {
            WhenFull::DropOldest => true,
            WhenFull::Block => self.stock.bytes()?.saturating_add(bytes) <= self.max().bytes(),
        })
    }

    /// Removes entries that are older than they are kept, at most `entries`, the oldest first; says how many.
    pub async fn expire(&self, now: Timestamp, entries: usize) -> Result<usize, CommitError> {
        let counting = self.stock.count().await?;
        let mut old = self.oldest(entries)?;
        old.retain(|entry| entry.written.plus(self.policy.keep) <= now);
        old.retain(|entry| !self.is_claimed(&entry.key));
        if old.is_empty() {
            return Ok(0);
        }
        let gone: u64 = old.iter().map(|entry| entry.bytes).sum();
        let mut writes: Vec<ViewWrite> = old.iter().flat_map(removal).collect();
        writes.push(counting.row(counting.bytes.saturating_sub(gone)));
        let transaction = Transaction {
            writes,
            ..Transaction::default()
        };
        self.journal.commit(transaction).await?;
        Ok(old.len())
    }

    /// Removes one entry for good, and writes who said so. Durable when it returns.
    pub async fn remove(
        &self,
        trigger: &TriggerName,
        id: &str,
        audit: ViewWrite,
    ) -> Result<Removed, CommitError> {
        let Some(key) = key_of(trigger, id) else {
            return Ok(Removed::NotThere);
        };
        let counting = self.stock.count().await?;
        let Some(stored) = self.journal.get(&key)? else {
            return Ok(Removed::NotThere);
        };
        if self.is_claimed(&key) {
            return Ok(Removed::Claimed);
        }
        let dated = written_at(&stored).map(|written| keys::dead_letter_time(written, &key));
        let gone = std::iter::once(key).chain(dated);
        let mut writes: Vec<ViewWrite> = gone.map(|key| ViewWrite { key, value: None }).collect();
        writes.push(counting.row(counting.after(&writes)?));
        writes.push(audit);
        let transaction = Transaction {
            writes,
            ..Transaction::default()
        };
        let at = self.journal.commit(transaction).await?;
        self.journal.durable(at).await?;
        Ok(Removed::Done)
    }

    /// Places a transaction with an entry of what was given up, together or not at all.
    pub async fn give_up(
        &self,
        mut transaction: Transaction,
        given_up: GivenUp,
        now: Timestamp,
    ) -> Result<LogPosition, NotPlaced> {
        let GivenUp {
            key,
            token,
            condition,
            record,
            attempts,
            stream,
            function,
            on_failure,
        } = given_up;
        let discard = Discard {
            records: vec![record],
            condition,
            attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
            notes: attempts,
        };
        let facts = Facts::of(&discard).filter(|_| !on_failure.is_empty());
        let mut letters = Vec::new();
        for entry in entries(discard, &key, token, now) {
            letters.push(entry.id);
            transaction.writes.push(entry.write);
        }
        let by = OwedBy {
            stream: &stream,
            function: &function,
            qualifier: None,
            destinations: &on_failure,
        };
        let owed = facts.map(|facts| facts.owed(by, (&key, token), &letters, now));
        let owed = owed.into_iter().flatten().map(|(write, _)| write);
        transaction.writes.extend(owed);
        let counted = self.admit(&mut transaction).await?;
        let at = self.journal.commit(transaction).await?;
        drop(counted);
        self.tell(at);
        Ok(at)
    }

    /// Makes room for what a transaction writes, or refuses it. The answer is held until the transaction is placed.
    pub(crate) async fn admit(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Counting<'_>, NotPlaced> {
        let counting = self.stock.count().await?;
        let max = self.policy.max;
        let mut bytes = counting.after(&transaction.writes)?;
        self.index(&mut transaction.writes)?;
        // An empty store takes an entry of any size: waiting would never end.
        if bytes > max.bytes() && bytes > counting.bytes && counting.bytes > 0 {
            match self.policy.when_full {
                WhenFull::Block => {
                    let bytes = counting.bytes;
                    return Err(NotPlaced::DeadLettersFull {
                        bytes: ByteSize(bytes),
                        max,
                    });
                }
                WhenFull::DropOldest => {
                    let dropped = self.make_room(&transaction.writes, &mut bytes)?;
                    warn!(dropped = dropped.len(), "oldest dead letters made room");
                    let removals = dropped.iter().flat_map(removal);
                    transaction.writes.extend(removals);
                }
            }
        }
        transaction.writes.push(counting.row(bytes));
        Ok(counting)
    }

    /// Gives each new entry its row in the order of time; one that is written again or removed loses its old one.
    fn index(&self, writes: &mut Vec<ViewWrite>) -> Result<(), CommitError> {
        let mut rows = Vec::new();
        let entries = writes
            .iter()
            .filter(|write| is_of(write, Namespace::DeadLetter));
        for write in entries {
            if let Some(before) = self.journal.get(&write.key)?
                && let Some(written) = written_at(&before)
            {
                rows.push(ViewWrite {
                    key: keys::dead_letter_time(written, &write.key),
                    value: None,
                });
            }
            let Some(value) = &write.value else {
                continue;
            };
            let written = written_at(value).unwrap_or_default();
            let bytes = size(&write.key, value).to_be_bytes();
            rows.push(ViewWrite {
                key: keys::dead_letter_time(written, &write.key),
                value: Some(Bytes::copy_from_slice(&bytes)),
            });
        }
        writes.append(&mut rows);
        Ok(())
    }

    /// The oldest entries, as many as must go so that `bytes` fit; none of those that are being written.
    fn make_room(&self, writes: &[ViewWrite], bytes: &mut u64) -> Result<Vec<Dated>, CommitError> {
        let new: BTreeSet<&Bytes> = writes.iter().map(|write| &write.key).collect();
        let mut dropped = Vec::new();
        for entry in self.oldest(DROPPED_DEAD_LETTERS_MAX)? {
            if *bytes <= self.policy.max.bytes() {
                break;
            }
            if !self.is_claimed(&entry.key) && !new.contains(&entry.key) {
                *bytes = bytes.saturating_sub(entry.bytes);
                dropped.push(entry);
            }
        }
        Ok(dropped)
    }

    fn oldest(&self, limit: usize) -> Result<Vec<Dated>, CommitError> {
        let prefix = keys::namespace(Namespace::DeadLetterTime);
        let page = self.journal.scan(&prefix, None, limit)?;
        let dated = |(index_key, value): &(Bytes, Bytes)| {
            let (written, key) = keys::split_dead_letter_time(index_key)?;
            Some(Dated {
                written,
                key: index_key.slice_ref(key),
                bytes: value.as_ref().try_into().map(u64::from_be_bytes).ok()?,
                index_key: index_key.clone(),
            })
        };
        Ok(page.iter().filter_map(dated).collect())
    }
}

fn written_at(stored: &[u8]) -> Option<Timestamp> {
    let entry = DeadLetter::decode(stored).ok()?;
    Some(Timestamp::from_millis(entry.written_ms))
}

fn removal(entry: &Dated) -> [ViewWrite; 2] {
    [&entry.key, &entry.index_key].map(|key| ViewWrite {
        key: key.clone(),
        value: None,
    })
}
