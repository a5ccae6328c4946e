//! Messages of `application/vnd.amazon.eventstream`, out of the bytes of a connection as they come.
//!
//! In: bytes. Out: whole messages, their type and their payload. A message whose checksums are wrong ends the reading.

use std::collections::BTreeMap;

use crc_fast::{CrcAlgorithm, checksum};

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
/// Of a header whose value is a text.
const TEXT: u8 = 7;
const MESSAGE_BYTES_MAX: usize = 64 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    headers: BTreeMap<String, String>,
    pub(super) payload: Vec<u8>,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn event(&self) -> &str {
        self.header(":event-type")
    }

    /// The name of the error that ends the stream, if this is one.
    pub(super) fn exception(&self) -> Option<&str> {
        let is_exception = self.header(":message-type") == "exception";
        is_exception.then(|| self.header(":exception-type"))
    }
}

/// What came and is not yet a whole message.
#[derive(Debug, Default)]
pub(super) struct Messages(Vec<u8>);

impl Messages {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole message; `None` until it is there.
    pub(super) fn take(&mut self) -> Result<Option<Message>, &'static str> {
        let Some(total) = u32_at(&self.0, 0) else {
            return Ok(None);
        };
        if !(PRELUDE_BYTES + CHECKSUM_BYTES..=MESSAGE_BYTES_MAX).contains(&total) {
            return Err("a message has an impossible length");
        }
        if self.0.len() < total {
            return Ok(None);
        }
        let rest = self.0.split_off(total);
        let whole = std::mem::replace(&mut self.0, rest);
        message(&whole).map(Some)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let raw = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(raw)).ok()
}

fn crc(bytes: &[u8]) -> Option<usize> {
    usize::try_from(checksum(CrcAlgorithm::Crc32IsoHdlc, bytes)).ok()
}

fn message(whole: &[u8]) -> Result<Message, &'static str> {
    let (checked, _) = whole.split_at(whole.len() - CHECKSUM_BYTES);
    if u32_at(whole, 8) != crc(&whole[..8]) || u32_at(whole, checked.len()) != crc(checked) {
        return Err("a message is damaged");
    }
    let wrong = "a message has headers that are none";
    let header_bytes = u32_at(whole, 4).ok_or(wrong)?;
    let body = &checked[PRELUDE_BYTES..];
    let (mut rest, payload) = body.split_at_checked(header_bytes).ok_or(wrong)?;
    let mut headers = BTreeMap::new();
    while !rest.is_empty() {
        let (name, value, behind) = header(rest).ok_or(wrong)?;
        headers.insert(name, value);
        rest = behind;
    }
    Ok(Message {
        headers,
        payload: payload.to_vec(),
    })
}

fn header(bytes: &[u8]) -> Option<(String, String, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*len))?;
    let ([kind, high, low], rest) = rest.split_first_chunk::<3>()?;
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    let (value, rest) = rest.split_at_checked(len)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    (*kind == TEXT).then_some((text(name)?, text(value)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message that opens every stream of events, as it is written down in the documentation of the server.
    const OPENING: &str = "00000068000000564e6817240d3a6d6573736167652d747970650700056576656e740b3a6576656e742d74797065070010696e697469616c2d726573706f6e73650d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b7dfe942c1d";

    fn opening() -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&OPENING[at..at + 2], 16).unwrap();
        (0..OPENING.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn messages_are_whole_however_they_come() {
        let bytes = opening();
        let mut messages = Messages::default();
        for byte in bytes.iter().chain(&bytes) {
            let before = messages.take().unwrap();
            assert!(before.is_none_or(|message| message.event() == "initial-response"));
            messages.add(&[*byte]);
        }
        let last = messages.take().unwrap().unwrap();
        assert_eq!((last.event(), last.exception()), ("initial-response", None));
        assert_eq!(last.payload, b"{}");
        assert_eq!(messages.take(), Ok(None));
    }

    #[test]
    fn a_changed_message_is_refused_or_waits_for_more() {
        let whole = opening();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let mut messages = Messages::default();
            messages.add(&bytes);
            let taken = messages.take();
            assert!(matches!(taken, Ok(None) | Err(_)), "byte {at}: {taken:?}");
        }
    }
}
