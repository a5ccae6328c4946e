//! Which records a trigger takes: patterns in the language of EventBridge, of which any may match.
//!
//! Pure. A record goes in with its metadata, out comes whether it is kept. A body that is not JSON matches no pattern
//! that looks into it; what becomes of such a record is the trigger's choice, never silence.

mod error;
mod leaf;
mod pattern;
mod wanted;
mod wildcard;

#[cfg(test)]
mod tests;

use model::UserRecord;
use serde_json::Value;

pub use error::FilterError;
pub use pattern::Pattern;
use wanted::Wanted;

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
    /// What any of them looks at.
    wanted: Wanted,
    unparsable: Unparsable,
}

impl Filter {
    pub fn compile(patterns: &[Value], unparsable: Unparsable) -> Result<Self, FilterError> {
        if patterns.len() > FILTERS_MAX {
            return Err(FilterError::TooMany(patterns.len()));
        }
        let patterns = patterns.iter().map(Pattern::compile);
        let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
        let mut wanted = Wanted::default();
        for pattern in &patterns {
            pattern.add_wanted(&mut wanted);
        }
        Ok(Self {
            patterns,
            wanted,
            unparsable,
        })
    }

    #[must_use]
    pub fn sift(&self, record: &UserRecord) -> Sifted {
        if self.patterns.is_empty() {
            return Sifted::Kept;
        }
        let body = self.wanted.inside("data").map(|of| of.read(&record.data));
        let parsed = !matches!(body, Some(None));
        let text = || Value::from(String::from_utf8_lossy(&record.data));
        let body = body.map(|body| body.unwrap_or_else(text));
        let event = self.event(record, body);
        let member = |name: &str| {
            let members = event.iter().find(|(of, _)| *of == name);
            members.and_then(|(_, value)| value.as_ref())
        };
        let fits = |pattern: &Pattern| pattern.reads_text() != parsed || !pattern.reads_data();
        let mut fitting = self.patterns.iter().filter(|pattern| fits(pattern));
        if fitting.any(|pattern| pattern.matches_members(&member)) {
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

    /// The event that AWS matches (FL-1), as far as a pattern looks at it.
    fn event(
        &self,
        record: &UserRecord,
        data: Option<Value>,
    ) -> [(&'static str, Option<Value>); 5] {
        let member = |name: &'static str, value: &dyn Fn() -> Value| {
            (name, self.wanted.inside(name).map(|_| value()))
        };
        [
            ("data", data),
            member("kinesisSchemaVersion", &|| Value::from("1.0")),
            member("partitionKey", &|| {
                Value::from(String::from_utf8_lossy(&record.partition_key))
            }),
            member("sequenceNumber", &|| {
                Value::from(record.position.sequence.to_string())
            }),
            member("approximateArrivalTimestamp", &|| {
                Value::from(seconds(record.arrived.as_millis()))
            }),
        ]
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of any real date are exact in a double"
)]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}
