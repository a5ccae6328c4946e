//! Gives a commit its numbers and its place, or refuses it and changes nothing.
//!
//! In: a commit whose bytes are ready, and the time. Out: where it is, once the committer has written it.

use bytes::{Bytes, BytesMut};
use model::{Expected, LogPosition, Timestamp, invariants};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    State, Waiting,
    encoded::{Encoded, put_writes},
    slot_of,
};
use crate::{
    append::{
        commit::{Assigned, Placed, ProducerMark},
        durability::Durability,
        producers::Seen,
    },
    errors::{Refused, Stopped},
    layout::{
        encode,
        frame::{self, Head, Header, PartKind, narrow},
        segment::SEGMENT_HEADER_BYTES,
    },
    limits::{FILLING_SHARE, PAGE_BYTES},
};

impl State {
    /// Gives numbers and a place, or refuses and changes nothing.
    pub(crate) fn place(
        &mut self,
        mut encoded: Encoded,
        wall: Timestamp,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Placed, Refused> {
        if let Some(reason) = &self.stopped {
            return Err(Refused::Stopped(reason.clone()));
        }
        if self.stopping {
            return Err(Refused::Stopped("asked to stop".to_owned()));
        }
        self.check_tokens(&encoded)?;
        self.check_expected(&encoded.expects)?;
        if let Some(mark) = &encoded.producer {
            match self.producers.seen(mark) {
                Seen::New => {}
                Seen::Repeat(placed) => return Ok(placed),
                Seen::Stale { last } => return Err(Refused::StaleProducer { last }),
            }
        }
        let has_records = encoded
            .heads
            .iter()
            .any(|head| head.kind == PartKind::Records);
        if has_records && self.full {
            return Err(Refused::Full);
        }
        self.check_shards(&encoded)?;
        let arrived = self.arrived.max(wall);
        let appends = self.assign(&mut encoded.heads, arrived);
        let mut placed = Placed {
            at: LogPosition(self.next),
            appends,
            repeated: false,
        };
        if encoded.heads.is_empty() && encoded.producer.is_none() {
            return Ok(placed);
        }
        self.arrived = arrived;
        let last = match encoded.producer.take() {
            Some(mark) => self.answer(&mut encoded, mark, &mut placed),
            None => self.filling(&mut encoded),
        };
        for slot in &encoded.closes {
            self.close(*slot);
        }
        for grant in &encoded.grants {
            self.fences.insert(grant.slot, grant.token);
            self.newest_token = self.newest_token.max(grant.token);
        }
        self.enqueue(encoded, last, room);
        placed.at = LogPosition(self.next);
        Ok(placed)
    }

    fn check_tokens(&self, encoded: &Encoded) -> Result<(), Refused> {
        let newest = |slot| self.fences.get(&slot).copied().unwrap_or_default();
        for guard in &encoded.guards {
            let current = newest(guard.slot);
            if !invariants::token_is_current(guard.token, current) {
                return Err(Refused::Fenced { current });
            }
        }
        for grant in &encoded.grants {
            let current = newest(grant.slot);
            if grant.token <= current {
                return Err(Refused::Fenced { current });
            }
        }
        Ok(())
    }

    fn check_expected(&self, expects: &[Expected]) -> Result<(), Refused> {
        for Expected { key, value } in expects {
            let entry = match self.overlay.get(key) {
                Some(entry) => Some(entry.clone()),
                None => {
                    let view = self.claim().map(|claim| claim.view.get(key));
                    let view = view.map_err(|Stopped(reason)| Refused::Stopped(reason))?;
                    view.map_err(|failure| Refused::Stopped(failure.to_string()))?
                }
            };
            if entry.and_then(|entry| entry.value) != *value {
                return Err(Refused::Changed);
            }
        }
        Ok(())
    }

    fn check_shards(&self, encoded: &Encoded) -> Result<(), Refused> {
        let records = encoded
            .heads
            .iter()
            .filter(|head| head.kind == PartKind::Records);
        for slot in records.map(slot_of).chain(encoded.closes.iter().copied()) {
            let shard = self.shards.get(&slot);
            if shard.is_none_or(|shard| shard.counter.is_none()) {
                return Err(Refused::NoSuchShard(slot));
            }
        }
        Ok(())
    }

    fn assign(&mut self, heads: &mut [Head], arrived: Timestamp) -> Vec<Assigned> {
        let mut appends = Vec::new();
        for head in heads
            .iter_mut()
            .filter(|head| head.kind == PartKind::Records)
        {
            let slot = slot_of(head);
            head.counter = self
                .shards
                .get(&slot)
                .and_then(|shard| shard.counter)
                .unwrap_or_default();
            let next = self.counters.entry(head.counter).or_default();
            head.first_index = *next;
            *next += u64::from(head.count);
            appends.push(Assigned {
                slot,
                first_index: head.first_index,
                arrived,
                count: head.count,
            });
        }
        appends
    }

    /// Adds the answer to a producer as a last part, and completes `placed` as it stands there.
    fn answer(&mut self, encoded: &mut Encoded, mark: ProducerMark, placed: &mut Placed) -> Bytes {
        // The answer holds the end of a frame that holds the answer; its length does not depend on its numbers.
        let draft = self.producers.writes(&mark, placed);
        let len: usize = draft.iter().map(encode::write_len).sum();
        let end = self.next + frame::disk_len(encoded.heads.len() + 1, encoded.bodies.len() + len);
        placed.at = LogPosition(end);
        let writes = self.producers.writes(&mark, placed);
        let mut answer = BytesMut::with_capacity(len);
        encoded.heads.extend(put_writes(&mut answer, &writes));
        encoded.digest.update(&answer);
        encoded.writes.extend(writes);
        self.producers.remember(mark, placed.clone());
        answer.freeze()
    }

    /// Fills the last page of a frame of records where that costs little, so that a page that is synced is not written
    /// again with the next frame.
    fn filling(&self, encoded: &mut Encoded) -> Bytes {
        let records = |head: &&Head| head.kind == PartKind::Records;
        let Some(head) = encoded.heads.iter().rfind(records) else {
            return Bytes::new();
        };
        let len = frame::disk_len(encoded.heads.len() + 1, encoded.bodies.len());
        let end = self.offset_for(len) + len;
        let fill = end.next_multiple_of(PAGE_BYTES as u64) - end;
        if fill * FILLING_SHARE > len {
            return Bytes::new();
        }
        let filling = frame::zeroes(fill);
        encoded.heads.push(Head {
            first_index: head.first_index,
            count: 0,
            len: narrow(filling.len()),
            ..*head
        });
        encoded.digest.update(&filling);
        filling
    }

    /// Where in its segment a frame of this length goes.
    fn offset_for(&self, len: u64) -> u64 {
        if self.room < len {
            SEGMENT_HEADER_BYTES
        } else {
            self.segment_bytes - self.room
        }
    }

    fn durability_of(&self, encoded: &Encoded) -> Durability {
        if encoded.urgent {
            return Durability::Sync;
        }
        let parts = encoded.heads.iter().map(|head| match head.kind {
            PartKind::Writes => self.durability,
            PartKind::Records => {
                let shard = self.shards.get(&slot_of(head));
                let chosen = shard.and_then(|shard| shard.durability);
                chosen.unwrap_or(self.durability)
            }
        });
        parts.reduce(Durability::strictest).unwrap_or_default()
    }

    fn enqueue(&mut self, encoded: Encoded, last: Bytes, room: Option<OwnedSemaphorePermit>) {
        let durability = self.durability_of(&encoded);
        let header = Header {
            position: self.next,
            arrived_ms: self.arrived.as_millis(),
            commit: 0,
            previous: 0,
            body_crc: frame::crc_value(&encoded.digest),
            body_len: encoded.bodies.len() + last.len(),
            heads: encoded.heads,
        };
        let len = header.disk_len();
        let new_segment = self.room < len;
        if new_segment {
            self.room = self.segment_bytes.saturating_sub(SEGMENT_HEADER_BYTES);
        }
        self.room = self.room.saturating_sub(len);
        if !encoded.writes.is_empty() {
            self.overlay
                .add(header.position, header.end(), encoded.writes);
        }
        self.next = header.end();
        self.waiting.push_back(Waiting {
            header,
            bodies: encoded.bodies,
            last,
            new_segment,
            durability,
            _room: room,
        });
    }
}
