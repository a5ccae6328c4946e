//! Sequence numbers (version 2 of AWS's layout) and positions.
//!
//! A number is 47 hex digits read as one integer of 188 bits, printed as 56 decimal digits:
//! `2`, shard creation second (9 digits), low nibble of the shard index (1), sequence index (16, first digit at most 7),
//! `00`, record second (9), shard index (8), `2`. Within a shard only the index and the second grow, so numbers sort in
//! the order of the log.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;

/// 192 bits, high limb first; ordered as an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SequenceNumber(pub [u64; 3]);

/// What a version 2 number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceParts {
    /// Second at which the shard was created, below 16,025,175,000.
    pub shard_created_s: u64,
    /// Counter shared by a group of five shards, at most 2^63 - 1.
    pub index: u64,
    /// Second at which the record arrived.
    pub record_s: u64,
    pub shard: u32,
}

/// What a number of any layout that AWS ever used says of the record that it was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Of the layout: 0 (32 digits, the first a 1), 1 or 2 (47 digits, the last).
    pub version: u8,
    pub shard: u32,
    pub shard_created_s: u64,
    /// Second at which the record arrived; layout 0 has none.
    pub record_s: u64,
}

/// Seconds from here on are not valid in AWS's numbers.
pub const SECONDS_END: u64 = 16_025_175_000;
const VERSION: u64 = 2;
/// The first of the 32 digits of layout 0.
const FIRST_OF_LAYOUT_0: u128 = 1 << 124;
/// The index that closes a shard.
pub const INDEX_LAST: u64 = i64::MAX.unsigned_abs();

impl SequenceNumber {
    pub const MIN: Self = Self([0; 3]);
    pub const MAX: Self = Self([u64::MAX; 3]);

    #[must_use]
    pub fn from_parts(parts: SequenceParts) -> Self {
        // Bits from the right: 0 version, 4 shard, 36 record second, 72 zero, 80 index, 144 nibble, 148 created, 184 version.
        let low = u128::from(VERSION)
            | u128::from(parts.shard) << 4
            | u128::from(parts.record_s) << 36
            | u128::from(parts.index) << 80;
        let high = parts.index >> 48
            | u64::from(parts.shard & 0xf) << 16
            | parts.shard_created_s << 20
            | VERSION << 56;
        Self([high, limb(low >> 64), limb(low)])
    }

    /// As it is printed.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::of(self.0)
    }

    /// `None` when this is not a number of version 2.
    #[must_use]
    pub fn parts(self) -> Option<SequenceParts> {
        let [high, middle, low] = self.0;
        let wide = u128::from(middle) << 64 | u128::from(low);
        let parts = SequenceParts {
            shard_created_s: high >> 20 & 0xf_ffff_ffff,
            index: (high & 0xffff) << 48 | limb(wide >> 80),
            record_s: limb(wide >> 36) & 0xf_ffff_ffff,
            shard: u32::try_from(limb(wide >> 4) & 0xffff_ffff).ok()?,
        };
        (Self::from_parts(parts) == self
            && parts.index <= INDEX_LAST
            && parts.shard_created_s < SECONDS_END
            && parts.record_s < SECONDS_END)
            .then_some(parts)
    }

    /// `None` for what is a number of no layout. Small ones are read as AWS reads them, with the first digit of layout 0.
    #[must_use]
    pub fn origin(self) -> Option<Origin> {
        let [high, middle, low] = self.0;
        let wide = u128::from(middle) << 64 | u128::from(low);
        let seconds = |wide: u128| limb(wide) & 0xf_ffff_ffff;
        let origin = match (high >> 56, low & 0xf) {
            (0, _) if high == 0 => {
                let wide = wide | FIRST_OF_LAYOUT_0;
                Origin {
                    version: 0,
                    shard: u32::try_from(wide & 0xffff).ok()?,
                    shard_created_s: seconds(wide >> 88),
                    record_s: 0,
                }
            }
            (VERSION, 1) => Origin {
                version: 1,
                shard: u32::try_from(wide >> 4 & 0xffff_ffff).ok()?,
                shard_created_s: high >> 20 & 0xf_ffff_ffff,
                record_s: seconds(u128::from(high & 0xff) << 28 | wide >> 100),
            },
            _ => {
                let parts = self.parts()?;
                Origin {
                    version: 2,
                    shard: parts.shard,
                    shard_created_s: parts.shard_created_s,
                    record_s: parts.record_s,
                }
            }
        };
        let is_date = |second: u64| second < SECONDS_END;
        (is_date(origin.shard_created_s) && is_date(origin.record_s)).then_some(origin)
    }

    /// The integer after this one; saturates.
    #[must_use]
    pub fn next(self) -> Self {
        let [high, middle, low] = self.0;
        let (low, carry) = low.overflowing_add(1);
        let (middle, carry) = middle.overflowing_add(u64::from(carry));
        high.checked_add(u64::from(carry))
            .map_or(Self::MAX, |high| Self([high, middle, low]))
    }

    /// The integer plus `by`; `None` past 192 bits.
    #[must_use]
    pub fn checked_add(self, by: Self) -> Option<Self> {
        let (low, carry) = self.0[2].overflowing_add(by.0[2]);
        let (middle, carry_a) = self.0[1].overflowing_add(by.0[1]);
        let (middle, carry_b) = middle.overflowing_add(u64::from(carry));
        let high = self.0[0]
            .checked_add(by.0[0])?
            .checked_add(u64::from(carry_a | carry_b))?;
        Some(Self([high, middle, low]))
    }
}

