//! Reading: pages of a shard from any place, and waiting for what comes next.
//!
//! In: a place as clients and triggers say it. Out: a page and the place where it ends. What retention no longer
//! covers is invisible, trimmed or not. Reading never waits for records; waiting is woken by commits and by changes
//! of the registry, and never polls.

use std::{sync::Arc, time::Duration};

use log::{Chunk, Cursor, ReadError};
use model::{
    Record, Records, SequenceNumber, ShardId, StreamKey, Timestamp,
    seams::{BoxFuture, Page, ReadFrom, ReadLimit, ShardFacts, Source, SourceError},
};

use crate::{
    engine::Streams,
    facts::{Backlog, UnknownStream},
    pages::Stretch,
    registry::{ShardEntry, StreamEntry},
};

/// Where a shard stands.
pub(crate) enum Found {
    Present(Arc<StreamEntry>, ShardEntry),
    /// Closed, and retention covers nothing of it any more.
    Expired,
}

/// One read of a shard that is there.
struct Reading {
    shard: ShardEntry,
    /// The index of the first record that may be read.
    start: u64,
    now: Timestamp,
}

impl Streams {
    /// The next records after `from`, at most `limit`, at least one where there is one.
    pub async fn read(
        &self,
        key: &StreamKey,
        shard: ShardId,
        from: ReadFrom,
        limit: ReadLimit,
    ) -> Result<Page, SourceError> {
        let Some(reading) = self.begin(key, shard, from)? else {
            return Ok(end_of_shard(from));
        };
        match self.load(&reading, limit).await? {
            Some((stretch, at_tip)) => Ok(reading.page(stretch, at_tip)),
            None => Ok(end_of_shard(from)),
        }
    }

    /// The same, where others read the shard too and may have read this before. Says how many records came before where
    /// retention has taken what was asked for, or no number was named.
    async fn read_shared(
        &self,
        key: &StreamKey,
        id: ShardId,
        from: ReadFrom,
        limit: ReadLimit,
    ) -> Result<Page, SourceError> {
        loop {
            let Some(reading) = self.begin(key, id, from)? else {
                return Ok(Page {
                    records_before: self.ever_in(key, id),
                    ..end_of_shard(from)
                });
            };
            let (slot, start) = (reading.shard.slot, reading.start);
            let Some(page) = self.page_shared(&reading, limit).await? else {
                return Ok(Page {
                    records_before: self.ever_in(key, id),
                    ..end_of_shard(from)
                });
            };
            if self.trimmed(slot).before > start {
                // Trimmed meanwhile: the page may begin later than is thought.
                continue;
            }
            let names_one = matches!(from, ReadFrom::At(_) | ReadFrom::After(_));
            if names_one && start == self.start(&reading.shard, from) {
                return Ok(page);
            }
            if let Some(before) = self.ever_before(slot, start) {
                return Ok(Page {
                    records_before: Some(before),
                    ..page
                });
            }
        }
    }

