//! The promises of the project, held against the end of a story. Each is a fact about what is seen from outside.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{producer::Place, story::Ending, totals::Totals};

/// Shards that triggers read: four of `flights`, four of `departures`, two of `earthquakes`.
const SHARDS: usize = 10;
/// Minutes; the setting of the function in `triggers.yaml`.
const LATE: i64 = 30;

/// A promise that a story broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("promise {promise} is broken: {fact}")]
pub struct Broken {
    pub promise: u8,
    pub fact: String,
}

pub type Kept = Result<(), Broken>;

/// All that one story can show; that a seed runs the same way twice takes two.
pub fn all(ending: &Ending) -> Kept {
    acknowledged_survives(ending)?;
    order_is_kept(ending)?;
    effects_are_exactly_once(ending)?;
    nothing_is_skipped(ending)?;
    every_standstill_has_a_reason(ending)
}

/// Promise 1. What was acknowledged, or shown to a reader, is there; what was repeated is there once.
pub fn acknowledged_survives(ending: &Ending) -> Kept {
    let expected = ending.lines.len();
    hold(1, ending.acknowledged.len() == expected, || {
        format!(
            "{} of {expected} lines acknowledged",
            ending.acknowledged.len()
        )
    })?;
    for (number, place) in &ending.acknowledged {
        let found = ending.flights.get(place);
        hold(1, found == ending.lines.get(*number), || {
            format!("line {number} was acknowledged at {place:?}, where {found:?} is")
        })?;
    }
    hold(1, ending.flights.len() == expected, || {
        format!("{} records of {expected} lines", ending.flights.len())
    })?;
    for (place, body) in &ending.shown {
        let found = ending.flights.get(place);
        hold(1, found == Some(body), || {
            format!("a reader was shown {body} at {place:?}, where {found:?} is")
        })?;
    }
    let once: BTreeSet<&Place> = ending.shown.iter().map(|(place, _)| place).collect();
    hold(1, once.len() == ending.shown.len(), || {
        "a reader that went on from where it was saw a record twice".to_owned()
    })
}

/// Promise 2. What became of the records of one shard stands in the order of their sequence.
pub fn order_is_kept(ending: &Ending) -> Kept {
    let sources: BTreeMap<String, &Place> = ending
        .flights
        .iter()
        .filter_map(|(place, line)| Some((departure_of(line)?, place)))
        .collect();
    let mut newest: BTreeMap<(&str, &str), &Place> = BTreeMap::new();
    for (place, departure) in &ending.departures {
        let Some(source) = sources.get(&name_of(&parsed(departure), "scheduled")) else {
            continue;
        };
        let pair = (source.shard.as_str(), place.shard.as_str());
        let before = newest.insert(pair, source);
        hold(2, before.is_none_or(|before| before < *source), || {
            format!("{departure} came after the departure of a later record")
        })?;
    }
    let mut boards: BTreeMap<String, u64> = BTreeMap::new();
    for (_, board) in &ending.boards {
        let board = parsed(board);
        let dest = board["dest"].to_string();
        let flights = boards.entry(dest).or_default();
        *flights += 1;
        hold(2, board["flights"] == *flights, || {
            format!("board {flights} of an airport is {board}")
        })?;
    }
    Ok(())
}

/// Promise 3. Outputs, state and checkpoints came together: nothing is lost and nothing is doubled.
pub fn effects_are_exactly_once(ending: &Ending) -> Kept {
    let flights = || {
        let lines = ending.lines.iter().enumerate();
        lines
            .filter(|(number, _)| !ending.broken.contains(number))
            .map(|(_, line)| line.as_str())
    };
    let count = flights().count();
    let late = flights()
        .filter_map(|line| parsed(line)["dep_delay"].as_i64())
        .filter(|minutes| *minutes > LATE)
        .count();
    for (name, found, expected) in [
        ("departures", ending.departures.len(), count),
        ("late departures", ending.late.len(), late),
        ("boards", ending.boards.len(), count),
    ] {
        hold(3, found == expected, || {
            format!("{found} {name}, not {expected}")
        })?;
    }
    let expected = Totals::of_flights(flights());
    for (of, row) in &expected.0 {
        let found = ending.totals.0.get(of);
        hold(3, found == Some(row), || {
            format!("the board of {of:?} says {found:?}, not {row:?}")
        })?;
    }
    hold(3, ending.totals == expected, || {
        "there are boards of airports that nothing left for".to_owned()
    })
}

/// Promise 4. What could not be handled is a dead letter with the full record, once.
pub fn nothing_is_skipped(ending: &Ending) -> Kept {
    let mut expected: Vec<&String> = ending
        .broken
        .iter()
        .filter_map(|number| ending.lines.get(*number))
        .collect();
    let mut found: Vec<&String> = ending.dead_letters.iter().collect();
    expected.sort();
    found.sort();
    hold(4, found == expected, || {
        format!("the dead letters are {found:?}, not {expected:?}")
    })
}

/// Promise 6. `why` counts every shard once, as moving or with a reason; in the end nothing waits.
pub fn every_standstill_has_a_reason(ending: &Ending) -> Kept {
    for look in &ending.looks {
        let waiting = look["waiting"].as_array().map_or(&[][..], Vec::as_slice);
        let reasoned = |shard: &&Value| shard["reason"].as_str().is_some_and(|why| !why.is_empty());
        let shards: BTreeSet<String> = waiting
            .iter()
            .filter(reasoned)
            .map(|shard| format!("{}{}", shard["trigger"], shard["shard"]))
            .collect();
        hold(6, shards.len() == waiting.len(), || {
            format!("a shard has no reason or more than one: {look}")
        })?;
        hold(6, look["moving"] == SHARDS - shards.len(), || {
            format!("why says {look}, where {SHARDS} shards are read")
        })?;
    }
    let last = ending.looks.last();
    let settled = last.is_some_and(|last| last["moving"] == SHARDS);
    hold(6, settled, || format!("in the end why says {last:?}"))
}

/// Promise 7. Two traces of one seed.
pub fn runs_are_the_same(one: &[String], other: &[String]) -> Kept {
    for (number, (one, other)) in (1..).zip(one.iter().zip(other)) {
        hold(7, one == other, || {
            format!("line {number} of the trace was\n{one}\nand then\n{other}")
        })?;
    }
    hold(7, one.len() == other.len(), || {
        format!("the trace had {} lines and then {}", one.len(), other.len())
    })
}

fn hold(promise: u8, is: bool, fact: impl FnOnce() -> String) -> Kept {
    if is {
        return Ok(());
    }
    let fact = fact();
    Err(Broken { promise, fact })
}

fn departure_of(line: &str) -> Option<String> {
    let flight: Value = serde_json::from_str(line).ok()?;
    Some(name_of(&flight, "time_hour"))
}

/// What tells one departure from all others.
fn name_of(flight: &Value, scheduled: &str) -> String {
    let of = |name: &str| flight[name].to_string();
    let names = ["carrier", "flight", "origin", "dest", scheduled];
    names.map(of).join(" ")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("functions write JSON")
}
