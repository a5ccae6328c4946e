//! The lease table: creates, takes and releases rows through the log.
//!
//! In: lease keys. Out: rows, and `HeldLease`, the right to work on a shard, which a release uses up. It never waits
//! for the disk: a grant counts from its place in the log's order. A refused guard means that somebody else was faster.

use std::{collections::BTreeMap, fmt, sync::Arc};

use model::{
    Checkpoint, Expected, FencingToken, Guard, LeaseKey, LeaseRow, LeaseSlot, NodeId, ShardId,
    Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use tokio::sync::Mutex;
use tracing::debug;

mod handing;
#[cfg(test)]
mod tests;

/// First byte of a stored row; rows of another version are refused.
const ROW_VERSION: u8 = 1;
/// Rows read from the log at once.
const SCAN_ROWS_MAX: usize = 1_000;
/// Of a change that others were faster with; one of them is done each time.
const TRIES_MAX: u32 = 100;
/// Holds the next free slot number. `#` cannot begin a lease key: those begin with a length of at most 128.
const SLOT_COUNTER: &str = "#slots";

/// A row that should be there, and what it says when it is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLease {
    pub key: LeaseKey,
    pub parents: Vec<ShardId>,
    pub initial: Checkpoint,
    /// How many records the shard ever had before that, where they are counted.
    pub initial_records: Option<u64>,
}

/// The right to work on one shard until it is released or a newer token is granted.
#[derive(Debug)]
pub struct HeldLease {
    row: LeaseRow,
}

impl HeldLease {
    #[must_use]
    pub fn key(&self) -> &LeaseKey {
        &self.row.key
    }

    #[must_use]
    pub fn row(&self) -> &LeaseRow {
        &self.row
    }

    /// The row that `LeaseBook::checkpointed` wrote has its place.
    pub fn note_checkpoint(&mut self) {
        if self.row.owner_switches > 0 {
            self.row = crate::checkpointed(self.row.clone());
        }
    }

    #[must_use]
    pub fn token(&self) -> FencingToken {
        self.row.token
    }

