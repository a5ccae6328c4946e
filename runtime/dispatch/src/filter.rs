//! Which records a trigger takes: patterns in the language of EventBridge, of which any may match.
//!
//! Pure. A record goes in with its metadata, out comes whether it is kept. A body that is not JSON matches no pattern
//! that looks into it; what becomes of such a record is the trigger's choice, never silence.

mod error;
mod leaf;
mod pattern;
mod wildcard;

#[cfg(test)]
mod tests;

use model::UserRecord;
use serde_json::{Map, Value, json};

pub use error::FilterError;
pub use pattern::Pattern;

use crate::limits::FILTERS_MAX;

/// What becomes of a record whose body is not JSON although a pattern looks into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unparsable {
    #[default]
    DeadLetter,
    Pass,
    Drop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sifted {
    Kept,
    FilteredOut,
    /// To be dead-lettered.
    Unparsable,
}

/// The patterns of one trigger. Without any, everything is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    patterns: Vec<Pattern>,
    unparsable: Unparsable,
}

impl Filter {
    pub fn compile(patterns: &[Value], unparsable: Unparsable) -> Result<Self, FilterError> {
        if patterns.len() > FILTERS_MAX {
            return Err(FilterError::TooMany(patterns.len()));
        }
        let patterns = patterns.iter().map(Pattern::compile);
        Ok(Self {
            patterns: patterns.collect::<Result<_, _>>()?,
            unparsable,
        })
    }

    #[must_use]
    pub fn sift(&self, record: &UserRecord) -> Sifted {
        if self.patterns.is_empty() {
            return Sifted::Kept;
        }
        let mut event = metadata(record);
        let body: Option<Value> = serde_json::from_slice(&record.data).ok();
        let parsed = body.is_some();
        let text = || Value::from(String::from_utf8_lossy(&record.data));
        event.insert("data".to_owned(), body.unwrap_or_else(text));
        let event = pattern::undotted(Value::Object(event));
        let fits = |pattern: &Pattern| pattern.reads_text() != parsed || !pattern.reads_data();
        let mut fitting = self.patterns.iter().filter(|pattern| fits(pattern));
        if fitting.any(|pattern| pattern.matches(&event)) {
            return Sifted::Kept;
        }
        if parsed || self.patterns.iter().all(fits) {
            return Sifted::FilteredOut;
        }
        match self.unparsable {
            Unparsable::DeadLetter => Sifted::Unparsable,
            Unparsable::Pass => Sifted::Kept,
            Unparsable::Drop => Sifted::FilteredOut,
        }
    }
}

/// What stands beside `data` in the event that AWS matches (FL-1).
fn metadata(record: &UserRecord) -> Map<String, Value> {
    let arrived = record.arrived.as_millis();
    let members = json!({
        "kinesisSchemaVersion": "1.0",
        "partitionKey": String::from_utf8_lossy(&record.partition_key),
        "sequenceNumber": record.position.sequence.to_string(),
        "approximateArrivalTimestamp": seconds(arrived),
    });
    match members {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of any real date are exact in a double"
)]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}
