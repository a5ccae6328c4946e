//! The records that are put: from its number alone, everything about a record is known again.
//!
//! So whatever comes back can be checked to the last byte without keeping what was sent.

use std::fmt;

/// Keys of one producer; nobody else writes them, so that the order of a key is the order of its numbers.
pub(crate) const KEYS: u64 = 5;
const BYTES_MAX: u64 = 3_000;
const BEGIN: &str = "{\"id\":\"";

/// Who put it, and the how-many-eth of theirs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) producer: u64,
    pub(crate) number: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.producer, self.number)
    }
}

impl Id {
    pub(crate) fn key(self) -> String {
        format!("key-{}-{}", self.producer, self.number % KEYS)
    }

    /// JSON that begins with the id; its length is any up to some blocks of a disk.
    pub(crate) fn data(self) -> String {
        let length = self.number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % BYTES_MAX;
        let mut data = format!("{BEGIN}{self}\",\"fill\":\"");
        while (data.len() as u64) < length {
            data.push_str(&format!("{:016x}", mixed(self, data.len() as u64)));
        }
        data.push_str("\"}");
        data
    }

    /// The id that data claims; only `data` says whether the rest is right too.
    pub(crate) fn claimed(data: &str) -> Option<Self> {
        let (producer, number) = data
            .strip_prefix(BEGIN)?
            .split_once('"')?
            .0
            .split_once('-')?;
        Some(Self {
            producer: producer.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

/// Differs at every place of every record.
fn mixed(id: Id, place: u64) -> u64 {
    let seed = id.producer << 48 ^ id.number << 16 ^ place;
    let once = (seed ^ seed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (once ^ once >> 27).wrapping_mul(0x94D0_49BB_1331_11EB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_data() {
        for (producer, number) in [(0, 0), (3, 17), (1, 123_456)] {
            let id = Id { producer, number };
            assert_eq!(Id::claimed(&id.data()), Some(id));
        }
        assert_eq!(Id::claimed("something else"), None);
    }
}