    /// What every transaction of the holder carries.
    #[must_use]
    pub fn guard(&self) -> Guard {
        guard(&self.row)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    #[error("no lease for trigger {} on {}: create it first", .0.trigger, .0.shard)]
    Missing(LeaseKey),
    #[error("the stored lease of trigger {} on {} cannot be read: {why}", .key.trigger, .key.shard)]
    Damaged { key: LeaseKey, why: String },
    #[error("the counter of lease slots cannot be read: restore the data folder from a copy")]
    DamagedCounter,
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// All leases that this host creates and takes; share it by `Arc`.
pub struct LeaseBook {
    journal: Arc<dyn Journal>,
    node: NodeId,
    tokens: Arc<dyn Fn() -> FencingToken + Send + Sync>,
    /// One write at a time: a row is read, changed and placed as a whole.
    writing: Mutex<()>,
}

impl fmt::Debug for LeaseBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseBook")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl LeaseBook {
    /// `tokens` hands out a token larger than every one before, over restarts too.
    #[must_use]
    pub fn open(
        journal: Arc<dyn Journal>,
        node: NodeId,
        tokens: Arc<dyn Fn() -> FencingToken + Send + Sync>,
    ) -> Self {
        Self {
            journal,
            node,
            tokens,
            writing: Mutex::new(()),
        }
    }

    /// The rows of these keys, in their order; those that are missing appear together, each with a new slot number. Where
    /// another host creates leases in the same moment, one of both reads again.
    pub async fn ensure(&self, wanted: Vec<NewLease>) -> Result<Vec<LeaseRow>, LeaseError> {
        self.again(|| self.create(&wanted)).await
    }

    /// One change after another of this host; each once more as long as another host changed what it had read.
    async fn again<T, F>(&self, change: impl Fn() -> F) -> Result<T, LeaseError>
    where
        F: Future<Output = Result<T, LeaseError>>,
    {
        let _one_at_a_time = self.writing.lock().await;
        let mut tries = 1..TRIES_MAX;
        loop {
            let done = change().await;
            let is_changed = matches!(done, Err(LeaseError::Commit(CommitError::Changed)));
            if !is_changed || tries.next().is_none() {
                return done;
            }
        }
    }

    async fn create(&self, wanted: &[NewLease]) -> Result<Vec<LeaseRow>, LeaseError> {
        let mut as_read = self.all_as_read(wanted)?;
        let counter = keys::named(Namespace::Lease, SLOT_COUNTER);
        let counted = self.journal.get(&counter)?;
        let mut slot = match &counted {
            None => 1,
            // A slot that is given twice would let one holder's token refuse another's work.
            Some(bytes) => bytes
                .as_ref()
                .try_into()
                .map(u64::from_be_bytes)
                .map_err(|_| LeaseError::DamagedCounter)?,
        };
        let mut rows = Vec::with_capacity(wanted.len());
        let mut changed: BTreeMap<LeaseKey, LeaseRow> = BTreeMap::new();
        for new in wanted {
            if let Some(row) = self.find(&new.key)? {
                rows.push(row);
                continue;
            }
            let row = LeaseRow {
                initial_records: new.initial_records,
                ..crate::created(
                    new.key.clone(),
                    LeaseSlot(slot),
                    new.parents.clone(),
                    new.initial,
                )
            };
            slot += 1;
            changed.insert(row.key.clone(), row.clone());
            rows.push(row);
        }
        if changed.is_empty() {
            return Ok(rows);
        }
        self.adopt(&rows, &mut changed)?;
        for row in &mut rows {
            if let Some(newer) = changed.get(&row.key) {
                row.clone_from(newer);
            }
        }
        // The new ones are not there, their parents are as they were read, and nobody else took the same slots.
        let known = changed.keys().filter_map(|key| as_read.remove(key));
        let mut expects: Vec<Expected> = known.collect();
        let mut writes: Vec<ViewWrite> = changed.values().map(write).collect::<Result<_, _>>()?;
        expects.push(Expected {
            key: counter.clone(),
            value: counted,
        });
        writes.push(ViewWrite {
            key: counter,
            value: Some(slot.to_be_bytes().to_vec().into()),
        });
        let transaction = Transaction {
            expects,
            writes,
            ..Transaction::default()
        };
        self.journal.commit(transaction).await?;
        Ok(rows)
    }

    /// The rows that new leases may change, and those of their parents, before anything is made of them.
    fn all_as_read(&self, wanted: &[NewLease]) -> Result<BTreeMap<LeaseKey, Expected>, LeaseError> {
        let mut all = BTreeMap::new();
        for new in wanted {
            let parents = new.parents.iter().map(|shard| LeaseKey {
                trigger: new.key.trigger.clone(),
                shard: *shard,
            });
            for key in parents.chain([new.key.clone()]) {
                let expected = self.as_read(&key)?;
                all.insert(key, expected);
            }
        }
        Ok(all)
    }

    /// A row as it is stored now: what is written instead of it counts only while it is so.
    fn as_read(&self, key: &LeaseKey) -> Result<Expected, LeaseError> {
        let key = keys::lease(key);
        let value = self.journal.get(&key)?;
        Ok(Expected { key, value })
    }

    /// Notes the new ones among `rows` as children of their parents.
    fn adopt(
        &self,
        rows: &[LeaseRow],
        changed: &mut BTreeMap<LeaseKey, LeaseRow>,
    ) -> Result<(), LeaseError> {
        let new: Vec<&LeaseRow> = rows
            .iter()
            .filter(|row| changed.contains_key(&row.key))
            .collect();
        for child in new {
            for parent in &child.parents {
                let key = LeaseKey {
                    trigger: child.key.trigger.clone(),
                    shard: *parent,
                };
                let known = match changed.remove(&key) {
                    Some(row) => Some(row),
                    None => self.find(&key)?,
                };
                if let Some(row) = known {
                    changed.insert(key, crate::with_child(row, child.key.shard));
                }
            }
        }
        Ok(())
    }

    /// The row of a holder that has its first checkpoint, where it is not written yet: it goes with the checkpoint.
    pub fn checkpointed(&self, lease: &HeldLease) -> Result<Option<ViewWrite>, LeaseError> {
        if lease.row.owner_switches == 0 {
            return Ok(None);
        }
        let row = self.as_it_is(&lease.row)?;
        write(&crate::checkpointed(row)).map(Some)
    }

    /// Children may have appeared since the row was taken, and a hand-off may have begun.
    fn as_it_is(&self, row: &LeaseRow) -> Result<LeaseRow, LeaseError> {
        let stored = self.find(&row.key)?;
        let same = stored.filter(|stored| stored.token == row.token);
        Ok(same.unwrap_or_else(|| row.clone()))
    }

    /// Takes the lease, from whoever holds it: every effect of an earlier holder is refused from here on.
    pub async fn take(&self, key: &LeaseKey) -> Result<HeldLease, LeaseError> {
        self.again(|| self.taken(key)).await
    }

    async fn taken(&self, key: &LeaseKey) -> Result<HeldLease, LeaseError> {
        let expects = vec![self.as_read(key)?];
        let before = self
            .find(key)?
            .ok_or_else(|| LeaseError::Missing(key.clone()))?;
        let guards = granted(&before).then(|| guard(&before));
        let guards = guards.into_iter().collect();
        let row = crate::taken(before, &self.node, (self.tokens)());
        self.journal
            .commit(Transaction {
                guards,
                expects,
                grants: vec![guard(&row)],
                writes: vec![write(&row)?],
                ..Transaction::default()
            })
            .await?;
        debug!(trigger = %key.trigger, shard = %key.shard, token = %row.token, "lease taken");
        Ok(HeldLease { row })
    }

    /// Gives the lease back at once, so that a successor need not wait.
    pub async fn release(&self, lease: HeldLease) -> Result<(), LeaseError> {
        self.again(|| self.given_back(&lease)).await
    }

    async fn given_back(&self, lease: &HeldLease) -> Result<(), LeaseError> {
        let expects = vec![self.as_read(lease.key())?];
        let row = crate::released(self.as_it_is(&lease.row)?);
        self.journal
            .commit(Transaction {
                guards: vec![lease.guard()],
                expects,
                writes: vec![write(&row)?],
                ..Transaction::default()
            })
            .await?;
        debug!(trigger = %row.key.trigger, shard = %row.key.shard, "lease released");
        Ok(())
    }

    /// Removes rows that nobody will take again, together with what else of them is in `with`.
    pub async fn remove(&self, gone: &[LeaseKey], with: Vec<ViewWrite>) -> Result<(), LeaseError> {
        let _one_at_a_time = self.writing.lock().await;
        let mut writes = with;
        writes.extend(gone.iter().map(|key| ViewWrite {
            key: keys::lease(key),
            value: None,
        }));
        let transaction = Transaction {
            writes,
            ..Transaction::default()
        };
        self.journal.commit(transaction).await?;
        Ok(())
    }

    /// All rows of a trigger, by shard.
    pub fn list(&self, trigger: &TriggerName) -> Result<Vec<LeaseRow>, LeaseError> {
        let prefix = keys::of_trigger(Namespace::Lease, trigger);
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = self
                .journal
                .scan(&prefix, after.as_deref(), SCAN_ROWS_MAX)?;
            let Some((last, _)) = page.last() else {
                return Ok(rows);
            };
            after = Some(last.clone());
            for (key, value) in &page {
                let shard = key
                    .last_chunk()
                    .map_or(0, |bytes| u32::from_be_bytes(*bytes));
                rows.push(read(
                    &LeaseKey {
                        trigger: trigger.clone(),
                        shard: ShardId(shard),
                    },
                    value,
                )?);
            }
        }
    }

