//! The index file beside a sealed segment or an archived object: where each shard's records are, and what recovery would
//! learn from a scan. Here it is only laid out and recognised.
//!
//! ```text
//! head     96 bytes: magic, version u32, head length u32, log id u128, salt, base, end, last commit, arrived, frames,
//!                    counters u32, runs u32
//! counters 16 bytes each: counter u32, 4 reserved, next index u64
//! runs     72 bytes each: slot u32, frames u32, crc u32, 4 reserved, first index, end index, first arrived,
//!                    last arrived, offset, records, bytes; then the crc32c of all before it u32
//! frames   40 bytes each, a run after the other: first index, arrived, position, count u32, length u32, part at u32,
//!                    part length u32
//! ```
//!
//! Numbers are u64 where nothing is said, little-endian. Head and runs have checksums of their own, so that a run is read
//! only when it is needed. A file that is wrong in any way is no index, never an error.

use model::{ShardSlot, Timestamp};

use crate::{
    layout::frame::{crc_of, narrow, u32_at, u64_at},
    read::index::FrameRef,
};

const MAGIC: &[u8; 8] = b"shardidx";
const VERSION: u32 = 1;
pub(crate) const FIXED_BYTES: usize = 96;
const COUNTER_BYTES: usize = 16;
const RUN_BYTES: usize = 72;
const FRAME_BYTES: usize = 40;

/// Whose index it is. An archived object has no salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub log_id: u128,
    pub salt: u64,
    pub base: u64,
}

/// The frames of one shard in one sealed segment, which are in the index file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub slot: ShardSlot,
    pub frames: u32,
    pub crc: u32,
    pub first_index: u64,
    pub end_index: u64,
    pub first_arrived: Timestamp,
    pub last_arrived: Timestamp,
    /// Where its frames begin in the file.
    pub offset: u64,
    pub records: u64,
    pub bytes: u64,
}

/// What stands before the frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Where the segment ends in the log.
    pub end: u64,
    pub last_commit: u64,
    pub arrived: Timestamp,
    pub frames: u64,
    /// Every counter's next index, at least as high as the segment left it.
    pub counters: Vec<(u32, u64)>,
    pub runs: Vec<Run>,
}

impl Run {
    pub(crate) fn file_len(&self) -> usize {
        usize::try_from(self.frames).unwrap_or(usize::MAX) * FRAME_BYTES
    }

    /// `None` where the bytes are not those that were written.
    pub(crate) fn decode(&self, bytes: &[u8], segment: u64) -> Option<Vec<FrameRef>> {
        let whole = bytes.len() == self.file_len() && crc_of(bytes) == self.crc;
        let frame = |raw: &[u8]| FrameRef {
            first_index: u64_at(raw, 0),
            arrived: Timestamp::from_millis(u64_at(raw, 8)),
            position: u64_at(raw, 16),
            count: u32_at(raw, 24),
            frame_len: u32_at(raw, 28),
            part_at: u32_at(raw, 32),
            part_len: u32_at(raw, 36),
            segment,
        };
        whole.then(|| bytes.chunks_exact(FRAME_BYTES).map(frame).collect())
    }
}

/// The whole file, and its contents with the runs' places; `shards` are each shard's frames in this segment.
pub(crate) fn encode(
    of: Identity,
    contents: &mut Contents,
    shards: &[(ShardSlot, Vec<FrameRef>)],
) -> Vec<u8> {
    let head_len = FIXED_BYTES + contents.counters.len() * COUNTER_BYTES + shards.len() * RUN_BYTES;
    let mut frames = Vec::new();
    for (slot, refs) in shards {
        let (Some(first), Some(last)) = (refs.first(), refs.last()) else {
            continue;
        };
        let start = frames.len();
        refs.iter().for_each(|frame| put_frame(&mut frames, frame));
        contents.frames += refs.len() as u64;
        contents.runs.push(Run {
            slot: *slot,
            frames: narrow(refs.len()),
            crc: crc_of(&frames[start..]),
            first_index: first.first_index,
            end_index: last.first_index + u64::from(last.count),
            first_arrived: first.arrived,
            last_arrived: last.arrived,
            offset: (head_len + 4 + start) as u64,
            records: refs.iter().map(|frame| u64::from(frame.count)).sum(),
            bytes: refs.iter().map(|frame| u64::from(frame.part_len)).sum(),
        });
    }
    let mut out = put_head(of, contents, head_len);
    let crc = crc_of(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&frames);
    out
}

