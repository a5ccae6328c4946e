//! Turns a settlement into transactions: outputs, state, progress and dead letters together, guarded by the lease.
//!
//! All but the last transaction hold only dead letters that do not fit beside the rest; repeating them is harmless, so
//! a crash between them loses and doubles nothing. `Fenced` means that nothing was written and nothing may be. What a
//! bounded store does not admit is not placed.

use std::{collections::BTreeMap, mem, sync::Arc};

use bytes::Bytes;
use model::{
    ByteSize, Emitted, FencingToken, Guard, LeaseKey, LogPosition, NewRecord, StateWrite,
    StreamKey, Timestamp, Transaction, TriggerName, UserRecord, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};

use crate::{
    dead_letters::{Condition, DeadLetterStore, entries},
    kept::is_of,
    limits::TRANSACTION_DEAD_LETTER_BYTES_MAX,
    owed::{Facts, OwedBy},
    parking::ParkedKeys,
    settings::TriggerSettings,
    settle::{Discard, Settlement},
    state::{KeptValue, StateStore},
};

/// Who writes, and with which right.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) key: LeaseKey,
    pub(crate) guard: Guard,
}

impl Holder {
    pub(crate) fn token(&self) -> FencingToken {
        self.guard.token
    }

    /// With what the trigger's failure destinations are owed for them.
    pub(crate) fn dead_letters(
        &self,
        dead: Vec<Discard>,
        settings: &TriggerSettings,
        now: Timestamp,
    ) -> Vec<(ViewWrite, usize)> {
        let mut writes = Vec::new();
        for discard in dead {
            let is_told =
                settings.tells_of_expiry || discard.condition != Condition::RetentionExpired;
            let facts = Facts::of(&discard).filter(|_| is_told && !settings.on_failure.is_empty());
            let mut letters = Vec::new();
            for entry in entries(discard, &self.key, self.token(), now) {
                letters.push(entry.id);
                writes.push((entry.write, entry.bytes));
            }
            let holder = (&self.key, self.token());
            let by = OwedBy {
                stream: &settings.stream,
                function: &settings.function,
                qualifier: settings.qualifier.as_deref(),
                destinations: &settings.on_failure,
            };
            let owed = facts.map(|facts| facts.owed(by, holder, &letters, now));
            writes.extend(owed.into_iter().flatten());
        }
        writes
    }

    /// `effects` go into the last transaction, with the progress row that passes the records.
    pub(crate) fn transactions(
        &self,
        mut effects: Transaction,
        dead: Vec<(ViewWrite, usize)>,
        progress: Vec<u8>,
    ) -> Vec<Transaction> {
        let mut earlier = Vec::new();
        let mut writes = Vec::new();
        let mut bytes = 0;
        for (write, size) in dead {
            if bytes + size > TRANSACTION_DEAD_LETTER_BYTES_MAX && !writes.is_empty() {
                earlier.push(self.guarded(mem::take(&mut writes)));
                bytes = 0;
            }
            bytes += size;
            writes.push(write);
        }
        effects.guards.push(self.guard);
        effects.writes.append(&mut writes);
        effects.writes.push(ViewWrite {
            key: keys::progress(&self.key),
            value: Some(progress.into()),
        });
        earlier.push(effects);
        earlier
    }

    fn guarded(&self, writes: Vec<ViewWrite>) -> Transaction {
        Transaction {
            guards: vec![self.guard],
            writes,
            ..Transaction::default()
        }
    }
}

/// The effects of a settlement, except its dead letters. `invoked` are the records that its sources count.
/// `window`: state is that of a tumbling window.
pub(crate) fn effects(
    settlement: &mut Settlement,
    (trigger, window): (&TriggerName, Option<Timestamp>),
    granted: &BTreeMap<String, StreamKey>,
    invoked: &[UserRecord],
    now: Timestamp,
) -> Transaction {
    let output = |emitted: Emitted| {
        let record = NewRecord {
            partition_key: emitted.partition_key,
            explicit_hash_key: emitted.explicit_hash_key,
            data: emitted.data,
        };
        Some((granted.get(&emitted.output)?.clone(), record))
    };
    let write = |write: StateWrite| {
        let record = invoked.get(usize::try_from(write.source).ok()?)?;
        let hash_key = record.effective_hash_key();
        let (key, name) = (&record.partition_key, write.name.as_str());
        Some(ViewWrite {
            key: match window {
                None => keys::state(trigger, hash_key, key, name),
                Some(start) => keys::window_state(trigger, start, (hash_key, key), name),
            },
            value: write.value.map(|value| {
                let written = now;
                KeptValue { written, value }.encode()
            }),
        })
    };
    Transaction {
        outputs: mem::take(&mut settlement.outputs)
            .into_iter()
            .filter_map(output)
            .collect(),
        writes: mem::take(&mut settlement.state)
            .into_iter()
            .filter_map(write)
            .collect(),
        ..Transaction::default()
    }
}

