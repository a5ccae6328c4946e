//! Records out of what people have: arguments, NDJSON, CSV. In: bytes and the wish for a key. Out: records one at a
//! time, so that a file larger than memory passes through. A line that cannot serve is named by its number.

use std::{
    borrow::Cow,
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::BufRead,
    rc::Rc,
};

use serde_json::{Number, Value, value::RawValue};

use crate::failure::Failure;

/// A record as a producer hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: String,
    /// Where it belongs, whatever its key says; decimal.
    pub(crate) hash_key: Option<String>,
    pub(crate) data: Vec<u8>,
    pub(crate) place: Place,
}

/// Where a record comes from, for failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    source: Rc<str>,
    /// What is counted in the source, and which of them it is.
    at: Option<(&'static str, u64)>,
}

impl Place {
    pub(crate) fn whole(source: &str) -> Self {
        let (source, at) = (source.into(), None);
        Self { source, at }
    }

    pub(crate) fn line(source: &Rc<str>, line: u64) -> Self {
        let (source, at) = (Rc::clone(source), Some(("line", line)));
        Self { source, at }
    }

    /// In a source without lines.
    pub(crate) fn record(source: &Rc<str>, number: u64) -> Self {
        let (source, at) = (Rc::clone(source), Some(("record", number)));
        Self { source, at }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((what, number)) => write!(f, "{} {what} {number}", self.source),
            None => f.write_str(&self.source),
        }
    }
}

/// Where a record's partition key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keys {
    /// A field of the record's JSON object, or a column.
    Field(String),
    Same(String),
    /// Another one each time, so that records spread over the shards.
    Spread(Spread),
}

/// Keys that differ from record to record, and are the same again when the same input is read for the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spread {
    name: String,
    next: Cell<u64>,
}

impl Spread {
    pub(crate) fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            next: Cell::new(0),
        }
    }

    fn key(&self) -> String {
        let number = self.next.get();
        self.next.set(number + 1);
        format!("{}-{number}", self.name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A record a line, as it stands.
    Lines,
    /// A line of names, then a record a row, which becomes a JSON object.
    Csv,
}

impl Layout {
    /// By the name's ending; none when it is not the name of a file of records.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "ndjson" | "jsonl" => Some(Self::Lines),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

impl Keys {
    pub(crate) fn keyed(&self, data: Vec<u8>, place: Place) -> Result<Record, Failure> {
        let key = match self {
            Self::Same(key) => key.clone(),
            Self::Spread(spread) => spread.key(),
            Self::Field(field) => {
                let value: &RawValue = serde_json::from_slice(&data).map_err(|error| {
                    Failure::failed(format!("read {place}: it is not JSON: {error}"))
                        .hint("without `--key-field` records may hold anything")
                })?;
                key_in(value, field).ok_or_else(|| {
                    Failure::failed(format!("read {place}: it has no key in field `{field}`"))
                        .hint("the key must be a field of its own that is neither null nor empty")
                })?
            }
        };
        Ok(Record {
            key,
            hash_key: None,
            data,
            place,
        })
    }
}

/// Texts without their quotes, all else as it is spelled.
fn key_in(value: &RawValue, field: &str) -> Option<String> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(value.get()).ok()?;
    let found = fields.get(field)?.get();
    let key = serde_json::from_str(found).unwrap_or_else(|_| found.to_owned());
    (found != "null" && !key.is_empty()).then_some(key)
}

pub(crate) type Records<'a> = Box<dyn Iterator<Item = Result<Record, Failure>> + 'a>;

/// Reads records from `input`, called `name` in failures.
pub(crate) fn read<'a>(
    input: impl BufRead + 'a,
    name: &'a str,
    layout: Layout,
    keys: &'a Keys,
) -> Records<'a> {
    match layout {
        Layout::Lines => Box::new(lines(input, name, keys)),
        Layout::Csv => Box::new(rows(input, name, keys)),
    }
}

fn lines<'a>(
    input: impl BufRead + 'a,
    name: &'a str,
    keys: &'a Keys,
) -> impl Iterator<Item = Result<Record, Failure>> + 'a {
    let source: Rc<str> = name.into();
    let numbered = input.split(b'\n').zip(1_u64..);
    numbered.filter_map(move |(line, number)| {
        let mut line = match line {
            Ok(line) => line,
            Err(error) => return Some(Err(Failure::failed(format!("read {name}: {error}")))),
        };
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let blank = line.iter().all(u8::is_ascii_whitespace);
        (!blank).then(|| keys.keyed(line, Place::line(&source, number)))
    })
}

fn rows<'a>(
    input: impl BufRead + 'a,
    name: &'a str,
    keys: &'a Keys,
) -> impl Iterator<Item = Result<Record, Failure>> + 'a {
    let source: Rc<str> = name.into();
    let mut reader = csv::Reader::from_reader(input);
    let mut names: Option<csv::StringRecord> = None;
    let mut ended = false;
    std::iter::from_fn(move || {
        let unreadable = |error: &csv::Error| Failure::failed(format!("read {name}: {error}"));
        if names.is_none() && !ended {
            match reader.headers().map_err(|error| unreadable(&error)) {
                Ok(found) => match named_twice(found, name) {
                    None => names = Some(found.clone()),
                    Some(refused) => {
                        ended = true;
                        return Some(Err(refused));
                    }
                },
                Err(failure) => return Some(Err(failure)),
            }
        }
        let names = names.as_ref()?;
        let mut row = csv::StringRecord::new();
        match reader.read_record(&mut row) {
            Ok(false) => None,
            Ok(true) => {
                let line = row.position().map_or(0, csv::Position::line);
                let data = object(names, &row).into_bytes();
                Some(keys.keyed(data, Place::line(&source, line)))
            }
            Err(error) => Some(Err(unreadable(&error))),
        }
    })
}

