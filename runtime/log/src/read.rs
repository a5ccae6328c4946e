//! Reading a shard: from a cursor, within a limit, only what is durable.
//!
//! Recent frames come from memory without a copy; older ones are read from their segment and checked again.

use std::sync::Arc;

use bytes::Bytes;
use model::{HashKey, ShardSlot, Timestamp};

use crate::{
    committer::Shared, encode, errors::ReadError, frame::Seal, frames::checked, index::FrameRef,
    segment::Segment,
};

/// Where to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// The record with this index, or the first one after it.
    Index(u64),
}

/// At least one record is returned where there is one, however large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    pub records: usize,
    /// Data and partition keys.
    pub bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub records: Vec<StoredRecord>,
    pub next: Cursor,
    /// Nothing visible lies after `next`.
    pub at_tip: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    pub index: u64,
    pub arrived: Timestamp,
    pub partition_key: Bytes,
    pub explicit_hash_key: Option<HashKey>,
    pub data: Bytes,
}

/// One frame to read from, in memory or on disk.
#[derive(Debug)]
struct Source {
    frame: FrameRef,
    recent: Option<Bytes>,
    segment: Option<Arc<Segment>>,
}

pub(crate) async fn read(
    shared: &Shared,
    slot: ShardSlot,
    from: Cursor,
    limit: ReadLimit,
) -> Result<Chunk, ReadError> {
    let Cursor::Index(index) = from;
    let sources = sources(shared, slot, index, limit)?;
    let mut chunk = Chunk {
        records: Vec::new(),
        next: from,
        at_tip: true,
    };
    let mut bytes = 0;
    for source in sources {
        let mut part = source.part().await?;
        let mut at = source.frame.first_index;
        while !part.is_empty() {
            let record = encode::take_record(&mut part)
                .ok_or_else(|| source.damaged("a record does not decode"))?;
            let this = at;
            at += 1;
            if this < index {
                continue;
            }
            let full =
                chunk.records.len() >= limit.records || bytes + record.counted_len() > limit.bytes;
            if full && !chunk.records.is_empty() {
                chunk.at_tip = false;
                return Ok(chunk);
            }
            bytes += record.counted_len();
            chunk.next = Cursor::Index(this + 1);
            chunk.records.push(StoredRecord {
                index: this,
                arrived: source.frame.arrived,
                partition_key: record.partition_key,
                explicit_hash_key: record.explicit_hash_key,
                data: record.data,
            });
        }
    }
    let Cursor::Index(next) = chunk.next;
    let state = shared.state();
    chunk.at_tip = state
        .shards
        .get(&slot)
        .is_none_or(|shard| next >= shard.end);
    Ok(chunk)
}

/// Enough frames to reach the limit, and one more record at most.
fn sources(
    shared: &Shared,
    slot: ShardSlot,
    index: u64,
    limit: ReadLimit,
) -> Result<Vec<Source>, ReadError> {
    let state = shared.state();
    state.claim()?;
    let shard = state
        .shards
        .get(&slot)
        .ok_or(ReadError::NoSuchShard(slot))?;
    let mut sources = Vec::new();
    let (mut records, mut bytes) = (0_u64, 0_u64);
    for frame in shard.from(index) {
        if records >= limit.records.max(1) as u64 || bytes > limit.bytes as u64 {
            break;
        }
        records += frame.first_index + u64::from(frame.count) - frame.first_index.max(index);
        // A frame that is entered in its middle says nothing about the bytes that remain.
        if frame.first_index >= index {
            let around = u64::from(frame.count) * encode::AROUND_RECORD_BYTES_MAX;
            bytes += u64::from(frame.part_len).saturating_sub(around);
        }
        sources.push(Source {
            frame: *frame,
            recent: state.tail.get(frame.position),
            segment: state.segments.get(&frame.segment).cloned(),
        });
    }
    Ok(sources)
}

impl Source {
    async fn part(&self) -> Result<Bytes, ReadError> {
        let bodies = match &self.recent {
            Some(recent) => recent.clone(),
            None => self.load().await?,
        };
        let end = u64::from(self.frame.part_at) + u64::from(self.frame.part_len);
        match (usize::try_from(self.frame.part_at), usize::try_from(end)) {
            (Ok(start), Ok(end)) if end <= bodies.len() => Ok(bodies.slice(start..end)),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(self.damaged("a part reaches past its frame")),
        }
    }

    async fn load(&self) -> Result<Bytes, ReadError> {
        let missing = || self.damaged("its segment is gone");
        let segment = self.segment.as_ref().ok_or_else(missing)?;
        let len = usize::try_from(self.frame.frame_len).map_err(std::io::Error::other)?;
        let seal: Seal = segment.seal(self.frame.position);
        let bytes = segment.file.read_at(len, seal.offset).await?;
        let (_, bodies) =
            checked(&bytes, seal).ok_or_else(|| self.damaged("its checksum is wrong"))?;
        Ok(bodies)
    }

    fn damaged(&self, what: &str) -> ReadError {
        ReadError::Damaged {
            position: self.frame.position,
            what: what.to_owned(),
        }
    }
}
