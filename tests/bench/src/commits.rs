//! Commits for the log alone, and what waits until they are durable.

use anyhow::Result;
use bytes::Bytes;
use log::{Append, Commit, Log};
use model::{NewRecord, ShardSlot};
use tokio::task::JoinSet;

/// Shards of a commit that is spread wide.
pub(crate) const SHARDS: u32 = 64;
const KEY: &[u8] = b"passenger-000000";

pub(crate) async fn joined(running: &mut JoinSet<Result<()>>) -> Result<()> {
    match running.join_next().await {
        Some(ended) => ended?,
        None => Ok(()),
    }
}

/// Returns once it is durable.
pub(crate) async fn append(log: &Log, commit: Commit) -> Result<()> {
    let placed = log.place(commit).await?;
    Ok(log.durable(placed.at).await?)
}

pub(crate) fn one_shard(slot: u32, record: &NewRecord, records: usize) -> Commit {
    Commit {
        appends: vec![Append {
            slot: ShardSlot(slot),
            records: vec![record.clone(); records],
        }],
        ..Commit::default()
    }
}

/// Spread over so many shards, as partition keys would.
pub(crate) fn spread(shards: u32, record: &NewRecord, records: usize) -> Commit {
    let count = shards as usize;
    let appends = (0..shards).zip(0..count).map(|(slot, number)| {
        let share = records / count + usize::from(number < records % count);
        Append {
            slot: ShardSlot(slot),
            records: vec![record.clone(); share],
        }
    });
    Commit {
        appends: appends.collect(),
        ..Commit::default()
    }
}

pub(crate) fn record(bytes: usize) -> NewRecord {
    NewRecord {
        partition_key: Bytes::from_static(KEY),
        explicit_hash_key: None,
        data: Bytes::from(vec![b'x'; bytes]),
    }
}
