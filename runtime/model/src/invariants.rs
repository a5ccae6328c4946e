//! What must hold at all times, as pure predicates: asserted in production, checked all along in simulation.

use crate::{Checkpoint, FencingToken, UserRecord};

/// Promise 2: records of a batch are in sequence order, each position once.
#[must_use]
pub fn batch_is_ordered(records: &[UserRecord]) -> bool {
    records
        .windows(2)
        .all(|pair| pair[0].position < pair[1].position)
}

/// I2: a checkpoint never goes back except by seek.
#[must_use]
pub fn checkpoint_advances(from: Checkpoint, to: Checkpoint) -> bool {
    from <= to
}

/// Promise 5: only the newest token may change anything.
#[must_use]
pub fn token_is_current(offered: FencingToken, current: FencingToken) -> bool {
    offered == current
}
