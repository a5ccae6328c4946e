//! The durable log: every record and every coordination key goes through one segmented file log, acknowledged by
//! group commit.
//!
//! In come commits (records of any shards, view writes, guards); out come assigned indexes, durable records and the
//! current value of every key. Nothing of a commit lives outside its frame. The first failed write or sync stops the
//! log for good; opening it again reads what the disk really holds.
//!
//! The rooms, in the order in which a record meets them: `layout` is what lies on the disk, `open` reads it at a start, `append`
//! is the way of a commit, `view` keeps the newest value of every key, `read` is the way back, `clean` is the part that works
//! in the background (indexes of full segments, what still lives in old ones, spares), `archive` takes what is kept for longer.
//! `shared` joins them; `stopped` works on a folder that nobody has open, `backup` on one that somebody has.

mod append;
pub mod archive;
pub mod backup;
mod clean;
mod encryption;
pub mod errors;
mod layout;
pub mod limits;
mod open;
pub mod read;
mod shared;
pub mod stopped;
mod view;

#[cfg(test)]
mod tests;

use std::{
    future::Future,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use model::{FencingToken, LogPosition, ShardSlot, Timestamp};
use platform::watch;

use append::queue;
use open::Held;
use read::index;
use shared::Shared;
use view::ViewFailed;

pub use append::commit::{Append, Assigned, Commit, Placed, ProducerMark};
pub use append::durability::Durability;
pub use archive::{ArchiveSettings, Store, folder::Folder};
pub use encryption::cipher;
pub use errors::{OpenError, ReadError, Refused, Stopped};
pub use layout::format::FORMAT;
pub use read::index::Counted;
pub use read::{Chunk, Cursor, ReadLimit, StoredRecord};

/// What may be chosen about a log.
#[derive(Debug, Clone)]
pub struct Settings {
    pub segment_bytes: u64,
    pub view: ViewKind,
    /// Of everything that no shard decides otherwise.
    pub durability: Durability,
    pub archive: ArchiveSettings,
}

/// Where the current values of coordination keys are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    Sled,
    /// For simulation: two files of the platform's disk.
    File,
    /// Rebuilt from the log at every start.
    Memory,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            view: ViewKind::Sled,
            durability: Durability::Sync,
            archive: ArchiveSettings::default(),
        }
    }
}

/// A look at the log from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStatus {
    pub durable: LogPosition,
    pub placed: LogPosition,
    pub segments: usize,
    pub bytes: u64,
    /// Objects of the archive, and their bytes.
    pub archived_objects: usize,
    pub archived_bytes: u64,
    /// Why records that are due stay in the log, until the archive takes them.
    pub archive_refused: Option<String>,
    /// Group commits made durable since the start.
    pub syncs: u64,
    pub poisoned: Option<String>,
    pub recovered: Recovered,
}

/// What opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    pub frames: u64,
    pub clean: bool,
    /// An unfinished last write was left behind in its segment.
    pub torn_tail: bool,
    pub view_rebuilt: bool,
}

/// A cheap handle. The last one to go abandons whatever is not yet durable; `stop` does not.
#[derive(Debug, Clone)]
pub struct Log {
    shared: Arc<Shared>,
    held: Arc<Mutex<Held>>,
    recovered: Recovered,
}

impl Log {
    /// Resolves once placed: numbered and readable through `get` and `scan`, not yet durable. Waits while too much is
    /// on its way to the disk.
    pub async fn place(&self, commit: Commit) -> Result<Placed, Refused> {
        if let Some(mark) = &commit.producer
            && mark.id.len() > limits::PRODUCER_ID_BYTES_MAX
        {
            let (bytes, max) = (mark.id.len(), limits::PRODUCER_ID_BYTES_MAX);
            return Err(Refused::TooLarge { bytes, max });
        }
        let encoded = queue::encode(commit, &self.shared.keyring)?;
        let room = u32::try_from(encoded.bytes()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.shared.room).acquire_many_owned(room).await;
        let wall = self.shared.platform.clock.wall();
        let placed = self.shared.state().place(encoded, wall, room.ok());
        self.shared.placed.notify_one();
        if matches!(placed, Err(Refused::Full)) {
            self.shared.look_for_room().await;
        }
        placed
    }

    /// Resolves once everything up to `at` is as durable as was chosen for it.
    pub async fn durable(&self, at: LogPosition) -> Result<(), Stopped> {
        self.shared.durable(at.0).await
    }

    /// Resolves once everything that is placed by now is visible, with a moment: what is placed later arrives no earlier
    /// than that. Writes nothing.
    pub async fn arrivals(&self) -> Result<Timestamp, Stopped> {
        let wall = self.shared.platform.clock.wall();
        let (at, arrived) = {
            let mut state = self.shared.state();
            state.arrived = state.arrived.max(wall);
            (state.next, state.arrived)
        };
        self.shared.durable(at).await?;
        Ok(arrived)
    }

    /// Above every token ever granted and every token given out since the start.
    #[must_use]
    pub fn next_fencing_token(&self) -> FencingToken {
        let mut state = self.shared.state();
        state.newest_token = FencingToken(state.newest_token.0 + 1);
        state.newest_token
    }