    /// None where the shard expired between two looks.
    async fn page_shared(
        &self,
        reading: &Reading,
        limit: ReadLimit,
    ) -> Result<Option<Page>, SourceError> {
        let slot = reading.shard.slot;
        let load = || async {
            match self.load(reading, limit).await {
                Ok(Some((stretch, _))) => Ok(stretch),
                Ok(None) => Err(None),
                Err(error) => Err(Some(error)),
            }
        };
        let pages = &self.shared.pages;
        match pages.read(slot, reading.start, limit, load).await {
            Ok(stretch) => {
                let at_tip = stretch.ends >= self.shared.log.end_index(slot);
                if stretch.records.is_empty() && !at_tip {
                    // Somebody else looked before the record came that this look is about.
                    let own = self.load(reading, limit).await?;
                    return Ok(own.map(|(stretch, at_tip)| reading.page(stretch, at_tip)));
                }
                Ok(Some(reading.page(stretch, at_tip)))
            }
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    /// Where a read begins; none where nothing of the shard is left.
    fn begin(
        &self,
        key: &StreamKey,
        shard: ShardId,
        from: ReadFrom,
    ) -> Result<Option<Reading>, SourceError> {
        let Found::Present(stream, shard) = self.find(key, shard)? else {
            return Ok(None);
        };
        let now = self.now();
        let start = self.readable(&stream, &shard, from, now);
        Ok(Some(Reading { shard, start, now }))
    }

    /// The records, and whether nothing lies behind them; none where the shard expired between two looks.
    async fn load(
        &self,
        reading: &Reading,
        limit: ReadLimit,
    ) -> Result<Option<(Stretch, bool)>, SourceError> {
        let shard = &reading.shard;
        let limit = log::ReadLimit {
            records: limit.records,
            bytes: limit.bytes,
        };
        let from = Cursor::Index(reading.start);
        match self.shared.log.read(shard.slot, from, limit).await {
            Ok(chunk) => {
                let at_tip = chunk.at_tip;
                Ok(Some((reading.stretch(chunk), at_tip)))
            }
            Err(ReadError::NoSuchShard(_)) if shard.closed.is_some() => Ok(None),
            Err(
                error @ (ReadError::NoSuchShard(_)
                | ReadError::Damaged { .. }
                | ReadError::Io(_)
                | ReadError::Stopped(_)),
            ) => Err(down(&error)),
        }
    }

    /// The place behind everything that can be read now: where LATEST begins.
    pub fn tip(&self, key: &StreamKey, shard: ShardId) -> Result<SequenceNumber, SourceError> {
        match self.find(key, shard)? {
            Found::Present(_, shard) => {
                let end = self.shared.log.end_index(shard.slot);
                Ok(shard.numbers().place(end))
            }
            Found::Expired => Err(SourceError::NoSuchShard(shard)),
        }
    }

    /// What of a shard lies behind a place. Reads no records.
    pub fn backlog(
        &self,
        key: &StreamKey,
        shard: ShardId,
        from: ReadFrom,
    ) -> Result<Backlog, SourceError> {
        let Found::Present(stream, shard) = self.find(key, shard)? else {
            return Ok(Backlog::default());
        };
        let log = &self.shared.log;
        let start = self.start(&shard, from);
        let visible = start.max(self.visible_from(&stream, &shard, self.now()));
        let counted = log.count(shard.slot, visible..u64::MAX);
        Ok(Backlog {
            records: counted.records,
            bytes: counted.bytes,
            oldest: counted.oldest,
        })
    }

    /// Shards are numbered without gaps, so one that is missing below the newest has been there.
    pub(crate) fn find(&self, key: &StreamKey, shard: ShardId) -> Result<Found, SourceError> {
        let stream = self.existing(key)?;
        let now = self.now();
        let found = stream.shard(shard).copied();
        match found.filter(|found| !stream.has_expired(found, now)) {
            Some(found) => Ok(Found::Present(stream, found)),
            None if shard < stream.next_shard() => Ok(Found::Expired),
            None => Err(SourceError::NoSuchShard(shard)),
        }
    }

    /// The index from which a place reads.
    pub(crate) fn start(&self, shard: &ShardEntry, from: ReadFrom) -> u64 {
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
    pub(crate) fn visible_from(
        &self,
        stream: &StreamEntry,
        shard: &ShardEntry,
        now: Timestamp,
    ) -> u64 {
        let covered = stream.covered_from(now);
        if covered.as_seconds() < shard.created_s {
            // Nothing is that old yet.
            return 0;
        }
        self.shared.log.index_at_time(shard.slot, covered)
    }

    pub(crate) async fn wait_after(
        &self,
        key: &StreamKey,
        shard: ShardId,
        tip: ReadFrom,
    ) -> Result<(), SourceError> {
        let mut changes = self.changes();
        let Found::Present(_, entry) = self.find(key, shard)? else {
            return Ok(());
        };
        if entry.closed.is_some() {
            return Ok(());
        }
        let log = &self.shared.log;
        let mut tail = log.tail(entry.slot);
        let mut start = self.start(&entry, tip);
        if log.end_index(entry.slot) > start {
            // It may lie before all that is left: then nothing new is there until something comes behind that.
            start = start.max(log.oldest_index(entry.slot));
        }
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
                () = changes.next() => match self.find(key, shard)? {
                    // Another stream has taken the name, or nothing more will come.
                    Found::Present(_, now) if now.slot != entry.slot || now.closed.is_some() => {
                        return Ok(());
                    }
                    Found::Present(..) => {}
                    Found::Expired => return Ok(()),
                },
            }
        }
    }
}

impl Source for Streams {
    fn retention(&self, stream: &StreamKey) -> Option<Duration> {
        self.describe(stream).ok().map(|facts| facts.retention)
    }

