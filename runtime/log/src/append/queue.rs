//! Placing: the moment at which a commit gets its numbers and its place, under one short lock. Pure but for the lock.
//!
//! What is placed waits in order for the committer. Encoding and checksums of the large parts happened before, on the
//! caller's task; only heads and the producer's answer are made here, because they hold the numbers.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use crc_fast::Digest;
use model::{
    Expected, FencingToken, Guard, LeaseSlot, LogPosition, ShardSlot, Timestamp, ViewWrite,
    invariants, keys,
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Log,
    append::{
        commit::{Assigned, Commit, Placed, ProducerMark},
        durability::Durability,
        producers::{Producers, Seen},
    },
    archive::{Home, Object, is_object},
    encryption::keyring::Keyring,
    errors::{Refused, Stopped},
    layout::{
        encode,
        frame::{self, Head, Header, PartKind, narrow},
        sealed::Run,
        segment::{SEGMENT_HEADER_BYTES, Segment},
    },
    limits::{FILLING_SHARE, LOG_BEGINS, PAGE_BYTES, RESERVED_SEGMENTS, TRANSACTION_BYTES_MAX},
    read::{
        index::{Released, Shard},
        tail::Tail,
    },
    shared::Claim,
    view::overlay::Overlay,
};

/// A commit whose bytes are ready.
#[derive(Debug)]
pub(crate) struct Encoded {
    guards: Vec<Guard>,
    expects: Vec<Expected>,
    grants: Vec<Guard>,
    closes: Vec<ShardSlot>,
    producer: Option<ProducerMark>,
    writes: Vec<ViewWrite>,
    heads: Vec<Head>,
    bodies: Bytes,
    digest: Digest,
    /// Must be synced whatever else was chosen.
    urgent: bool,
}

/// A frame on its way to the disk. Its `commit` and `previous` are set by the committer.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub header: Header,
    pub bodies: Bytes,
    /// The last part: a producer's answer, or filling.
    pub last: Bytes,
    pub new_segment: bool,
    pub durability: Durability,
    pub _room: Option<OwnedSemaphorePermit>,
}

/// Everything that the log knows, owned by one lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub next: u64,
    /// Acknowledged, and visible to readers, up to here.
    pub durable: u64,
    /// Synced up to here; the view never holds more.
    pub synced: u64,
    pub durability: Durability,
    /// Bytes left in the segment that is being filled.
    pub room: u64,
    pub segment_bytes: u64,
    pub arrived: Timestamp,
    pub counters: BTreeMap<u32, u64>,
    pub shards: BTreeMap<ShardSlot, Shard>,
    pub fences: BTreeMap<LeaseSlot, FencingToken>,
    pub newest_token: FencingToken,
    pub producers: Producers,
    pub overlay: Overlay,
    pub waiting: VecDeque<Waiting>,
    pub tail: Tail,
    pub segments: BTreeMap<u64, Arc<Segment>>,
    /// The last group of each segment that is full.
    pub last_commits: BTreeMap<u64, u64>,
    /// Segments whose frames are in an index file.
    pub sealed: BTreeSet<u64>,
    /// When the last record of each sealed segment arrived.
    pub newest_in: BTreeMap<u64, Timestamp>,
    /// What is archived, and what is to be deleted there: whether it lies elsewhere.
    pub objects: BTreeMap<u64, Arc<Object>>,
    pub strays: BTreeMap<u64, bool>,
    /// Why what is due does not move.
    pub archive_refused: Option<String>,
    /// Files that can become segments without new space.
    pub spares: Vec<PathBuf>,
    /// Frames with unexpired records, by segment and by object.
    pub live: BTreeMap<u64, u64>,
    /// No space for puts; everything else still goes through.
    pub full: bool,
    pub stopping: bool,
    pub stopped: Option<String>,
    /// There from the start until the log stops.
    pub claim: Option<Arc<Claim>>,
    pub syncs: u64,
}

pub(crate) fn encode(commit: Commit, keyring: &Keyring) -> Result<Encoded, Refused> {
    let mut writes = commit.writes;
    writes.extend(commit.grants.iter().map(|grant| ViewWrite {
        key: keys::fence(grant.slot),
        value: Some(Bytes::copy_from_slice(&grant.token.0.to_be_bytes())),
    }));
    let appends = commit.appends.iter().flat_map(|append| &append.records);
    let bytes = appends.map(encode::record_len).sum::<usize>()
        + writes.iter().map(encode::write_len).sum::<usize>();
    if bytes > TRANSACTION_BYTES_MAX {
        let max = TRANSACTION_BYTES_MAX;
        return Err(Refused::TooLarge { bytes, max });
    }
    let mut bodies = BytesMut::with_capacity(bytes);
    let mut heads = Vec::with_capacity(commit.appends.len() + 2);
    for append in &commit.appends {
        let before = bodies.len();
        keyring.put_records(&mut bodies, append)?;
        heads.push(Head {
            kind: PartKind::Records,
            counter: 0,
            target: u64::from(append.slot.0),
            first_index: 0,
            count: narrow(append.records.len()),
            len: narrow(bodies.len() - before),
        });
    }
    heads.extend(put_writes(&mut bodies, &writes));
    let mut digest = frame::crc();
    digest.update(&bodies);
    Ok(Encoded {
        guards: commit.guards,
        expects: commit.expects,
        grants: commit.grants,
        closes: commit.closes,
        producer: commit.producer,
        writes,
        heads,
        bodies: bodies.freeze(),
        digest,
        urgent: false,
    })
}