/// Where transactions go, and the bounded stores that they write.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) state: Option<Arc<StateStore>>,
    pub(crate) dead_letters: Arc<DeadLetterStore>,
    pub(crate) parked: Arc<ParkedKeys>,
}

/// Why a transaction is not in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPlaced {
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("the state of the trigger is full: {bytes} of {max}")]
    StateFull { bytes: ByteSize, max: ByteSize },
    #[error("the dead-letter store is full: {bytes} of {max}")]
    DeadLettersFull { bytes: ByteSize, max: ByteSize },
}

impl Stores {
    /// Places them one after another; the position is that of the last.
    pub(crate) async fn place(
        &self,
        transactions: Vec<Transaction>,
    ) -> Result<LogPosition, NotPlaced> {
        let mut at = LogPosition::default();
        for transaction in transactions {
            at = self.place_one(transaction).await?;
        }
        Ok(at)
    }

    async fn place_one(&self, transaction: Transaction) -> Result<LogPosition, NotPlaced> {
        let placed = self.admit_and_commit(transaction, None).await?;
        Ok(placed.unwrap_or_default())
    }

    /// Places one that changes a dead letter, as long as that is what was read of it; None where it is not any more.
    pub(crate) async fn place_while(
        &self,
        transaction: Transaction,
        is_still: (&Bytes, &Bytes),
    ) -> Result<Option<LogPosition>, NotPlaced> {
        self.admit_and_commit(transaction, Some(is_still)).await
    }

    async fn admit_and_commit(
        &self,
        mut transaction: Transaction,
        is_still: Option<(&Bytes, &Bytes)>,
    ) -> Result<Option<LogPosition>, NotPlaced> {
        let holds = |store| transaction.writes.iter().any(|write| is_of(write, store));
        let dead_letters = holds(Namespace::DeadLetter);
        let in_state = holds(Namespace::State) || holds(Namespace::WindowState);
        let state = self.state.as_ref().filter(|_| in_state);
        let parks = holds(Namespace::Parked);
        // Always in this order, so that no two lanes wait for each other.
        let counted_state = match state {
            Some(store) => Some(store.admit(&mut transaction).await?),
            None => None,
        };
        let counted_dead_letters = if dead_letters {
            Some(self.dead_letters.admit(&mut transaction).await?)
        } else {
            None
        };
        let counted_parked = if parks {
            Some(self.parked.count(&mut transaction).await?)
        } else {
            None
        };
        // Whoever changes a dead letter counts them meanwhile, so nobody changes it between here and the commit.
        if let Some((key, stored)) = is_still
            && self.journal.get(key)?.as_ref() != Some(stored)
        {
            return Ok(None);
        }
        let at = self.journal.commit(transaction).await?;
        drop((counted_state, counted_dead_letters, counted_parked));
        if dead_letters {
            self.dead_letters.tell(at);
        }
        Ok(Some(at))
    }
}

#[cfg(test)]
mod tests {
    use model::{LeaseSlot, ShardId};

    use super::*;

    #[test]
    fn dead_letters_that_do_not_fit_go_first_and_the_checkpoint_moves_last() {
        let holder = Holder {
            key: LeaseKey {
                trigger: TriggerName::parse("board").unwrap(),
                shard: ShardId(0),
            },
            guard: Guard {
                slot: LeaseSlot(1),
                token: FencingToken(2),
            },
        };
        let write = |name: &'static str| ViewWrite {
            key: name.into(),
            value: None,
        };
        let dead = ["a", "b", "c"].map(|name| (write(name), 7 << 20)).to_vec();
        let placed = holder.transactions(Transaction::default(), dead, vec![1]);
        let written: Vec<usize> = placed.iter().map(|t| t.writes.len()).collect();
        assert_eq!(written, [2, 2]);
        assert!(placed.iter().all(|t| t.guards == [holder.guard]));
        assert_eq!(placed[1].writes[1].key, keys::progress(&holder.key));
    }
}
