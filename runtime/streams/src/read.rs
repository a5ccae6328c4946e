//! Reading: pages of a shard from any place, and waiting for what comes next.
//!
//! In: a place as clients and triggers say it. Out: a page and the place where it ends. What retention no longer
//! covers is invisible, trimmed or not. Reading never waits for records; waiting is woken by commits and by changes
//! of the registry, and never polls.

use std::sync::Arc;

use log::{Chunk, Cursor, ReadError};
use model::{
    Record, SequenceNumber, ShardId, StreamKey, Timestamp,
    seams::{BoxFuture, Page, ReadFrom, ReadLimit, ShardFacts, Source, SourceError},
};

use crate::{
    engine::Streams,
    facts::UnknownStream,
    registry::{ShardEntry, StreamEntry},
};

impl Streams {
    /// The next records after `from`, at most `limit`, at least one where there is one.
    pub async fn read(
        &self,
        key: &StreamKey,
        shard: ShardId,
        from: ReadFrom,
        limit: ReadLimit,
    ) -> Result<Page, SourceError> {
        let (stream, shard) = self.find(key, shard)?;
        let now = self.now();
        let start = self
            .start(&shard, from)
            .max(self.visible_from(&stream, &shard, now));
        let limit = log::ReadLimit {
            records: limit.records,
            bytes: limit.bytes,
        };
        let read = self
            .shared
            .log
            .read(shard.slot, Cursor::Index(start), limit);
        Ok(page(&shard, read.await.map_err(|error| down(&error))?, now))
    }

    /// The place behind everything that can be read now: where LATEST begins.
    pub fn tip(&self, key: &StreamKey, shard: ShardId) -> Result<SequenceNumber, SourceError> {
        let (_, shard) = self.find(key, shard)?;
        let end = self.shared.log.end_index(shard.slot);
        Ok(shard.numbers().place(end))
    }

    fn find(
        &self,
        key: &StreamKey,
        shard: ShardId,
    ) -> Result<(Arc<StreamEntry>, ShardEntry), SourceError> {
        let stream = self.existing(key)?;
        let found = stream.shard(shard).copied();
        let found = found.ok_or(SourceError::NoSuchShard(shard))?;
        Ok((stream, found))
    }

    /// The index from which a place reads.
    fn start(&self, shard: &ShardEntry, from: ReadFrom) -> u64 {
        let log = &self.shared.log;
        match from {
            ReadFrom::Oldest => log.oldest_index(shard.slot),
            ReadFrom::Latest => log.end_index(shard.slot),
            ReadFrom::At(number) => shard.numbers().index_at(number),
            ReadFrom::After(number) => shard.numbers().index_after(number),
            ReadFrom::Arrived(time) => log.index_at_time(shard.slot, time),
        }
    }

    /// The index of the first record that retention still covers.
    fn visible_from(&self, stream: &StreamEntry, shard: &ShardEntry, now: Timestamp) -> u64 {
        let covered = now.minus(stream.retention());
        if covered.as_seconds() < shard.created_s {
            // Nothing is that old yet.
            return 0;
        }
        self.shared.log.index_at_time(shard.slot, covered)
    }

    async fn wait_after(
        &self,
        key: &StreamKey,
        shard: ShardId,
        tip: ReadFrom,
    ) -> Result<(), SourceError> {
        let mut changes = self.shared.changes.subscribe();
        let (_, entry) = self.find(key, shard)?;
        let mut tail = self.shared.log.tail(entry.slot);
        let start = self.start(&entry, tip);
        loop {
            tokio::select! {
                biased;
                found = tail.wait_for(|end| *end > start) => {
                    return match found {
                        Ok(_) => Ok(()),
                        // The log has forgotten the shard: either the stream is gone, or another has its name.
                        Err(_) => self.find(key, shard).map(drop),
                    };
                }
                changed = changes.changed() => {
                    changed.map_err(|closed| SourceError::Down(closed.to_string()))?;
                    let (_, now) = self.find(key, shard)?;
                    if now.slot != entry.slot {
                        // Another stream has taken the name.
                        return Ok(());
                    }
                }
            }
        }
    }
}

impl Source for Streams {
    fn shards(&self, stream: &StreamKey) -> Result<Vec<ShardFacts>, SourceError> {
        let stream = self.existing(stream)?;
        Ok(stream.shards.iter().map(ShardEntry::facts).collect())
    }

    fn read<'a>(
        &'a self,
        stream: &'a StreamKey,
        shard: ShardId,
        from: ReadFrom,
        limit: ReadLimit,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(Self::read(self, stream, shard, from, limit))
    }

    fn wait<'a>(
        &'a self,
        stream: &'a StreamKey,
        shard: ShardId,
        tip: ReadFrom,
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(self.wait_after(stream, shard, tip))
    }
}

fn page(shard: &ShardEntry, chunk: Chunk, now: Timestamp) -> Page {
    let numbers = shard.numbers();
    let Cursor::Index(next) = chunk.next;
    let last_arrived = chunk.records.last().map(|record| record.arrived);
    let behind_ms = match last_arrived {
        Some(arrived) if !chunk.at_tip => {
            u64::try_from(now.since(arrived).as_millis()).unwrap_or(u64::MAX)
        }
        Some(_) | None => 0,
    };
    let records: Vec<Record> = chunk
        .records
        .into_iter()
        .map(|stored| Record {
            sequence: numbers.of_record(stored.index, stored.arrived),
            arrived: stored.arrived,
            partition_key: stored.partition_key,
            explicit_hash_key: stored.explicit_hash_key,
            data: stored.data,
        })
        .collect();
    let next = records.last().map_or_else(
        || ReadFrom::At(numbers.place(next)),
        |last| ReadFrom::After(last.sequence),
    );
    Page {
        records,
        next,
        behind_ms,
        ended: false,
    }
}

fn down(error: &ReadError) -> SourceError {
    SourceError::Down(error.to_string())
}

impl From<UnknownStream> for SourceError {
    fn from(unknown: UnknownStream) -> Self {
        Self::NoSuchStream(unknown.0)
    }
}