    /// Declares a shard before its first use. Its indexes come from `counter` and are at least `floor`.
    pub fn open_shard(&self, slot: ShardSlot, counter: u32, floor: u64) {
        let mut state = self.shared.state();
        let unseen = state.counters.get(&limits::COUNTERS_UNSEEN).copied();
        let begins = floor + unseen.unwrap_or_default();
        let next = state.counters.entry(counter).or_insert(begins);
        *next = (*next).max(floor);
        let shard = state.shards.entry(slot).or_insert_with(index::Shard::new);
        shard.counter = Some(counter);
        shard.end = shard.end.max(floor);
        shard.tail.send_replace(shard.end);
    }

    /// Records of this shard are acknowledged as `durability` says, or as the log's settings say. A commit with several
    /// parts follows the strictest of them.
    pub fn set_durability(&self, slot: ShardSlot, durability: Option<Durability>) {
        if let Some(shard) = self.shared.state().shards.get_mut(&slot) {
            shard.durability = durability;
        }
    }

    /// How long the caller keeps the records of a shard: what outlives its segment is archived with what expires on the
    /// same day.
    pub fn set_retention(&self, slot: ShardSlot, retention: Duration) {
        if let Some(shard) = self.shared.state().shards.get_mut(&slot) {
            shard.retention = retention;
        }
    }

    /// Forgets a shard of a deleted stream with all its records. Its slot is never used again.
    pub fn drop_shard(&self, slot: ShardSlot) {
        let mut state = self.shared.state();
        if let Some(mut shard) = state.shards.remove(&slot) {
            state.release(shard.release_all());
        }
        drop(state);
        self.encrypt_shard(slot, None);
        self.shared.applied.notify_one();
    }

    pub fn read(
        &self,
        slot: ShardSlot,
        from: Cursor,
        limit: ReadLimit,
    ) -> impl Future<Output = Result<Chunk, ReadError>> + Send + '_ {
        read::read(&self.shared, slot, from, limit)
    }

    /// The index of the last visible record + 1, and every change of it. Closed once the shard is dropped or the log
    /// stops, and from the start where a shard is not open.
    #[must_use]
    pub fn tail(&self, slot: ShardSlot) -> watch::Receiver<u64> {
        let state = self.shared.state();
        let shard = state.shards.get(&slot).filter(|_| state.claim.is_some());
        let closed = || watch::Sender::new(0).subscribe();
        shard.map_or_else(closed, |shard| shard.tail.subscribe())
    }

    /// The first index that is still visible; `end_index` where nothing is.
    #[must_use]
    pub fn oldest_index(&self, slot: ShardSlot) -> u64 {
        self.index_at_time(slot, Timestamp::from_millis(0))
    }

    #[must_use]
    pub fn end_index(&self, slot: ShardSlot) -> u64 {
        self.shared
            .state()
            .shards
            .get(&slot)
            .map_or(0, |shard| shard.end)
    }

    /// The first visible record that arrived at `time` or later; `end_index` where there is none.
    #[must_use]
    pub fn index_at_time(&self, slot: ShardSlot, time: Timestamp) -> u64 {
        read::index_at_time(&self.shared, slot, time)
    }

    /// What the visible records of these indexes come to, walking over the entries of the range; a sealed segment's are
    /// read only where it is not whole in it.
    #[must_use]
    pub fn count(&self, slot: ShardSlot, range: Range<u64>) -> Counted {
        read::count(&self.shared, slot, &range)
    }

    /// Hides records that arrived before `before`. Their space is freed in the background, a segment at a time; a restart
    /// shows what is not freed yet until it is trimmed again.
    pub fn trim(&self, slot: ShardSlot, before: Timestamp) {
        let mut state = self.shared.state();
        if let Some(shard) = state.shards.get_mut(&slot) {
            let released = shard.trim(before);
            state.release(released);
        }
        drop(state);
        self.shared.applied.notify_one();
    }

    /// The newest placed value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Stopped> {
        let (claim, over) = {
            let state = self.shared.state();
            (state.claim()?, state.overlay.get(key).cloned())
        };
        let entry = match over {
            Some(entry) => Some(entry),
            None => self.viewed(claim.view.get(key))?,
        };
        Ok(entry.and_then(|entry| entry.value))
    }

    /// Keys with this prefix behind `after`, in order, at most `limit`.
    pub fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, Stopped> {
        let (claim, over) = {
            let state = self.shared.state();
            (state.claim()?, state.overlay.range(prefix, after))
        };
        // Each overlay entry can hide at most one entry below it.
        let enough = limit.saturating_add(over.len());
        let below = self.viewed(claim.view.scan(prefix, after, enough))?;
        Ok(view::overlay::merge(over, below, limit))
    }

    #[must_use]
    pub fn status(&self) -> LogStatus {
        let state = self.shared.state();
        let begins = state
            .segments
            .keys()
            .next()
            .copied()
            .unwrap_or(state.durable);
        LogStatus {
            durable: LogPosition(state.durable),
            placed: LogPosition(state.next),
            segments: state.segments.len(),
            bytes: state.durable.saturating_sub(begins),
            archived_objects: state.objects.len(),
            archived_bytes: state.objects.values().map(|object| object.bytes).sum(),
            archive_refused: state.archive_refused.clone(),
            syncs: state.syncs,
            poisoned: state.stopped.clone(),
            recovered: self.recovered,
        }
    }

    /// A view that cannot be read stops the log: opening it again builds a new one.
    fn viewed<T>(&self, read: Result<T, ViewFailed>) -> Result<T, Stopped> {
        read.map_err(|failure| {
            self.shared.poison(&failure.to_string());
            Stopped(failure.to_string())
        })
    }
}
