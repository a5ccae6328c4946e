//! Keyed state of one trigger: what handlers read, how long a value lives, how much all of them may take.
//!
//! In: values with the time they were written. Out: those that are not expired; an expired one reads as absent and is
//! removed by `clean`. What would grow the state past its bound is refused before it is written. A value that cannot
//! be read is an error for its reader, never an absent value.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use model::{
    ByteSize, HashKey, Timestamp, Transaction, TriggerName, ViewWrite,
    invocation::{StateReader, StateUnavailable},
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use platform::Clock;

use crate::{
    before,
    bookmarks::Bookmarks,
    commit::NotPlaced,
    kept::{Counting, Stock},
    limits::{STATE_NAMES_MAX, STATE_PAGE_ROWS},
    settings::StatePolicy,
    window_state::WindowValues,
};

/// First byte of a stored value; the time it was written follows, in milliseconds.
const VERSION: u8 = 1;

/// A value as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptValue {
    pub written: Timestamp,
    pub value: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored value cannot be read: {0}")]
pub struct DamagedValue(pub String);

impl KeptValue {
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let written = self.written.as_millis().to_be_bytes();
        [[VERSION].as_slice(), &written, &self.value]
            .concat()
            .into()
    }

    pub fn decode(stored: &Bytes) -> Result<Self, DamagedValue> {
        match stored.split_first() {
            Some((&VERSION, rest)) => {
                let (written, value) = rest
                    .split_first_chunk::<8>()
                    .ok_or_else(|| DamagedValue("it is cut off".to_owned()))?;
                Ok(Self {
                    written: Timestamp::from_millis(u64::from_be_bytes(*written)),
                    value: stored.slice_ref(value),
                })
            }
            Some((version, _)) => Err(DamagedValue(format!("version {version} is not known"))),
            None => Err(DamagedValue("it is empty".to_owned())),
        }
    }

    #[must_use]
    pub fn is_expired(&self, ttl: Option<Duration>, now: Timestamp) -> bool {
        ttl.is_some_and(|ttl| now.since(self.written) >= ttl)
    }
}

/// The values of one trigger; share it by `Arc`.
#[derive(Debug)]
pub struct StateStore {
    journal: Arc<dyn Journal>,
    clock: Clock,
    trigger: TriggerName,
    policy: StatePolicy,
    stock: Stock,
    /// The moment of the newest bookmark, or that there is none; nothing until somebody looked.
    mark: Mutex<Option<Option<u64>>>,
}

/// What one look at a part of the state came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    pub removed: usize,
    /// Where the next look continues; `None` once all values were looked at.
    pub after: Option<Bytes>,
}

impl StateStore {
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        clock: Clock,
        trigger: TriggerName,
        policy: StatePolicy,
    ) -> Self {
        Self {
            stock: stock(&journal, &trigger),
            mark: Mutex::default(),
            journal,
            clock,
            trigger,
            policy,
        }
    }

    /// Bookmarks came or went. Nothing of the trigger may run meanwhile.
    pub fn look_for_bookmarks(&self) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn mark(&self) -> Result<Option<u64>, CommitError> {
        let mut known = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some(mark) => Ok(mark),
            None => {
                let mark = newest_mark(&self.journal, &self.trigger)?;
                *known = Some(mark);
                Ok(mark)
            }
        }
    }

    /// What tumbling windows keep here by key; it counts against the same bound.
    pub(crate) fn windows(&self) -> WindowValues {
        WindowValues::new(Arc::clone(&self.journal), self.trigger.clone())
    }

    #[must_use]
    pub fn max(&self) -> ByteSize {
        self.policy.max
    }

    /// Of all keys and values, expired ones included until they are removed.
    pub fn bytes(&self) -> Result<ByteSize, CommitError> {
        self.stock.bytes().map(ByteSize)
    }

    /// Removes the expired among the next `rows` values. A value that cannot be read stays for its reader to report.
    pub async fn clean(&self, after: Option<&[u8]>, rows: usize) -> Result<Cleaned, CommitError> {
        if self.policy.ttl.is_none() {
            return Ok(Cleaned {
                removed: 0,
                after: None,
            });
        }
        // No lane may write a value between the look at it and its removal.
        let counting = self.stock.count().await?;
        let prefix = keys::of_trigger(Namespace::State, &self.trigger);
        let page = self.journal.scan(&prefix, after, rows)?;
        let expired = page
            .iter()
            .filter(|(_, value)| self.live(value) == Ok(None))
            .map(|(key, _)| ViewWrite {
                key: key.clone(),
                value: None,
            });
        let mut writes: Vec<ViewWrite> = expired.collect();
        let removed = writes.len();
        if removed > 0 {
            let bytes = counting.after(&writes)?;
            writes.push(counting.row(bytes));
            let transaction = Transaction {
                writes,
                ..Transaction::default()
            };
            self.journal.commit(transaction).await?;
        }
        let more = page.len() == rows;
        Ok(Cleaned {
            removed,
            after: page.last().filter(|_| more).map(|(key, _)| key.clone()),
        })
    }

    /// Checks what a transaction writes against the bound, and adds the new count. The answer is held until the
    /// transaction is placed.
    pub(crate) async fn admit(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Counting<'_>, NotPlaced> {
        let counting = self.stock.count().await?;
        if let Some(mark) = self.mark()? {
            let (journal, trigger) = (self.journal.as_ref(), &self.trigger);
            let saved = before::saved(journal, trigger, mark, &transaction.writes)?;
            transaction.writes.extend(saved);
        }
        let bytes = counting.after(&transaction.writes)?;
        if bytes > self.policy.max.bytes() && bytes > counting.bytes {
            return Err(NotPlaced::StateFull {
                bytes: ByteSize(bytes),
                max: self.policy.max,
            });
        }
        transaction.writes.push(counting.row(bytes));
        Ok(counting)
    }

    /// The value, unless it is expired.
    fn live(&self, stored: &Bytes) -> Result<Option<Bytes>, DamagedValue> {
        let kept = KeptValue::decode(stored)?;
        let expired = kept.is_expired(self.policy.ttl, self.clock.wall());
        Ok((!expired).then_some(kept.value))
    }
}

