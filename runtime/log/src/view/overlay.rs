//! What is placed but not yet applied to the view: reads look here first.
//!
//! An entry leaves only after the view holds it, so a reader who misses it here finds it below.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use model::ViewWrite;

use super::Entry;

#[derive(Debug, Default)]
pub(crate) struct Overlay {
    newest: BTreeMap<Bytes, Entry>,
    /// In log order: frame position, its end, its writes.
    frames: VecDeque<(u64, u64, Vec<ViewWrite>)>,
}

/// Writes for one batch of the view, and the position that it reaches.
#[derive(Debug)]
pub(crate) struct Batch {
    pub entries: Vec<(Bytes, Entry)>,
    pub frames: usize,
    pub applied: u64,
}

impl Overlay {
    pub(crate) fn add(&mut self, position: u64, end: u64, writes: Vec<ViewWrite>) {
        for write in &writes {
            let value = write.value.clone();
            self.newest
                .insert(write.key.clone(), Entry { position, value });
        }
        self.frames.push_back((position, end, writes));
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.newest.get(key)
    }

    /// Entries under `prefix` behind `after`, deletions included.
    pub(crate) fn range(&self, prefix: &[u8], after: Option<&[u8]>) -> Vec<(Bytes, Entry)> {
        self.newest
            .range(Bytes::copy_from_slice(prefix)..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(key, _)| super::in_scan(key, prefix, after))
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect()
    }

    /// The oldest frames that are durable, up to about `writes_max` writes.
    pub(crate) fn batch(&self, durable: u64, writes_max: usize) -> Option<Batch> {
        let mut batch = Batch {
            entries: Vec::new(),
            frames: 0,
            applied: 0,
        };
        for (position, end, writes) in &self.frames {
            if *end > durable || batch.entries.len() >= writes_max {
                break;
            }
            batch.entries.extend(writes.iter().map(|write| {
                let value = write.value.clone();
                let position = *position;
                (write.key.clone(), Entry { position, value })
            }));
            batch.frames += 1;
            batch.applied = *end;
        }
        (batch.frames > 0).then_some(batch)
    }

    /// Forgets a batch that the view now holds.
    pub(crate) fn applied(&mut self, batch: &Batch) {
        self.frames.drain(..batch.frames);
        for (key, entry) in &batch.entries {
            if self
                .newest
                .get(key)
                .is_some_and(|newest| newest.position <= entry.position)
            {
                self.newest.remove(key);
            }
        }
    }
}

/// Overlay over view: the newer position wins, deletions disappear.
pub(crate) fn merge(
    over: Vec<(Bytes, Entry)>,
    below: Vec<(Bytes, Entry)>,
    limit: usize,
) -> Vec<(Bytes, Bytes)> {
    let mut all: BTreeMap<Bytes, Entry> = below.into_iter().collect();
    for (key, entry) in over {
        if all
            .get(&key)
            .is_none_or(|below| below.position <= entry.position)
        {
            all.insert(key, entry);
        }
    }
    all.into_iter()
        .filter_map(|(key, entry)| Some((key, entry.value?)))
        .take(limit)
        .collect()
}
