//! Bounds of the members of an input, with the texts in which AWS reports them.
//!
//! In: an object whose types fit (`decode`) and the shape of the input. Out: consent, or one text with all
//! violations, ten at most, in AWS's order. Never asks whether something exists.

use serde_json::{Map, Number, Value};

use super::{
    patterns,
    schema::{Bounds, Member, Need, Shape},
};
use crate::limits::{PRINTED_VALUE_BYTES_MAX, VIOLATIONS_MAX};

/// Checks all bounds. The error is the text of a `ValidationException`. Of a stream that spreads records by itself, these
/// need no keys.
pub(super) fn validate(
    members: &[Member],
    object: &Map<String, Value>,
    is_spread: bool,
) -> Result<(), String> {
    let mut violations = Violations {
        is_spread,
        ..Violations::default()
    };
    violations.structure("", members, object);
    violations.into_result()
}

/// A number as AWS's 32-bit integers take it: the fraction is dropped, what is too large becomes the largest.
pub(super) fn integer(number: &Number) -> i64 {
    let (smallest, largest) = (i64::from(i32::MIN), i64::from(i32::MAX));
    if let Some(exact) = number.as_i64() {
        return exact.clamp(smallest, largest);
    }
    let float = number
        .as_f64()
        .unwrap_or(0.0)
        .clamp(f64::from(i32::MIN), f64::from(i32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped above, dropping the fraction is meant"
    )]
    let whole = float as i64;
    whole
}

/// A text short enough to be repeated in an answer.
pub(crate) fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(PRINTED_VALUE_BYTES_MAX);
    text.get(..end).unwrap_or(text)
}

/// How many bytes well-formed base64 stands for.
pub(super) fn decoded_length(base64: impl AsRef<[u8]>) -> usize {
    let base64 = base64.as_ref();
    let end = base64.iter().rev().take(2);
    let padding = end.filter(|byte| **byte == b'=').count();
    (base64.len() / 4 * 3).saturating_sub(padding)
}

#[derive(Default)]
struct Violations {
    texts: Vec<String>,
    is_spread: bool,
}

impl Violations {
    fn into_result(self) -> Result<(), String> {
        let plural = match self.texts.len() {
            0 => return Ok(()),
            1 => "",
            _ => "s",
        };
        let count = self.texts.len();
        Err(format!(
            "{count} validation error{plural} detected: {}",
            self.texts.join("; ")
        ))
    }

    fn full(&self) -> bool {
        self.texts.len() >= VIOLATIONS_MAX
    }

    fn add(&mut self, path: &str, shape: &Shape, value: Option<&Value>, constraint: &str) {
        if self.full() {
            return;
        }
        let value = value.map_or_else(
            || "null".to_owned(),
            |value| format!("'{}'", shortened(&printed(shape, value))),
        );
        self.texts.push(format!(
            "Value {value} at '{path}' failed to satisfy constraint: {constraint}"
        ));
    }

    fn structure(&mut self, prefix: &str, members: &[Member], object: &Map<String, Value>) {
        let given = |name: &str| object.get(name).filter(|value| !value.is_null());
        for Member { name, need, shape } in members {
            if self.full() {
                return;
            }
            let path = format!("{prefix}{}", printed_name(name));
            let needed = match need {
                Need::Optional => false,
                Need::Required => true,
                Need::UnlessArn => given("StreamARN").is_none(),
                Need::UnlessSpread => !self.is_spread,
            };
            match given(name) {
                Some(value) => self.value(&path, shape, value),
                None if needed => self.add(&path, shape, None, "Member must not be null"),
                None => {}
            }
        }
    }

    fn value(&mut self, path: &str, shape: &Shape, value: &Value) {
        for constraint in own_constraints(shape, value) {
            self.add(path, shape, Some(value), &constraint);
        }
        match (shape, value) {
            (Shape::List { member, .. }, Value::Array(items)) => {
                self.items(path, shape, member, value, items);
            }
            (
                Shape::Map {
                    key, value: inner, ..
                },
                Value::Object(object),
            ) => {
                let keys: Vec<Value> = object.keys().cloned().map(Value::String).collect();
                self.parts(path, shape, value, "Map keys", key, keys.iter());
                self.parts(path, shape, value, "Map value", inner, object.values());
            }
            (Shape::Structure { members, .. }, Value::Object(object)) => {
                self.structure(&format!("{path}."), members, object);
            }
            (Shape::Boolean | Shape::Timestamp | Shape::Integer { .. } | Shape::Blob { .. }, _)
            | (Shape::Text { .. } | Shape::List { .. }, _)
            | (Shape::Map { .. } | Shape::Structure { .. }, _) => {}
        }
    }

    fn items(&mut self, path: &str, list: &Shape, member: &Shape, value: &Value, items: &[Value]) {
        if !matches!(member, Shape::Structure { .. }) {
            self.parts(path, list, value, "Member", member, items.iter());
            return;
        }
        for (index, item) in items.iter().enumerate() {
            if self.full() {
                return;
            }
            let path = format!("{path}.{}.member", index + 1);
            if item.is_null() {
                self.add(&path, member, None, "Member must not be null");
            } else {
                self.value(&path, member, item);
            }
        }
    }

