//! JSON to values whose types fit the shape of an input.
//!
//! In: the bytes of a body, or a parsed value and its shape. Out: nothing but consent: the value stays as it is,
//! and unknown members are ignored, as AWS does. The first member of a wrong type is refused with the text that
//! AWS prints for it. Bounds are not looked at here.

use serde_json::{Map, Value};

use super::schema::{Member, Shape};

/// The body as an object. `None` when it is not JSON or not an object: AWS says no more than that.
pub(super) fn parse_body(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Some(object),
        Ok(_) | Err(_) => None,
    }
}

/// Whether all members have the types of the shape. The error is the text of a `SerializationException`.
pub(super) fn check_types(members: &[Member], object: &Map<String, Value>) -> Result<(), String> {
    for member in members {
        if let Some(value) = object.get(member.name) {
            check_type(member.shape, value)?;
        }
    }
    Ok(())
}

const LIST_UNEXPECTED: &str = "Start of list found where not expected";
const OBJECT_UNEXPECTED: &str = "Start of structure or map found where not expected.";
const BOOLEAN_CLASS: &str = "class java.lang.Boolean";
const STRING_CLASS: &str = "class java.lang.String";
const NUMBER_CLASS: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";

fn check_type(shape: &Shape, value: &Value) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    match shape {
        Shape::Boolean => match value {
            Value::String(text) => Err(format!(
                "'{}' can not be converted to an Boolean",
                text.to_uppercase()
            )),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => scalar(value, "an Boolean", Value::is_boolean),
        },
        Shape::Timestamp => scalar(value, "milliseconds since epoch", Value::is_number),
        Shape::Integer { .. } => scalar(value, "an Integer", Value::is_number),
        Shape::Text { .. } => scalar(value, "an String", Value::is_string),
        Shape::Blob { .. } => {
            scalar(value, "a Blob", Value::is_string)?;
            value.as_str().map_or(Ok(()), check_base64)
        }
        Shape::List { member, .. } => match value {
            Value::Array(items) => items.iter().try_for_each(|item| check_type(member, item)),
            Value::Object(_) => Err(OBJECT_UNEXPECTED.to_owned()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Err("Expected list or null".to_owned())
            }
        },
        Shape::Map { value: inner, .. } => match container(value, "Expected map or null")? {
            Some(object) => object
                .values()
                .try_for_each(|value| check_type(inner, value)),
            None => Ok(()),
        },
        Shape::Structure { members, .. } => match container(value, "Expected null")? {
            Some(object) => check_types(members, object),
            None => Ok(()),
        },
    }
}

fn scalar(value: &Value, wanted: &str, fits: fn(&Value) -> bool) -> Result<(), String> {
    if fits(value) {
        return Ok(());
    }
    let class = match value {
        Value::Null => return Ok(()),
        Value::Array(_) => return Err(LIST_UNEXPECTED.to_owned()),
        Value::Object(_) => return Err(OBJECT_UNEXPECTED.to_owned()),
        Value::Bool(_) => BOOLEAN_CLASS,
        Value::Number(_) => NUMBER_CLASS,
        Value::String(_) => STRING_CLASS,
    };
    Err(format!("{class} can not be converted to {wanted}"))
}

fn container<'a>(value: &'a Value, wanted: &str) -> Result<Option<&'a Map<String, Value>>, String> {
    match value {
        Value::Object(object) => Ok(Some(object)),
        Value::Array(_) => Err(LIST_UNEXPECTED.to_owned()),
        Value::Null => Ok(None),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(wanted.to_owned()),
    }
}

fn check_base64(text: &str) -> Result<(), String> {
    let refused = |reason: String| {
        Err(format!(
            "'{}' can not be converted to a Blob: {reason}",
            super::validate::shortened(text)
        ))
    };
    if !text.len().is_multiple_of(4) {
        return refused(format!(
            "Base64 encoded length is expected a multiple of 4 bytes but found: {}",
            text.len()
        ));
    }
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let padding_inside = letter == '=' && letters.peek().is_some_and(|next| *next != '=');
        if padding_inside || !(letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '='))
        {
            return refused(format!("Invalid Base64 character: '{letter}'"));
        }
    }
    // The spelling is AWS's.
    match base64_simd::STANDARD.check(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(_) => refused("Invalid last non-pad Base64 character dectected".to_owned()),
    }
}
