//! Which records of a shard wait for each other, and which may be handled side by side.
//!
//! Records of one partition key are always of one lane, so their order holds whatever the other lanes do. With hashed
//! lanes some keys share one; with `keys` every key is a lane of its own (PF-1, PF-2, G8). Where a second version of the
//! function takes its share of the keys, those have lanes of their own, so that no batch mixes versions (G24).

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
    /// Hashed lanes twice: once for the keys of the canary, which are this share of all, and once for the others.
    Split { lanes: u8, share: Share },
}

/// A share from 0 to 1, as the bits of its number, so that two are the same or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(u64);

impl Share {
    fn takes(self, draw: f64) -> bool {
        draw < f64::from_bits(self.0)
    }
}

/// The largest draw there is: only a version that takes all is drawn with it.
const LAST_DRAW: f64 = 1.0 - f64::EPSILON;

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
            Self::Split { lanes, share } => {
                let (hash, lanes) = (hash(), u128::from(lanes.max(1)));
                let canary = share.takes(draw_of(hash));
                LaneId(hash % lanes + if canary { lanes } else { 0 })
            }
        }
    }

    /// How many lanes have numbers; none where every key is one.
    #[must_use]
    pub(crate) fn numbered(self) -> Option<u128> {
        match self {
            Self::Hashed(lanes) => Some(lanes.max(1).into()),
            Self::Split { lanes, .. } => Some(2 * u128::from(lanes.max(1))),
            Self::Keys(_) => None,
        }
    }

    /// The same lanes while a second version of the function takes a share of the keys.
    #[must_use]
    pub(crate) fn shared(self, share: Option<f64>) -> Self {
        let some = share.filter(|share| 0.0 < *share && *share < 1.0);
        match (self, some) {
            (Self::Hashed(lanes), Some(share)) => Self::Split {
                lanes,
                share: Share(share.to_bits()),
            },
            (Self::Hashed(_) | Self::Keys(_) | Self::Split { .. }, _) => self,
        }
    }

    /// Whether a shard that is divided like this may go on so although `wanted` is asked for: what a canary has left does
    /// no harm.
    #[must_use]
    pub(crate) fn serves(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Split { lanes, .. }, Self::Hashed(wanted)) => lanes.max(1) == wanted.max(1),
            (Self::Hashed(_) | Self::Keys(_) | Self::Split { .. }, _) => self == wanted,
        }
    }

    /// The draw between two versions of the function for records of this lane: a key draws the same whenever it comes.
    #[must_use]
    pub(crate) fn draw(self, lane: LaneId, first: Option<&UserRecord>) -> f64 {
        if lane == LaneId::PARKED {
            return first.map_or(LAST_DRAW, key_draw);
        }
        match self {
            Self::Keys(_) => first.map_or(LAST_DRAW, key_draw),
            Self::Split { lanes, .. } if lane.0 >= u128::from(lanes.max(1)) => 0.0,
            // What was begun before there was a second version has keys of both.
            Self::Hashed(_) | Self::Split { .. } => LAST_DRAW,
        }
    }

    /// Whose failure it was, in words; `key` is that of the first record.
    #[must_use]
    pub(crate) fn said(self, lane: LaneId, key: &str) -> String {
        if lane == LaneId::PARKED {
            return format!("key {key:?} that was parked, ");
        }
        let number = lane.0 + 1;
        match self {
            Self::Hashed(0 | 1) => String::new(),
            Self::Hashed(lanes) => format!("lane {number} of {lanes}, "),
            Self::Keys(_) => format!("key {key:?}, "),
            Self::Split { lanes, .. } => match (number.checked_sub(lanes.max(1).into()), lanes) {
                (None | Some(0), 0 | 1) => String::new(),
                (None | Some(0), _) => format!("lane {number} of {lanes}, "),
                (Some(_), 0 | 1) => "canary, ".to_owned(),
                (Some(number), _) => format!("lane {number} of {lanes} of the canary, "),
            },
        }
    }

    /// Invocations of one shard at the same time, at most.
    #[must_use]
    pub fn at_once(self) -> usize {
        match self {
            Self::Hashed(lanes) => usize::from(lanes.max(1)),
            Self::Keys(keys) => usize::try_from(keys.max(1)).unwrap_or(usize::MAX),
            Self::Split { lanes, .. } => 2 * usize::from(lanes.max(1)),
        }
    }

    #[must_use]
    pub fn is_one(self) -> bool {
        matches!(self, Self::Hashed(0 | 1))
    }
}

/// The draw of a key, in [0, 1): whatever shard it is in and however many lanes that has.
#[must_use]
pub(crate) fn key_draw(record: &UserRecord) -> f64 {
    draw_of(HashKey::of_partition_key(&record.key_text()).0)
}

/// From bits that say neither which shard the key is in nor, together with few others, which lane.
fn draw_of(hash: u128) -> f64 {
    let bits = u32::try_from(hash >> 32 & u128::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
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

    #[test]
    fn a_canary_has_its_share_of_the_keys_in_lanes_of_its_own() {
        let shared = Lanes::Hashed(2).shared(Some(0.25));
        assert_eq!((shared.numbered(), shared.at_once()), (Some(4), 4));
        let mut canary = 0;
        for index in 0..1_000 {
            let record = user_record(index, &format!("key {index}"));
            let (lane, before) = (shared.of(&record), Lanes::Hashed(2).of(&record));
            assert_eq!(lane.0 % 2, before.0);
            let draws = shared.draw(lane, Some(&record));
            assert_eq!(draws < 0.25, lane.0 >= 2);
            assert_eq!(draws < 0.25, key_draw(&record) < 0.25);
            canary += u64::from(lane.0 >= 2);
        }
        assert!((200..300).contains(&canary), "{canary}");
    }

    #[test]
    fn lanes_are_divided_again_only_where_a_canary_wants_it() {
        let half = Lanes::Hashed(1).shared(Some(0.5));
        assert_ne!(half, Lanes::ONE);
        assert_eq!(half.shared(None), half);
        for share in [None, Some(0.0), Some(1.0)] {
            assert_eq!(Lanes::ONE.shared(share), Lanes::ONE);
        }
        assert_eq!(Lanes::Keys(4).shared(Some(0.5)), Lanes::Keys(4));
        assert!(half.serves(Lanes::ONE));
        assert!(!half.serves(Lanes::Hashed(2)));
        assert!(!half.serves(Lanes::ONE.shared(Some(0.6))));
        assert!(!Lanes::ONE.serves(half));
    }

    #[test]
    fn a_failure_says_whose_it_is() {
        let half = |lanes| Lanes::Hashed(lanes).shared(Some(0.5));
        for (lanes, lane, said) in [
            (Lanes::ONE, 0, ""),
            (Lanes::Hashed(4), 1, "lane 2 of 4, "),
            (Lanes::Keys(4), 1, "key \"k\", "),
            (half(1), 0, ""),
            (half(1), 1, "canary, "),
            (half(2), 1, "lane 2 of 2, "),
            (half(2), 3, "lane 2 of 2 of the canary, "),
        ] {
            assert_eq!(lanes.said(LaneId(lane), "k"), said);
        }
    }
}