    fn created(&self, stream: &StreamKey) -> Result<Timestamp, SourceError> {
        let entry = self.existing(stream);
        entry
            .map(|entry| entry.created)
            .map_err(|unknown| SourceError::NoSuchStream(unknown.0))
    }

    fn shards(&self, stream: &StreamKey) -> Result<Vec<ShardFacts>, SourceError> {
        let stream = self.existing(stream)?;
        let present = stream.present(self.now());
        Ok(present.map(ShardEntry::facts).collect())
    }

    fn read<'a>(
        &'a self,
        stream: &'a StreamKey,
        shard: ShardId,
        from: ReadFrom,
        limit: ReadLimit,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(self.read_shared(stream, shard, from, limit))
    }

    fn records_before(&self, stream: &StreamKey, shard: ShardId, place: ReadFrom) -> Option<u64> {
        self.place_before(stream, shard, place)
    }

    fn wait<'a>(
        &'a self,
        stream: &'a StreamKey,
        shard: ShardId,
        tip: ReadFrom,
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(self.wait_after(stream, shard, tip))
    }

    fn arrivals(&self) -> BoxFuture<'_, Result<Timestamp, SourceError>> {
        Box::pin(async move {
            let arrivals = self.shared.log.arrivals().await;
            arrivals.map_err(|stopped| SourceError::Down(stopped.to_string()))
        })
    }
}

impl Reading {
    fn stretch(&self, chunk: Chunk) -> Stretch {
        let numbers = self.shard.numbers();
        let Cursor::Index(ends) = chunk.next;
        let stored = chunk.records.into_iter();
        let records: Vec<Record> = stored
            .map(|stored| Record {
                sequence: numbers.of_record(stored.index, stored.arrived),
                arrived: stored.arrived,
                partition_key: stored.partition_key,
                explicit_hash_key: stored.explicit_hash_key,
                data: stored.data,
                encrypted: stored.encrypted,
            })
            .collect();
        Stretch {
            records: records.into(),
            begins: self.start,
            ends,
        }
    }

    fn page(&self, stretch: Stretch, at_tip: bool) -> Page {
        let records = stretch.records;
        let behind_ms = match records.last() {
            Some(last) if !at_tip => {
                u64::try_from(self.now.since(last.arrived).as_millis()).unwrap_or(u64::MAX)
            }
            Some(_) | None => 0,
        };
        let next = records.last().map_or_else(
            || ReadFrom::At(self.shard.numbers().place(stretch.ends)),
            |last| ReadFrom::After(last.sequence),
        );
        Page {
            records,
            next,
            behind_ms,
            // Closing is published once it is durable, and so is everything before it.
            ended: self.shard.closed.is_some() && at_tip,
            records_before: None,
        }
    }
}

/// Of a shard whose records have all expired.
fn end_of_shard(from: ReadFrom) -> Page {
    Page {
        records: Records::default(),
        next: from,
        behind_ms: 0,
        ended: true,
        records_before: None,
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
