//! Frames of `application/vnd.amazon.eventstream`.
//!
//! In: headers and a payload. Out: one message: its length, the length of its headers, a checksum of both, headers,
//! payload, and a checksum of everything before. All numbers are big-endian, all headers texts.

use bytes::{BufMut as _, Bytes, BytesMut};
use crc_fast::CrcAlgorithm;

pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Both lengths, and the three checksums and lengths around headers and payload.
const PRELUDE_BYTES: usize = 8;
const FRAME_BYTES: usize = PRELUDE_BYTES + 4 + CHECKSUM_BYTES;
/// Of a header whose value is a text.
const TEXT: u8 = 7;
/// What follows the payload.
pub(crate) const CHECKSUM_BYTES: usize = 4;

/// The message that opens every stream of events.
pub(crate) fn initial_response() -> Bytes {
    message(
        &[
            (":message-type", "event"),
            (":event-type", "initial-response"),
            (":content-type", "application/json"),
        ],
        &[b"{}"],
    )
}

/// The payload may come in parts.
pub(crate) fn event(name: &str, content_type: &str, payload: &[&[u8]]) -> Bytes {
    message(
        &[
            (":message-type", "event"),
            (":event-type", name),
            (":content-type", content_type),
        ],
        payload,
    )
}

/// The error that ends a stream.
pub(crate) fn exception(kind: &str, content_type: &str, payload: &[u8]) -> Bytes {
    message(
        &[
            (":message-type", "exception"),
            (":exception-type", kind),
            (":content-type", content_type),
        ],
        &[payload],
    )
}

fn message(headers: &[(&str, &str)], payload: &[&[u8]]) -> Bytes {
    let header_bytes: usize = headers
        .iter()
        .map(|(name, value)| 1 + name.len() + 1 + 2 + value.len())
        .sum();
    let payload_bytes: usize = payload.iter().map(|part| part.len()).sum();
    let total = FRAME_BYTES + header_bytes + payload_bytes;
    let mut frame = BytesMut::with_capacity(total);
    frame.put_u32(number(total));
    frame.put_u32(number(header_bytes));
    let prelude = checksum(&frame);
    frame.put_u32(prelude);
    for (name, value) in headers {
        // Names and values are ours, and short.
        frame.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        frame.put_slice(name.as_bytes());
        frame.put_u8(TEXT);
        frame.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        frame.put_slice(value.as_bytes());
    }
    for part in payload {
        frame.put_slice(part);
    }
    let whole = checksum(&frame);
    frame.put_u32(whole);
    frame.freeze()
}

/// A page and its frame stay far below 4 GiB.
fn number(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn checksum(bytes: &[u8]) -> u32 {
    let sum = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, bytes);
    u32::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Headers, payload, and what follows.
    type Read<'a> = (BTreeMap<String, String>, Vec<u8>, &'a [u8]);

    /// One message, read strictly.
    pub(crate) fn read(bytes: &[u8]) -> Option<Read<'_>> {
        let be = |at: usize| {
            let four = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(four))
        };
        let total = usize::try_from(be(0)?).unwrap();
        let header_bytes = usize::try_from(be(4)?).unwrap();
        let message = bytes.get(..total)?;
        assert_eq!(be(8)?, checksum(&message[..8]));
        assert_eq!(be(total - 4)?, checksum(&message[..total - 4]));
        let (mut rest, payload) = message[12..total - 4].split_at(header_bytes);
        let mut headers = BTreeMap::new();
        while let Some((length, tail)) = rest.split_first() {
            let (name, tail) = tail.split_at(usize::from(*length));
            assert_eq!(tail[0], 7);
            let length = u16::from_be_bytes([tail[1], tail[2]]);
            let (value, tail) = tail[3..].split_at(usize::from(length));
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            headers.insert(text(name), text(value));
            rest = tail;
        }
        Some((headers, payload.to_vec(), &bytes[total..]))
    }

    #[test]
    fn the_opening_message_is_byte_by_byte_as_written_down() {
        let hex: String = initial_response()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        insta::assert_snapshot!(
            hex,
            @"00000068000000564e6817240d3a6d6573736167652d747970650700056576656e740b3a6576656e742d74797065070010696e697469616c2d726573706f6e73650d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b7dfe942c1d"
        );
    }

    proptest! {
        #[test]
        fn messages_read_back(payload in prop::collection::vec(any::<u8>(), 0..2000)) {
            let (one, other) = payload.split_at(payload.len() / 3);
            let frame = event("SubscribeToShardEvent", "application/json", &[one, other]);
            let (headers, read, rest) = read(&frame).unwrap();
            prop_assert_eq!(read, payload);
            prop_assert!(rest.is_empty());
            prop_assert_eq!(&headers[":event-type"], "SubscribeToShardEvent");
            prop_assert_eq!(&headers[":message-type"], "event");
        }
    }
}
