//! The view as an ordered map: empty at every start, so that each restart proves the rebuild.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use super::{Entry, View, ViewFailed, in_scan};

#[derive(Debug, Default)]
pub(crate) struct MemoryView {
    state: Mutex<(BTreeMap<Bytes, Entry>, u64)>,
}

impl MemoryView {
    fn with<T>(&self, use_it: impl FnOnce(&mut (BTreeMap<Bytes, Entry>, u64)) -> T) -> T {
        use_it(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl View for MemoryView {
    fn applied(&self) -> Result<u64, ViewFailed> {
        Ok(self.with(|(_, applied)| *applied))
    }

    fn log(&self) -> Result<Option<u128>, ViewFailed> {
        Ok(None)
    }

    fn adopt(&self, _: u128) -> Result<(), ViewFailed> {
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Entry>, ViewFailed> {
        Ok(self.with(|(map, _)| map.get(key).cloned()))
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Entry)>, ViewFailed> {
        let start = after.map_or(prefix, |after| after.max(prefix));
        Ok(self.with(|(map, _)| {
            map.range(Bytes::copy_from_slice(start)..)
                .skip_while(|(key, _)| after.is_some_and(|after| key.as_ref() <= after))
                .take_while(|(key, _)| in_scan(key, prefix, after))
                .take(limit)
                .map(|(key, entry)| (key.clone(), entry.clone()))
                .collect()
        }))
    }

    fn apply(&self, batch: &[(Bytes, Entry)], applied: u64) -> Result<(), ViewFailed> {
        self.with(|(map, through)| {
            for (key, entry) in batch {
                if entry.value.is_some() {
                    map.insert(key.clone(), entry.clone());
                } else {
                    map.remove(key);
                }
            }
            *through = applied;
        });
        Ok(())
    }

    fn flush(&self) -> Result<(), ViewFailed> {
        Ok(())
    }
}
