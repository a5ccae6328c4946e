//! Values to CBOR, appended to a body. Writing to a vector cannot fail, so nothing here does.

use serde_json::Value;

/// Tag of a point in time.
pub(in crate::kinesis) const MOMENT_TAG: u64 = 1;

const POSITIVE: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// Appends a document. Numbers with a fraction are points in time: AWS's answers have no others.
pub(in crate::kinesis) fn push_value(body: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => body.push(NULL),
        Value::Bool(flag) => body.push(if *flag { TRUE } else { FALSE }),
        Value::Number(number) => {
            if let Some(whole) = number.as_u64() {
                push_number(body, whole);
            } else if let Some(below_zero) = number.as_i64() {
                push_head(body, NEGATIVE, below_zero.unsigned_abs() - 1);
            } else {
                push_moment(body, milliseconds(number.as_f64().unwrap_or_default()));
            }
        }
        Value::String(text) => push_text(body, text),
        Value::Array(items) => {
            push_array(body, items.len());
            for item in items {
                push_value(body, item);
            }
        }
        Value::Object(members) => {
            push_map(body, members.len());
            for (name, member) in members {
                push_text(body, name);
                push_value(body, member);
            }
        }
    }
}

pub(in crate::kinesis) fn push_text(body: &mut Vec<u8>, text: &str) {
    push_head(body, TEXT, length(text.len()));
    body.extend_from_slice(text.as_bytes());
}

pub(in crate::kinesis) fn push_bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    push_head(body, BYTES, length(bytes.len()));
    body.extend_from_slice(bytes);
}

pub(in crate::kinesis) fn push_number(body: &mut Vec<u8>, number: u64) {
    push_head(body, POSITIVE, number);
}

/// A point in time, in milliseconds since 1970.
pub(in crate::kinesis) fn push_moment(body: &mut Vec<u8>, ms: u64) {
    push_head(body, TAG, MOMENT_TAG);
    push_number(body, ms);
}

/// The head of an array; so many values follow.
pub(in crate::kinesis) fn push_array(body: &mut Vec<u8>, items: usize) {
    push_head(body, ARRAY, length(items));
}

/// The head of a map; so many names follow, each with its value.
pub(in crate::kinesis) fn push_map(body: &mut Vec<u8>, members: usize) {
    push_head(body, MAP, length(members));
}

/// The shortest head that holds the argument.
fn push_head(body: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    if let Ok(short @ ..24) = u8::try_from(argument) {
        body.push(major | short);
    } else if let Ok(byte) = u8::try_from(argument) {
        body.extend_from_slice(&[major | 24, byte]);
    } else if let Ok(word) = u16::try_from(argument) {
        body.push(major | 25);
        body.extend_from_slice(&word.to_be_bytes());
    } else if let Ok(double) = u32::try_from(argument) {
        body.push(major | 26);
        body.extend_from_slice(&double.to_be_bytes());
    } else {
        body.push(major | 27);
        body.extend_from_slice(&argument.to_be_bytes());
    }
}

fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

fn milliseconds(seconds: f64) -> u64 {
    let ms = (seconds * 1000.0).round().clamp(0.0, 9e15);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within 0 and 9e15"
    )]
    let ms = ms as u64;
    ms
}