fn limb(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).unwrap_or_default()
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.decimal().as_str())
    }
}

/// Not a decimal number of at most 192 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a sequence number: decimal digits only")]
pub struct InvalidSequenceNumber(pub String);

impl FromStr for SequenceNumber {
    type Err = InvalidSequenceNumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSequenceNumber(text.chars().take(130).collect());
        if text.is_empty() {
            return Err(invalid());
        }
        let mut limbs = [0_u64; 3];
        for byte in text.bytes() {
            if !byte.is_ascii_digit() {
                return Err(invalid());
            }
            let mut carry = u128::from(byte - b'0');
            for part in limbs.iter_mut().rev() {
                let current = u128::from(*part) * 10 + carry;
                *part = limb(current);
                carry = current >> 64;
            }
            if carry > 0 {
                return Err(invalid());
            }
        }
        Ok(Self(limbs))
    }
}

impl Serialize for SequenceNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SequenceNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a user record stands: the sequence number of its record and its index inside an aggregate (0 outside one).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Position {
    pub sequence: SequenceNumber,
    pub sub_sequence: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sub_sequence {
            0 => self.sequence.fmt(f),
            sub => write!(f, "{}:{sub}", self.sequence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbouring_shards_differ_as_on_aws() {
        let of = |shard| SequenceParts {
            shard_created_s: 1_700_000_000,
            index: 0,
            record_s: 1_700_000_000,
            shard,
        };
        let step: SequenceNumber = "22300745198530623141535718272648361505980432"
            .parse()
            .unwrap();
        let first = SequenceNumber::from_parts(of(0));
        assert_eq!(
            first.checked_add(step),
            Some(SequenceNumber::from_parts(of(1)))
        );
        assert_eq!(first.to_string().len(), 56);
    }

    #[test]
    fn every_layout_says_where_a_number_comes_from() {
        let hex = |digits: &str| {
            let padded = format!("{digits:0>48}");
            let limb = |at: usize| u64::from_str_radix(&padded[at..at + 16], 16).unwrap();
            SequenceNumber([limb(0), limb(16), limb(32)])
        };
        let origin = |version, shard, shard_created_s, record_s| {
            Some(Origin {
                version,
                shard,
                shard_created_s,
                record_s,
            })
        };
        for (digits, expected) in [
            ("0", origin(0, 0, 0, 0)),
            ("5", origin(0, 5, 0, 0)),
            (
                "10545a3e20000000000000000000002a",
                origin(0, 0x2a, 0x545a_3e20, 0),
            ),
            (
                "20545a3e20a000545a3e21bbbbbbbbbbbbbb030000002a1",
                origin(1, 0x2a, 0x545a_3e20, 0x545a_3e21),
            ),
            (
                "20545a3e20a0000000000000003000545a3e210000002a2",
                origin(2, 0x2a, 0x545a_3e20, 0x545a_3e21),
            ),
            ("1fffffffff0000000000000000000000", None),
            ("20000000000000000000000000000000000000000000003", None),
            ("30000000000000000000000000000000000000000000002", None),
            ("2fffffffffa000545a3e21bbbbbbbbbbbbbb030000002a1", None),
        ] {
            assert_eq!(hex(digits).origin(), expected, "{digits}");
        }
    }

    #[test]
    fn not_a_number() {
        for text in ["", "-1", "1a", &"9".repeat(60)] {
            assert!(text.parse::<SequenceNumber>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_parts_round_trip(created in 0..SECONDS_END, index in 0..=INDEX_LAST, second in 0..SECONDS_END, shard: u32) {
            let parts = SequenceParts { shard_created_s: created, index, record_s: second, shard };
            let number = SequenceNumber::from_parts(parts);
            prop_assert_eq!(number.parts(), Some(parts));
            prop_assert_eq!(number.to_string().parse::<SequenceNumber>().unwrap(), number);
        }

        #[test]
        fn text_round_trips_for_any_value(limbs: [u64; 3]) {
            prop_assert_eq!(SequenceNumber(limbs).to_string().parse(), Ok(SequenceNumber(limbs)));
        }

        #[test]
        fn order_is_the_order_of_integers(low: u64, high: u64) {
            let (a, b) = (SequenceNumber([high, low, 5]), SequenceNumber([high, low, 6]));
            prop_assert!(a < b && a.next() == b);
        }
    }
}
