//! Counters as the view keeps them.
//!
//! In: a counter and its next number. Out: its key, and a write of it.

use bytes::Bytes;
use model::{ViewWrite, keys};

use super::State;
use crate::limits::LOG_BEGINS;

impl State {
    /// Every counter as view writes.
    pub(crate) fn counter_writes(&self) -> Vec<ViewWrite> {
        let writes = self.counters.iter();
        writes
            .map(|(counter, next)| counter_write(*counter, *next))
            .collect()
    }
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
