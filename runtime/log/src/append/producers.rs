//! The last request of each producer and its answer, so that a repeat gets the first answer and no second records.
//!
//! Each answer is a view entry in the frame of its request; so is the deletion of the one that makes room.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{LogPosition, ShardSlot, Timestamp, ViewWrite, keys};

use crate::{
    append::commit::{Assigned, Placed, ProducerMark},
    layout::frame::{u32_at, u64_at},
    limits::PRODUCERS_MAX,
};

const VERSION: u8 = 1;
const FIXED: usize = 17;
const EACH: usize = 24;

#[derive(Debug, Default)]
pub(crate) struct Producers {
    answers: BTreeMap<String, Answer>,
    by_use: BTreeMap<u64, String>,
    uses: u64,
}

#[derive(Debug, Clone)]
struct Answer {
    number: u64,
    placed: Placed,
    used: u64,
}

/// How a request compares with what the producer sent before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    New,
    Repeat(Placed),
    Stale { last: u64 },
}

impl Producers {
    pub(crate) fn seen(&self, mark: &ProducerMark) -> Seen {
        match self.answers.get(&mark.id) {
            Some(answer) if mark.number == answer.number => Seen::Repeat(Placed {
                repeated: true,
                ..answer.placed.clone()
            }),
            Some(answer) if mark.number < answer.number => Seen::Stale {
                last: answer.number,
            },
            Some(_) | None => Seen::New,
        }
    }

    /// What goes into the request's frame: its answer, and the deletion of the least recently used one if need be.
    pub(crate) fn writes(&self, mark: &ProducerMark, placed: &Placed) -> Vec<ViewWrite> {
        let mut writes = vec![ViewWrite {
            key: key(&mark.id),
            value: Some(encode(mark.number, placed)),
        }];
        if let Some(id) = self.evicted(&mark.id) {
            let value = None;
            writes.push(ViewWrite {
                key: key(id),
                value,
            });
        }
        writes
    }

    fn evicted(&self, newcomer: &str) -> Option<&String> {
        if self.answers.len() < PRODUCERS_MAX || self.answers.contains_key(newcomer) {
            return None;
        }
        self.by_use.values().next()
    }

    pub(crate) fn remember(&mut self, mark: ProducerMark, placed: Placed) {
        if let Some(id) = self.evicted(&mark.id).cloned()
            && let Some(gone) = self.answers.remove(&id)
        {
            self.by_use.remove(&gone.used);
        }
        self.uses += 1;
        let answer = Answer {
            number: mark.number,
            placed,
            used: self.uses,
        };
        self.by_use.insert(self.uses, mark.id.clone());
        if let Some(before) = self.answers.insert(mark.id, answer) {
            self.by_use.remove(&before.used);
        }
    }

    /// Takes a stored entry back in; callers bring them in log order. `None` where the bytes are not an answer.
    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let id = std::str::from_utf8(key.get(1..)?).ok()?.to_owned();
        let (number, placed) = decode(value)?;
        self.remember(ProducerMark { id, number }, placed);
        Some(())
    }
}

fn key(id: &str) -> Bytes {
    keys::named(keys::Namespace::Producer, id)
}

fn encode(number: u64, placed: &Placed) -> Bytes {
    let mut out = vec![VERSION];
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&placed.at.0.to_le_bytes());
    for assigned in &placed.appends {
        out.extend_from_slice(&assigned.slot.0.to_le_bytes());
        out.extend_from_slice(&assigned.count.to_le_bytes());
        out.extend_from_slice(&assigned.first_index.to_le_bytes());
        out.extend_from_slice(&assigned.arrived.as_millis().to_le_bytes());
    }
    out.into()
}

fn decode(value: &[u8]) -> Option<(u64, Placed)> {
    let fixed = value.get(..FIXED).filter(|fixed| fixed[0] == VERSION)?;
    let appends = value[FIXED..].chunks_exact(EACH).map(|each| Assigned {
        slot: ShardSlot(u32_at(each, 0)),
        count: u32_at(each, 4),
        first_index: u64_at(each, 8),
        arrived: Timestamp::from_millis(u64_at(each, 16)),
    });
    let placed = Placed {
        at: LogPosition(u64_at(fixed, 9)),
        appends: appends.collect(),
        repeated: false,
    };
    Some((u64_at(fixed, 1), placed))
}
