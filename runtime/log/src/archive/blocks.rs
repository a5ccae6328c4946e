//! Unpacked blocks that were read lately, so that readers who follow each other unpack once.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::limits::BLOCK_CACHE_BYTES_MAX;

#[derive(Debug, Default)]
pub(crate) struct BlockCache {
    /// By object and offset, the last one used at the end.
    blocks: VecDeque<((u64, u64), Bytes)>,
    bytes: usize,
}

impl BlockCache {
    pub(crate) fn get(&mut self, key: (u64, u64)) -> Option<Bytes> {
        let at = self.blocks.iter().position(|(known, _)| *known == key)?;
        let found = self.blocks.remove(at)?;
        self.blocks.push_back(found.clone());
        Some(found.1)
    }

    pub(crate) fn add(&mut self, key: (u64, u64), raw: Bytes) {
        self.bytes += raw.len();
        self.blocks.push_back((key, raw));
        while self.bytes > BLOCK_CACHE_BYTES_MAX
            && self.blocks.len() > 1
            && let Some((_, oldest)) = self.blocks.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }
}
