//! Departures in, keyed by destination; out comes that airport's board after each of them.
//!
//! The board is the durable state of its key. It holds whole numbers only, sums of minutes and counts, so that totals over
//! all airports equal those of any other computation to the last digit; means are worked out when a board is written.
use serde::{Deserialize, Serialize};
use shardmill::prelude::{Outputs, Result, handler};
use std::collections::BTreeMap;

/// What `departures` writes, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Departure {
    carrier: String,
    dest: String,
    /// Minutes; negative when early, null when cancelled.
    dep_delay: Option<i64>,
}

/// All departures to one airport.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Board {
    pub flights: u64,
    pub cancelled: u64,
    pub carriers: BTreeMap<String, Carrier>,
}

/// One carrier's departures to that airport.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Carrier {
    /// Those that left.
    pub departed: u64,
    pub cancelled: u64,
    /// Sum over those that left; early ones count below zero.
    pub delay_minutes: i64,
    pub worst_minutes: Option<i64>,
}

impl Board {
    fn add(&mut self, departure: &Departure) {
        let carrier = self.carriers.entry(departure.carrier.clone()).or_default();
        self.flights += 1;
        match departure.dep_delay {
            None => {
                self.cancelled += 1;
                carrier.cancelled += 1;
            }
            Some(minutes) => {
                carrier.departed += 1;
                carrier.delay_minutes += minutes;
                carrier.worst_minutes = carrier.worst_minutes.max(Some(minutes));
            }
        }
    }
}

/// A board as it is written.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    dest: &'a str,
    flights: u64,
    cancelled: u64,
    carriers: BTreeMap<&'a str, ShownCarrier<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownCarrier<'a> {
    #[serde(flatten)]
    exact: &'a Carrier,
    /// Rounded down to a tenth of a minute; null when nothing left.
    mean_minutes: Option<f64>,
}

impl Carrier {
    fn mean_minutes(&self) -> Option<f64> {
        let departed = i64::try_from(self.departed)
            .ok()
            .filter(|departed| *departed > 0)?;
        let tenths = (self.delay_minutes * 10).div_euclid(departed);
        i32::try_from(tenths)
            .ok()
            .map(|tenths| f64::from(tenths) / 10.0)
    }
}

fn shown<'a>(dest: &'a str, board: &'a Board) -> Shown<'a> {
    let show = |carrier: &'a Carrier| ShownCarrier {
        exact: carrier,
        mean_minutes: carrier.mean_minutes(),
    };
    let carriers = board
        .carriers
        .iter()
        .map(|(name, carrier)| (name.as_str(), show(carrier)));
    Shown {
        dest,
        flights: board.flights,
        cancelled: board.cancelled,
        carriers: carriers.collect(),
    }
}

#[handler]
pub fn airport_board(departure: Departure, board: &mut Board, out: &mut Outputs) -> Result {
    board.add(&departure);
    out.json("default", &shown(&departure.dest, board))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shardmill::prelude::{Bench, Value, json};

    const WEEK: &str = include_str!("../../samples/flights-2013-01-week1.ndjson");

    fn week() -> Vec<Value> {
        WEEK.lines().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn the_boards_of_a_week_add_up_to_the_week() {
        let mut bench = Bench::new(airport_board);
        let flights = week();
        for chunk in flights.chunks(100) {
            let records = chunk
                .iter()
                .map(|flight| (flight["dest"].as_str().unwrap(), flight));
            assert!(bench.batch(records).all_done());
        }
        let dests: std::collections::BTreeSet<_> = flights
            .iter()
            .map(|flight| flight["dest"].as_str().unwrap())
            .collect();
        let boards: Vec<Board> = dests
            .iter()
            .map(|dest| bench.state(dest).unwrap())
            .collect();
        let carriers = || boards.iter().flat_map(|board| board.carriers.values());
        let delays = || {
            flights
                .iter()
                .filter_map(|flight| flight["dep_delay"].as_i64())
        };

        assert_eq!(boards.iter().map(|board| board.flights).sum::<u64>(), 6_099);
        assert_eq!(boards.iter().map(|board| board.cancelled).sum::<u64>(), 35);
        let minutes: i64 = carriers().map(|carrier| carrier.delay_minutes).sum();
        assert_eq!(minutes, delays().sum::<i64>());
        let worst = carriers().filter_map(|carrier| carrier.worst_minutes).max();
        assert_eq!(worst, delays().max());
        assert_eq!(bench.outputs("default").len(), 6_099);
    }

    #[test]
    fn a_board_is_written_after_each_departure() {
        let mut bench = Bench::new(airport_board);
        let to_lax =
            |delay: Option<i64>| json!({ "carrier": "UA", "dest": "LAX", "dep_delay": delay });
        bench.batch([Some(10), Some(-3), None].map(|delay| ("LAX", to_lax(delay))));
        let last: Value = bench.outputs("default").last().unwrap().json();
        let carrier = json!({ "departed": 2, "cancelled": 1, "delay_minutes": 7, "worst_minutes": 10, "mean_minutes": 3.5 });
        assert_eq!(
            last,
            json!({ "dest": "LAX", "flights": 3, "cancelled": 1, "carriers": { "UA": carrier } })
        );
    }

    #[test]
    fn a_body_that_is_no_departure_changes_nothing() {
        let mut bench = Bench::new(airport_board);
        assert_eq!(bench.batch([("LAX", "{}")]).failed[0].kind, "BadJson");
        assert_eq!(bench.state::<Board>("LAX"), None);
    }
}
