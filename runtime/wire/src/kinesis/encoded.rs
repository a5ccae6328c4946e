//! Events that were encoded already: subscribers at the same place of a shard get the same bytes.
//!
//! In: which records, in which codec. Out: their frame, encoded once for as long as it is kept. What is kept is
//! bounded; the oldest goes first.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use model::{SequenceNumber, ShardId, StreamKey};

use super::{answer::Codec, error::AwsError};
use crate::limits::{ENCODED_EVENTS_BYTES_MAX, ENCODED_EVENTS_MAX};

/// What decides every byte of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventKey {
    pub(super) stream: StreamKey,
    pub(super) shard: ShardId,
    pub(super) codec: Codec,
    pub(super) first: SequenceNumber,
    pub(super) last: SequenceNumber,
    pub(super) behind_ms: u64,
}

#[derive(Debug, Default)]
pub(super) struct EncodedEvents(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<(EventKey, Bytes)>,
    bytes: usize,
    encoded: u64,
}

impl EncodedEvents {
    /// The frame of an event. Who comes while it is encoded waits for it instead of encoding it again.
    pub(super) fn frame(
        &self,
        key: EventKey,
        encode: impl FnOnce() -> Result<Bytes, AwsError>,
    ) -> Result<Bytes, AwsError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frame)) = kept.events.iter().rev().find(|(known, _)| *known == key) {
            return Ok(frame.clone());
        }
        let frame = encode()?;
        kept.encoded += 1;
        kept.bytes += frame.len();
        kept.events.push_back((key, frame.clone()));
        while kept.bytes > ENCODED_EVENTS_BYTES_MAX || kept.events.len() > ENCODED_EVENTS_MAX {
            let Some((_, oldest)) = kept.events.pop_front() else {
                break;
            };
            kept.bytes -= oldest.len();
        }
        Ok(frame)
    }

    /// How many events were encoded so far.
    #[cfg(test)]
    pub(super) fn encoded(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .encoded
    }
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region, StreamName};

    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let events = EncodedEvents::default();
        let stream = StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("flights").unwrap(),
        };
        let frame = |number: u64| {
            let key = EventKey {
                stream: stream.clone(),
                shard: ShardId(0),
                codec: Codec::Json,
                first: SequenceNumber([0, 0, number]),
                last: SequenceNumber([0, 0, number]),
                behind_ms: 0,
            };
            let large = Bytes::from(vec![0; ENCODED_EVENTS_BYTES_MAX / 2]);
            events.frame(key, || Ok(large)).unwrap();
        };
        for (number, encoded) in [(0, 1), (0, 1), (1, 2), (0, 2), (2, 3), (0, 4)] {
            frame(number);
            assert_eq!(events.encoded(), encoded, "{number}");
        }
    }
}