fn put_writes(bodies: &mut BytesMut, writes: &[ViewWrite]) -> Option<Head> {
    let before = bodies.len();
    for write in writes {
        encode::put_write(bodies, write);
    }
    (!writes.is_empty()).then(|| Head {
        kind: PartKind::Writes,
        counter: 0,
        target: 0,
        first_index: 0,
        count: narrow(writes.len()),
        len: narrow(bodies.len() - before),
    })
}

impl Encoded {
    pub(crate) fn bytes(&self) -> usize {
        self.bodies.len()
    }

    pub(crate) fn urgent(self) -> Self {
        Self {
            urgent: true,
            ..self
        }
    }
}

impl Log {
    /// Declares that a shard takes no more records, as a commit of an earlier run said.
    pub fn close_shard(&self, slot: ShardSlot) {
        self.shared.state().close(slot);
    }
}

impl State {
    /// The right to answer from memory and view; a stopped log may hold what never became durable.
    pub(crate) fn claim(&self) -> Result<Arc<Claim>, Stopped> {
        let reason = || Stopped(self.stopped.clone().unwrap_or_default());
        self.claim.clone().ok_or_else(reason)
    }

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

    /// The shard stays readable.
    fn close(&mut self, slot: ShardSlot) {
        if let Some(shard) = self.shards.get_mut(&slot) {
            shard.counter = None;
        }
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

    /// A segment without readable frames can go.
    pub(crate) fn release(&mut self, released: impl IntoIterator<Item = Released>) {
        for released in released {
            if let Some(live) = self.live.get_mut(&released.segment) {
                *live = live.saturating_sub(released.frames);
            }
        }
    }

    /// A file for the next segment: one that is not of the reserve, unless it is the reserve's time.
    pub(crate) fn take_spare(&mut self) -> Option<PathBuf> {
        let free_to_take = self.full || self.spares.len() > RESERVED_SEGMENTS;
        free_to_take.then(|| self.spares.pop()).flatten()
    }

    /// Nothing reads a segment any more.
    pub(crate) fn forget_segment(&mut self, base: u64) {
        self.segments.remove(&base);
        self.live.remove(&base);
        self.last_commits.remove(&base);
        self.sealed.remove(&base);
        self.newest_in.remove(&base);
    }

    /// Where the frames of a span are, unless it went meanwhile.
    pub(crate) fn home(&self, base: u64) -> Option<Home> {
        if is_object(base) {
            return self.objects.get(&base).cloned().map(Home::Object);
        }
        self.segments.get(&base).cloned().map(Home::Segment)
    }

    /// Notes how new a sealed segment's records are.
    pub(crate) fn note_newest(&mut self, base: u64, runs: &[Run]) {
        let newest = runs.iter().map(|run| run.last_arrived).max();
        self.newest_in.extend(newest.map(|newest| (base, newest)));
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

    /// Every counter as view writes.
    pub(crate) fn counter_writes(&self) -> Vec<ViewWrite> {
        let writes = self.counters.iter();
        writes
            .map(|(counter, next)| counter_write(*counter, *next))
            .collect()
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

pub(crate) fn slot_of(head: &Head) -> ShardSlot {
    ShardSlot(u32::try_from(head.target).unwrap_or(u32::MAX))
}

/// Nothing from this position on was ever removed.
pub(crate) fn begins_write(begins: u64) -> ViewWrite {
    counter_write(LOG_BEGINS, begins)
}

pub(crate) fn counter_write(counter: u32, next: u64) -> ViewWrite {
    ViewWrite {
        key: counter_key(counter),
        value: Some(Bytes::copy_from_slice(&next.to_be_bytes())),
    }
}

/// Where the view keeps a counter.
pub(crate) fn counter_key(counter: u32) -> Bytes {
    let mut key = keys::namespace(keys::Namespace::Counter).to_vec();
    key.extend_from_slice(&u64::from(counter).to_be_bytes());
    key.into()
}
