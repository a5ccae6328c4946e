//! Events that were encoded already: subscribers at the same place of a shard get the same records, encoded once.
//!
//! In: which records, in which codec, and how far behind the subscriber is. Out: their frame. Whoever is as far behind as
//! the first one gets the very frame; for others its records are put into a frame of their own, as they are. What is kept
//! is bounded; the oldest goes first. While records are encoded, only those wait who want the same ones.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use model::{SequenceNumber, ShardId, StreamKey};

use super::{answer::Codec, error::AwsError};
use crate::{
    event_stream::{self, CHECKSUM_BYTES},
    limits::{ENCODED_EVENTS_BYTES_MAX, ENCODED_EVENTS_MAX},
};

/// What decides every byte of the records of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventKey {
    pub(super) stream: StreamKey,
    pub(super) shard: ShardId,
    pub(super) codec: Codec,
    pub(super) first: SequenceNumber,
    pub(super) last: SequenceNumber,
}

#[derive(Debug, Default)]
pub(super) struct EncodedEvents(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Entry>,
    bytes: usize,
    encoded: u64,
}

#[derive(Debug)]
struct Entry {
    key: EventKey,
    /// Empty until it is encoded.
    event: Arc<Mutex<Option<Event>>>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Event {
    frame: Bytes,
    /// A part of the frame.
    records: Bytes,
    behind_ms: u64,
}

impl EncodedEvents {
    /// The frame of an event. `records` encodes what comes before the ending, and `ending` what follows: everything that is not
    /// decided by the key, and that by `behind_ms`.
    pub(super) fn frame(
        &self,
        key: EventKey,
        behind_ms: u64,
        records: impl FnOnce() -> Vec<u8>,
        ending: impl FnOnce() -> Result<Vec<u8>, AwsError>,
    ) -> Result<Bytes, AwsError> {
        let codec = key.codec;
        let place = self.place(key);
        let mut event = lock(&place);
        if let Some(Event {
            frame,
            records,
            behind_ms: known_ms,
        }) = event.clone()
        {
            drop(event);
            return if known_ms == behind_ms {
                Ok(frame)
            } else {
                Ok(framed(codec, &records, &ending()?))
            };
        }
        let (records, ending) = (records(), ending()?);
        let frame = framed(codec, &records, &ending);
        let ends = frame.len() - CHECKSUM_BYTES - ending.len();
        *event = Some(Event {
            records: frame.slice(ends - records.len()..ends),
            frame: frame.clone(),
            behind_ms,
        });
        drop(event);
        self.count(&place, frame.len());
        Ok(frame)
    }

    /// Where an event is or will be.
    fn place(&self, key: EventKey) -> Arc<Mutex<Option<Event>>> {
        let mut kept = lock(&self.0);
        if let Some(entry) = kept.events.iter().rev().find(|entry| entry.key == key) {
            return Arc::clone(&entry.event);
        }
        let event = Arc::default();
        kept.events.push_back(Entry {
            key,
            event: Arc::clone(&event),
            bytes: 0,
        });
        kept.shrink();
        event
    }

    fn count(&self, event: &Arc<Mutex<Option<Event>>>, bytes: usize) {
        let mut kept = lock(&self.0);
        kept.encoded += 1;
        let mut entries = kept.events.iter_mut().rev();
        // It may have gone already.
        if let Some(entry) = entries.find(|entry| Arc::ptr_eq(&entry.event, event)) {
            entry.bytes = bytes;
            kept.bytes += bytes;
            kept.shrink();
        }
    }

    /// How many events were encoded so far.
    #[cfg(test)]
    pub(super) fn encoded(&self) -> u64 {
        lock(&self.0).encoded
    }
}

impl Kept {
    fn shrink(&mut self) {
        while self.bytes > ENCODED_EVENTS_BYTES_MAX || self.events.len() > ENCODED_EVENTS_MAX {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
        }
    }
}

/// Records, and what follows them.
pub(super) fn framed(codec: Codec, records: &[u8], ending: &[u8]) -> Bytes {
    let content_type = codec.event_content_type();
    event_stream::event("SubscribeToShardEvent", content_type, &[records, ending])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region, StreamName};

    use super::*;
    use crate::event_stream::tests::read;

    fn key(number: u64) -> EventKey {
        EventKey {
            stream: StreamKey {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("us-east-1").unwrap(),
                name: StreamName::parse("flights").unwrap(),
            },
            shard: ShardId(0),
            codec: Codec::Json,
            first: SequenceNumber([0, 0, number]),
            last: SequenceNumber([0, 0, number]),
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let events = EncodedEvents::default();
        let frame = |number: u64| {
            let large = || vec![0; ENCODED_EVENTS_BYTES_MAX / 2 - 1024];
            let ending = || Ok(Vec::new());
            events.frame(key(number), 0, large, ending).unwrap();
        };
        for (number, encoded) in [(0, 1), (0, 1), (1, 2), (0, 2), (2, 3), (0, 4)] {
            frame(number);
            assert_eq!(events.encoded(), encoded, "{number}");
        }
    }

    #[test]
    fn another_ending_follows_the_same_records() {
        let events = EncodedEvents::default();
        for behind_ms in [7, 9, 7, 0] {
            let ending = || Ok(behind_ms.to_string().into_bytes());
            let frame = events.frame(key(1), behind_ms, || b"records ".to_vec(), ending);
            let frame = frame.unwrap();
            let (_, payload, rest) = read(&frame).unwrap();
            assert_eq!(payload, format!("records {behind_ms}").into_bytes());
            assert!(rest.is_empty());
        }
        assert_eq!(events.encoded(), 1);
    }

    /// An error of one subscriber leaves nothing for the others.
    #[test]
    fn what_could_not_be_encoded_is_encoded_by_the_next() {
        let events = EncodedEvents::default();
        let failed = events.frame(key(1), 0, Vec::new, || Err(AwsError::internal("broken")));
        failed.unwrap_err();
        events
            .frame(key(1), 0, Vec::new, || Ok(Vec::new()))
            .unwrap();
        assert_eq!(events.encoded(), 1);
    }
}