    /// Scalars in a list or a map are reported at the container, once, with all the bounds they have.
    fn parts<'a>(
        &mut self,
        path: &str,
        container: &Shape,
        value: &Value,
        what: &str,
        part: &Shape,
        mut parts: impl Iterator<Item = &'a Value>,
    ) {
        if parts.any(|item| !own_constraints(part, item).is_empty()) {
            let all = all_constraints(part).join(", ");
            let text = format!("{what} must satisfy constraint: [{all}]");
            self.add(path, container, Some(value), &text);
        }
    }
}

/// The constraints of a shape that a value violates, leaving out what is inside of it.
pub(crate) fn own_constraints(shape: &Shape, value: &Value) -> Vec<String> {
    match (shape, value) {
        (Shape::Integer { value: bounds }, Value::Number(number)) => {
            violated(*bounds, integer(number), "value")
        }
        (Shape::Blob { length }, Value::String(base64)) => {
            violated(*length, count(decoded_length(base64)), "length")
        }
        (
            Shape::Text {
                length,
                pattern,
                one_of,
            },
            Value::String(text),
        ) => {
            let mut constraints = Vec::new();
            if let Some(pattern) = pattern.filter(|pattern| !patterns::matches(pattern, text)) {
                constraints.push(pattern_constraint(pattern));
            }
            constraints.extend(violated(*length, count(text.chars().count()), "length"));
            if !one_of.is_empty() && !one_of.contains(&text.as_str()) {
                constraints.push(enumeration_constraint(one_of));
            }
            constraints
        }
        (Shape::List { length, .. }, Value::Array(items)) => {
            violated(*length, count(items.len()), "length")
        }
        (Shape::Map { length, .. }, Value::Object(object)) => {
            violated(*length, count(object.len()), "length")
        }
        (Shape::Boolean | Shape::Timestamp | Shape::Integer { .. } | Shape::Blob { .. }, _)
        | (Shape::Text { .. } | Shape::List { .. }, _)
        | (Shape::Map { .. } | Shape::Structure { .. }, _) => Vec::new(),
    }
}

/// Every constraint of a scalar, in the order in which AWS prints them for the parts of a container.
pub(crate) fn all_constraints(shape: &Shape) -> Vec<String> {
    let (bounds, what) = match shape {
        Shape::Integer { value } => (*value, "value"),
        Shape::Blob { length } | Shape::Text { length, .. } => (*length, "length"),
        Shape::Boolean | Shape::Timestamp => return Vec::new(),
        Shape::List { .. } | Shape::Map { .. } | Shape::Structure { .. } => return Vec::new(),
    };
    let mut constraints: Vec<String> = bounds
        .max
        .map(|max| at_most(max, what))
        .into_iter()
        .collect();
    constraints.extend(bounds.min.map(|min| not_below(min, what)));
    if let Shape::Text {
        pattern, one_of, ..
    } = shape
    {
        constraints.extend(pattern.map(pattern_constraint));
        if !one_of.is_empty() {
            constraints.push(enumeration_constraint(one_of));
        }
    }
    constraints
}

fn violated(bounds: Bounds, actual: i64, what: &str) -> Vec<String> {
    let below = bounds
        .min
        .filter(|min| actual < *min)
        .map(|min| not_below(min, what));
    let above = bounds
        .max
        .filter(|max| actual > *max)
        .map(|max| at_most(max, what));
    below.into_iter().chain(above).collect()
}

fn not_below(min: i64, what: &str) -> String {
    format!("Member must have {what} greater than or equal to {min}")
}

fn at_most(max: i64, what: &str) -> String {
    format!("Member must have {what} less than or equal to {max}")
}

fn pattern_constraint(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn enumeration_constraint(values: &[&str]) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        values.join(", ")
    )
}

/// A value as Java prints it.
pub(crate) fn printed(shape: &Shape, value: &Value) -> String {
    match (shape, value) {
        (Shape::Blob { .. }, Value::String(base64)) => {
            let length = decoded_length(base64);
            format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]")
        }
        (Shape::Integer { .. }, Value::Number(number)) => integer(number).to_string(),
        (Shape::List { member, .. }, Value::Array(items)) => {
            enclosed('[', ']', items.iter().map(|item| printed(member, item)))
        }
        (Shape::Map { value: inner, .. }, Value::Object(object)) => {
            let entries = object
                .iter()
                .map(|(key, value)| format!("{key}={}", printed(inner, value)));
            enclosed('{', '}', entries)
        }
        // AWS prints a hash of the object behind the name; no reader can use it.
        (Shape::Structure { name, .. }, _) => {
            format!("com.amazonaws.kinesis.v20131202.{name}@c965e310")
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

fn enclosed(open: char, close: char, items: impl Iterator<Item = String>) -> String {
    let mut text = String::from(open);
    for (index, item) in items.enumerate() {
        if text.len() > PRINTED_VALUE_BYTES_MAX {
            break;
        }
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&item);
    }
    text.push(close);
    text
}

/// `partitionKey` for `PartitionKey`.
pub(crate) fn printed_name(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}

fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
