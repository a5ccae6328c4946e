//! Lambda's answer to a batch: which records failed, read from the JSON an event function returns.
//!
//! Decided as AWS does (rules PB-1 to PB-10 of the stream consumer contract): one identifier that is not in the
//! batch fails the whole batch; an answer without a list, or that is no object, is a full success.
#![deny(clippy::indexing_slicing)]

use std::collections::BTreeSet;

use model::{RecordAction, RecordFailure, UserRecord};
use serde_json::Value;

/// The whole batch failed: its list of failures cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadBatchAnswer {
    #[error("`batchItemFailures` is not a list")]
    NotAList,
    #[error("an entry of `batchItemFailures` has no `itemIdentifier`")]
    NoIdentifier,
    #[error("`batchItemFailures` names {0}, which is not in the batch")]
    Unknown(String),
}

pub(crate) fn failures(
    answer: &[u8],
    records: &[UserRecord],
) -> Result<Vec<RecordFailure>, BadBatchAnswer> {
    let Ok(Value::Object(answer)) = serde_json::from_slice::<Value>(answer) else {
        return Ok(Vec::new());
    };
    let Some(list) = answer
        .get("batchItemFailures")
        .filter(|list| !list.is_null())
    else {
        return Ok(Vec::new());
    };
    let list = list.as_array().ok_or(BadBatchAnswer::NotAList)?;
    let mut failed = BTreeSet::new();
    for entry in list {
        let identifier = entry
            .get("itemIdentifier")
            .and_then(Value::as_str)
            .filter(|identifier| !identifier.is_empty())
            .ok_or(BadBatchAnswer::NoIdentifier)?;
        let index = index_of(identifier, records)
            .ok_or_else(|| BadBatchAnswer::Unknown(identifier.to_owned()))?;
        failed.insert(index);
    }
    Ok(failed
        .into_iter()
        .map(|index| RecordFailure {
            index,
            action: RecordAction::Retry,
            kind: "BatchItemFailure".to_owned(),
            reason: "named in batchItemFailures".to_owned(),
        })
        .collect())
}

/// `<sequence>` is the record, or the first one of an aggregate; `<sequence>:<sub-sequence>` one inside of it.
fn index_of(identifier: &str, records: &[UserRecord]) -> Option<u32> {
    let (sequence, sub_sequence) = match identifier.split_once(':') {
        Some((sequence, sub)) => (sequence, Some(sub.parse::<u64>().ok()?)),
        None => (identifier, None),
    };
    let found = records.iter().position(|record| {
        record.position.sequence.to_string() == sequence
            && sub_sequence.is_none_or(|sub| sub == record.position.sub_sequence)
    })?;
    u32::try_from(found).ok()
}

#[cfg(test)]
mod tests {
    //! The table of answers, as seen on AWS.

    use bytes::Bytes;
    use model::{Position, SequenceNumber, Timestamp};

    use super::*;

    fn record(sequence: u64, sub_sequence: u64) -> UserRecord {
        UserRecord {
            position: Position {
                sequence: SequenceNumber([0, 0, sequence]),
                sub_sequence,
            },
            arrived: Timestamp::from_millis(0),
            partition_key: Bytes::from_static(b"k"),
            explicit_hash_key: None,
            data: Bytes::new(),
            aggregated: sub_sequence > 0,
            deliveries: 1,
        }
    }

    #[test]
    fn answers() {
        use BadBatchAnswer::{NoIdentifier, NotAList, Unknown};
        let records = [record(7, 0), record(8, 0), record(8, 1)];
        let item = |id: &str| format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{id}}}]}}"#);
        let cases: Vec<(String, Result<Vec<u32>, BadBatchAnswer>)> = vec![
            (String::new(), Ok(vec![])),
            ("null".into(), Ok(vec![])),
            ("{}".into(), Ok(vec![])),
            ("\"\"".into(), Ok(vec![])),
            ("[]".into(), Ok(vec![])),
            ("no json".into(), Ok(vec![])),
            (r#"{"foo":123}"#.into(), Ok(vec![])),
            (r#"{"batchItemFailures":[]}"#.into(), Ok(vec![])),
            (r#"{"batchItemFailures":null}"#.into(), Ok(vec![])),
            (r#"{"batchItemFailures":3}"#.into(), Err(NotAList)),
            (item("\"7\""), Ok(vec![0])),
            (item("\"8\""), Ok(vec![1])),
            (item("\"8:1\""), Ok(vec![2])),
            (item("\"\""), Err(NoIdentifier)),
            (item("null"), Err(NoIdentifier)),
            (item("\"123\""), Err(Unknown("123".into()))),
            (item("\"8:9\""), Err(Unknown("8:9".into()))),
        ];
        for (answer, expect) in cases {
            let got = failures(answer.as_bytes(), &records).map(|failed| {
                failed
                    .into_iter()
                    .map(|failure| failure.index)
                    .collect::<Vec<_>>()
            });
            assert_eq!(got, expect, "{answer}");
        }
    }
}
