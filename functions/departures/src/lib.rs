//! Flights in; out come their departures, keyed by destination, and the late ones once more.
//!
//! Every flight is carried to `default`, so that nothing is lost on the way: a cancelled one has no delay and says
//! `cancelled: true`. A delay above `THRESHOLD_MINUTES` (30 unless set) goes to `late` as well. What is no flight is
//! dead-lettered. This is the fast form: the whole batch at once, bodies borrowed from it.
use serde::{Deserialize, Serialize};
use shardmill::prelude::{Batch, Context, Outputs, Result, Verdict, handler};
use std::borrow::Cow;

/// What we need of a flight. A cancelled one has neither departure nor delay.
#[derive(Debug, Deserialize)]
struct Flight<'a> {
    #[serde(borrow)]
    carrier: Cow<'a, str>,
    flight: u32,
    #[serde(borrow)]
    origin: Cow<'a, str>,
    #[serde(borrow)]
    dest: Cow<'a, str>,
    #[serde(borrow)]
    time_hour: Cow<'a, str>,
    dep_time: Option<u32>,
    dep_delay: Option<i64>,
}

/// What leaves this function, and what `airport-board` reads.
#[derive(Debug, Serialize)]
struct Departure<'a> {
    carrier: &'a str,
    flight: u32,
    origin: &'a str,
    dest: &'a str,
    /// The scheduled hour.
    scheduled: &'a str,
    /// Minutes; negative when early, null when cancelled.
    dep_delay: Option<i64>,
    cancelled: bool,
}

impl Flight<'_> {
    fn departure(&self) -> Departure<'_> {
        Departure {
            carrier: &self.carrier,
            flight: self.flight,
            origin: &self.origin,
            dest: &self.dest,
            scheduled: &self.time_hour,
            dep_delay: self.dep_delay,
            cancelled: self.dep_time.is_none(),
        }
    }
}

#[handler]
pub fn departures(batch: Batch<'_>, out: &mut Outputs, ctx: &Context) -> Result<Verdict> {
    let threshold = ctx.setting("THRESHOLD_MINUTES", 30)?;
    let mut verdict = Verdict::all_done();
    for record in &batch {
        if verdict.holds(record) {
            continue;
        }
        match record.json::<Flight<'_>>() {
            Ok(flight) => {
                let departure = flight.departure();
                out.from(record)
                    .json("default", departure.dest, &departure)?;
                if departure.dep_delay.is_some_and(|delay| delay > threshold) {
                    out.from(record).json("late", departure.dest, &departure)?;
                }
            }
            Err(error) => verdict.dead_letter(record, error),
        }
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shardmill::prelude::{Action, Bench, Value};

    const WEEK: &str = include_str!("../../samples/flights-2013-01-week1.ndjson");

    /// Puts the whole week, a hundred flights a batch, all under one key.
    fn run_week(bench: &mut Bench) {
        let lines: Vec<&str> = WEEK.lines().collect();
        for chunk in lines.chunks(100) {
            assert!(
                bench
                    .batch(chunk.iter().map(|line| ("flights", *line)))
                    .all_done()
            );
        }
    }

    fn delays_in_week() -> Vec<Option<i64>> {
        let read = |line| serde_json_value(line)["dep_delay"].as_i64();
        WEEK.lines().map(read).collect()
    }

    fn serde_json_value(line: &str) -> Value {
        line.parse().unwrap()
    }

    #[test]
    fn every_flight_of_the_week_is_carried_and_the_late_ones_twice() {
        let mut bench = Bench::new(departures);
        run_week(&mut bench);
        let delays = delays_in_week();
        assert_eq!(bench.outputs("default").len(), 6_099);
        let late = delays.iter().flatten().filter(|delay| **delay > 30).count();
        assert_eq!((bench.outputs("late").len(), late), (686, 686));
        let cancelled = |value: &Value| value["cancelled"] == true && value["dep_delay"].is_null();
        let carried = bench
            .outputs("default")
            .iter()
            .filter(|output| cancelled(&output.json()));
        assert_eq!(carried.count(), 35);
    }

    #[test]
    fn a_departure_is_keyed_by_its_destination() {
        let mut bench = Bench::new(departures);
        bench.put("N14228", WEEK.lines().next().unwrap());
        let departure = &bench.outputs("default")[0];
        assert_eq!(departure.key, "IAH");
        assert_eq!(
            departure.text(),
            r#"{"carrier":"UA","flight":1545,"origin":"EWR","dest":"IAH","scheduled":"2013-01-01T10:00:00Z","dep_delay":2,"cancelled":false}"#
        );
    }

    #[test]
    fn the_threshold_is_a_setting() {
        let mut bench = Bench::new(departures).env("THRESHOLD_MINUTES", "120");
        run_week(&mut bench);
        let late = delays_in_week()
            .into_iter()
            .flatten()
            .filter(|delay| *delay > 120)
            .count();
        assert!(late > 0);
        assert_eq!(bench.outputs("late").len(), late);
    }

    #[test]
    fn what_is_no_flight_is_dead_lettered() {
        let mut bench = Bench::new(departures);
        for body in ["{broken", "{}", r#"{"dest":7}"#] {
            let failed = bench.put("k", body).failed;
            assert_eq!(
                (failed.len(), failed[0].action),
                (1, Action::DeadLetter),
                "{body}"
            );
        }
        assert!(bench.outputs("default").is_empty());
    }
}
