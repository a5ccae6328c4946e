//! Hash keys: where in 0..2^128 a record falls, and so which open shard takes it.
//!
//! The hash of a partition key is the MD5 of its UTF-8 bytes as an unsigned big-endian number (kinesis API).

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HashKey(pub u128);

impl HashKey {
    #[must_use]
    pub fn of_partition_key(key: &str) -> Self {
        Self(u128::from_be_bytes(Md5::digest(key.as_bytes()).into()))
    }
}

/// Inclusive at both ends, as AWS prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashKeyRange {
    pub starting: HashKey,
    pub ending: HashKey,
}

impl HashKeyRange {
    pub const WHOLE: Self = Self {
        starting: HashKey(0),
        ending: HashKey(u128::MAX),
    };

    #[must_use]
    pub fn contains(&self, key: HashKey) -> bool {
        self.starting <= key && key <= self.ending
    }

    /// `count` ranges in steps of floor(2^128 / count); the last one ends at 2^128 - 1. Empty for a count of 0.
    #[must_use]
    pub fn split_whole(count: u32) -> Vec<Self> {
        let n = u128::from(count);
        if n == 0 {
            return Vec::new();
        }
        // floor(2^128 / n) without the number 2^128 itself.
        let step = if n == 1 {
            0
        } else {
            u128::MAX / n + u128::from(u128::MAX % n == n - 1)
        };
        (0..n)
            .map(|i| Self {
                starting: HashKey(step * i),
                ending: if i + 1 == n {
                    HashKey(u128::MAX)
                } else {
                    HashKey(step * (i + 1) - 1)
                },
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_partition_key() {
        let key = HashKey::of_partition_key("pk1");
        assert_eq!(key.0, 329_398_341_438_914_906_102_347_661_116_985_167_824);
    }

    #[test]
    fn ranges_cover_everything_without_holes() {
        for count in [1, 2, 3, 4, 5, 7, 64, 1000] {
            let ranges = HashKeyRange::split_whole(count);
            assert_eq!(ranges[0].starting.0, 0);
            assert_eq!(ranges[ranges.len() - 1].ending.0, u128::MAX);
            for pair in ranges.windows(2) {
                assert_eq!(pair[0].ending.0 + 1, pair[1].starting.0);
            }
        }
    }

    #[test]
    fn four_shards_as_aws_prints_them() {
        let ranges = HashKeyRange::split_whole(4);
        assert_eq!(
            ranges[0].ending.0,
            85_070_591_730_234_615_865_843_651_857_942_052_863
        );
    }
}
