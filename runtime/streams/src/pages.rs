//! Pages that several readers of a shard have in common: read and decoded once, for all who come by soon.
//!
//! A shard with one reader keeps nothing. Where somebody reads behind somebody else, what any of them reads is kept for the
//! others until newer pages need the room; who is further behind than that reads by itself, and nobody waits for it. Where a
//! reader begins, what retention covers and where the tip is are not kept: those are looked up for each read.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{Record, Records, ShardSlot, seams::ReadLimit};
use tokio::sync::OnceCell;

use crate::{
    limits::{SHARED_PAGE_BYTES_MIN, SHARED_PAGES_BYTES_MAX},
    number::index_of,
};

/// Records of a shard, and the indexes where what was read begins and ends.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    pub(crate) records: Records,
    pub(crate) begins: u64,
    pub(crate) ends: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    shards: BTreeMap<ShardSlot, OfShard>,
    /// Kept pages of all shards, the oldest first: where each begins.
    order: VecDeque<(ShardSlot, u64)>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct OfShard {
    /// Up to where anybody has read.
    furthest: u64,
    /// Somebody reads behind somebody else.
    is_shared: bool,
    pages: BTreeMap<u64, Page>,
}

#[derive(Debug)]
struct Page {
    limit: ReadLimit,
    /// Empty while the first who wants it reads it.
    read: Arc<OnceCell<Stretch>>,
    /// What it takes, once it is kept.
    bytes: usize,
    was_used: bool,
}

enum Found {
    Kept(Stretch),
    /// To be read by the first who comes.
    Wanted(Arc<OnceCell<Stretch>>),
    Alone,
}

impl Pages {
    /// What lies at `start`, from memory or through `load`; of those who want the same at the same time one loads it.
    pub(crate) async fn read<E, F>(
        &self,
        slot: ShardSlot,
        start: u64,
        limit: ReadLimit,
        load: impl FnOnce() -> F,
    ) -> Result<Stretch, E>
    where
        F: Future<Output = Result<Stretch, E>>,
    {
        let found = self.held().find(slot, start, limit);
        match found {
            Found::Kept(stretch) => Ok(stretch.starting_at(start)),
            Found::Wanted(page) => {
                let read = page.get_or_try_init(load).await.cloned();
                let shed = self.held().settle(slot, start, &page, read.as_ref().ok());
                // Letting go of many records takes its time, so not under the lock.
                drop(shed);
                read
            }
            Found::Alone => {
                let read = load().await?;
                self.held().reach(slot, read.ends);
                Ok(read)
            }
        }
    }

    /// The shard is gone.
    pub(crate) fn forget(&self, slot: ShardSlot) {
        self.held().forget(slot);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn find(&mut self, slot: ShardSlot, start: u64, limit: ReadLimit) -> Found {
        let shard = self.shards.entry(slot).or_default();
        shard.is_shared |= start < shard.furthest;
        if !shard.is_shared {
            return Found::Alone;
        }
        if let Some((begins, page)) = shard.pages.range_mut(..=start).next_back() {
            match page.read.get() {
                Some(stretch) if page.limit == limit && start < stretch.ends => {
                    page.was_used = true;
                    return Found::Kept(stretch.clone());
                }
                None if page.limit == limit && *begins == start => {
                    return Found::Wanted(Arc::clone(&page.read));
                }
                Some(_) | None if *begins == start => return Found::Alone,
                Some(_) | None => {}
            }
        }
        let read = Arc::new(OnceCell::new());
        let page = Page {
            limit,
            read: Arc::clone(&read),
            bytes: 0,
            was_used: false,
        };
        shard.pages.insert(start, page);
        Found::Wanted(read)
    }

    fn reach(&mut self, slot: ShardSlot, end: u64) {
        if let Some(shard) = self.shards.get_mut(&slot) {
            shard.furthest = shard.furthest.max(end);
        }
    }

    /// Keeps a page that was read, unless it is too short to be worth it; what has to go for it.
    fn settle(
        &mut self,
        slot: ShardSlot,
        start: u64,
        page: &Arc<OnceCell<Stretch>>,
        read: Option<&Stretch>,
    ) -> Vec<Page> {
        let mut shed = Vec::new();
        let Some(shard) = self.shards.get_mut(&slot) else {
            return shed;
        };
        let known = shard.pages.get_mut(&start);
        let Some(known) = known.filter(|known| Arc::ptr_eq(&known.read, page)) else {
            return shed;
        };
        let bytes = read.map_or(0, |read| {
            shard.furthest = shard.furthest.max(read.ends);
            read.bytes()
        });
        if bytes < SHARED_PAGE_BYTES_MIN {
            shed.extend(shard.pages.remove(&start));
        } else if known.bytes == 0 {
            known.bytes = bytes;
            self.bytes += bytes;
            self.order.push_back((slot, start));
        } else {
            known.was_used = true;
        }
        while self.bytes > SHARED_PAGES_BYTES_MAX
            && let Some((slot, start)) = self.order.pop_front()
        {
            shed.extend(self.remove(slot, start));
        }
        shed
    }

    /// A page that nobody wanted a second time shows that its shard has one reader.
    fn remove(&mut self, slot: ShardSlot, start: u64) -> Option<Page> {
        let shard = self.shards.get_mut(&slot)?;
        let page = shard.pages.remove(&start)?;
        shard.is_shared &= page.was_used;
        self.bytes -= page.bytes;
        Some(page)
    }

    fn forget(&mut self, slot: ShardSlot) {
        let gone = self.shards.remove(&slot).unwrap_or_default();
        self.bytes -= gone.pages.values().map(|page| page.bytes).sum::<usize>();
        self.order.retain(|(of, _)| *of != slot);
    }
}

impl Stretch {
    /// Without what lies before `start`.
    fn starting_at(self, start: u64) -> Self {
        let before = |record: &Record| index_of(record.sequence) < start;
        let skipped = self.records.partition_point(before);
        Self {
            records: self.records.part(skipped..self.records.len()),
            begins: start.max(self.begins),
            ends: self.ends,
        }
    }

    /// Data and keys count although most of them are in memory anyway, as frames at the tail of the log.
    fn bytes(&self) -> usize {
        let counted =
            |record: &Record| size_of::<Record>() + record.partition_key.len() + record.data.len();
        self.records.iter().map(counted).sum()
    }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