    fn find(&self, key: &LeaseKey) -> Result<Option<LeaseRow>, LeaseError> {
        self.journal
            .get(&keys::lease(key))?
            .map(|value| read(key, &value))
            .transpose()
    }
}

/// A slot that was never granted has no token to compare with.
fn granted(row: &LeaseRow) -> bool {
    row.token > FencingToken::default()
}

fn guard(row: &LeaseRow) -> Guard {
    Guard {
        slot: row.slot,
        token: row.token,
    }
}

fn write(row: &LeaseRow) -> Result<ViewWrite, LeaseError> {
    let mut value = vec![ROW_VERSION];
    serde_json::to_writer(&mut value, row).map_err(|error| LeaseError::Damaged {
        key: row.key.clone(),
        why: error.to_string(),
    })?;
    Ok(ViewWrite {
        key: keys::lease(&row.key),
        value: Some(value.into()),
    })
}

fn read(key: &LeaseKey, value: &[u8]) -> Result<LeaseRow, LeaseError> {
    let damaged = |why: String| LeaseError::Damaged {
        key: key.clone(),
        why,
    };
    match value.split_first() {
        Some((&ROW_VERSION, json)) => {
            serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))
        }
        Some((version, _)) => Err(damaged(format!("version {version} is not known here"))),
        None => Err(damaged("it is empty".to_owned())),
    }
}
