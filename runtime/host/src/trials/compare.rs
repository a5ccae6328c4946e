//! What counts as the same result. Pure: two plays come in, the first difference goes out as a sentence.
//!
//! Outputs are held against each other by output and key. Their order counts, except where records of different keys were
//! reordered; that one is there twice does not count where records came twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Output, Played, Variant};

/// Fields of JSON outputs and values that may differ, such as a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored(pub BTreeSet<String>);

/// Where two results differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `output default key JFK`, `value of key JFK`, `record 3`.
    pub place: String,
    pub expected: String,
    pub found: String,
}

type Grouped = BTreeMap<(String, String), Vec<Vec<u8>>>;

pub(crate) fn compare(
    variant: Variant,
    reference: &Played,
    played: &Played,
    ignored: &Ignored,
) -> Option<Difference> {
    let grouped = |played: &Played| grouped(variant, &played.outputs, ignored);
    let (before, after) = (grouped(reference), grouped(played));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let none = Vec::new();
        let (expected, found) = (
            before.get(key).unwrap_or(&none),
            after.get(key).unwrap_or(&none),
        );
        if expected != found {
            let at = expected
                .iter()
                .zip(found)
                .take_while(|(a, b)| a == b)
                .count();
            let place = format!("output {} key {}", key.0, key.1);
            return Some(Difference {
                place,
                expected: shown(expected, at),
                found: shown(found, at),
            });
        }
    }
    let values = |played: &Played| -> BTreeMap<(String, String), Vec<u8>> {
        let all = played.values.iter();
        all.map(|value| {
            (
                (value.key.clone(), value.name.clone()),
                plain(&value.value, ignored),
            )
        })
        .collect()
    };
    let (before, after) = (values(reference), values(played));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        if before.get(key) != after.get(key) {
            let text = |value: Option<&Vec<u8>>| {
                value.map_or_else(|| "no value".to_owned(), |value| readable(value))
            };
            return Some(Difference {
                place: format!("value {} of key {}", key.1, key.0),
                expected: text(before.get(key)),
                found: text(after.get(key)),
            });
        }
    }
    let records: BTreeSet<_> = reference
        .given_up
        .keys()
        .chain(played.given_up.keys())
        .collect();
    for record in records {
        let (before, after) = (reference.given_up.get(record), played.given_up.get(record));
        if before != after {
            let text = |kind: Option<&String>| {
                kind.map_or_else(|| "done".to_owned(), |kind| format!("given up ({kind})"))
            };
            return Some(Difference {
                place: format!("record {}", record + 1),
                expected: text(before),
                found: text(after),
            });
        }
    }
    None
}

fn grouped(variant: Variant, outputs: &[Output], ignored: &Ignored) -> Grouped {
    let mut grouped = Grouped::new();
    for output in outputs {
        let key = (output.output.clone(), output.key.clone());
        grouped
            .entry(key)
            .or_default()
            .push(plain(&output.data, ignored));
    }
    for group in grouped.values_mut() {
        match variant {
            Variant::Reorder => group.sort(),
            Variant::Duplicate => {
                group.sort();
                group.dedup();
            }
            Variant::Again | Variant::Split | Variant::Rebatch | Variant::Crash | Variant::Lost => {
            }
        }
    }
    grouped
}

/// Without the fields that are ignored, where it is a JSON object.
fn plain(data: &[u8], ignored: &Ignored) -> Vec<u8> {
    if ignored.0.is_empty() {
        return data.to_vec();
    }
    match serde_json::from_slice::<Json>(data) {
        Ok(Json::Object(mut fields)) => {
            fields.retain(|name, _| !ignored.0.contains(name));
            Json::Object(fields).to_string().into_bytes()
        }
        Ok(_) | Err(_) => data.to_vec(),
    }
}

fn shown(group: &[Vec<u8>], at: usize) -> String {
    match group.get(at) {
        Some(data) if group.len() == 1 => readable(data),
        Some(data) => format!(
            "{} records, number {} is {}",
            group.len(),
            at + 1,
            readable(data)
        ),
        None => format!("{} records", group.len()),
    }
}

fn readable(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data);
    let short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short + "…"
    } else {
        short
    }
}
