//! Which records of a shard wait for each other, and which may be handled side by side.
//!
//! Records of one partition key are always of one lane, so their order holds whatever the other lanes do. With hashed
//! lanes some keys share one; with `keys` every key is a lane of its own (PF-1, PF-2, G8).

use model::{HashKey, UserRecord};
use serde::{Deserialize, Serialize};

/// How many batches of a shard run at the same time, and what they have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lanes {
    /// 1 to 10, by the hash of the partition key.
    Hashed(u8),
    /// So many keys at once: a batch holds records of one key, and only a key that fails waits.
    Keys(u32),
}

/// A lane of a shard: its number, or the hash of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaneId(pub u128);

impl LaneId {
    /// What waited behind parked keys goes its own way, beside the lanes of the shard.
    pub const PARKED: Self = Self(u128::MAX);
}

impl Lanes {
    pub const ONE: Self = Self::Hashed(1);

    /// Records of one partition key are of one lane even where their explicit hash keys differ.
    #[must_use]
    pub fn of(self, record: &UserRecord) -> LaneId {
        let hash = || HashKey::of_partition_key(&record.key_text()).0;
        match self {
            Self::Hashed(0 | 1) => LaneId(0),
            Self::Hashed(lanes) => LaneId(hash() % u128::from(lanes)),
            Self::Keys(_) => LaneId(hash()),
        }
    }

    /// Invocations of one shard at the same time, at most.
    #[must_use]
    pub fn at_once(self) -> usize {
        match self {
            Self::Hashed(lanes) => usize::from(lanes.max(1)),
            Self::Keys(keys) => usize::try_from(keys.max(1)).unwrap_or(usize::MAX),
        }
    }

    #[must_use]
    pub fn is_one(self) -> bool {
        matches!(self, Self::Hashed(0 | 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::user_record;

    #[test]
    fn a_key_has_one_lane_whatever_its_explicit_hash_key() {
        for lanes in [Lanes::ONE, Lanes::Hashed(4), Lanes::Keys(8)] {
            for index in 0..100 {
                let record = user_record(index, &format!("key {}", index % 7));
                let other = UserRecord {
                    explicit_hash_key: Some(HashKey(u128::from(index))),
                    ..record.clone()
                };
                assert_eq!(lanes.of(&record), lanes.of(&other));
            }
        }
    }

    #[test]
    fn hashed_lanes_are_all_used_and_keys_are_told_apart() {
        let of = |lanes: Lanes| {
            let keys = (0..200).map(|index| user_record(index, &format!("key {index}")));
            let lanes: std::collections::BTreeSet<LaneId> =
                keys.map(|record| lanes.of(&record)).collect();
            lanes.len()
        };
        assert_eq!(of(Lanes::ONE), 1);
        assert_eq!(of(Lanes::Hashed(10)), 10);
        assert_eq!(of(Lanes::Keys(4)), 200);
    }
}
