//! The numbers that the next stream or shard takes, none of which is given twice.
//!
//! In: a request for one. Out: the number, or none once they are used up.

use model::{
    ShardSlot, ViewWrite,
    keys::{Namespace, named},
};
use serde::{Deserialize, Serialize};

use super::{NUMBERS_NAME, VERSION};

/// What the next stream takes. Survives the deletion of streams, so that no slot comes back with old records in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextNumbers {
    pub(super) version: u32,
    pub(super) slot: u32,
    pub(super) counter: u32,
}

impl NextNumbers {
    pub(crate) const FIRST: Self = Self {
        version: VERSION,
        slot: 1,
        counter: 1,
    };

    /// `None` when they are used up.
    pub(crate) fn take_slot(&mut self) -> Option<ShardSlot> {
        let slot = ShardSlot(self.slot);
        self.slot = self.slot.checked_add(1)?;
        Some(slot)
    }

    pub(crate) fn take_counter(&mut self) -> Option<u32> {
        let counter = self.counter;
        self.counter = counter.checked_add(1)?;
        Some(counter)
    }

    /// Every slot that any stream has or had.
    pub(crate) fn slots_given(self) -> impl Iterator<Item = ShardSlot> {
        (Self::FIRST.slot..self.slot).map(ShardSlot)
    }

    pub(crate) fn write(&self) -> Result<ViewWrite, serde_json::Error> {
        Ok(ViewWrite {
            key: named(Namespace::Registry, NUMBERS_NAME),
            value: Some(serde_json::to_vec(self)?.into()),
        })
    }
}
