//! The `x-shardmill-producer: ID:N` header, by which a producer may repeat a request without repeating records.
//!
//! In: the header's value. Out: the producer's name and the number of its request, or an error that says what
//! form is wanted. What a repeat means is the log's matter.

use http::HeaderValue;

use super::error::AwsError;
use crate::limits::PRODUCER_NAME_BYTES_MAX;

/// Who puts, and the how-many-eth put this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProducerMark {
    pub(super) name: String,
    pub(super) number: u64,
}

impl ProducerMark {
    pub(super) fn parse(value: &HeaderValue) -> Result<Self, AwsError> {
        let given = String::from_utf8_lossy(value.as_bytes());
        Self::parse_text(&given).ok_or_else(|| AwsError::producer_header_invalid(&given))
    }

    fn parse_text(given: &str) -> Option<Self> {
        let (name, number) = given.split_once(':')?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        if !(1..=PRODUCER_NAME_BYTES_MAX).contains(&name.len())
            || !name.bytes().all(plain)
            || !digits
        {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            number: number.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_and_a_number_pass() {
        let name = "a".repeat(PRODUCER_NAME_BYTES_MAX);
        for (given, expected) in [
            ("demo:0", Some(("demo", 0))),
            ("a.b-C_9:18446744073709551615", Some(("a.b-C_9", u64::MAX))),
            (&format!("{name}:1"), Some((name.as_str(), 1))),
            (&format!("{name}a:1"), None),
            ("demo:18446744073709551616", None),
            ("demo:+1", None),
            ("demo:", None),
            (":1", None),
            ("demo", None),
            ("de mo:1", None),
            ("a:b:1", None),
        ] {
            let expected = expected.map(|(name, number)| ProducerMark {
                name: name.to_owned(),
                number,
            });
            assert_eq!(ProducerMark::parse_text(given), expected, "{given}");
        }
    }
}
