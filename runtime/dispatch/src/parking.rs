//! Parked partition keys: what waits behind them, in order, until an operator lets it go on (G1).
//!
//! In: records that were given up by way of `park`, and all later ones of their keys. Out: a side log by key that keeps the
//! order of the shard, bounded over all keys of the trigger. Rows lie by the hash of the key, so that a split or a merge
//! moves nothing: whoever has the hash range has its parked keys. Whoever writes here holds the count of the store.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use model::{
    ByteSize, FencingToken, HashKey, Position, ShardId, Timestamp, Transaction, TriggerName,
    UserRecord, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use platform::watch;
use serde::{Deserialize, Serialize};

use crate::{
    dead_letters::{KeptRecord, Note},
    kept::{Counting, Stock, is_of},
    limits::PARKED_PAGE_ROWS,
};

/// First byte of a stored row.
const VERSION: u8 = 1;

/// A parked key, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedKey {
    pub partition_key: Bytes,
    /// Of the record that parked it.
    pub hash_key: HashKey,
    pub why: Parked,
}

/// What is kept of a parked key beside its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parked {
    /// When the record that parked it came into the stream, or when an operator parked it.
    pub since_ms: u64,
    /// Where that was.
    pub shard: ShardId,
    /// Of the holder that parked it; 0 where an operator did.
    pub token: FencingToken,
    /// An operator said `unpark`, and records are left.
    #[serde(default)]
    pub goes_on: bool,
    /// What the attempts of its first record came to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl ParkedKey {
    #[must_use]
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(&self.partition_key).into_owned()
    }

    pub(crate) fn write(&self, trigger: &TriggerName) -> ViewWrite {
        let mut bytes = vec![VERSION];
        // Writing to a Vec cannot fail, and every part of a row is text or a number.
        let written = serde_json::to_writer(&mut bytes, &self.why);
        debug_assert!(written.is_ok());
        ViewWrite {
            key: keys::parked_key(trigger, self.hash_key, &self.partition_key),
            value: Some(bytes.into()),
        }
    }

    fn decode(trigger: &TriggerName, key: &[u8], value: &[u8]) -> Option<Self> {
        let (hash_key, partition_key) = keys::split_parked_key(trigger, key)?;
        let why = match value.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).ok()?,
            Some(_) | None => return None,
        };
        Some(Self {
            partition_key: Bytes::copy_from_slice(partition_key),
            hash_key,
            why,
        })
    }
}

/// A record as it waits.
pub(crate) fn waiting(trigger: &TriggerName, hash_key: HashKey, record: &UserRecord) -> ViewWrite {
    let mut bytes = vec![VERSION];
    let written = serde_json::to_writer(&mut bytes, &KeptRecord::from(record.clone()));
    debug_assert!(written.is_ok());
    ViewWrite {
        key: keys::parked(trigger, hash_key, &record.partition_key, record.position),
        value: Some(bytes.into()),
    }
}

fn decode(value: &[u8]) -> Result<KeptRecord, CommitError> {
    match value.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|e| CommitError::Down(format!("a parked record cannot be read: {e}"))),
        Some(_) | None => Err(CommitError::Down(
            "a parked record has an unknown version".to_owned(),
        )),
    }
}

/// The parked keys of one trigger; share it by `Arc`.
#[derive(Debug)]
pub struct ParkedKeys {
    journal: Arc<dyn Journal>,
    trigger: TriggerName,
    max: ByteSize,
    stock: Stock,
    /// Grows with every order of an operator.
    orders: watch::Sender<u64>,
}

