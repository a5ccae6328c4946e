//! The frame: one commit on disk, under two checksums. Here it is only laid out and recognised, never read or written.
//!
//! ```text
//! header  64 bytes: magic u16, version u8, kind u8, len u32 (heads and bodies), body_crc u32, header_crc u32,
//!                   reserved u32, parts u32, position u64, arrived u64, commit u64, previous u64, codec u8, flags u8,
//!                   reserved u16, key_id u32
//! heads   32 bytes a part: kind u8, 3 reserved, counter u32, target u64, first index u64, count u32, len u32
//! bodies  one after another; then zeroes up to a multiple of 8
//! ```
//!
//! A part of no records is filling: zeroes up to the end of a page.
//!
//! The header checksum covers the heads too and is seeded with salt and file offset, so that neither a stale frame of
//! an older use nor a misplaced write is ever taken for a frame. Numbers are little-endian.

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

use crate::limits::PAGE_BYTES;

pub(crate) const HEADER_BYTES: usize = 64;
pub(crate) const HEAD_BYTES: usize = 32;
const MAGIC: u16 = 0x5D4D;
const VERSION: u8 = 1;
const KIND_TRANSACTION: u8 = 2;

/// What a part holds; the numbers never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum PartKind {
    Records = 1,
    Writes = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub kind: PartKind,
    /// Which counter gave the indexes; 0 for writes.
    pub counter: u32,
    /// The shard slot; 0 for writes.
    pub target: u64,
    pub first_index: u64,
    pub count: u32,
    pub len: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where the frame begins in the whole log.
    pub position: u64,
    pub arrived_ms: u64,
    /// Position of the first frame of the same group, and of the group before it.
    pub commit: u64,
    pub previous: u64,
    pub body_crc: u32,
    pub body_len: usize,
    pub heads: Vec<Head>,
}

/// Where and in which use of a file a frame stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal {
    pub salt: u64,
    pub offset: u64,
}

pub(crate) fn crc() -> Digest {
    Digest::new(CrcAlgorithm::Crc32Iscsi)
}

pub(crate) fn crc_value(digest: &Digest) -> u32 {
    u32::try_from(digest.finalize()).unwrap_or(u32::MAX)
}

pub(crate) fn crc_of(bytes: &[u8]) -> u32 {
    let mut digest = crc();
    digest.update(bytes);
    crc_value(&digest)
}

/// Length on disk of a frame with this many parts and bytes of bodies.
pub(crate) fn disk_len(parts: usize, body_len: usize) -> u64 {
    (HEADER_BYTES + parts * HEAD_BYTES + body_len).next_multiple_of(8) as u64
}

/// So many zeroes, at most a page of them.
pub(crate) fn zeroes(len: u64) -> Bytes {
    static PAGE: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
    let len = usize::try_from(len).unwrap_or(PAGE_BYTES);
    Bytes::from_static(&PAGE).slice(..len.min(PAGE_BYTES))
}

/// Whether 8 bytes begin as a frame does; says nothing about its checksums.
pub(crate) fn looks_like_frame(start: &[u8]) -> bool {
    start[..2] == MAGIC.to_le_bytes() && start[2..4] == [VERSION, KIND_TRANSACTION]
}

/// How long the frame at the beginning of `bytes` says it is, before anything is checked.
pub(crate) fn claimed_len(bytes: &[u8]) -> Option<usize> {
    let fixed = bytes.get(..HEADER_BYTES)?;
    let rest = usize::try_from(u32_at(fixed, 4)).ok()?;
    looks_like_frame(fixed).then_some(HEADER_BYTES.checked_add(rest)?)
}

impl Header {
    pub(crate) fn disk_len(&self) -> u64 {
        disk_len(self.heads.len(), self.body_len)
    }

    pub(crate) fn end(&self) -> u64 {
        self.position + self.disk_len()
    }

