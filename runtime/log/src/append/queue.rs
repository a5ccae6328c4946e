//! Placing: the moment at which a commit gets its numbers and its place, under one short lock. Pure but for the lock.
//!
//! What is placed waits in order for the committer. Encoding and checksums of the large parts happened before, on the
//! caller's task; only heads and the producer's answer are made here, because they hold the numbers.

mod counters;
mod encoded;
mod placing;
mod segments;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;
use model::{FencingToken, LeaseSlot, ShardSlot, Timestamp};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Log,
    append::{durability::Durability, producers::Producers},
    archive::Object,
    errors::Stopped,
    layout::{
        frame::{Head, Header},
        segment::Segment,
    },
    read::{index::Shard, tail::Tail},
    shared::Claim,
    view::overlay::Overlay,
};

pub(crate) use counters::{begins_write, counter_key, counter_write};
pub(crate) use encoded::encode;

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

    /// The shard stays readable.
    fn close(&mut self, slot: ShardSlot) {
        if let Some(shard) = self.shards.get_mut(&slot) {
            shard.counter = None;
        }
    }
}

pub(crate) fn slot_of(head: &Head) -> ShardSlot {
    ShardSlot(u32::try_from(head.target).unwrap_or(u32::MAX))
}
