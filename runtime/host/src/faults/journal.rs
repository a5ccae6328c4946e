//! A journal whose commits are points: a worker may end or stand still before a checkpoint and after it.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    LeaseKey, LogPosition, Transaction, keys,
    seams::{BoxFuture, CommitError, Journal},
};

use super::{Point, Points};

#[derive(Debug)]
pub(super) struct FaultyJournal {
    inner: Arc<dyn Journal>,
    points: Arc<Points>,
}

impl FaultyJournal {
    pub(super) fn new(inner: Arc<dyn Journal>, points: Arc<Points>) -> Self {
        Self { inner, points }
    }

    async fn place(&self, transaction: Transaction) -> Result<LogPosition, CommitError> {
        let Some(worker) = worker(&transaction) else {
            return self.inner.commit(transaction).await;
        };
        self.points.meet(&worker, Point::BeforeCheckpoint).await;
        let at = self.inner.commit(transaction).await?;
        self.points.meet(&worker, Point::AfterCheckpoint).await;
        Ok(at)
    }
}

/// Who writes its progress. What an operator moves has no worker: several shards are in one transaction, or a grant is.
fn worker(transaction: &Transaction) -> Option<LeaseKey> {
    let writes = transaction.writes.iter();
    let mut workers = writes.filter_map(|write| keys::progress_of(&write.key));
    workers.next().filter(|_| workers.next().is_none())
}

impl Journal for FaultyJournal {
    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<LogPosition, CommitError>> {
        Box::pin(self.place(transaction))
    }

    fn durable(&self, at: LogPosition) -> BoxFuture<'_, Result<(), CommitError>> {
        self.inner.durable(at)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CommitError> {
        self.inner.get(key)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, CommitError> {
        self.inner.scan(prefix, after, limit)
    }
}
