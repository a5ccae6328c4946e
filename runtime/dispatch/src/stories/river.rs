//! A stream in memory, whose shards are split, merged and trimmed when a story says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use bytes::Bytes;
use model::{
    HashKeyRange, Record, SequenceNumber, ShardId, StreamKey, Timestamp,
    seams::{BoxFuture, Page, ReadFrom, ReadLimit, ShardFacts, Source, SourceError},
};
use platform::{Clock, watch};

/// Shards in order; each with its records and whether it is closed.
#[derive(Debug)]
pub(super) struct River {
    /// How long it says that it keeps records; it trims them when it is told to.
    pub(super) retention: Mutex<Option<Duration>>,
    /// Shards of which nothing is left.
    vanished: Mutex<BTreeSet<ShardId>>,
    /// Records that each shard lost.
    trimmed: Mutex<BTreeMap<usize, u64>>,
    shards: watch::Sender<Vec<(ShardFacts, Vec<Record>)>>,
    /// What has arrived and cannot be read yet: of which shard, its data and when it arrived.
    on_the_way: watch::Sender<Vec<(usize, String, Timestamp)>>,
    clock: Clock,
}

impl River {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            on_the_way: watch::channel(Vec::new()).0,
            clock,
            retention: Mutex::default(),
            vanished: Mutex::default(),
            trimmed: Mutex::default(),
            shards: watch::channel(vec![(facts(0, &[]), Vec::new())]).0,
        }
    }

    pub(super) fn put(&self, shard: usize, key: &str, data: impl Into<Bytes>, now: Timestamp) {
        let trimmed = self.trimmed(shard);
        self.shards.send_modify(|shards| {
            let records = &mut shards[shard].1;
            let number = trimmed + u64::try_from(records.len()).unwrap() + 1;
            records.push(Record {
                sequence: SequenceNumber([0, 0, number]),
                arrived: now,
                partition_key: Bytes::copy_from_slice(key.as_bytes()),
                explicit_hash_key: None,
                data: data.into(),
                encrypted: false,
            });
        });
    }

    /// Its data is its number.
    pub(super) fn put_numbered(&self, shard: usize, number: u64, now: Timestamp) {
        self.put(shard, "k", number.to_string(), now);
        self.shards.send_modify(|shards| {
            if let Some(record) = shards[shard].1.last_mut() {
                record.sequence = SequenceNumber([0, 0, number]);
            }
        });
    }

    /// Arrives now, and can be read once it surfaces.
    pub(super) fn put_out_of_sight(&self, shard: usize, data: &str) {
        let record = (shard, data.to_owned(), self.clock.wall());
        self.on_the_way.send_modify(|records| records.push(record));
    }

    pub(super) fn surface(&self) {
        for (shard, data, arrived) in self.on_the_way.send_replace(Vec::new()) {
            self.put(shard, &data, data.clone(), arrived);
        }
    }

    fn trimmed(&self, shard: usize) -> u64 {
        let trimmed = self.trimmed.lock().unwrap();
        trimmed.get(&shard).copied().unwrap_or_default()
    }

    /// How many records there ever were before the one of this index among those that are left.
    fn ever_before(&self, shard: usize, index: usize) -> u64 {
        self.trimmed(shard) + u64::try_from(index).unwrap()
    }

    /// As retention does.
    pub(super) fn trim(&self, shard: usize, records: usize) {
        let lost = u64::try_from(records).unwrap();
        *self.trimmed.lock().unwrap().entry(shard).or_default() += lost;
        self.shards
            .send_modify(|shards| drop(shards[shard].1.drain(..records)));
    }

    /// As retention does with all that is left of a closed shard.
    pub(super) fn vanish(&self, shard: u32) {
        self.vanished.lock().unwrap().insert(ShardId(shard));
    }

    pub(super) fn narrow(&self, shard: usize, range: HashKeyRange) {
        self.shards
            .send_modify(|shards| shards[shard].0.range = range);
    }

    /// One more shard, without parents.
    pub(super) fn widen(&self) {
        self.shards.send_modify(|shards| {
            let next = u32::try_from(shards.len()).unwrap();
            shards.push((facts(next, &[]), Vec::new()));
        });
    }

    pub(super) fn merge(&self, one: usize, other: usize) {
        self.shards.send_modify(|shards| {
            let parents = [one, other].map(|parent| {
                shards[parent].0.open = false;
                shards[parent].0.id.0
            });
            let next = u32::try_from(shards.len()).unwrap();
            shards.push((facts(next, &parents), Vec::new()));
        });
    }

    pub(super) fn split(&self, parent: usize) {
        self.shards.send_modify(|shards| {
            shards[parent].0.open = false;
            let id = shards[parent].0.id.0;
            for _ in 0..2 {
                let next = u32::try_from(shards.len()).unwrap();
                shards.push((facts(next, &[id]), Vec::new()));
            }
        });
    }
}