impl ParkedKeys {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, trigger: TriggerName, max: ByteSize) -> Self {
        Self {
            stock: Stock::new(Arc::clone(&journal), Namespace::Parked, Some(&trigger)),
            journal,
            trigger,
            max,
            orders: watch::channel(0).0,
        }
    }

    #[must_use]
    pub fn max(&self) -> ByteSize {
        self.max
    }

    /// Of all records that wait.
    pub fn bytes(&self) -> Result<ByteSize, CommitError> {
        self.stock.bytes().map(ByteSize)
    }

    /// All parked keys, by their hash; one that cannot be read is left out.
    pub fn list(&self) -> Result<Vec<ParkedKey>, CommitError> {
        let prefix = keys::of_trigger(Namespace::ParkedKey, &self.trigger);
        let mut found = Vec::new();
        let mut after: Option<Bytes> = None;
        loop {
            let page = self
                .journal
                .scan(&prefix, after.as_deref(), PARKED_PAGE_ROWS)?;
            let decode =
                |(key, value): &(Bytes, Bytes)| ParkedKey::decode(&self.trigger, key, value);
            found.extend(page.iter().filter_map(decode));
            if page.len() < PARKED_PAGE_ROWS {
                return Ok(found);
            }
            after = page.last().map(|(key, _)| key.clone());
        }
    }

    /// The rows of one partition key: one, unless its records carry several explicit hash keys.
    pub fn get(&self, partition_key: &[u8]) -> Result<Vec<ParkedKey>, CommitError> {
        let mut rows = self.list()?;
        rows.retain(|row| row.partition_key == partition_key);
        Ok(rows)
    }

    /// The records that wait behind a key, in order, after the position given.
    pub fn records(
        &self,
        of: &ParkedKey,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<KeptRecord>, CommitError> {
        let prefix = keys::parked_of(&self.trigger, of.hash_key, &of.partition_key);
        let after = after.map(|at| keys::parked(&self.trigger, of.hash_key, &of.partition_key, at));
        let page = self.journal.scan(&prefix, after.as_deref(), limit)?;
        page.iter().map(|(_, value)| decode(value)).collect()
    }

    /// Lets the key go on from where it stands; says whether it was parked. Durable when it returns, as are the others.
    pub async fn unpark(
        &self,
        partition_key: &[u8],
        with: Vec<ViewWrite>,
    ) -> Result<bool, CommitError> {
        let counting = self.stock.count().await?;
        let rows = self.get(partition_key)?;
        let going_on = rows.iter().cloned().map(|mut row| {
            row.why.goes_on = true;
            row.write(&self.trigger)
        });
        self.order(going_on.chain(with).collect(), counting).await?;
        Ok(!rows.is_empty())
    }

    /// Parks a key by an operator's order, or stops it where it was going on.
    pub async fn park(
        &self,
        partition_key: &[u8],
        now: Timestamp,
        with: Vec<ViewWrite>,
    ) -> Result<(), CommitError> {
        let counting = self.stock.count().await?;
        let mut rows = self.get(partition_key)?;
        if rows.is_empty() {
            let text = String::from_utf8_lossy(partition_key);
            rows.push(ParkedKey {
                partition_key: Bytes::copy_from_slice(partition_key),
                hash_key: HashKey::of_partition_key(&text),
                why: Parked {
                    since_ms: now.as_millis(),
                    shard: ShardId::default(),
                    token: FencingToken::default(),
                    goes_on: false,
                    notes: Vec::new(),
                },
            });
        }
        let parked = rows.into_iter().map(|mut row| {
            row.why.goes_on = false;
            row.write(&self.trigger)
        });
        self.order(parked.chain(with).collect(), counting).await
    }

    /// Deletes what waits behind a key, which goes on with what comes next; says how many records are gone.
    pub async fn drop_key(
        &self,
        partition_key: &[u8],
        with: Vec<ViewWrite>,
    ) -> Result<u64, CommitError> {
        let counting = self.stock.count().await?;
        let mut writes = with;
        let mut records = 0;
        for row in self.get(partition_key)? {
            let prefix = keys::parked_of(&self.trigger, row.hash_key, partition_key);
            let mut after: Option<Bytes> = None;
            loop {
                let page = self
                    .journal
                    .scan(&prefix, after.as_deref(), PARKED_PAGE_ROWS)?;
                after = page.last().map(|(key, _)| key.clone());
                let more = page.len() == PARKED_PAGE_ROWS;
                records += u64::try_from(page.len()).unwrap_or(u64::MAX);
                writes.extend(
                    page.into_iter()
                        .map(|(key, _)| ViewWrite { key, value: None }),
                );
                if !more {
                    break;
                }
            }
            writes.push(ViewWrite {
                key: keys::parked_key(&self.trigger, row.hash_key, partition_key),
                value: None,
            });
        }
        self.order(writes, counting).await?;
        Ok(records)
    }

    /// Puts records behind a key, to be handled in order before anything that comes of it: how a redrive in order works.
    pub async fn append(
        &self,
        row: ParkedKey,
        records: &[UserRecord],
        with: Vec<ViewWrite>,
    ) -> Result<(), NotAppended> {
        let counting = self.stock.count().await?;
        let waiting = records
            .iter()
            .map(|record| waiting(&self.trigger, row.hash_key, record));
        let writes: Vec<ViewWrite> = waiting
            .chain([row.write(&self.trigger)])
            .chain(with)
            .collect();
        let bytes = counting.after(&writes)?;
        if bytes > self.max.bytes() {
            return Err(NotAppended::Full {
                bytes: ByteSize(bytes),
                max: self.max,
            });
        }
        self.order(writes, counting).await?;
        Ok(())
    }

    async fn order(
        &self,
        mut writes: Vec<ViewWrite>,
        counting: Counting<'_>,
    ) -> Result<(), CommitError> {
        writes.push(counting.row(counting.after(&writes)?));
        let transaction = Transaction {
            writes,
            ..Transaction::default()
        };
        let at = self.journal.commit(transaction).await?;
        drop(counting);
        self.orders.send_modify(|order| *order += 1);
        self.journal.durable(at).await
    }

    /// Orders of operators, for the shards of the trigger.
    pub(crate) fn orders(&self) -> watch::Receiver<u64> {
        self.orders.subscribe()
    }

    /// Whether more may be parked. What is on its way when the room ends is parked still.
    pub(crate) fn has_room(&self) -> Result<bool, CommitError> {
        Ok(self.stock.bytes()? < self.max.bytes())
    }

    /// Adds the new count to what a transaction parks or takes out. The answer is held until the transaction is placed.
    pub(crate) async fn count(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Counting<'_>, CommitError> {
        let counting = self.stock.count().await?;
        let kept = self.kept_parked(&transaction.writes)?;
        if !kept.is_empty() {
            transaction.writes.extend(kept);
            self.orders.send_modify(|order| *order += 1);
        }
        let bytes = counting.after(&transaction.writes)?;
        transaction.writes.push(counting.row(bytes));
        Ok(counting)
    }

    /// Rows of keys that an operator let go while records of them were on their way behind them: they go on from there.
    fn kept_parked(&self, writes: &[ViewWrite]) -> Result<Vec<ViewWrite>, CommitError> {
        let is_row = |write: &&ViewWrite| is_of(write, Namespace::ParkedKey);
        let mut known: BTreeSet<Bytes> = writes
            .iter()
            .filter(is_row)
            .map(|it| it.key.clone())
            .collect();
        let mut rows = Vec::new();
        for write in writes {
            let split = keys::split_parked(&self.trigger, &write.key);
            let (Some((hash_key, partition_key)), Some(value)) = (split, &write.value) else {
                continue;
            };
            let key = keys::parked_key(&self.trigger, hash_key, partition_key);
            if known.insert(key.clone()) && self.journal.get(&key)?.is_none() {
                let record = decode(value)?;
                let row = ParkedKey {
                    partition_key: record.partition_key,
                    hash_key,
                    why: Parked {
                        since_ms: record.arrived_ms,
                        shard: ShardId::default(),
                        token: FencingToken::default(),
                        goes_on: true,
                        notes: Vec::new(),
                    },
                };
                rows.push(row.write(&self.trigger));
            }
        }
        Ok(rows)
    }
}

/// Why records were not put behind a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAppended {
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("parked records take {bytes} of {max}")]
    Full { bytes: ByteSize, max: ByteSize },
}
