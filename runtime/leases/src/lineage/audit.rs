//! The auditor of a leader (SS-7): it looks at the keys that open leases have, and asks for a whole shard sync where the same
//! keys are nobody's in several looks one after another. A single look may fall between a parent's end and its children.

use std::collections::BTreeMap;

use super::{Hole, holes};

/// Looks in which a hole must be seen, one after another.
pub const SEEN_MIN: u32 = 3;

#[derive(Debug, Clone, Default)]
pub struct Auditor {
    /// How often each hole was seen in the last looks.
    seen: BTreeMap<Hole, u32>,
}

impl Auditor {
    /// Takes the ranges of all leases that are not at their end; out come the holes that call for a sync.
    pub fn look(&mut self, open: &[(u128, u128)]) -> Vec<Hole> {
        let before = std::mem::take(&mut self.seen);
        let count = |hole: Hole| (hole, before.get(&hole).map_or(1, |seen| seen + 1));
        self.seen = holes(open).into_iter().map(count).collect();
        let lasting = self.seen.iter().filter(|(_, seen)| **seen >= SEEN_MIN);
        lasting.map(|(hole, _)| *hole).collect()
    }
}
