//! The records that are put: from its number alone, everything about a record is known again.
//!
//! So whatever comes back can be checked to the last byte without keeping what was sent. Every second producer puts real
//! flights, one after another from a file; the others put bytes of any length.

use std::{fmt, fs::File, io::Read as _, path::Path, sync::OnceLock};

use anyhow::{Context as _, Result, ensure};
use flate2::read::MultiGzDecoder;

/// Keys of one producer; nobody else writes them, so that the order of a key is the order of its numbers.
pub(crate) const KEYS: u64 = 5;
const BYTES_MAX: u64 = 3_000;
pub(crate) const PRODUCERS: u64 = 4;
const BEGIN: &str = "{\"id\":\"";

/// Flights, one a line; read once, before the first record.
static FLIGHTS: OnceLock<Vec<String>> = OnceLock::new();

/// From now on these flights are put. Returns how many there are.
pub(crate) fn take_flights(path: &Path) -> Result<usize> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = text_of(path, name.ends_with(".gz"));
    let text = text.with_context(|| format!("read the flights in {}", path.display()))?;
    // The first line of a table names its columns.
    let heading = usize::from(name.trim_end_matches(".gz").ends_with(".csv"));
    let lines: Vec<String> = text.lines().skip(heading).map(str::to_owned).collect();
    ensure!(!lines.is_empty(), "{} holds no flights", path.display());
    Ok(FLIGHTS.get_or_init(|| lines).len())
}

fn text_of(path: &Path, compressed: bool) -> Result<String> {
    let mut file = File::open(path)?;
    let mut text = String::new();
    if compressed {
        let read = MultiGzDecoder::new(file).read_to_string(&mut text);
        read.context("take it apart as gzip, which its name says it is")?;
    } else {
        let read = file.read_to_string(&mut text);
        read.context("take it as text, one flight a line, or as gzip where its name ends in .gz")?;
    }
    Ok(text)
}

/// How many different flights were put once each producer has come to its next number.
pub(crate) fn flights_put(next: &[u64]) -> Option<(u64, usize)> {
    let flights = FLIGHTS.get()?.len();
    let put: u64 = next.iter().skip(1).step_by(2).sum();
    Some((put.min(flights as u64), flights))
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

    /// The flights of the file in turn, shared out one by one: all are put before the first comes again.
    fn flight(self, flights: &[String]) -> String {
        let turn = self.number * (PRODUCERS / 2) + self.producer / 2;
        let turn = usize::try_from(turn % flights.len() as u64).unwrap_or_default();
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

    #[test]
    fn every_flight_is_put_before_the_first_comes_again() {
        let flights: Vec<String> = (0..10).map(|number| format!("flight {number}")).collect();
        let put = |producer, number| Id { producer, number }.flight(&flights);
        let mut all: Vec<String> = (0..5)
            .flat_map(|number| [put(1, number), put(3, number)])
            .map(|data| {
                data.split_once("flight\":")
                    .unwrap_or_default()
                    .1
                    .to_owned()
            })
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), flights.len());
    }

    #[test]
    fn flights_are_read_as_text_and_as_gzip_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, b"heading\none\ntwo\n").expect("memory");
        let packed = packed.finish().expect("memory");
        for (name, compressed, bytes, expect) in [
            ("a.csv.gz", true, packed.as_slice(), "heading\none\ntwo\n"),
            ("a.csv", false, b"one\n", "one\n"),
            ("b.gz", true, b"one\n", "take it apart as gzip"),
            ("b.csv", false, packed.as_slice(), "take it as text"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("room");
            let read = text_of(&path, compressed).unwrap_or_else(|error| format!("{error:#}"));
            assert!(read.starts_with(expect), "{name}: {read}");
        }
    }
}
