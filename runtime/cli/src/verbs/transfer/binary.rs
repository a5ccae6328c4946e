//! The binary form of exported records: smaller than NDJSON, each record under a checksum, and an end that says how many
//! there must have been, so that a file that was cut short is noticed.
//!
//! ```text
//! magic   20 bytes
//! record  length u32, crc32c of what follows u32; shard u32, arrived ms u64, flags u8 (1: hash key), length of the
//!         sequence number u8, length of the key u16; the number, 16 bytes of hash key if any, the key, the data
//! end     length 0, crc32c of the count u32, count u64
//! ```
//!
//! Numbers are little-endian.

use std::io::{self, Read, Write};

use crc_fast::{CrcAlgorithm, checksum};
use serde_json::Value;

pub(super) const MAGIC: &[u8; 20] = b"shardmill records 1\n";
const FIXED_BYTES: usize = 16;
const HAS_HASH_KEY: u8 = 1;
/// Longer than any record with its key and its number.
const RECORD_BYTES_MAX: usize = 16 << 20;

/// What of a record is put again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) key: String,
    pub(super) hash_key: Option<String>,
    pub(super) data: Vec<u8>,
}

fn crc(bytes: &[u8]) -> u32 {
    u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, bytes)).unwrap_or_default()
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes a record as the server told it.
pub(super) fn put(file: &mut impl Write, record: &Value) -> io::Result<()> {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let shard = text("shard").trim_start_matches("shardId-");
    let shard: u32 = shard.parse().map_err(|_| wrong("a shard has no number"))?;
    let data = base64_simd::STANDARD.decode_to_vec(text("data"));
    let data = data.map_err(|_| wrong("the data is not base64"))?;
    let hash_key = record["explicit_hash_key"].as_str().map(str::parse::<u128>);
    let hash_key = hash_key
        .transpose()
        .map_err(|_| wrong("a hash key is no number"))?;
    let (number, key) = (text("sequence"), text("key"));
    let number_len = u8::try_from(number.len()).map_err(io::Error::other)?;
    let key_len = u16::try_from(key.len()).map_err(io::Error::other)?;
    let mut body = Vec::with_capacity(FIXED_BYTES + 80 + key.len() + data.len());
    body.extend_from_slice(&shard.to_le_bytes());
    let arrived = record["arrived_ms"].as_u64().unwrap_or_default();
    body.extend_from_slice(&arrived.to_le_bytes());
    body.extend_from_slice(&[u8::from(hash_key.is_some()) * HAS_HASH_KEY, number_len]);
    body.extend_from_slice(&key_len.to_le_bytes());
    body.extend_from_slice(number.as_bytes());
    if let Some(hash_key) = hash_key {
        body.extend_from_slice(&hash_key.to_le_bytes());
    }
    body.extend_from_slice(key.as_bytes());
    body.extend_from_slice(&data);
    let len = u32::try_from(body.len()).map_err(io::Error::other)?;
    file.write_all(&len.to_le_bytes())?;
    file.write_all(&crc(&body).to_le_bytes())?;
    file.write_all(&body)
}

pub(super) fn end(file: &mut impl Write, records: u64) -> io::Result<()> {
    let count = records.to_le_bytes();
    file.write_all(&[0; 4])?;
    file.write_all(&crc(&count).to_le_bytes())?;
    file.write_all(&count)
}

/// Records behind the magic, one at a time; an error ends them.
#[derive(Debug)]
pub(super) struct Reader<R> {
    input: R,
    seen: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            seen: 0,
            ended: false,
        }
    }

    fn read(&mut self) -> io::Result<Option<Stored>> {
        let [len, expected] = [self.u32()?, self.u32()?];
        if len == 0 {
            let mut count = [0; 8];
            self.input.read_exact(&mut count)?;
            if crc(&count) != expected || u64::from_le_bytes(count) != self.seen {
                return Err(wrong("its end names another number of records"));
            }
            return Ok(None);
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if !(FIXED_BYTES..=RECORD_BYTES_MAX).contains(&len) {
            return Err(wrong("a record has an impossible length"));
        }
        let mut body = vec![0; len];
        self.input.read_exact(&mut body)?;
        if crc(&body) != expected {
            return Err(wrong("a record is damaged"));
        }
        self.seen += 1;
        let stored = stored(&body).ok_or_else(|| wrong("a record does not decode"))?;
        Ok(Some(stored))
    }

    fn u32(&mut self) -> io::Result<u32> {
        let mut raw = [0; 4];
        self.input.read_exact(&mut raw)?;
        Ok(u32::from_le_bytes(raw))
    }
}

fn stored(body: &[u8]) -> Option<Stored> {
    let (fixed, rest) = body.split_at_checked(FIXED_BYTES)?;
    let key_len = usize::from(u16::from_le_bytes([fixed[14], fixed[15]]));
    let (_number, rest) = rest.split_at_checked(usize::from(fixed[13]))?;
    let (hash_key, rest) = if fixed[12] & HAS_HASH_KEY == 0 {
        (None, rest)
    } else {
        let (raw, rest) = rest.split_first_chunk::<16>()?;
        (Some(u128::from_le_bytes(*raw).to_string()), rest)
    };
    let (key, data) = rest.split_at_checked(key_len)?;
    Some(Stored {
        key: String::from_utf8(key.to_vec()).ok()?,
        hash_key,
        data: data.to_vec(),
    })
}

impl<R: Read> Iterator for Reader<R> {
    type Item = io::Result<Stored>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                wrong("it ends too early")
            } else {
                error
            }
        });
        self.ended = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file() -> Vec<u8> {
        let mut file = Vec::new();
        let plain = json!({"shard": "shardId-000000000007", "sequence": "4966", "arrived_ms": 5, "key": "kü", "data": "eA=="});
        let mut placed = plain.clone();
        placed["explicit_hash_key"] = json!(u128::MAX.to_string());
        placed["data"] = json!("");
        put(&mut file, &plain).unwrap();
        put(&mut file, &placed).unwrap();
        end(&mut file, 2).unwrap();
        file
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<Stored>> {
        Reader::new(bytes).collect()
    }

    #[test]
    fn records_come_back_as_they_were() {
        let stored = |hash_key: Option<u128>, data: &[u8]| Stored {
            key: "kü".to_owned(),
            hash_key: hash_key.map(|key| key.to_string()),
            data: data.to_vec(),
        };
        let expected = [stored(None, b"x"), stored(Some(u128::MAX), b"")];
        assert_eq!(read(&file()).unwrap(), expected);
    }

    #[test]
    fn what_was_cut_or_changed_anywhere_is_noticed() {
        let whole = file();
        for at in 0..whole.len() {
            assert!(read(&whole[..at]).is_err(), "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 4;
            assert!(read(&changed).is_err(), "changed at {at}");
        }
    }
}
