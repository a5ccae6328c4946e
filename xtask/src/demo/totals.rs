//! The same totals twice: once straight from the file, once from the state that the functions left. They must be equal.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// What is compared, for each destination and carrier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals(pub(crate) BTreeMap<(String, String), Row>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Row {
    pub(crate) departed: u64,
    pub(crate) cancelled: u64,
    pub(crate) delay_minutes: i64,
    pub(crate) worst_minutes: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Flight {
    dest: String,
    carrier: String,
    dep_delay: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Board {
    carriers: BTreeMap<String, Row>,
}

impl Totals {
    /// From the lines of the file, one flight each.
    pub(crate) fn of_file(text: &str) -> Result<Self> {
        let mut totals = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let flight: Flight =
                serde_json::from_str(line).with_context(|| format!("read flight {number}"))?;
            let row = totals.0.entry((flight.dest, flight.carrier)).or_default();
            match flight.dep_delay {
                None => row.cancelled += 1,
                Some(minutes) => {
                    row.departed += 1;
                    row.delay_minutes += minutes;
                    row.worst_minutes = row.worst_minutes.max(Some(minutes));
                }
            }
        }
        Ok(totals)
    }

    /// From the boards, one for each destination.
    pub(crate) fn of_boards<'a>(boards: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut totals = Self::default();
        for (dest, text) in boards {
            let board: Board =
                serde_json::from_str(text).with_context(|| format!("read the board of {dest}"))?;
            for (carrier, row) in board.carriers {
                totals.0.insert((dest.to_owned(), carrier), row);
            }
        }
        Ok(totals)
    }

    pub(crate) fn flights(&self) -> u64 {
        self.0
            .values()
            .map(|row| row.departed + row.cancelled)
            .sum()
    }

    pub(crate) fn minutes(&self) -> i64 {
        self.0.values().map(|row| row.delay_minutes).sum()
    }

    /// The rows in which the two differ, in words.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        keys.into_iter()
            .filter(|key| self.0.get(key) != other.0.get(key))
            .map(|key| {
                format!(
                    "{} {}: {:?} against {:?}",
                    key.0,
                    key.1,
                    self.0.get(key),
                    other.0.get(key)
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"dest":"LAX","carrier":"UA","dep_delay":7}
{"dest":"LAX","carrier":"UA","dep_delay":null}"#;

    #[test]
    fn a_flight_too_many_is_seen() {
        let file = Totals::of_file(FILE).unwrap();
        let board = |departed| {
            format!(
                r#"{{"flights":2,"cancelled":1,"carriers":{{"UA":{{"departed":{departed},"cancelled":1,"delay_minutes":7,"worst_minutes":7}}}}}}"#
            )
        };
        let same = Totals::of_boards([("LAX", board(1).as_str())].into_iter()).unwrap();
        let twice = Totals::of_boards([("LAX", board(2).as_str())].into_iter()).unwrap();
        assert!(file.differences(&same).is_empty());
        assert_eq!(file.differences(&twice).len(), 1);
        assert_eq!((file.flights(), file.minutes()), (2, 7));
    }
}
