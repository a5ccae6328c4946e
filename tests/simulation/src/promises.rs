//! The promises of the project, held against the end of a story. Each is a fact about what is seen from outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use crate::{
    fault::Fault,
    invariants::workers_keep_to_their_leases,
    pages::Stored,
    post::{every_record_has_one_end, parcels_come_once, parked_keys_keep_their_order},
    producer::{Place, key_of},
    story::Ending,
    totals::Totals,
};

/// Shards that triggers read: four of `flights` four times, four of `departures`, two of `earthquakes`,
/// two of `parcels` twice.
const SHARDS: usize = 26;
/// Minutes; the setting of the function in `triggers.yaml`.
const LATE: i64 = 30;

/// What a story may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Promise(u8),
    /// Of the consumer.
    Invariant(u8),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promise(number) => write!(f, "promise {number}"),
            Self::Invariant(number) => write!(f, "invariant I{number}"),
        }
    }
}

/// A promise or an invariant that a story broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule} is broken: {fact}")]
pub struct Broken {
    pub rule: Rule,
    pub fact: String,
}

pub type Kept = Result<(), Broken>;

/// All that one story can show; that a seed runs the same way twice takes two.
pub fn all(ending: &Ending) -> Kept {
    acknowledged_survives(ending)?;
    order_is_kept(ending)?;
    effects_are_exactly_once(ending)?;
    nothing_is_skipped(ending)?;
    failures_are_told(ending)?;
    parked_keys_keep_their_order(ending)?;
    parcels_come_once(ending)?;
    every_record_has_one_end(ending)?;
    every_standstill_has_a_reason(ending)?;
    workers_keep_to_their_leases(ending)
}

/// Promise 1. What was acknowledged, or shown to a reader, is there, after each life and in the end; what was repeated is there once.
pub fn acknowledged_survives(ending: &Ending) -> Kept {
    let expected = ending.lines.len();
    hold(1, ending.acknowledged.len() == expected, || {
        format!(
            "{} of {expected} lines acknowledged",
            ending.acknowledged.len()
        )
    })?;
    for (life, left) in (1..).zip(&ending.between) {
        for (number, place) in &left.acknowledged {
            let found = left.flights.get(place);
            hold(1, found == ending.lines.get(*number), || {
                format!(
                    "line {number} was acknowledged at {place:?}, where {found:?} is after life {life}"
                )
            })?;
        }
    }
    for (number, place) in &ending.acknowledged {
        let found = ending.flights.get(place);
        hold(1, found == ending.lines.get(*number), || {
            format!("line {number} was acknowledged at {place:?}, where {found:?} is")
        })?;
    }
    hold(1, ending.flights.len() == expected, || {
        format!("{} records of {expected} lines", ending.flights.len())
    })?;
    for Stored { place, body, .. } in &ending.shown {
        let found = ending.flights.get(place);
        hold(1, found == Some(body), || {
            format!("a reader was shown {body} at {place:?}, where {found:?} is")
        })?;
    }
    let once: BTreeSet<&Place> = ending.shown.iter().map(|shown| &shown.place).collect();
    hold(1, once.len() == ending.shown.len(), || {
        "a reader that went on from where it was saw a record twice".to_owned()
    })
}

