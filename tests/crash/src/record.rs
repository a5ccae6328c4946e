//! The records that are put: from its number alone, everything about a record is known again.
//!
//! So whatever comes back can be checked to the last byte without keeping what was sent. Every second producer puts real
//! flights, one after another from a file; the others put bytes of any length.

use std::{fmt, path::Path, sync::OnceLock};

use anyhow::{Context as _, Result, ensure};

/// Keys of one producer; nobody else writes them, so that the order of a key is the order of its numbers.
pub(crate) const KEYS: u64 = 5;
const BYTES_MAX: u64 = 3_000;
pub(crate) const PRODUCERS: u64 = 4;
const BEGIN: &str = "{\"id\":\"";

/// Flights, one a line; read once, before the first record.
static FLIGHTS: OnceLock<Vec<String>> = OnceLock::new();

/// From now on these flights are put. Returns how many there are.
pub(crate) fn take_flights(path: &Path) -> Result<usize> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("read the flights in {}", path.display()))?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    ensure!(!lines.is_empty(), "{} holds no flights", path.display());
    Ok(FLIGHTS.get_or_init(|| lines).len())
}

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

    /// JSON that begins with the id.
    pub(crate) fn data(self) -> String {
        match FLIGHTS.get() {
            Some(flights) if !self.producer.is_multiple_of(2) => self.flight(flights),
            Some(_) | None => self.filled(),
        }
    }

    /// The flights of the file in turn; each producer begins at another one.
    fn flight(self, flights: &[String]) -> String {
        let count = flights.len() as u64;
        let turn = (self.producer * (count / PRODUCERS) + self.number) % count;
        let turn = usize::try_from(turn).unwrap_or_default();
        let flight = serde_json::Value::from(flights[turn].as_str());
        format!("{BEGIN}{self}\",\"flight\":{flight}}}")
    }

    /// Its length is any up to some blocks of a disk.
    fn filled(self) -> String {
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
