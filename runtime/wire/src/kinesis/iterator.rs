//! Shard iterators: where a reader is, as a text that the client carries.
//!
//! In: a place in a shard, and when it was asked for. Out: base64 of AWS's length and first bytes, another one at
//! every call. Nothing is kept here, so iterators outlive a restart of the server. An iterator is good for 300
//! seconds; whether its stream still exists is not asked here.

use super::error::AwsError;
use crate::{limits::ITERATOR_LIFETIME, tokens};

/// What an iterator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShardIterator {
    pub(super) created_ms: u64,
    pub(super) stream: String,
    pub(super) shard: u32,
    pub(super) place: Place,
}

/// From where to read on. Sequence numbers are in AWS's decimal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Horizon,
    At(String),
    After(String),
    Time(u64),
}

impl ShardIterator {
    pub(super) fn encode(&self, nonce: u64) -> String {
        let (kind, place) = match &self.place {
            Place::Horizon => (0, String::new()),
            Place::At(number) => (1, number.clone()),
            Place::After(number) => (2, number.clone()),
            Place::Time(ms) => (3, ms.to_string()),
        };
        let mut content = self.created_ms.to_be_bytes().to_vec();
        content.extend_from_slice(&self.shard.to_be_bytes());
        content.push(kind);
        content.extend_from_slice(self.stream.as_bytes());
        content.push(b'/');
        content.extend_from_slice(place.as_bytes());
        // AWS's iterators grow with the stream's name in steps of 16 bytes.
        tokens::seal(&content, nonce, 152 + (self.stream.len() + 2) / 16 * 16)
    }

    /// Reads an iterator that may be used at `now_ms`.
    pub(super) fn decode(text: &str, now_ms: u64) -> Result<Self, AwsError> {
        let content = tokens::open(text).ok_or_else(AwsError::iterator_invalid)?;
        let iterator = Self::read(&content).ok_or_else(AwsError::iterator_invalid)?;
        let age_ms = u128::from(now_ms.saturating_sub(iterator.created_ms));
        if age_ms > ITERATOR_LIFETIME.as_millis() {
            return Err(AwsError::iterator_expired(iterator.created_ms, now_ms));
        }
        Ok(iterator)
    }

    fn read(content: &[u8]) -> Option<Self> {
        let (created, rest) = content.split_first_chunk()?;
        let (shard, rest) = rest.split_first_chunk()?;
        let (kind, rest) = rest.split_first()?;
        let (stream, place) = std::str::from_utf8(rest).ok()?.split_once('/')?;
        let place = match kind {
            0 => Place::Horizon,
            1 => Place::At(place.to_owned()),
            2 => Place::After(place.to_owned()),
            3 => Place::Time(place.parse().ok()?),
            _ => return None,
        };
        Some(Self {
            created_ms: u64::from_be_bytes(*created),
            stream: stream.to_owned(),
            shard: u32::from_be_bytes(*shard),
            place,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Place> {
        prop_oneof![
            Just(Place::Horizon),
            "[1-9][0-9]{55}".prop_map(Place::At),
            "[1-9][0-9]{55}".prop_map(Place::After),
            any::<u64>().prop_map(Place::Time),
        ]
    }

    proptest! {
        #[test]
        fn iterators_have_the_form_of_aws_and_read_back(
            created_ms in 0..u64::from(u32::MAX) * 1000,
            stream in "[a-zA-Z0-9_.-]{1,128}",
            shard: u32,
            place in place(),
            nonce: u64,
        ) {
            let iterator = ShardIterator { created_ms, stream, shard, place };
            let text = iterator.encode(nonce);
            let bytes = base64_simd::STANDARD.decode_to_vec(&text).unwrap();
            prop_assert!(bytes.starts_with(&[0, 0, 0, 0, 0, 0, 0, 1]));
            prop_assert_eq!((bytes.len() - 152) % 16, 0);
            prop_assert!(bytes.len() <= 280);
            prop_assert_ne!(&text, &iterator.encode(nonce.wrapping_add(1)));
            prop_assert_eq!(ShardIterator::decode(&text, created_ms + 300_000), Ok(iterator));
            prop_assert_eq!(
                ShardIterator::decode(&text, created_ms + 300_001),
                Err(AwsError::iterator_expired(created_ms, created_ms + 300_001))
            );
        }

        #[test]
        fn any_text_is_only_refused(text in ".{0,512}") {
            prop_assert_eq!(ShardIterator::decode(&text, 0), Err(AwsError::iterator_invalid()));
        }
    }

    #[test]
    fn an_expired_iterator_is_told_in_the_words_of_aws() {
        let error = AwsError::iterator_expired(1_421_889_722_000, 1_421_890_022_001);
        insta::assert_snapshot!(
            error.message.unwrap(),
            @"Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while right now it is Thu Jan 22 01:27:02 UTC 2015 which is further in the future than the tolerated delay of 300000 milliseconds."
        );
    }
}
