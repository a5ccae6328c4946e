//! The bytes of an archived object: blocks of records, an index, a foot. Pure; here it is laid out and recognised.
//!
//! ```text
//! head    56 bytes: magic, version u32, 4 reserved, log id u128, id u64, source segment u64, day u32, crc32c u32
//! block   24 bytes: magic u32, codec u8, 3 reserved, raw length u32, stored length u32, crc32c u32 (seeded: id ^ offset,
//!         over this head and what is stored), 4 reserved; then what is stored, zstd or as it is
//! entry   within a block, 32 bytes: slot u32, count u32, first index u64, arrived u64, length u32, 4 reserved; then
//!         the part as it was in the log, encrypted where it was
//! index   as beside a segment; a frame's position is its block's offset, its length the block's, its part is within
//!         what the block unpacks to
//! foot    24 bytes: index offset u64, index length u64, crc32c of both u32, magic u32
//! ```
//!
//! The index can be made again from the blocks.

use std::{collections::BTreeMap, io, ops::Range};

use bytes::Bytes;
use model::{ShardSlot, Timestamp};

use crate::{
    layout::{
        frame::{crc, crc_of, crc_value, narrow, u32_at, u64_at},
        sealed::{self, Contents, Identity},
    },
    limits::{ARCHIVE_BLOCK_BYTES, FRAME_BYTES_MAX},
    read::index::FrameRef,
};

pub(crate) const HEAD_BYTES: usize = 56;
pub(crate) const FOOT_BYTES: usize = 24;
const BLOCK_HEAD_BYTES: usize = 24;
const ENTRY_BYTES: usize = 32;
const MAGIC: &[u8; 8] = b"shardarc";
const VERSION: u32 = 1;
const BLOCK_MAGIC: u32 = 0xA2C1_5D4D;
const FOOT_MAGIC: u32 = 0xA2C1_F007;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const ZSTD_LEVEL: i32 = 3;
/// What a block may unpack to: its last part may be as long as a frame.
const RAW_BYTES_MAX: usize = ARCHIVE_BLOCK_BYTES + FRAME_BYTES_MAX + ENTRY_BYTES;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub of: Identity,
    pub source: u64,
    pub day: u32,
}

/// One object while it grows.
#[derive(Debug)]
pub(crate) struct Builder {
    head: Head,
    out: Vec<u8>,
    raw: Vec<u8>,
    /// Entries of the block that is being filled, then those of all others.
    open: Vec<(ShardSlot, FrameRef)>,
    shards: BTreeMap<ShardSlot, Vec<FrameRef>>,
}

/// A whole object, and where its records are.
#[derive(Debug)]
pub(crate) struct Built {
    pub bytes: Vec<u8>,
    pub index: Vec<u8>,
    pub contents: Contents,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.of.log_id.to_le_bytes());
        out.extend_from_slice(&self.of.base.to_le_bytes());
        out.extend_from_slice(&self.source.to_le_bytes());
        out.extend_from_slice(&self.day.to_le_bytes());
        let checksum = crc_of(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let fixed = bytes.get(..HEAD_BYTES)?;
        let right = fixed[..8] == *MAGIC
            && u32_at(fixed, 8) == VERSION
            && u32_at(fixed, HEAD_BYTES - 4) == crc_of(&fixed[..HEAD_BYTES - 4]);
        right.then(|| Self {
            of: identity(
                u128::from(u64_at(fixed, 24)) << 64 | u128::from(u64_at(fixed, 16)),
                u64_at(fixed, 32),
            ),
            source: u64_at(fixed, 40),
            day: u32_at(fixed, 48),
        })
    }
}

/// How the index of an object names it.
pub(crate) fn identity(log_id: u128, id: u64) -> Identity {
    Identity {
        log_id,
        salt: 0,
        base: id,
    }
}

impl Builder {
    pub(crate) fn new(head: Head) -> Self {
        Self {
            out: head.encode(),
            head,
            raw: Vec::new(),
            open: Vec::new(),
            shards: BTreeMap::new(),
        }
    }

