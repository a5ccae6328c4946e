//! The one log that all hosts share, and the book that says what they did: every commit that the log took is compared with
//! all before it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use log::{Commit, Log, Refused, Settings, ViewKind};
use model::{
    FencingToken, Guard, LeaseSlot, LogPosition, NodeId, ShardId, Transaction, ViewWrite,
    keys::{self, Namespace},
    seams::{BoxFuture, CommitError, Journal},
};
use platform::Platform;

use super::trigger;
use crate::LeaseBook;

const WAY_MAX_US: u64 = 4_000;

pub(super) struct Table {
    platform: Platform,
    log: Log,
    done: Mutex<Done>,
    freezes: AtomicBool,
    far: AtomicBool,
}

/// What the log took, in its order.
#[derive(Debug, Default)]
struct Done {
    granted: BTreeMap<LeaseSlot, FencingToken>,
    /// Of each shard, how far the work is and when it went on last.
    reached: BTreeMap<ShardId, (u64, Duration)>,
    longest_gap: Duration,
    taken: u64,
    refused: u64,
}

impl Done {
    /// Promise 5, at one commit.
    fn add(
        &mut self,
        guards: &[Guard],
        grants: &[Guard],
        work: Option<(ShardId, u64)>,
        now: Duration,
    ) {
        for guard in guards {
            let newest = self.granted.get(&guard.slot);
            assert_eq!(
                newest,
                Some(&guard.token),
                "promise 5: a holder that lost its lease"
            );
        }
        for grant in grants {
            let before = self.granted.insert(grant.slot, grant.token);
            assert!(before < Some(grant.token), "promise 5: a token came twice");
        }
        let Some((shard, number)) = work else {
            return;
        };
        assert!(!guards.is_empty(), "promise 5: an effect without a token");
        let (before, when) = self.reached.get(&shard).copied().unwrap_or((0, now));
        assert_eq!(
            number,
            before + 1,
            "promise 5: {shard:?} repeats or leaves out"
        );
        self.longest_gap = self.longest_gap.max(now.saturating_sub(when));
        self.reached.insert(shard, (number, now));
        self.taken += 1;
    }
}

impl Table {
    pub(super) async fn open(platform: &Platform) -> Self {
        let settings = Settings {
            view: ViewKind::Memory,
            ..Settings::default()
        };
        let log = Log::open(platform, Path::new("/volume/data"), settings).await;
        Self {
            platform: platform.clone(),
            log: log.unwrap(),
            done: Mutex::default(),
            freezes: AtomicBool::new(true),
            far: AtomicBool::new(false),
        }
    }

    pub(super) fn book(self: &Arc<Self>, node: NodeId) -> LeaseBook {
        let log = self.log.clone();
        let journal = Arc::clone(self) as Arc<dyn Journal>;
        LeaseBook::open(journal, node, Arc::new(move || log.next_fencing_token()))
    }

    /// Whether hosts freeze now and then.
    pub(super) fn freeze(&self, on: bool) {
        self.freezes.store(on, Ordering::Relaxed);
    }

    /// What is written takes its time on the way, as to a table that is elsewhere.
    pub(super) fn far(&self) {
        self.far.store(true, Ordering::Relaxed);
    }

    pub(super) fn freezes(&self) -> bool {
        self.freezes.load(Ordering::Relaxed)
    }

    /// How far the work on a shard is.
    pub(super) fn reached(&self, shard: ShardId) -> u64 {
        let stored = self.log.get(&progress(shard)).unwrap();
        stored.map_or(0, |bytes| {
            u64::from_be_bytes(bytes.as_ref().try_into().unwrap())
        })
    }

    /// One record of a shard, done under a lease.
    pub(super) async fn work(
        &self,
        guard: Guard,
        shard: ShardId,
        number: u64,
    ) -> Result<(), CommitError> {
        let write = ViewWrite {
            key: progress(shard),
            value: Some(number.to_be_bytes().to_vec().into()),
        };
        let transaction = Transaction {
            guards: vec![guard],
            writes: vec![write],
            ..Transaction::default()
        };
        self.place(transaction, Some((shard, number)))
            .await
            .map(drop)
    }

    async fn place(
        &self,
        transaction: Transaction,
        work: Option<(ShardId, u64)>,
    ) -> Result<LogPosition, CommitError> {
        let Transaction {
            guards,
            expects,
            grants,
            writes,
            ..
        } = transaction;
        if self.far.load(Ordering::Relaxed) {
            let way = Duration::from_micros(self.platform.rng.below(WAY_MAX_US));
            self.platform.clock.sleep(way).await;
        }
        let commit = Commit {
            guards: guards.clone(),
            expects,
            grants: grants.clone(),
            writes,
            ..Commit::default()
        };
        match self.log.place(commit).await {
            Ok(placed) => {
                let now = self.platform.clock.monotonic().0;
                self.done.lock().unwrap().add(&guards, &grants, work, now);
                Ok(placed.at)
            }
            Err(Refused::Fenced { current }) => {
                self.done.lock().unwrap().refused += 1;
                Err(CommitError::Fenced { current })
            }
            Err(Refused::Changed) => Err(CommitError::Changed),
            Err(other) => Err(CommitError::Down(other.to_string())),
        }
    }

    /// How many leases each holder has.
    pub(super) fn spread(self: &Arc<Self>) -> Vec<usize> {
        let rows = self
            .book(NodeId::parse("looker").unwrap())
            .list(&trigger())
            .unwrap();
        let mut counts: BTreeMap<NodeId, usize> = BTreeMap::new();
        for owner in rows.into_iter().filter_map(|row| row.owner) {
            *counts.entry(owner).or_default() += 1;
        }
        counts.into_values().collect()
    }

    /// Between two records of any shard.
    pub(super) fn longest_gap(&self) -> Duration {
        self.done.lock().unwrap().longest_gap
    }

    /// How many effects the log took and how many it refused; each was compared when it came.
    pub(super) fn promise_5_was_kept(&self) -> (u64, u64) {
        let done = self.done.lock().unwrap();
        for (shard, (number, _)) in &done.reached {
            assert_eq!(self.reached(*shard), *number);
        }
        (done.taken, done.refused)
    }
}

fn progress(shard: ShardId) -> Bytes {
    keys::named(Namespace::Progress, &shard.to_string())
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

impl Journal for Table {
    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<LogPosition, CommitError>> {
        Box::pin(self.place(transaction, None))
    }

    fn durable(&self, at: LogPosition) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let durable = self.log.durable(at).await;
            durable.map_err(|error| CommitError::Down(error.to_string()))
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CommitError> {
        self.log
            .get(key)
            .map_err(|error| CommitError::Down(error.to_string()))
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, CommitError> {
        let found = self.log.scan(prefix, after, limit);
        found.map_err(|error| CommitError::Down(error.to_string()))
    }
}