/// One of two values would be lost.
fn named_twice(names: &csv::StringRecord, file: &str) -> Option<Failure> {
    let mut seen = BTreeSet::new();
    let twice = names.iter().find(|name| !seen.insert(*name))?;
    Some(
        Failure::failed(format!(
            "read {file} line 1: two columns are named `{twice}`"
        ))
        .hint("give each column a name of its own; nothing of this file was stored"),
    )
}

/// Cells that are spelled as JSON numbers stay as they are and empty ones become null; all others, `0517` too, are text.
fn object(names: &csv::StringRecord, row: &csv::StringRecord) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let cell = |text: &str| match serde_json::from_str::<Number>(text) {
        _ if text.is_empty() => "null".to_owned(),
        Ok(_) if text.trim() == text => text.to_owned(),
        Ok(_) | Err(_) => quoted(text),
    };
    let cells = names.iter().zip(row.iter());
    let fields: Vec<String> = cells
        .map(|(name, text)| format!("{}:{}", quoted(name), cell(text)))
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layout: Layout, text: &str, field: &str, expected: &[Result<(&str, &str), &str>]) {
        let keys = Keys::Field(field.to_owned());
        let actual: Vec<Result<(String, String), String>> =
            read(text.as_bytes(), "in", layout, &keys)
                .map(|record| match record {
                    Ok(record) => Ok((record.key, String::from_utf8(record.data).unwrap())),
                    Err(failure) => Err(failure.message),
                })
                .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|record| match record {
                Ok((key, data)) => Ok(((*key).to_owned(), (*data).to_owned())),
                Err(message) => Err((*message).to_owned()),
            })
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn lines_keep_their_bytes_and_give_their_key() {
        check(
            Layout::Lines,
            "{\"dest\":\"EWR\", \"late\":2}\r\n\n{\"dest\":7}",
            "dest",
            &[
                Ok(("EWR", "{\"dest\":\"EWR\", \"late\":2}")),
                Ok(("7", "{\"dest\":7}")),
            ],
        );
    }

    #[test]
    fn a_line_without_its_key_is_named() {
        check(
            Layout::Lines,
            "{\"a\":1}\n{\"dest\":null}\n{\"dest\":\"\"}",
            "dest",
            &[
                Err("read in line 1: it has no key in field `dest`"),
                Err("read in line 2: it has no key in field `dest`"),
                Err("read in line 3: it has no key in field `dest`"),
            ],
        );
        check(
            Layout::Lines,
            "late",
            "dest",
            &[Err(
                "read in line 1: it is not JSON: expected value at line 1 column 1",
            )],
        );
    }

    #[test]
    fn rows_become_objects() {
        check(
            Layout::Csv,
            "dest,delay,at,note\nEWR,-2,0517,\n\"J,FK\",1.5,\"5\n6\",x\n",
            "dest",
            &[
                Ok((
                    "EWR",
                    r#"{"dest":"EWR","delay":-2,"at":"0517","note":null}"#,
                )),
                Ok((
                    "J,FK",
                    r#"{"dest":"J,FK","delay":1.5,"at":"5\n6","note":"x"}"#,
                )),
            ],
        );
    }

    #[test]
    fn numbers_keep_their_spelling_as_values_and_as_keys() {
        for number in ["123456789012345678901234567890", "1e5", "1.10", "-0.0"] {
            let object = format!("{{\"id\":{number}}}");
            let rows = format!("id\n{number}\n");
            check(Layout::Csv, &rows, "id", &[Ok((number, object.as_str()))]);
            check(
                Layout::Lines,
                &object,
                "id",
                &[Ok((number, object.as_str()))],
            );
        }
        for text in ["+1", "01", ".5", "1e999", " 7"] {
            let object = format!("{{\"id\":\"{text}\"}}");
            let rows = format!("id\n{text}\n");
            check(Layout::Csv, &rows, "id", &[Ok((text, object.as_str()))]);
        }
    }

    #[test]
    fn a_column_named_twice_is_refused() {
        check(
            Layout::Csv,
            "dest,delay,dest\nEWR,2,JFK\n",
            "dest",
            &[Err("read in line 1: two columns are named `dest`")],
        );
    }

    #[test]
    fn other_keys() {
        let same = Keys::Same("k".to_owned());
        assert_eq!(
            same.keyed(vec![0xff], Place::whole("x")).unwrap(),
            Record {
                key: "k".into(),
                hash_key: None,
                data: vec![0xff],
                place: Place::whole("x"),
            }
        );
        let spread = || {
            let keys = Keys::Spread(Spread::of("run"));
            [0, 1].map(|_| keys.keyed(b"a".to_vec(), Place::whole("x")).unwrap().key)
        };
        assert_eq!(spread(), ["run-0", "run-1"]);
        assert_eq!(spread(), spread());
    }
}
