//! What Shardmill promises, each held in stories full of crashes. A failing seed is printed with the command that runs it again.

use serde_json::Value;
use shardmill_simulation::{Totals, each_seed, run};

#[test]
fn an_acknowledged_record_survives_a_crash() {
    each_seed("an_acknowledged_record_survives_a_crash", 1..=4, |seed| {
        let ending = run(seed);
        assert_eq!(ending.acknowledged.len(), ending.lines.len());
        for (line, place) in &ending.acknowledged {
            let found = ending.flights.get(place).map(String::as_str);
            assert_eq!(found, Some(ending.lines[*line]), "line {line} at {place:?}");
        }
        assert_eq!(ending.flights.len(), ending.lines.len(), "stored twice");
    });
}

#[test]
fn effects_appear_exactly_once() {
    each_seed("effects_appear_exactly_once", 5..=8, |seed| {
        let ending = run(seed);
        assert_eq!(ending.dead_letters, Vec::<Value>::new());
        let totals = Totals::of_flights(ending.lines.iter().copied());
        assert_eq!(ending.totals, totals);
        assert_eq!(ending.departures.len(), ending.lines.len());
        assert_eq!(ending.boards.len(), ending.lines.len());
        assert_eq!(ending.late.len(), late(&ending.lines));
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    each_seed("the_same_seed_gives_the_same_run", 9..=10, |seed| {
        let (first, second) = (run(seed).trace, run(seed).trace);
        for (number, (one, other)) in (1..).zip(first.iter().zip(&second)) {
            assert_eq!(one, other, "line {number} of {}", first.len());
        }
        assert_eq!(first.len(), second.len());
        assert_ne!(first, run(seed + 1).trace);
    });
}

/// Flights that left more than half an hour late.
fn late(lines: &[&str]) -> usize {
    let delay = |line: &str| {
        serde_json::from_str::<Value>(line).expect("a line of the file")["dep_delay"].as_i64()
    };
    lines
        .iter()
        .filter_map(|line| delay(line))
        .filter(|minutes| *minutes > 30)
        .count()
}