impl StateReader for StateStore {
    fn get(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
        name: &str,
    ) -> Result<Option<Bytes>, StateUnavailable> {
        let key = keys::state(&self.trigger, hash_key, partition_key, name);
        let stored = self.journal.get(&key).map_err(unavailable)?;
        match stored {
            Some(stored) => self.live(&stored).map_err(unavailable),
            None => Ok(None),
        }
    }

    fn names(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
    ) -> Result<Vec<String>, StateUnavailable> {
        let prefix = keys::state_of_key(&self.trigger, hash_key, partition_key);
        let mut names = Vec::new();
        let mut after: Option<Bytes> = None;
        loop {
            let page = self
                .journal
                .scan(&prefix, after.as_deref(), STATE_PAGE_ROWS)
                .map_err(unavailable)?;
            for (key, stored) in &page {
                let live = self.live(stored).map_err(unavailable)?.is_some();
                if let Some((_, _, name)) = keys::split_state(&self.trigger, key).filter(|_| live) {
                    names.push(name.to_owned());
                }
            }
            names.truncate(STATE_NAMES_MAX);
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < STATE_PAGE_ROWS || names.len() == STATE_NAMES_MAX {
                return Ok(names);
            }
        }
    }
}

/// What counts against the bound of a trigger's state.
fn stock(journal: &Arc<dyn Journal>, trigger: &TriggerName) -> Stock {
    Stock::new(Arc::clone(journal), Namespace::State, Some(trigger))
        .with(Namespace::WindowState)
        .with(Namespace::StateBefore)
}

fn newest_mark(
    journal: &Arc<dyn Journal>,
    trigger: &TriggerName,
) -> Result<Option<u64>, CommitError> {
    let marks = Bookmarks::new(Arc::clone(journal)).marks(trigger)?;
    Ok(marks.last().copied())
}

/// The row with the count of a trigger that does not run, once these are written.
pub(crate) async fn counted(
    journal: &Arc<dyn Journal>,
    trigger: &TriggerName,
    writes: &[ViewWrite],
) -> Result<ViewWrite, CommitError> {
    let stock = stock(journal, trigger);
    let counting = stock.count().await?;
    let bytes = counting.after(writes)?;
    Ok(counting.row(bytes))
}

/// Removes values, also of a trigger that does not run (then `state` is None), and writes who said so. Nothing of the
/// trigger may run. Durable when it returns.
pub async fn remove_values(
    journal: Arc<dyn Journal>,
    state: Option<Arc<StateStore>>,
    trigger: &TriggerName,
    mut writes: Vec<ViewWrite>,
    audit: ViewWrite,
) -> Result<(), CommitError> {
    let own = stock(&journal, trigger);
    let stock = state.as_ref().map_or(&own, |state| &state.stock);
    let counting = stock.count().await?;
    if let Some(mark) = newest_mark(&journal, trigger)? {
        writes.extend(before::saved(journal.as_ref(), trigger, mark, &writes)?);
    }
    let bytes = counting.after(&writes)?;
    writes.push(counting.row(bytes));
    writes.push(audit);
    let transaction = Transaction {
        writes,
        ..Transaction::default()
    };
    let at = journal.commit(transaction).await?;
    drop(counting);
    journal.durable(at).await
}

fn unavailable(error: impl std::fmt::Display) -> StateUnavailable {
    StateUnavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_time() {
        let kept = KeptValue {
            written: Timestamp::from_millis(258),
            value: Bytes::from_static(b"v"),
        };
        let stored = kept.encode();
        assert_eq!(stored, b"\x01\0\0\0\0\0\0\x01\x02v".as_slice());
        assert_eq!(KeptValue::decode(&stored), Ok(kept));
        for damaged in [b"".as_slice(), b"\x02", b"\x01\0\0"] {
            assert!(
                KeptValue::decode(&Bytes::copy_from_slice(damaged)).is_err(),
                "{damaged:?}"
            );
        }
    }

    #[test]
    fn a_value_expires_when_its_time_is_over() {
        let kept = KeptValue {
            written: Timestamp::from_millis(1_000),
            value: Bytes::new(),
        };
        let second = Some(Duration::from_secs(1));
        for (ttl, now, expired) in [
            (second, 1_999, false),
            (second, 2_000, true),
            (second, 500, false),
            (None, u64::MAX, false),
        ] {
            let now = Timestamp::from_millis(now);
            assert_eq!(kept.is_expired(ttl, now), expired, "{ttl:?} {now:?}");
        }
    }
}
