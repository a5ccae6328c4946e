//! Which records a trigger takes: patterns in the language of EventBridge, of which any may match.
//!
//! Pure. A record goes in with its metadata, out comes whether it is kept. A body that is not JSON matches no pattern
//! that looks into it; what becomes of such a record is the trigger's choice, never silence.

mod error;
mod leaf;
mod outline;
mod pattern;
mod wanted;
mod wildcard;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::OnceLock};

use model::{Position, Record, Timestamp, UserRecord};
use serde_json::Value;

pub use error::FilterError;
pub use outline::Outline;
use pattern::Member;
pub use pattern::Pattern;
use wanted::{Read, Wanted};

use crate::limits::FILTERS_MAX;

/// What becomes of a record whose body is not JSON although a pattern looks into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unparsable {
    #[default]
    DeadLetter,
    Pass,
    Drop,
}

/// What a pattern may look at beside `data`. AWS took these once, and takes `data` alone now (FL-1).
pub const METADATA: [&str; 4] = [
    "kinesisSchemaVersion",
    "partitionKey",
    "sequenceNumber",
    "approximateArrivalTimestamp",
];

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
    /// As they were written.
    written: Vec<Value>,
    /// What any of them looks at in the body.
    wanted: Option<Wanted>,
    unparsable: Unparsable,
}

impl Filter {
    pub fn compile(patterns: &[Value], unparsable: Unparsable) -> Result<Self, FilterError> {
        if patterns.len() > FILTERS_MAX {
            return Err(FilterError::TooMany(patterns.len()));
        }
        let written = patterns.to_vec();
        let patterns = patterns.iter().map(Pattern::compile);
        let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
        let mut wanted = Wanted::default();
        for pattern in &patterns {
            pattern.add_wanted(&mut wanted);
        }
        Ok(Self {
            patterns,
            written,
            wanted: wanted.take("data"),
            unparsable,
        })
    }

    /// The patterns, as they were written.
    #[must_use]
    pub fn written(&self) -> &[Value] {
        &self.written
    }

    /// What its owner should know of where it looks, in a sentence.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let names = self.patterns.iter().flat_map(Pattern::beside_data);
        let (known, unknown): (BTreeSet<&str>, BTreeSet<&str>) =
            names.partition(|name| METADATA.contains(name));
        let listed = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
        match (known.is_empty(), unknown.is_empty()) {
            (_, false) => Some(format!(
                "the filter looks at {}, which no record has: members of the body stand below data",
                listed(unknown)
            )),
            (false, true) => Some(format!(
                "the filter looks at {}: AWS takes data alone for Kinesis",
                listed(known)
            )),
            (true, true) => None,
        }
    }

    #[must_use]
    pub fn sift(&self, record: &Looked<'_>) -> Sifted {
        if self.patterns.is_empty() {
            return Sifted::Kept;
        }
        let Some(wanted) = &self.wanted else {
            return self.sift_by(record, None, true);
        };
        let read = record.body(wanted);
        let parsed = read.is_some();
        let text = || Read::Json(Value::from(String::from_utf8_lossy(record.data)));
        self.sift_by(record, Some(&read.unwrap_or_else(text)), parsed)
    }

    /// `body` is there where a pattern looks at it, as text where it could not be parsed.
    fn sift_by(&self, record: &Looked<'_>, body: Option<&Read<'_>>, parsed: bool) -> Sifted {
        // The event that AWS matches (FL-1), as far as a pattern looks at it.
        let member = |name: &str| match name {
            "data" => body.map(Read::member),
            "kinesisSchemaVersion" => Some(Member::Text(b"1.0")),
            "partitionKey" => Some(Member::Text(record.partition_key)),
            "sequenceNumber" => Some(Member::Sequence(record.position.sequence)),
            "approximateArrivalTimestamp" => {
                Some(Member::Number(seconds(record.arrived.as_millis())))
            }
            _ => None,
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
}

/// What a filter may look at of a record.
#[derive(Debug, Clone, Copy)]
pub struct Looked<'a> {
    pub position: Position,
    pub arrived: Timestamp,
    pub partition_key: &'a [u8],
    pub data: &'a [u8],
    /// Where it is kept for others what of its body lies where.
    pub outline: Option<&'a OnceLock<Outline>>,
}

impl<'a> Looked<'a> {
    /// What is wanted of the body, if that is JSON.
    fn body(&self, wanted: &Wanted) -> Option<Read<'a>> {
        let outline = || Outline::of(self.data);
        match self.outline {
            Some(known) => wanted.read_at(known.get_or_init(outline), self.data),
            None => wanted.read_at(&outline(), self.data),
        }
    }
}

impl<'a> From<&'a Record> for Looked<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            position: Position {
                sequence: record.sequence,
                sub_sequence: 0,
            },
            arrived: record.arrived,
            partition_key: &record.partition_key,
            data: &record.data,
            outline: None,
        }
    }
}

impl<'a> From<&'a UserRecord> for Looked<'a> {
    fn from(record: &'a UserRecord) -> Self {
        Self {
            position: record.position,
            arrived: record.arrived,
            partition_key: &record.partition_key,
            data: &record.data,
            outline: None,
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
