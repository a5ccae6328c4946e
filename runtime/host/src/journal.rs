//! The journal as the consumer sees it: outputs are routed to shards, then everything of a transaction goes into the log as one frame.
//!
//! This is where `streams` (which knows shards) and `log` (which knows bytes) meet for `dispatch`, `leases` and `catalog`,
//! which know neither.

use bytes::Bytes;
use log::{Commit, Log, Refused};
use model::{
    LogPosition, Transaction,
    seams::{BoxFuture, CommitError, Journal},
};
use streams::Streams;

use crate::encrypted;

#[derive(Debug, Clone)]
pub(crate) struct LogJournal {
    log: Log,
    streams: Streams,
}

impl LogJournal {
    pub(crate) fn new(log: Log, streams: Streams) -> Self {
        Self { log, streams }
    }

    async fn place(&self, transaction: Transaction) -> Result<LogPosition, CommitError> {
        let Transaction {
            guards,
            expects,
            grants,
            outputs,
            mut writes,
        } = transaction;
        for write in &mut writes {
            encrypted::hide(&self.log, &self.streams, write)?;
        }
        let mut changes = self.streams.changes();
        loop {
            let appends = self
                .streams
                .route_outputs(outputs.clone())
                .map_err(|unknown| CommitError::NoSuchStream(name_in(&unknown.0).to_owned()))?;
            let commit = Commit {
                guards: guards.clone(),
                expects: expects.clone(),
                grants: grants.clone(),
                appends,
                closes: Vec::new(),
                writes: writes.clone(),
                producer: None,
            };
            match self.log.place(commit).await {
                Ok(placed) => return Ok(placed.at),
                // A shard closed meanwhile; its children are known in a moment.
                Err(Refused::NoSuchShard(_)) => changes.next().await,
                Err(other) => return Err(refused(other)),
            }
        }
    }
}

impl Journal for LogJournal {
    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<LogPosition, CommitError>> {
        Box::pin(self.place(transaction))
    }

    fn durable(&self, at: LogPosition) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.log
                .durable(at)
                .await
                .map_err(|error| CommitError::Down(error.to_string()))
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CommitError> {
        let value = self.log.get(key);
        let value = value.map_err(|error| CommitError::Down(error.to_string()))?;
        value
            .map(|value| encrypted::show(&self.log, key, value))
            .transpose()
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, CommitError> {
        let found = self.log.scan(prefix, after, limit);
        let found = found.map_err(|error| CommitError::Down(error.to_string()))?;
        let shown = found.into_iter().map(|(key, value)| {
            let value = encrypted::show(&self.log, &key, value)?;
            Ok((key, value))
        });
        shown.collect()
    }
}

/// The stream's name, as people know it.
fn name_in(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, name)| name)
}

fn refused(refused: Refused) -> CommitError {
    match refused {
        Refused::Fenced { current } => CommitError::Fenced { current },
        Refused::Changed => CommitError::Changed,
        Refused::Full => CommitError::Full,
        Refused::TooLarge { bytes, max } => CommitError::TooLarge {
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            max: u64::try_from(max).unwrap_or(u64::MAX),
        },
        Refused::NoSuchShard(slot) => {
            CommitError::NoSuchStream(format!("with shard slot {}", slot.0))
        }
        Refused::StaleProducer { last } => {
            CommitError::Down(format!("a transaction carried the producer number {last}"))
        }
        Refused::Stopped(reason) => CommitError::Down(reason),
    }
}