fn facts(id: u32, parents: &[u32]) -> ShardFacts {
    ShardFacts {
        id: ShardId(id),
        range: HashKeyRange::WHOLE,
        parents: parents.iter().copied().map(ShardId).collect(),
        open: true,
    }
}

fn index_of(records: &[Record], from: ReadFrom) -> usize {
    match from {
        ReadFrom::Oldest => 0,
        ReadFrom::Latest => records.len(),
        ReadFrom::At(at) => records.partition_point(|record| record.sequence < at),
        ReadFrom::After(at) => records.partition_point(|record| record.sequence <= at),
        ReadFrom::Arrived(at) => records.partition_point(|record| record.arrived < at),
    }
}

/// Whether what lies behind a number is still there.
fn goes_on(from: ReadFrom, trimmed: u64) -> bool {
    match from {
        ReadFrom::At(at) => at.0[2] > trimmed,
        ReadFrom::After(at) => at.0[2] >= trimmed,
        ReadFrom::Oldest | ReadFrom::Latest | ReadFrom::Arrived(_) => false,
    }
}

impl Source for River {
    fn created(&self, _: &StreamKey) -> Result<Timestamp, SourceError> {
        Ok(Timestamp::default())
    }

    fn retention(&self, _: &StreamKey) -> Option<Duration> {
        *self.retention.lock().unwrap()
    }

    fn shards(&self, _: &StreamKey) -> Result<Vec<ShardFacts>, SourceError> {
        let vanished = self.vanished.lock().unwrap();
        Ok(self
            .shards
            .borrow()
            .iter()
            .map(|(facts, _)| facts.clone())
            .filter(|facts| !vanished.contains(&facts.id))
            .collect())
    }

    fn read<'a>(
        &'a self,
        _: &'a StreamKey,
        shard: ShardId,
        from: ReadFrom,
        limit: ReadLimit,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        let shards = self.shards.borrow();
        let shard = usize::try_from(shard.0).unwrap();
        let (facts, records) = &shards[shard];
        let start = index_of(records, from);
        let read: Vec<Record> = records[start..]
            .iter()
            .take(limit.records)
            .cloned()
            .collect();
        let end = start + read.len();
        let trimmed = self.trimmed(shard);
        let page = Page {
            next: match (end.checked_sub(1), trimmed) {
                (Some(last), _) => ReadFrom::After(records[last].sequence),
                (None, 0) => ReadFrom::Oldest,
                (None, trimmed) => ReadFrom::After(SequenceNumber([0, 0, trimmed])),
            },
            records: read.into(),
            behind_ms: 0,
            ended: !facts.open && end == records.len(),
            records_before: (!goes_on(from, trimmed)).then(|| self.ever_before(shard, start)),
        };
        Box::pin(async move { Ok(page) })
    }

    fn records_before(&self, _: &StreamKey, shard: ShardId, place: ReadFrom) -> Option<u64> {
        let shard = usize::try_from(shard.0).unwrap();
        let is_there = match place {
            ReadFrom::At(_) | ReadFrom::After(_) => goes_on(place, self.trimmed(shard)),
            ReadFrom::Oldest | ReadFrom::Latest | ReadFrom::Arrived(_) => true,
        };
        let (_, records) = &self.shards.borrow()[shard];
        is_there.then(|| self.ever_before(shard, index_of(records, place)))
    }

    fn wait<'a>(
        &'a self,
        _: &'a StreamKey,
        shard: ShardId,
        tip: ReadFrom,
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        let mut shards = self.shards.subscribe();
        Box::pin(async move {
            let moved = |shards: &Vec<(ShardFacts, Vec<Record>)>| {
                let (facts, records) = &shards[usize::try_from(shard.0).unwrap()];
                index_of(records, tip) < records.len() || !facts.open
            };
            shards
                .wait_for(moved)
                .await
                .map(drop)
                .map_err(|_| SourceError::Down("gone".to_owned()))
        })
    }

    fn arrivals(&self) -> BoxFuture<'_, Result<Timestamp, SourceError>> {
        let (now, mut on_the_way) = (self.clock.wall(), self.on_the_way.subscribe());
        Box::pin(async move {
            let surfaced = on_the_way.wait_for(Vec::is_empty).await.map(|_| now);
            surfaced.map_err(|_| SourceError::Down("gone".to_owned()))
        })
    }
}
