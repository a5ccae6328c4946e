//! Integers of 192 bits as decimal digits: every record that is put or read has one, so it is worth some care.
//!
//! Divides by 10^19 with the multiplication of Möller and Granlund, "Improved division by invariant integers" (2011).
//! Nothing is allocated.

/// The most digits that 192 bits have.
const DIGITS_MAX: usize = 58;
const CHUNK: u64 = 10_000_000_000_000_000_000;
const CHUNK_DIGITS: usize = 19;
const EIGHT: u64 = 100_000_000;
/// (2^128 - 1) / CHUNK - 2^64
const RECIPROCAL: u64 = limb(u128::MAX / CHUNK as u128 - (1 << 64));

/// The digits of a number, without leading zeroes.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    digits: [u8; DIGITS_MAX],
    begins: usize,
}

impl Decimal {
    /// Of an integer whose high limb stands first.
    pub(crate) fn of(mut limbs: [u64; 3]) -> Self {
        let mut digits = [b'0'; DIGITS_MAX];
        for chunk in digits.rchunks_exact_mut(CHUNK_DIGITS) {
            let rest = divide(&mut limbs);
            let (high, middle, low) = (rest / EIGHT / EIGHT, rest / EIGHT % EIGHT, rest % EIGHT);
            chunk[..3].copy_from_slice(&eight(high)[5..]);
            chunk[3..11].copy_from_slice(&eight(middle));
            chunk[11..].copy_from_slice(&eight(low));
        }
        // What is left is below 7.
        digits[0] = eight(limbs[2])[7];
        let zeroes = digits.iter().take_while(|digit| **digit == b'0').count();
        Self {
            digits,
            begins: zeroes.min(DIGITS_MAX - 1),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[self.begins..]).unwrap_or_default()
    }
}

/// The eight digits of a number below 10^8, two, four and eight of them at a time.
fn eight(number: u64) -> [u8; 8] {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - tens * 10) << 8);
    (ones | 0x3030_3030_3030_3030).to_le_bytes()
}

/// Divides by 10^19 in place and returns the remainder.
fn divide(limbs: &mut [u64; 3]) -> u64 {
    let mut remainder = 0;
    for part in limbs {
        let (quotient, rest) = divide_two(remainder, *part);
        (*part, remainder) = (quotient, rest);
    }
    remainder
}

/// Of two limbs, of which the high one is below the divisor.
fn divide_two(high: u64, low: u64) -> (u64, u64) {
    let estimate =
        u128::from(RECIPROCAL) * u128::from(high) + (u128::from(high) << 64 | u128::from(low));
    let mut quotient = limb(estimate >> 64).wrapping_add(1);
    let mut remainder = low.wrapping_sub(quotient.wrapping_mul(CHUNK));
    if remainder > limb(estimate) {
        quotient = quotient.wrapping_sub(1);
        remainder = remainder.wrapping_add(CHUNK);
    }
    if remainder >= CHUNK {
        quotient = quotient.wrapping_add(1);
        remainder -= CHUNK;
    }
    (quotient, remainder)
}

/// The low half.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the high half is not asked for"
)]
const fn limb(wide: u128) -> u64 {
    wide as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_of_the_range() {
        for (limbs, expected) in [
            ([0, 0, 0], "0"),
            ([0, 0, 1], "1"),
            ([0, 0, CHUNK], "10000000000000000000"),
            ([0, 1, 0], "18446744073709551616"),
            (
                [u64::MAX; 3],
                "6277101735386680763835789423207666416102355444464034512895",
            ),
        ] {
            assert_eq!(Decimal::of(limbs).as_str(), expected);
        }
    }

    proptest! {
        #[test]
        fn eight_digits(number in 0..EIGHT) {
            let expected = format!("{number:08}");
            prop_assert_eq!(&eight(number)[..], expected.as_bytes());
        }

        #[test]
        fn as_the_standard_library_writes_it(wide: u128) {
            let limbs = [0, limb(wide >> 64), limb(wide)];
            let decimal = Decimal::of(limbs);
            prop_assert_eq!(decimal.as_str(), wide.to_string());
        }

        #[test]
        fn as_two_limbs_divide(high in 0..CHUNK, low: u64) {
            let (wide, chunk) = (u128::from(high) << 64 | u128::from(low), u128::from(CHUNK));
            prop_assert_eq!(divide_two(high, low), (limb(wide / chunk), limb(wide % chunk)));
        }
    }
}