    /// Bytes so far, of what is compressed.
    pub(crate) fn stored_bytes(&self) -> usize {
        self.out.len()
    }

    /// Frames of a shard come in their order.
    pub(crate) fn add(&mut self, slot: ShardSlot, from: &FrameRef, part: &[u8]) -> io::Result<()> {
        for number in [slot.0, from.count] {
            self.raw.extend_from_slice(&number.to_le_bytes());
        }
        for number in [from.first_index, from.arrived.as_millis()] {
            self.raw.extend_from_slice(&number.to_le_bytes());
        }
        for number in [narrow(part.len()), 0] {
            self.raw.extend_from_slice(&number.to_le_bytes());
        }
        let frame = FrameRef {
            position: self.out.len() as u64,
            segment: self.head.of.base,
            part_at: narrow(self.raw.len()),
            part_len: narrow(part.len()),
            ..*from
        };
        self.open.push((slot, frame));
        self.raw.extend_from_slice(part);
        if self.raw.len() >= ARCHIVE_BLOCK_BYTES {
            self.close_block()?;
        }
        Ok(())
    }

    fn close_block(&mut self) -> io::Result<()> {
        if self.raw.is_empty() {
            return Ok(());
        }
        let packed = zstd::bulk::compress(&self.raw, ZSTD_LEVEL)?;
        let (codec, stored) = if packed.len() < self.raw.len() {
            (ZSTD, &packed)
        } else {
            (PLAIN, &self.raw)
        };
        let offset = self.out.len() as u64;
        let mut head = Vec::with_capacity(BLOCK_HEAD_BYTES);
        head.extend_from_slice(&BLOCK_MAGIC.to_le_bytes());
        head.extend_from_slice(&[codec, 0, 0, 0]);
        head.extend_from_slice(&narrow(self.raw.len()).to_le_bytes());
        head.extend_from_slice(&narrow(stored.len()).to_le_bytes());
        let checksum = block_crc(self.head.of.base ^ offset, &head, stored);
        head.extend_from_slice(&checksum.to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        let len = narrow(head.len() + stored.len());
        self.out.extend_from_slice(&head);
        self.out.extend_from_slice(stored);
        self.raw.clear();
        for (slot, mut frame) in self.open.drain(..) {
            frame.frame_len = len;
            self.shards.entry(slot).or_default().push(frame);
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<Built> {
        self.close_block()?;
        let shards: Vec<_> = self.shards.into_iter().collect();
        let at = self.out.len() as u64;
        // The index says how long the object is, in which it lies itself.
        let draft = sealed::encode(self.head.of, &mut empty(0), &shards);
        let mut contents = empty(at + (draft.len() + FOOT_BYTES) as u64);
        let index = sealed::encode(self.head.of, &mut contents, &shards);
        let mut bytes = self.out;
        bytes.extend_from_slice(&index);
        let mut foot = Vec::with_capacity(FOOT_BYTES);
        foot.extend_from_slice(&at.to_le_bytes());
        foot.extend_from_slice(&(index.len() as u64).to_le_bytes());
        let checksum = crc_of(&foot);
        foot.extend_from_slice(&checksum.to_le_bytes());
        foot.extend_from_slice(&FOOT_MAGIC.to_le_bytes());
        bytes.extend_from_slice(&foot);
        Ok(Built {
            bytes,
            index,
            contents,
        })
    }
}

fn empty(end: u64) -> Contents {
    Contents {
        end,
        last_commit: 0,
        arrived: Timestamp::from_millis(0),
        frames: 0,
        counters: Vec::new(),
        runs: Vec::new(),
    }
}

fn block_crc(seed: u64, head: &[u8], stored: &[u8]) -> u32 {
    let mut digest = crc();
    digest.update(&seed.to_le_bytes());
    digest.update(head);
    digest.update(stored);
    crc_value(&digest)
}

/// Where the index of an object is whose last bytes are `foot`.
pub(crate) fn index_range(foot: &[u8], object_len: u64) -> Option<Range<u64>> {
    let foot = foot.get(..FOOT_BYTES)?;
    let right = u32_at(foot, 20) == FOOT_MAGIC && u32_at(foot, 16) == crc_of(&foot[..16]);
    let (at, len) = (u64_at(foot, 0), u64_at(foot, 8));
    let end = at.checked_add(len)?.checked_add(FOOT_BYTES as u64)?;
    (right && end == object_len).then(|| at..at + len)
}

/// What the block at `offset` of object `id` unpacks to; `stored` may go on behind it. `None` where it is not right.
pub(crate) fn unpack(id: u64, offset: u64, stored: &Bytes) -> Option<Bytes> {
    let head = stored.get(..BLOCK_HEAD_BYTES)?;
    let raw_len = usize::try_from(u32_at(head, 8)).ok()?;
    let end = BLOCK_HEAD_BYTES.checked_add(usize::try_from(u32_at(head, 12)).ok()?)?;
    if u32_at(head, 0) != BLOCK_MAGIC || raw_len > RAW_BYTES_MAX || end > stored.len() {
        return None;
    }
    let body = stored.slice(BLOCK_HEAD_BYTES..end);
    if block_crc(id ^ offset, &head[..16], &body) != u32_at(head, 16) {
        return None;
    }
    let raw = match head[4] {
        PLAIN => body,
        ZSTD => zstd::bulk::decompress(&body, raw_len).ok()?.into(),
        _ => return None,
    };
    (raw.len() == raw_len).then_some(raw)
}

/// How long the block at the beginning of `bytes` says it is.
fn claimed_len(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..BLOCK_HEAD_BYTES)?;
    let stored = usize::try_from(u32_at(head, 12)).ok()?;
    (u32_at(head, 0) == BLOCK_MAGIC).then_some(BLOCK_HEAD_BYTES.checked_add(stored)?)
}

/// One part in an unpacked block.
#[derive(Debug)]
pub(crate) struct Entry {
    pub slot: ShardSlot,
    pub frame: FrameRef,
    pub part: Bytes,
}

/// Everything in an unpacked block, in its order.
fn entries(raw: &Bytes) -> Option<Vec<Entry>> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    while at < raw.len() {
        let head = raw.get(at..at.checked_add(ENTRY_BYTES)?)?;
        let from = at + ENTRY_BYTES;
        let len = u32_at(head, 24);
        let end = from.checked_add(usize::try_from(len).ok()?)?;
        if end > raw.len() {
            return None;
        }
        found.push(Entry {
            slot: ShardSlot(u32_at(head, 0)),
            frame: FrameRef {
                first_index: u64_at(head, 8),
                count: u32_at(head, 4),
                arrived: Timestamp::from_millis(u64_at(head, 16)),
                position: 0,
                frame_len: 0,
                segment: 0,
                part_at: narrow(from),
                part_len: len,
            },
            part: raw.slice(from..end),
        });
        at = end;
    }
    Some(found)
}

/// Every part of an object whose block is right, whatever else is wrong with it; and whether anything was.
pub(crate) fn salvage(id: u64, bytes: &Bytes) -> (Vec<Entry>, bool) {
    let mut found = Vec::new();
    let foot = bytes.len().checked_sub(FOOT_BYTES);
    let foot = foot.and_then(|at| index_range(&bytes[at..], bytes.len() as u64));
    let until = foot
        .as_ref()
        .and_then(|range| usize::try_from(range.start).ok());
    let (mut at, mut whole) = (HEAD_BYTES, foot.is_some());
    let until = until.unwrap_or(bytes.len());
    while at + BLOCK_HEAD_BYTES <= until {
        let here = bytes.slice(at..);
        let right = unpack(id, at as u64, &here).and_then(|raw| entries(&raw));
        match (right, claimed_len(&here)) {
            (Some(entries), Some(len)) => {
                found.extend(entries);
                at += len;
            }
            // The next block is looked for byte by byte.
            (_, _) => {
                whole = false;
                at += 1;
            }
        }
    }
    (found, whole && at == until)
}

#[cfg(test)]
mod tests;
