//! Reading a shard: from a cursor, within a limit, only what is durable.
//!
//! Recent frames come from memory without a copy; older ones are read from their segment and checked again.

pub(crate) mod index;
pub(crate) mod source;
pub(crate) mod tail;

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use model::{HashKey, ShardSlot, Timestamp};

use crate::{
    append::queue::State,
    archive::{Home, Object, is_object, opening::index_again},
    encryption::keyring::is_encrypted,
    errors::ReadError,
    layout::encode,
    read::{
        index::{Counted, FrameRef, Sought},
        source::{Source, Sources},
    },
    shared::Shared,
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
    /// Whether it lies encrypted on the disk.
    pub encrypted: bool,
}

/// Why there are no frames to read from.
#[derive(Debug)]
enum Unfound {
    Read(ReadError),
    /// The index of an object is damaged, and can be made again from the object.
    Index(Arc<Object>, io::Error),
}

impl From<ReadError> for Unfound {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

pub(crate) async fn read(
    shared: &Shared,
    slot: ShardSlot,
    from: Cursor,
    limit: ReadLimit,
) -> Result<Chunk, ReadError> {
    let Cursor::Index(index) = from;
    let sources = match sources(shared, slot, index, limit) {
        Err(Unfound::Index(object, error)) => {
            let (platform, dir) = (&shared.platform, &shared.dir);
            let made = index_again(platform, dir, &shared.archive, &object).await?;
            made.ok_or(error)?;
            sources(shared, slot, index, limit)
        }
        found => found,
    };
    let sources = sources.map_err(|unfound| match unfound {
        Unfound::Read(error) => error,
        Unfound::Index(_, error) => error.into(),
    })?;
    let mut chunk = Chunk {
        records: Vec::new(),
        next: from,
        at_tip: true,
    };
    let mut bytes = 0;
    let mut sources = Sources::new(&shared.archive, sources);
    while let Some((source, part)) = sources.next().await? {
        let encrypted = is_encrypted(&part);
        let plain = shared.keyring.records(part, slot, source.frame.count);
        let mut part = plain.map_err(|unopened| source.damaged(&unopened.to_string()))?;
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
                encrypted,
            });
        }
    }
    let Cursor::Index(next) = chunk.next;
    let state = shared.state();
    // No frames at all means that nothing visible lies at or after the cursor.
    chunk.at_tip = chunk.records.is_empty()
        || state.shards.get(&slot).is_none_or(|shard| {
            shard.sealed_from(next).is_none() && shard.from(next).next().is_none()
        });
    Ok(chunk)
}

/// Enough frames to reach the limit, and one more record at most. Those of a sealed segment end with it.
fn sources(
    shared: &Shared,
    slot: ShardSlot,
    mut index: u64,
    limit: ReadLimit,
) -> Result<Vec<Source>, Unfound> {
    loop {
        let (span, home, hidden_before) = {
            let state = shared.state();
            state.claim().map_err(ReadError::from)?;
            let shard = state
                .shards
                .get(&slot)
                .ok_or(ReadError::NoSuchShard(slot))?;
            let Some(span) = shard.sealed_from(index) else {
                return Ok(within(&state, shard.from(index), index, limit));
            };
            (span, state.home(span.segment), shard.hidden_before)
        };
        // Trimmed or archived a moment ago: the next look finds something else.
        let Some(home) = home else { continue };
        let frames = match (shared.run(&span, &home), home) {
            (Ok(frames), _) => frames,
            (Err(error), Home::Object(object)) => return Err(Unfound::Index(object, error)),
            (Err(error), Home::Segment(_)) => return Err(ReadError::from(error).into()),
        };
        let visible = frames
            .iter()
            .filter(|frame| frame.end_index() > index && frame.arrived >= hidden_before);
        let sources = within(&shared.state(), visible, index, limit);
        if !sources.is_empty() {
            return Ok(sources);
        }
        index = span.run.end_index;
    }
}

fn within<'a>(
    state: &State,
    frames: impl Iterator<Item = &'a FrameRef>,
    index: u64,
    limit: ReadLimit,
) -> Vec<Source> {
    let mut sources = Vec::new();
    let (mut records, mut bytes) = (0_u64, 0_u64);
    for frame in frames {
        if records >= limit.records.max(1) as u64 || bytes > limit.bytes as u64 {
            break;
        }
        records += frame.end_index() - frame.first_index.max(index);
        // A frame that is entered in its middle says nothing about the bytes that remain.
        if frame.first_index >= index {
            let around = u64::from(frame.count) * encode::AROUND_RECORD_BYTES_MAX;
            bytes += u64::from(frame.part_len).saturating_sub(around);
        }
        // Places in an object are no positions of the log.
        let recent = (!is_object(frame.segment)).then(|| state.tail.get(frame.position));
        sources.push(Source {
            frame: *frame,
            recent: recent.flatten(),
            home: state.home(frame.segment),
        });
    }
    sources
}

/// The first visible record that arrived at `time` or later; the end where there is none. Where an index has to be made
/// again, one that is too early: nothing is left out.
pub(crate) fn index_at_time(shared: &Shared, slot: ShardSlot, time: Timestamp) -> u64 {
    let (span, home, time) = {
        let state = shared.state();
        let Some(shard) = state.shards.get(&slot) else {
            return 0;
        };
        match shard.sought(time) {
            Sought::Index(index) => return index,
            Sought::Within(span) => (
                span,
                state.home(span.segment),
                time.max(shard.hidden_before),
            ),
        }
    };
    let Some(frames) = home.and_then(|home| shared.run(&span, &home).ok()) else {
        return span.run.first_index;
    };
    let at = frames.partition_point(|frame| frame.arrived < time);
    frames
        .get(at)
        .map_or(span.run.end_index, |frame| frame.first_index)
}

pub(crate) fn count(shared: &Shared, slot: ShardSlot, range: &Range<u64>) -> Counted {
    let mut counted = Counted::default();
    let (spans, recent, hidden_before) = {
        let state = shared.state();
        let Some(shard) = state.shards.get(&slot) else {
            return counted;
        };
        let spans = shard.sealed_in(range).into_iter();
        let spans = spans.map(|span| (span, state.home(span.segment)));
        let recent = Counted::of(shard.from(range.start), range);
        (spans.collect::<Vec<_>>(), recent, shard.hidden_before)
    };
    for (span, home) in spans {
        let run = &span.run;
        let whole = run.first_index >= range.start
            && run.end_index <= range.end
            && run.first_arrived >= hidden_before;
        let here = if whole {
            Counted {
                records: run.records,
                bytes: run.bytes,
                oldest: Some(run.first_arrived),
            }
        } else {
            let frames = home.and_then(|home| shared.run(&span, &home).ok());
            let frames = frames.unwrap_or_default();
            let visible = frames.iter().filter(|frame| frame.arrived >= hidden_before);
            Counted::of(visible, range)
        };
        counted = counted.and(here);
    }
    counted.and(recent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::object_id;

    #[test]
    fn a_place_in_an_object_is_no_place_in_the_log() {
        let mut state = State::default();
        state.tail.add(56, Bytes::from_static(b"of the log"));
        let all = ReadLimit {
            records: 1,
            bytes: 1,
        };
        for (segment, known) in [(0, true), (object_id(8), false)] {
            let frame = FrameRef {
                first_index: 0,
                count: 1,
                arrived: Timestamp::default(),
                position: 56,
                frame_len: 64,
                segment,
                part_at: 0,
                part_len: 10,
            };
            let found = within(&state, [frame].iter(), 0, all);
            assert_eq!(found[0].recent.is_some(), known);
        }
    }
}
