//! The event for a batch of stream records as language runtimes are given it: what all records have in common once, the
//! rest by columns, as `text-handler` of `function.wit` says. They make of it what [`super::kinesis_event`] writes.
//!
//! That is six times the data at 100 bytes a record, and most of what a script does with such a batch was reading it.

use super::{push_rest, role_or_usual};
use crate::{Invocation, UserRecord};

/// The lists have a member a record.
#[derive(Debug, Clone, PartialEq)]
pub struct KinesisColumns {
    pub shard: String,
    pub role: String,
    pub region: String,
    pub stream: String,
    pub keys: Vec<String>,
    pub sequences: Vec<String>,
    /// In base64.
    pub data: Vec<String>,
    /// In seconds since 1970.
    pub arrivals: Vec<f64>,
    /// Empty for a record of no aggregate; no list at all where no record is of one.
    pub subs: Vec<String>,
    /// Members of the event besides its records: a JSON object.
    pub rest: String,
}

#[must_use]
pub fn kinesis_columns(invocation: &Invocation) -> KinesisColumns {
    let (stream, records) = (&invocation.stream, &invocation.records);
    let sub = |record: &UserRecord| match record.aggregated {
        true => record.position.sub_sequence.to_string(),
        false => String::new(),
    };
    let subs = records.iter().any(|record| record.aggregated);
    let mut rest = Vec::new();
    push_rest(&mut rest, invocation);
    let members = rest.strip_prefix(b",").unwrap_or_default();
    KinesisColumns {
        shard: invocation.shard.to_string(),
        role: role_or_usual(invocation.role.as_deref(), stream).into_owned(),
        region: stream.region.to_string(),
        stream: stream.arn(),
        keys: records
            .iter()
            .map(|it| it.key_text().into_owned())
            .collect(),
        sequences: records
            .iter()
            .map(|it| it.position.sequence.to_string())
            .collect(),
        data: records
            .iter()
            .map(|it| base64_simd::STANDARD.encode_to_string(&it.data))
            .collect(),
        arrivals: records.iter().map(seconds).collect(),
        subs: records.iter().filter(|_| subs).map(sub).collect(),
        rest: format!("{{{}}}", String::from_utf8_lossy(members)),
    }
}

/// The same number that is read from `1545084650.987`: both are the nearest to it that there is.
fn seconds(record: &UserRecord) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 milliseconds are 285,000 years"
    )]
    let ms = record.arrived.as_millis() as f64;
    ms / 1000.0
}
