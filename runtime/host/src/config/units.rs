//! Numbers with units as people write them: `500ms`, `6MiB`, `100`. Text goes in, a typed value comes out, and each value
//! prints itself in the largest unit that fits it exactly. It never guesses a unit: a bare `5` is no duration, and
//! `5MB` is refused, because half of all readers take it for `5MiB`.

use std::time::Duration;

use model::ByteSize;
use platform::Rng;

use super::limits::INTEGER_MAX;

/// A value with a unit, or a plain number, that a key of the file may hold.
pub(super) trait Measure: Copy + PartialOrd + 'static {
    /// How the guide calls it.
    const KIND: &'static str;
    /// What to write, for hints.
    const ACCEPTED: &'static str;

    fn parse(text: &str) -> Option<Self>;

    fn print(self) -> String;
}

impl Measure for ByteSize {
    const KIND: &'static str = "size";
    const ACCEPTED: &'static str = "a size such as 64KiB, 6MiB or 1GiB";

    fn parse(text: &str) -> Option<Self> {
        u64::try_from(scaled(text, SIZES)?)
            .ok()
            .filter(|bytes| *bytes <= INTEGER_MAX)
            .map(Self)
    }

    fn print(self) -> String {
        in_largest(u128::from(self.bytes()), SIZES)
    }
}

impl Measure for Duration {
    const KIND: &'static str = "duration";
    const ACCEPTED: &'static str = "a duration such as 500ms, 3s, 6h or 7d";

    fn parse(text: &str) -> Option<Self> {
        u64::try_from(scaled(text, TIMES)?)
            .ok()
            .filter(|millis| *millis <= INTEGER_MAX)
            .map(Self::from_millis)
    }

    fn print(self) -> String {
        if self.is_zero() {
            "0s".to_owned()
        } else {
            in_largest(self.as_millis(), TIMES)
        }
    }
}

impl Measure for u32 {
    const KIND: &'static str = "count";
    const ACCEPTED: &'static str = "a whole number without a unit";

    fn parse(text: &str) -> Option<Self> {
        whole(text).and_then(|number| Self::try_from(number).ok())
    }

    fn print(self) -> String {
        self.to_string()
    }
}

/// Hundredths, written with a `%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) struct Percent(pub(super) u32);

impl Measure for Percent {
    const KIND: &'static str = "percentage";
    const ACCEPTED: &'static str = "a percentage such as 70%";

    fn parse(text: &str) -> Option<Self> {
        u32::parse(text.strip_suffix('%')?).map(Self)
    }

    fn print(self) -> String {
        format!("{}%", self.0)
    }
}

impl Measure for f64 {
    const KIND: &'static str = "number";
    const ACCEPTED: &'static str = "a number such as 2 or 0.5";

    fn parse(text: &str) -> Option<Self> {
        let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        plain.then(|| text.parse().ok()).flatten()
    }

    fn print(self) -> String {
        self.to_string()
    }
}

/// A key that may stay away, and then means that there is no bound.
impl<M: Measure> Measure for Option<M> {
    const KIND: &'static str = M::KIND;
    const ACCEPTED: &'static str = M::ACCEPTED;

    fn parse(text: &str) -> Option<Self> {
        M::parse(text).map(Some)
    }

    fn print(self) -> String {
        self.map_or_else(|| "none".to_owned(), M::print)
    }
}

/// What a range of can be drawn from.
pub(super) trait Drawable: Measure {
    /// One of those from the first to the last, both included.
    fn between(from: Self, to: Self, rng: &Rng) -> Self;
}

impl Drawable for Duration {
    fn between(from: Self, to: Self, rng: &Rng) -> Self {
        let millis = |time: Self| u64::try_from(time.as_millis()).unwrap_or(INTEGER_MAX);
        let width = millis(to).saturating_sub(millis(from));
        from + Self::from_millis(rng.below(width + 1))
    }
}

impl Drawable for u32 {
    fn between(from: Self, to: Self, rng: &Rng) -> Self {
        let width = u64::from(to.saturating_sub(from));
        from + Self::try_from(rng.below(width + 1)).unwrap_or(0)
    }
}

/// A unit's name and how many of the smallest unit it holds, largest first.
type Units = &'static [(&'static str, u128)];

const SIZES: Units = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];
const TIMES: Units = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

fn scaled(text: &str, units: Units) -> Option<u128> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    whole(number)?.checked_mul(*factor)
}

fn whole(text: &str) -> Option<u128> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn in_largest(amount: u128, units: Units) -> String {
    units
        .iter()
        .find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor))
        .map_or_else(
            || "0B".to_owned(),
            |(name, factor)| format!("{}{name}", amount / factor),
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<M: Measure>(accepted: &[(&str, &str)], refused: &[&str]) {
        for (text, printed) in accepted {
            assert_eq!(
                M::parse(text).map(M::print).as_deref(),
                Some(*printed),
                "for {text}"
            );
        }
        for text in refused {
            assert_eq!(M::parse(text).map(M::print), None, "for {text}");
        }
    }

    #[test]
    fn durations() {
        check::<Duration>(
            &[
                ("500ms", "500ms"),
                ("3s", "3s"),
                ("1000ms", "1s"),
                ("90m", "90m"),
                ("6h", "6h"),
                ("24h", "1d"),
                ("7d", "7d"),
                ("0s", "0s"),
            ],
            &[
                "",
                "5",
                "s",
                "-1s",
                "+1s",
                "1.5h",
                "1 s",
                "1S",
                "1w",
                "1us",
                "1s1s",
                "99999999999999999999d",
            ],
        );
    }

    #[test]
    fn sizes() {
        check::<ByteSize>(
            &[
                ("64KiB", "64KiB"),
                ("6MiB", "6MiB"),
                ("1024MiB", "1GiB"),
                ("10B", "10B"),
                ("0B", "0B"),
                ("2TiB", "2TiB"),
            ],
            &[
                "",
                "5",
                "MiB",
                "5MB",
                "5mib",
                "5M",
                "1.5GiB",
                "5 MiB",
                "-1B",
                "99999999TiB",
            ],
        );
    }

    #[test]
    fn counts_and_numbers() {
        check::<u32>(
            &[("0", "0"), ("10000", "10000")],
            &["", "-1", "1.0", "1e3", "0x10", "1_000", "5s"],
        );
        check::<f64>(
            &[("2", "2"), ("0.5", "0.5")],
            &["", "-1", "1e3", ".", "inf", "nan", "2x"],
        );
    }

    proptest! {
        #[test]
        fn a_duration_reads_back_as_it_prints(millis in 0..=INTEGER_MAX) {
            let value = Duration::from_millis(millis);
            prop_assert_eq!(Duration::parse(&value.print()), Some(value));
        }

        #[test]
        fn a_size_reads_back_as_it_prints(bytes in 0..=INTEGER_MAX) {
            let value = ByteSize(bytes);
            prop_assert_eq!(ByteSize::parse(&value.print()), Some(value));
        }

        #[test]
        fn text_without_a_known_unit_is_refused(number in 0u64..1_000_000, unit in "[a-zA-Z]{0,4}") {
            let text = format!("{number}{unit}");
            prop_assert_eq!(Duration::parse(&text).is_some(), TIMES.iter().any(|(name, _)| *name == unit));
            prop_assert_eq!(ByteSize::parse(&text).is_some(), SIZES.iter().any(|(name, _)| *name == unit));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = (Duration::parse(&text), ByteSize::parse(&text), u32::parse(&text), f64::parse(&text));
        }
    }
}