/// Promise 2. What became of the records of one shard stands in the order of their sequence; with lanes, over several
/// shards, and behind a record that its function holds its key for, what became of one key.
pub fn order_is_kept(ending: &Ending) -> Kept {
    let by_key = ending.lanes || ending.is_resharded();
    let held: BTreeSet<String> = ending.broken.iter().map(|line| key_of(*line)).collect();
    let sources: BTreeMap<String, (String, &Place)> = ending
        .acknowledged
        .iter()
        .filter_map(|(number, place)| {
            let departure = departure_of(ending.lines.get(*number)?)?;
            let key = key_of(*number);
            let ordered = if by_key || held.contains(&key) {
                key
            } else {
                place.shard.clone()
            };
            Some((departure, (ordered, place)))
        })
        .collect();
    let mut newest: BTreeMap<(&str, &str), &Place> = BTreeMap::new();
    let mut departures: Vec<&Stored> = ending.departures.iter().collect();
    if ending.is_resharded() {
        // From parent to child numbers grow, and so they do along the records of one key.
        departures.sort_by_key(|stored| stored.place.number());
    }
    for stored in departures {
        let departure = &stored.body;
        let Some((ordered, source)) = sources.get(&name_of(&parsed(departure), "scheduled")) else {
            continue;
        };
        let written = if ending.is_resharded() {
            &stored.key
        } else {
            &stored.place.shard
        };
        let before = newest.insert((ordered, written), source);
        let later = |before: &Place| before.number() < source.number();
        hold(2, before.is_none_or(later), || {
            format!(
                "{departure} at {:?} is of {source:?} and came after the departure of {before:?}; both are of {ordered}",
                stored.place
            )
        })?;
    }
    let mut boards: BTreeMap<String, u64> = BTreeMap::new();
    for stored in &ending.boards {
        let board = parsed(&stored.body);
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
    replays_are_whole(ending, flights())?;
    windows_close_once(ending)?;
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

/// A trigger that was moved back so many times wrote each of its effects once more each time, at most; without that once.
fn replays_are_whole<'a>(ending: &Ending, flights: impl Iterator<Item = &'a str>) -> Kept {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for stored in &ending.replays {
        let name = name_of(&parsed(&stored.body), "scheduled");
        *found.entry(name).or_default() += 1;
    }
    let most = 1 + ending.came(Fault::Seek);
    for flight in flights {
        let flight = parsed(flight);
        let late = flight["dep_delay"]
            .as_i64()
            .is_some_and(|minutes| minutes > LATE);
        let outputs = 1 + u64::from(late);
        let name = name_of(&flight, "time_hour");
        let count = found.remove(&name).unwrap_or(0);
        let whole = count.is_multiple_of(outputs) && (1..=most).contains(&(count / outputs));
        hold(3, whole, || {
            format!("{name} was written {count} times by a trigger that began {most} times")
        })?;
    }
    hold(3, found.is_empty(), || format!("nobody put {found:?}"))
}

/// Each tumbling window has one result, and together they count every record once: by key those that are flights, by shard all.
pub fn windows_close_once(ending: &Ending) -> Kept {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut windows = BTreeSet::new();
    for stored in &ending.tallies {
        let tally = parsed(&stored.body);
        let window = format!("{} of {}", tally["start"], stored.key);
        hold(3, windows.insert(window.clone()), || {
            format!("the window {window} closed twice")
        })?;
        let count = tally["count"].as_u64().unwrap_or_default();
        *counted.entry(stored.key.clone()).or_default() += count;
    }
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for number in (0..ending.lines.len()).filter(|number| !ending.broken.contains(number)) {
        *expected.entry(key_of(number)).or_default() += 1;
    }
    hold(3, counted == expected, || {
        format!("windows by key counted {counted:?}, not {expected:?}")
    })?;
    let mut sum = 0;
    for stored in &ending.sums {
        let of_shard = parsed(&stored.body);
        let window = format!("{} of {}", of_shard["start"], of_shard["shard"]);
        hold(3, windows.insert(window.clone()), || {
            format!("the window {window} closed twice")
        })?;
        sum += of_shard["count"].as_u64().unwrap_or_default();
    }
    hold(3, usize::try_from(sum) == Ok(ending.lines.len()), || {
        format!(
            "windows by shard counted {sum} of {} records",
            ending.lines.len()
        )
    })
}

/// Promise 4. What could not be handled is a dead letter of each of its readers with the full record, once.
pub fn nothing_is_skipped(ending: &Ending) -> Kept {
    let broken = ending.broken.iter();
    let broken: Vec<&String> = broken
        .filter_map(|number| ending.lines.get(*number))
        .collect();
    for trigger in ["departures", "replays", "tallies"] {
        let letters = ending.dead_letters.iter();
        let of_trigger = letters
            .filter(|(of, _)| of == trigger)
            .map(|(_, body)| body);
        let (mut expected, mut found) = (broken.clone(), of_trigger.collect::<Vec<_>>());
        expected.sort();
        found.sort();
        hold(4, found == expected, || {
            format!("the dead letters of {trigger} are {found:?}, not {expected:?}")
        })?;
    }
    Ok(())
}

/// Promise 4, to whoever is told of failures: each record that was given up is in one document.
pub fn failures_are_told(ending: &Ending) -> Kept {
    let broken = ending.broken.iter();
    let mut expected: Vec<&String> = broken
        .filter_map(|number| ending.lines.get(*number))
        .collect();
    let mut found: Vec<&String> = ending.documents.iter().collect();
    expected.sort();
    found.sort();
    hold(4, found == expected, || {
        format!("the failure documents are of {found:?}, not of {expected:?}")
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
        // Shards that are split and merged become more, each with a state of its own. What waits for a destination is no shard.
        let is_shard = |row: &&Value| {
            row["shard"]
                .as_str()
                .is_some_and(|it| it.starts_with("shardId"))
        };
        let standing = waiting.iter().filter(is_shard).count();
        let all = ending.is_resharded() || look["moving"] == SHARDS - standing;
        hold(6, all, || {
            format!("why says {look}, where {SHARDS} shards are read")
        })?;
    }
    let last = ending.looks.last();
    let settled = last.is_some_and(|last| last["waiting"] == Value::Array(Vec::new()));
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

pub(crate) fn hold(promise: u8, is: bool, fact: impl FnOnce() -> String) -> Kept {
    if is {
        return Ok(());
    }
    Err(Broken {
        rule: Rule::Promise(promise),
        fact: fact(),
    })
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
