//! When a record happened, where its body says so: a path into JSON, and the forms in which moments are written there.
//!
//! In: `$.sched` or `$.flight.times[0]` and a body. Out: a moment, or nothing where the body is no JSON, has nothing there, or
//! what it has there is no moment. Numbers are seconds since 1970, or milliseconds where they would be later than the
//! year 5000 as seconds; texts are RFC 3339, in UTC where they name no zone.
#![deny(clippy::indexing_slicing)]

use std::fmt;

use model::Timestamp;
use serde_json::Value;

/// Larger numbers are milliseconds.
const SECONDS_MAX: f64 = 95_617_584_000.0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTime {
    /// When the record came into the stream.
    Arrival,
    Path(TimePath),
}

/// A path such as `$.sched`, `$.a.b` or `$.times[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimePath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

impl TimePath {
    /// `None` where it is no such path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, more) = after.split_at(end);
                if name.is_empty() {
                    return None;
                }
                steps.push(Step::Member(name.to_owned()));
                rest = more;
            } else {
                let (index, more) = rest.strip_prefix('[')?.split_once(']')?;
                steps.push(Step::Element(index.parse().ok()?));
                rest = more;
            }
        }
        (!steps.is_empty()).then_some(Self { steps })
    }

    /// The moment that a body names.
    #[must_use]
    pub fn time_in(&self, body: &[u8]) -> Option<Timestamp> {
        let document: Value = serde_json::from_slice(body).ok()?;
        let found = self
            .steps
            .iter()
            .try_fold(&document, |at, step| match step {
                Step::Member(name) => at.get(name),
                Step::Element(index) => at.get(index),
            })?;
        match found {
            Value::Number(number) => of_number(number.as_f64()?),
            Value::String(text) => of_text(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl fmt::Display for TimePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.steps.iter().try_for_each(|step| match step {
            Step::Member(name) => write!(f, ".{name}"),
            Step::Element(index) => write!(f, "[{index}]"),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded on both sides before"
)]
fn of_number(number: f64) -> Option<Timestamp> {
    let ms = if number <= SECONDS_MAX {
        number * 1_000.0
    } else {
        number
    };
    (0.0..SECONDS_MAX * 1_000.0)
        .contains(&ms)
        .then(|| Timestamp::from_millis(ms.round() as u64))
}

fn of_text(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<jiff::Timestamp>();
    let moment = zoned.or_else(|_| {
        let civil: jiff::civil::DateTime = text.parse()?;
        civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|at| at.timestamp())
    });
    u64::try_from(moment.ok()?.as_millisecond())
        .ok()
        .map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_bodies() {
        for (path, body, ms) in [
            ("$.at", r#"{"at":1.5}"#, Some(1_500)),
            ("$.at", r#"{"at":1545084650}"#, Some(1_545_084_650_000)),
            ("$.at", r#"{"at":1545084650987}"#, Some(1_545_084_650_987)),
            ("$.at", r#"{"at":"1970-01-01T00:00:01Z"}"#, Some(1_000)),
            ("$.at", r#"{"at":"1970-01-01T01:00:01+01:00"}"#, Some(1_000)),
            ("$.at", r#"{"at":"1970-01-01T00:00:01"}"#, Some(1_000)),
            ("$.at", r#"{"at":"1970-01-01 00:00:01.250"}"#, Some(1_250)),
            ("$.a.b[1]", r#"{"a":{"b":[0,2]}}"#, Some(2_000)),
            ("$.at", r#"{"at":-1}"#, None),
            ("$.at", r#"{"at":"soon"}"#, None),
            ("$.at", r#"{"at":true}"#, None),
            ("$.at", r#"{"when":1}"#, None),
            ("$.a.b[1]", r#"{"a":{"b":[0]}}"#, None),
            ("$.at", "at 7", None),
        ] {
            let time = TimePath::parse(path).unwrap().time_in(body.as_bytes());
            assert_eq!(time, ms.map(Timestamp::from_millis), "{path} in {body}");
        }
    }

    #[test]
    fn paths() {
        for text in ["$.sched", "$.a.b", "$.times[0].at", "$[3]"] {
            let path = TimePath::parse(text).map(|path| path.to_string());
            assert_eq!(path.as_deref(), Some(text));
        }
        for text in ["", "$", "sched", "$.", "$..a", "$.a[x]", "$.a[0", "$a"] {
            assert_eq!(TimePath::parse(text), None, "{text}");
        }
    }
}