    /// Header and heads as they stand on disk.
    pub(crate) fn encode(&self, seal: Seal) -> Vec<u8> {
        let heads_len = self.heads.len() * HEAD_BYTES;
        let mut out = Vec::with_capacity(HEADER_BYTES + heads_len);
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&[VERSION, KIND_TRANSACTION]);
        out.extend_from_slice(&narrow(heads_len + self.body_len).to_le_bytes());
        out.extend_from_slice(&self.body_crc.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&narrow(self.heads.len()).to_le_bytes());
        for number in [self.position, self.arrived_ms, self.commit, self.previous] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&[0; 8]);
        for head in &self.heads {
            out.extend_from_slice(&[head.kind as u8, 0, 0, 0]);
            out.extend_from_slice(&head.counter.to_le_bytes());
            out.extend_from_slice(&head.target.to_le_bytes());
            out.extend_from_slice(&head.first_index.to_le_bytes());
            out.extend_from_slice(&head.count.to_le_bytes());
            out.extend_from_slice(&head.len.to_le_bytes());
        }
        let checksum = sealed_crc(&out, seal);
        out[12..16].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// The header and heads at the beginning of `bytes`, or `None` where there is no valid frame of this seal.
    pub(crate) fn decode(bytes: &[u8], seal: Seal) -> Option<Self> {
        let fixed = bytes.get(..HEADER_BYTES)?;
        if !looks_like_frame(fixed) {
            return None;
        }
        let len = usize::try_from(u32_at(fixed, 4)).ok()?;
        let heads_len = usize::try_from(u32_at(fixed, 20))
            .ok()?
            .checked_mul(HEAD_BYTES)?;
        let whole = bytes.get(..HEADER_BYTES.checked_add(heads_len)?)?;
        if heads_len > len || sealed_crc(whole, seal) != u32_at(fixed, 12) {
            return None;
        }
        let heads: Option<Vec<Head>> = whole[HEADER_BYTES..]
            .chunks_exact(HEAD_BYTES)
            .map(decode_head)
            .collect();
        let header = Self {
            position: u64_at(fixed, 24),
            arrived_ms: u64_at(fixed, 32),
            commit: u64_at(fixed, 40),
            previous: u64_at(fixed, 48),
            body_crc: u32_at(fixed, 8),
            body_len: len - heads_len,
            heads: heads?,
        };
        let bodies: u64 = header.heads.iter().map(|head| u64::from(head.len)).sum();
        (bodies == header.body_len as u64).then_some(header)
    }
}

fn decode_head(bytes: &[u8]) -> Option<Head> {
    let kind = match bytes[0] {
        1 => PartKind::Records,
        2 => PartKind::Writes,
        _ => return None,
    };
    Some(Head {
        kind,
        counter: u32_at(bytes, 4),
        target: u64_at(bytes, 8),
        first_index: u64_at(bytes, 16),
        count: u32_at(bytes, 24),
        len: u32_at(bytes, 28),
    })
}

/// The checksum field itself counts as zero.
fn sealed_crc(bytes: &[u8], seal: Seal) -> u32 {
    let mut digest = crc();
    digest.update(&(seal.salt ^ seal.offset).to_le_bytes());
    digest.update(&bytes[..12]);
    digest.update(&[0; 4]);
    digest.update(&bytes[16..]);
    crc_value(&digest)
}

/// Lengths are bounded by `limits::TRANSACTION_BYTES_MAX` before they get here.
pub(crate) fn narrow(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut raw = [0; 4];
    raw.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(raw)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut raw = [0; 8];
    raw.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_valid_only_where_it_was_written() {
        let header = Header {
            position: 8,
            arrived_ms: 5,
            commit: 8,
            previous: 0,
            body_crc: 7,
            body_len: 3,
            heads: vec![Head {
                kind: PartKind::Records,
                counter: 1,
                target: 9,
                first_index: 4,
                count: 1,
                len: 3,
            }],
        };
        let seal = Seal {
            salt: 1,
            offset: 4096,
        };
        let bytes = header.encode(seal);
        assert_eq!(Header::decode(&bytes, seal), Some(header));
        for other in [
            Seal {
                salt: 2,
                offset: 4096,
            },
            Seal {
                salt: 1,
                offset: 8192,
            },
        ] {
            assert_eq!(Header::decode(&bytes, other), None);
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped, seal), None, "bit {bit}");
        }
    }
}