fn put_frame(out: &mut Vec<u8>, frame: &FrameRef) {
    for number in [frame.first_index, frame.arrived.as_millis(), frame.position] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in [frame.count, frame.frame_len, frame.part_at, frame.part_len] {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn put_head(of: Identity, contents: &Contents, head_len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(head_len);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&narrow(head_len).to_le_bytes());
    out.extend_from_slice(&of.log_id.to_le_bytes());
    for number in [
        of.salt,
        of.base,
        contents.end,
        contents.last_commit,
        contents.arrived.as_millis(),
        contents.frames,
    ] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in [contents.counters.len(), contents.runs.len()] {
        out.extend_from_slice(&narrow(number).to_le_bytes());
    }
    out.extend_from_slice(&[0; 8]);
    for (counter, next) in &contents.counters {
        out.extend_from_slice(&u64::from(*counter).to_le_bytes());
        out.extend_from_slice(&next.to_le_bytes());
    }
    for run in &contents.runs {
        for number in [run.slot.0, run.frames, run.crc, 0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [
            run.first_index,
            run.end_index,
            run.first_arrived.as_millis(),
            run.last_arrived.as_millis(),
            run.offset,
            run.records,
            run.bytes,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    out
}

/// How many bytes the head takes, its checksum included, as its first bytes say.
pub(crate) fn head_len(fixed: &[u8]) -> Option<usize> {
    let known = fixed.get(..8)? == MAGIC && u32_at(fixed.get(..FIXED_BYTES)?, 8) == VERSION;
    let len = usize::try_from(u32_at(fixed, 12)).ok()?;
    (known && len >= FIXED_BYTES).then_some(len + 4)
}

/// The salt of the segment that the first bytes of an index name, whatever else is wrong with it.
pub(crate) fn salt_in(fixed: &[u8]) -> Option<u64> {
    let known = fixed.get(..8)? == MAGIC;
    let salt = fixed.get(..FIXED_BYTES).map(|fixed| u64_at(fixed, 32));
    salt.filter(|_| known)
}

/// `head` has the length that `head_len` said. `None` where it is not the index of this use of this segment.
pub(crate) fn decode(of: Identity, head: &[u8]) -> Option<Contents> {
    let (body, crc) = head.split_last_chunk::<4>()?;
    if body.len() < FIXED_BYTES || crc_of(body).to_le_bytes() != *crc {
        return None;
    }
    let ours = body[16..32] == of.log_id.to_le_bytes()
        && u64_at(body, 32) == of.salt
        && u64_at(body, 40) == of.base;
    let counters = usize::try_from(u32_at(body, 80)).ok()? * COUNTER_BYTES;
    let runs = usize::try_from(u32_at(body, 84)).ok()? * RUN_BYTES;
    if !ours || body.len() != FIXED_BYTES + counters + runs {
        return None;
    }
    let (counters, runs) = body[FIXED_BYTES..].split_at(counters);
    Some(Contents {
        end: u64_at(body, 48),
        last_commit: u64_at(body, 56),
        arrived: Timestamp::from_millis(u64_at(body, 64)),
        frames: u64_at(body, 72),
        counters: counters
            .chunks_exact(COUNTER_BYTES)
            .map(|raw| (u32_at(raw, 0), u64_at(raw, 8)))
            .collect(),
        runs: runs.chunks_exact(RUN_BYTES).map(decode_run).collect(),
    })
}

fn decode_run(raw: &[u8]) -> Run {
    Run {
        slot: ShardSlot(u32_at(raw, 0)),
        frames: u32_at(raw, 4),
        crc: u32_at(raw, 8),
        first_index: u64_at(raw, 16),
        end_index: u64_at(raw, 24),
        first_arrived: Timestamp::from_millis(u64_at(raw, 32)),
        last_arrived: Timestamp::from_millis(u64_at(raw, 40)),
        offset: u64_at(raw, 48),
        records: u64_at(raw, 56),
        bytes: u64_at(raw, 64),
    }
}
