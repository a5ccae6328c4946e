//! Positions and tries as base64 of numbers, high bytes first: as JSON they would be several times as long. What does not
//! read to its end is refused as damaged.

use std::borrow::Cow;

use base64_simd::STANDARD;
use model::{FunctionVersion, Position, SequenceNumber};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::Try;
use crate::lanes::LaneId;

pub(super) mod positions {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        all: &[Position],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        packed(all, put_position, to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Position>, D::Error> {
        unpacked(from, position)
    }
}

pub(super) mod tries {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        all: &[Try],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        packed(all, put_try, to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Try>, D::Error> {
        unpacked(from, one_try)
    }
}

fn packed<T, S: Serializer>(
    all: &[T],
    put: impl Fn(&mut Vec<u8>, &T),
    to: S,
) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::new();
    all.iter().for_each(|one| put(&mut bytes, one));
    to.serialize_str(&STANDARD.encode_to_string(bytes))
}

fn unpacked<'de, T, D: Deserializer<'de>>(
    from: D,
    one: impl Fn(&mut &[u8]) -> Option<T>,
) -> Result<Vec<T>, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    let bytes = STANDARD.decode_to_vec(text.as_bytes());
    let bytes = bytes.map_err(D::Error::custom)?;
    let mut rest = bytes.as_slice();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let next = one(&mut rest);
        all.push(next.ok_or_else(|| D::Error::custom("what is packed is cut off"))?);
    }
    Ok(all)
}

fn put_position(bytes: &mut Vec<u8>, position: &Position) {
    let [high, middle, low] = position.sequence.0;
    for limb in [high, middle, low, position.sub_sequence] {
        bytes.extend_from_slice(&limb.to_be_bytes());
    }
}

fn position(bytes: &mut &[u8]) -> Option<Position> {
    Some(Position {
        sequence: SequenceNumber([long(bytes)?, long(bytes)?, long(bytes)?]),
        sub_sequence: long(bytes)?,
    })
}

const BLOCKED: u8 = 1;
const VERSIONED: u8 = 2;
/// Its lane has a number.
const NUMBERED: u8 = 4;
/// Its lane is a key.
const KEYED: u8 = 8;

fn put_try(bytes: &mut Vec<u8>, tried: &Try) {
    let number = tried.lane.map(|lane| u8::try_from(lane.0));
    let lane = match number {
        None => 0,
        Some(Ok(_)) => NUMBERED,
        Some(Err(_)) => KEYED,
    };
    let flag = |set: bool, flag| if set { flag } else { 0 };
    bytes.push(lane | flag(tried.blocked, BLOCKED) | flag(tried.version.is_some(), VERSIONED));
    match (tried.lane, number) {
        (Some(_), Some(Ok(number))) => bytes.push(number),
        (Some(lane), _) => bytes.extend_from_slice(&lane.0.to_be_bytes()),
        (None, _) => {}
    }
    put_position(bytes, &tried.first);
    put_position(bytes, &tried.last);
    let version = tried.version.map(|version| version.0);
    for number in [
        version,
        Some(tried.first_failed_ms),
        Some(tried.not_before_ms),
    ] {
        bytes.extend(number.map(u64::to_be_bytes).into_iter().flatten());
    }
    let records = u32::try_from(tried.records).unwrap_or(u32::MAX);
    for number in [tried.attempts, records] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
}

fn one_try(bytes: &mut &[u8]) -> Option<Try> {
    let [flags] = take::<1>(bytes)?;
    let has = |flag| flags & flag != 0;
    let lane = match (has(NUMBERED), has(KEYED)) {
        (true, _) => Some(u128::from(take::<1>(bytes)?[0])),
        (false, true) => Some(u128::from_be_bytes(take(bytes)?)),
        (false, false) => None,
    };
    let (first, last) = (position(bytes)?, position(bytes)?);
    let version = if has(VERSIONED) {
        Some(FunctionVersion(long(bytes)?))
    } else {
        None
    };
    Some(Try {
        first,
        last,
        lane: lane.map(LaneId),
        alone: false,
        version,
        blocked: has(BLOCKED),
        first_failed_ms: long(bytes)?,
        not_before_ms: long(bytes)?,
        attempts: u32::from_be_bytes(take(bytes)?),
        records: usize::try_from(u32::from_be_bytes(take(bytes)?)).ok()?,
        notes: Vec::new(),
    })
}

fn long(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_be_bytes)
}

fn take<const LEN: usize>(bytes: &mut &[u8]) -> Option<[u8; LEN]> {
    let (taken, rest) = bytes.split_first_chunk::<LEN>()?;
    *bytes = rest;
    Some(*taken)
}
