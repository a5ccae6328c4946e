//! The file as a tree in which every key and value knows its place. Text comes in, through serde-saphyr with YAML's
//! surprises turned off and budgets on; a `Node` goes out. It knows no key of ours and reads no environment. A failure
//! is a file that is not YAML, or YAML that we refuse for what it does to readers: anchors, merge keys, tags, huge numbers.
//!
//! It is a tree rather than one derived struct, because serde stops at its first error and has no place for a key.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Error, Location, MessageFormatter, Options, Spanned, UserMessageFormatter};

use super::diagnostic::{At, Diagnostic, Source};
use super::limits::{FILE_BYTES_MAX, INTEGER_MAX, NESTING_MAX, NODES_MAX};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    /// `true`, `false` or a number, as written.
    Bare(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; a key may stand there twice, which the reader refuses.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) at: At,
    pub(super) name: String,
}

/// Reads the whole file or says the one thing that makes it unreadable.
pub(super) fn parse(source: Source<'_>) -> Result<Node, Diagnostic> {
    if source.text.len() > FILE_BYTES_MAX {
        let message = format!(
            "the file has {} bytes, {FILE_BYTES_MAX} are accepted",
            source.text.len()
        );
        let hint = "settings are small: move what is not settings elsewhere";
        return Err(source.diagnostic(At::START, message, hint));
    }
    let raw: Raw = serde_saphyr::from_str_with_options(source.text, options())
        .map_err(|error| unreadable(source, &error))?;
    settle(source, raw)
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_anchors: 0,
            max_aliases: 0,
            max_depth: NESTING_MAX,
            max_documents: 1,
            max_nodes: NODES_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn unreadable(source: Source<'_>, error: &Error) -> Diagnostic {
    let error = error.without_snippet();
    let at = error.location().map_or(At::START, place);
    let line = source
        .text
        .lines()
        .nth(at.line.saturating_sub(1))
        .unwrap_or_default();
    if let Some((message, hint)) = refused_on_purpose(error) {
        return source.diagnostic(at, message, hint);
    }
    let message = UserMessageFormatter
        .format_message(error)
        .replace(char::is_control, " ");
    let quotes = "text that begins with @ needs quotes: \"@-1h\"";
    let spaces =
        "keys of one map begin in one column, `key: value`; brackets and quotes are closed";
    let hint = if line.contains(": @") { quotes } else { spaces };
    source.diagnostic(at, format!("not readable as YAML: {message}"), hint)
}

/// Sound YAML that does something to its readers.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "errors of another crate, which may gain more"
)]
fn refused_on_purpose(error: &Error) -> Option<(&'static str, &'static str)> {
    match error {
        Error::MergeKeyNotAllowed { .. } => {
            Some(("merge keys are refused", "write the keys out at each place"))
        }
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. } => {
                let hint = "write the value out at each place";
                Some(("anchors and aliases are refused", hint))
            }
            BudgetBreach::Documents { .. } => Some((
                "the file has more than one document",
                "remove what follows `---`",
            )),
            BudgetBreach::Depth { .. } => Some((
                "maps and lists are nested too deep",
                "no setting lies deeper than five maps",
            )),
            _ => Some((
                "the file is too large to be hand-written settings",
                "settings are small: move what is not settings elsewhere",
            )),
        },
        _ => None,
    }
}

/// What serde-saphyr hands over: values with their locations, numbers already parsed.
#[derive(Deserialize)]
struct Raw(Spanned<RawValue>);

enum RawValue {
    Null,
    Bare { readable: bool },
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawValue, E> {
        Ok(RawValue::Bare { readable: true })
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
        Ok(RawValue::Bare {
            readable: value.unsigned_abs() <= INTEGER_MAX,
        })
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
        Ok(RawValue::Bare {
            readable: value <= INTEGER_MAX,
        })
    }

    fn visit_i128<E>(self, _: i128) -> Result<RawValue, E> {
        Ok(RawValue::Bare { readable: false })
    }

    fn visit_u128<E>(self, _: u128) -> Result<RawValue, E> {
        Ok(RawValue::Bare { readable: false })
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawValue, E> {
        Ok(RawValue::Bare {
            readable: value.abs() <= 9_007_199_254_740_992.0,
        })
    }

    fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
            if map.len() > NODES_MAX {
                return Err(A::Error::custom("too many keys"));
            }
        }
        Ok(RawValue::Map(map))
    }
}

/// Puts the text of numbers back as it was written, because `1.10` in a function's environment is not `1.1`.
fn settle(source: Source<'_>, raw: Raw) -> Result<Node, Diagnostic> {
    let location = raw.0.referenced;
    let at = place(location);
    let value = match raw.0.value {
        RawValue::Null => Value::Null,
        RawValue::Text(text) => Value::Text(text),
        RawValue::Bare { readable: true } => Value::Bare(written(source, location)),
        RawValue::Bare { readable: false } => {
            let hint = "in quotes it is text and stays as it is";
            let message = "a number beyond 2^53 loses digits";
            return Err(source.diagnostic(at, message, hint));
        }
        RawValue::List(items) => {
            let settled: Result<Vec<_>, _> =
                items.into_iter().map(|item| settle(source, item)).collect();
            Value::List(settled?)
        }
        RawValue::Map(entries) => {
            let settled: Result<Vec<_>, _> = entries
                .into_iter()
                .map(|(key, value)| {
                    let key = Key {
                        at: place(key.referenced),
                        name: key.value,
                    };
                    Ok((key, settle(source, value)?))
                })
                .collect();
            Value::Map(settled?)
        }
    };
    Ok(Node { at, value })
}

fn written(source: Source<'_>, location: Location) -> String {
    let span = location.span();
    let bytes = span
        .byte_offset()
        .zip(span.byte_len())
        .and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            source
                .text
                .get(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
    bytes.unwrap_or_default().trim().to_owned()
}

fn place(location: Location) -> At {
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX).max(1);
    At {
        line: number(location.line()),
        column: number(location.column()),
        width: number(location.span().len()),
    }
}
