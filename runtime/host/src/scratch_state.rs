//! Keyed state for `invoke`: always empty, so that a function can be tried without touching what triggers keep.

use bytes::Bytes;
use model::{
    HashKey,
    invocation::{StateReader, StateUnavailable},
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct ScratchState;

impl StateReader for ScratchState {
    fn get(&self, _: HashKey, _: &[u8], _: &str) -> Result<Option<Bytes>, StateUnavailable> {
        Ok(None)
    }

    fn names(&self, _: HashKey, _: &[u8]) -> Result<Vec<String>, StateUnavailable> {
        Ok(Vec::new())
    }
}
