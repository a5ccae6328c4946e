//! What tumbling windows by key have come to: values by window, key and name.
//!
//! In: the window of an invocation. Out: a reader of its values, and, once it closes, the keys that have some. Values lie by
//! the hash of their key, never by shard: after a split or a merge whoever has the hash range has the values (G17). They
//! count against the bound of the trigger's state.

use std::{collections::BTreeSet, sync::Arc};

use base64_simd::STANDARD;
use bytes::Bytes;
use model::{
    HashKey, HashKeyRange, Timestamp, TriggerName, ViewWrite,
    invocation::{StateReader, StateUnavailable},
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};

use crate::{
    limits::{STATE_NAMES_MAX, STATE_PAGE_ROWS},
    state::KeptValue,
};

/// A partition key with values in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowKey {
    pub(crate) hash_key: HashKey,
    pub(crate) partition_key: Bytes,
}

#[derive(Debug, Clone)]
pub(crate) struct WindowValues {
    journal: Arc<dyn Journal>,
    trigger: TriggerName,
}

/// The values of one window.
#[derive(Debug)]
pub(crate) struct OneWindow {
    values: WindowValues,
    start: Timestamp,
}

impl WindowValues {
    pub(crate) fn new(journal: Arc<dyn Journal>, trigger: TriggerName) -> Self {
        Self { journal, trigger }
    }

    pub(crate) fn of(&self, start: Timestamp) -> OneWindow {
        OneWindow {
            values: self.clone(),
            start,
        }
    }

    /// Windows with values of keys in this range. Two looks a window, however many values it has.
    pub(crate) fn open_in(&self, range: HashKeyRange) -> Result<BTreeSet<Timestamp>, CommitError> {
        let prefix = keys::of_trigger(Namespace::WindowState, &self.trigger);
        let mut open = BTreeSet::new();
        let mut after: Option<Bytes> = None;
        while let Some((key, _)) = self.journal.scan(&prefix, after.as_deref(), 1)?.pop() {
            let Some((start, ..)) = keys::split_window_state(&self.trigger, &key) else {
                break;
            };
            if !self.keys_in(start, range, None, 1)?.is_empty() {
                open.insert(start);
            }
            // Behind everything of this window.
            let next = keys::window_state_of(&self.trigger, start);
            after = Some([next.as_ref(), &[u8::MAX; 20]].concat().into());
        }
        Ok(open)
    }

    /// Keys of the range with values in the window, in the order of their hash, behind the one given.
    pub(crate) fn keys_in(
        &self,
        start: Timestamp,
        range: HashKeyRange,
        after: Option<&WindowKey>,
        limit: usize,
    ) -> Result<Vec<WindowKey>, CommitError> {
        let prefix = keys::window_state_of(&self.trigger, start);
        let first = [prefix.as_ref(), &range.starting.0.to_be_bytes()].concat();
        let mut from: Bytes = match after {
            Some(key) => self.behind(start, key),
            None => first.into(),
        };
        let mut found: Vec<WindowKey> = Vec::new();
        while found.len() < limit {
            let Some((row, _)) = self.journal.scan(&prefix, Some(&from), 1)?.pop() else {
                break;
            };
            let Some((_, hash_key, partition_key, _)) =
                keys::split_window_state(&self.trigger, &row)
            else {
                break;
            };
            if hash_key > range.ending {
                break;
            }
            let key = WindowKey {
                hash_key,
                partition_key: Bytes::copy_from_slice(partition_key),
            };
            from = self.behind(start, &key);
            found.push(key);
        }
        Ok(found)
    }

    /// Behind all names of a key: names are text, which has no such byte.
    fn behind(&self, start: Timestamp, key: &WindowKey) -> Bytes {
        let names =
            keys::window_state_of_key(&self.trigger, start, key.hash_key, &key.partition_key);
        [names.as_ref(), &[u8::MAX]].concat().into()
    }

    /// Removes everything that a key has in the window.
    pub(crate) fn removal(
        &self,
        start: Timestamp,
        hash_key: HashKey,
        partition_key: &[u8],
    ) -> Result<Vec<ViewWrite>, CommitError> {
        let prefix = keys::window_state_of_key(&self.trigger, start, hash_key, partition_key);
        self.removal_of(&prefix)
    }

    /// The values of a key as one JSON object, for whoever wants to know what was given up.
    pub(crate) fn document(
        &self,
        start: Timestamp,
        hash_key: HashKey,
        partition_key: &[u8],
    ) -> Result<Bytes, CommitError> {
        let prefix = keys::window_state_of_key(&self.trigger, start, hash_key, partition_key);
        let page = self.journal.scan(&prefix, None, STATE_NAMES_MAX)?;
        let value = |(key, stored): &(Bytes, Bytes)| {
            let (.., name) = keys::split_window_state(&self.trigger, key)?;
            let value = KeptValue::decode(stored).ok()?.value;
            let text = String::from_utf8(value.to_vec())
                .unwrap_or_else(|_| STANDARD.encode_to_string(&value));
            Some((name.to_owned(), serde_json::Value::from(text)))
        };
        let values: serde_json::Map<_, _> = page.iter().filter_map(value).collect();
        let window = start.to_string();
        Ok(
            serde_json::json!({ "windowStart": window, "values": values })
                .to_string()
                .into(),
        )
    }

    /// Removes the values of all windows: what they are about is read once more, or never.
    pub(crate) fn removal_of_all(&self) -> Result<Vec<ViewWrite>, CommitError> {
        self.removal_of(&keys::of_trigger(Namespace::WindowState, &self.trigger))
    }

    fn removal_of(&self, prefix: &[u8]) -> Result<Vec<ViewWrite>, CommitError> {
        let mut writes = Vec::new();
        let mut after: Option<Bytes> = None;
        loop {
            let page = self
                .journal
                .scan(prefix, after.as_deref(), STATE_PAGE_ROWS)?;
            after = page.last().map(|(key, _)| key.clone());
            let more = page.len() == STATE_PAGE_ROWS;
            writes.extend(
                page.into_iter()
                    .map(|(key, _)| ViewWrite { key, value: None }),
            );
            if !more {
                return Ok(writes);
            }
        }
    }
}

impl StateReader for OneWindow {
    fn get(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
        name: &str,
    ) -> Result<Option<Bytes>, StateUnavailable> {
        let key = keys::window_state(
            &self.values.trigger,
            self.start,
            (hash_key, partition_key),
            name,
        );
        let stored = self.values.journal.get(&key).map_err(unavailable)?;
        let kept = stored.map(|stored| KeptValue::decode(&stored));
        Ok(kept
            .transpose()
            .map_err(unavailable)?
            .map(|kept| kept.value))
    }

    fn names(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
    ) -> Result<Vec<String>, StateUnavailable> {
        let trigger = &self.values.trigger;
        let prefix = keys::window_state_of_key(trigger, self.start, hash_key, partition_key);
        let page = self.values.journal.scan(&prefix, None, STATE_NAMES_MAX);
        let name = |(key, _): &(Bytes, Bytes)| {
            keys::split_window_state(trigger, key).map(|(.., name)| name.to_owned())
        };
        Ok(page.map_err(unavailable)?.iter().filter_map(name).collect())
    }
}

fn unavailable(error: impl std::fmt::Display) -> StateUnavailable {
    StateUnavailable(error.to_string())
}
