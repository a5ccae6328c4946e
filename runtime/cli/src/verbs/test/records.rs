//! The records of a test: from a file, or made of the values that others have. The same seed makes the same records.

use std::path::Path;

use host::trials::{Draw, TrialRecord};
use serde_json::{Map, Value};

use crate::dev::key_of;
use crate::failure::{Exit, Failure};
use crate::records::{self, Keys, Layout, Record};

/// One in so many generated records is no JSON, as every stream has some.
const BROKEN_ONE_IN: usize = 20;

pub(super) fn read(place: &Path, key_field: Option<&str>) -> Result<Vec<TrialRecord>, Failure> {
    let name = place.to_string_lossy();
    let layout = Layout::of_name(&name).unwrap_or(Layout::Lines);
    let text = std::fs::read_to_string(place).map_err(|error| {
        Failure::new(Exit::NotFound, format!("read {}: {error}", place.display()))
    })?;
    if let Some(field) = key_field {
        let keys = Keys::Field(field.to_owned());
        let read = records::read(text.as_bytes(), &name, layout, &keys);
        let read =
            read.map(|record| record.map(|Record { key, data, .. }| TrialRecord { key, data }));
        return read.collect();
    }
    if matches!(layout, Layout::Csv) {
        return Err(Failure::usage("test: records of a CSV file need their key")
            .hint("name its column with `--key-field`"));
    }
    Ok(text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(record)
        .collect())
}

/// A line of `stream export` has key and data in base64; any other line is the data.
fn record(line: &str) -> TrialRecord {
    let exported = serde_json::from_str::<Value>(line).ok().and_then(|line| {
        let field = |name: &str| line.get(name)?.as_str().map(str::to_owned);
        line.get("shard")?;
        let data = base64_simd::STANDARD.decode_to_vec(field("data")?).ok()?;
        Some(TrialRecord {
            key: field("key")?,
            data,
        })
    });
    exported.unwrap_or_else(|| TrialRecord {
        key: key_of(line),
        data: line.as_bytes().to_vec(),
    })
}

/// Adds records whose fields have values that others have, or numbers near them, under the same keys.
pub(super) fn generate(records: &mut Vec<TrialRecord>, number: u32, seed: u64) {
    let mut draw = Draw(seed);
    let seen: Vec<(String, Map<String, Value>)> = records
        .iter()
        .filter_map(|record| {
            Some((
                record.key.clone(),
                serde_json::from_slice(&record.data).ok()?,
            ))
        })
        .collect();
    for _ in 0..number {
        let record = if seen.is_empty() {
            plain(&mut draw)
        } else {
            mixed(&seen, &mut draw)
        };
        records.push(record);
    }
}

fn plain(draw: &mut Draw) -> TrialRecord {
    let (key, value) = (format!("key-{}", draw.below(5)), draw.below(100));
    TrialRecord {
        data: format!("{{\"id\":\"{key}\",\"value\":{value}}}").into_bytes(),
        key,
    }
}

fn mixed(seen: &[(String, Map<String, Value>)], draw: &mut Draw) -> TrialRecord {
    let (key, first) = &seen[draw.below(seen.len())];
    let mut fields = first.clone();
    for (name, value) in &mut fields {
        // The first field is the key's own where nothing else was said.
        let is_key = value.as_str() == Some(key);
        let other = seen[draw.below(seen.len())].1.get(name);
        if let Some(other) = other.filter(|_| !is_key && draw.below(2) == 0) {
            *value = other.clone();
        }
        if let Some(number) = value.as_i64().filter(|_| draw.below(4) == 0) {
            let near = [0, -1, number.saturating_add(1), number.saturating_neg()];
            *value = near[draw.below(near.len())].into();
        }
    }
    let mut data = Value::Object(fields).to_string().into_bytes();
    if draw.below(BROKEN_ONE_IN) == 0 {
        data.truncate(data.len() / 2);
    }
    TrialRecord {
        key: key.clone(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_first_field_and_exports_have_their_own() {
        let cases = [
            (r#"{"origin":"JFK","n":1}"#, "JFK"),
            (r#"{"n":1}"#, "1"),
            (r#"{"a,}\"":"x"}"#, "x"),
            ("text", "sample"),
            (
                r#"{"shard":"shardId-000000000000","sequence_number":"49","key":"k","data":"aGk="}"#,
                "k",
            ),
        ];
        for (line, key) in cases {
            assert_eq!(record(line).key, key, "{line}");
        }
        assert_eq!(record(cases[4].0).data, b"hi");
    }

    #[test]
    fn generated_records_are_the_same_for_a_seed_and_keep_their_keys() {
        let some = || {
            vec![
                record(r#"{"origin":"JFK","n":1}"#),
                record(r#"{"origin":"EWR","n":7}"#),
            ]
        };
        let made = |seed| {
            let mut records = some();
            generate(&mut records, 50, seed);
            records
        };
        assert_eq!(made(3), made(3));
        assert_ne!(made(3), made(4));
        assert_eq!(made(3).len(), 52);
        assert!(
            made(3)
                .iter()
                .all(|record| ["JFK", "EWR"].contains(&record.key.as_str()))
        );
    }
}
