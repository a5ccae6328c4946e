//! Keyed state as handlers read it: the newest placed values of one trigger.
//!
//! It never writes: what a handler changes comes back in its answer and is committed with everything else.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    HashKey, TriggerName,
    invocation::{StateReader, StateUnavailable},
    keys,
    seams::{CommitError, Journal},
};

/// Names listed under one key.
const NAMES_MAX: usize = 1_000;

#[derive(Debug)]
pub struct StateView {
    journal: Arc<dyn Journal>,
    trigger: TriggerName,
}

impl StateView {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, trigger: TriggerName) -> Self {
        Self { journal, trigger }
    }
}

impl StateReader for StateView {
    fn get(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
        name: &str,
    ) -> Result<Option<Bytes>, StateUnavailable> {
        let key = keys::state(&self.trigger, hash_key, partition_key, name);
        self.journal.get(&key).map_err(|error| unavailable(&error))
    }

    fn names(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
    ) -> Result<Vec<String>, StateUnavailable> {
        let prefix = keys::state_of_key(&self.trigger, hash_key, partition_key);
        let page = self
            .journal
            .scan(&prefix, None, NAMES_MAX)
            .map_err(|error| unavailable(&error))?;
        let name = |(key, _): &(Bytes, Bytes)| {
            keys::split_state(&self.trigger, key).map(|(_, _, name)| name.to_owned())
        };
        Ok(page.iter().filter_map(name).collect())
    }
}

fn unavailable(error: &CommitError) -> StateUnavailable {
    StateUnavailable(error.to_string())
}
