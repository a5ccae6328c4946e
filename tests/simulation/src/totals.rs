//! What must be on the boards: the same totals from the lines that were put, and from the state that the functions left.

use std::collections::BTreeMap;

use serde::Deserialize;

/// For each destination and carrier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals(pub BTreeMap<(String, String), Row>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Row {
    pub departed: u64,
    pub cancelled: u64,
    pub delay_minutes: i64,
    pub worst_minutes: Option<i64>,
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
    /// From flights, one a line.
    #[must_use]
    pub fn of_flights<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut totals = Self::default();
        for line in lines {
            let flight: Flight = serde_json::from_str(line).expect("a line is a flight");
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
        totals
    }

    /// Takes in the board of one destination.
    pub(crate) fn add_board(&mut self, dest: &str, text: &str) {
        let board: Board = serde_json::from_str(text).expect("a value is a board");
        for (carrier, row) in board.carriers {
            self.0.insert((dest.to_owned(), carrier), row);
        }
    }
}
