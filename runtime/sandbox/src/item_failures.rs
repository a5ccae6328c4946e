//! Lambda's `batchItemFailures`: which records of a batch failed, read from the JSON an event function returns.
//!
//! An answer is partial only if it is an object with the key `batchItemFailures`; any other answer (no JSON, no object,
//! another key such as `{"statusCode":200}`) is a full success. Where the trigger is strict, another key fails the whole
//! batch, as in Lambda (PB-5). A list that cannot be believed does so always: it is no list, an entry has no identifier,
//! or one that is not in the batch (PB-4, PB-6, PB-7).
//!
//! The SDKs of languages whose handlers answer in JSON say more: an entry may name its record by `index` (Lambda's own lists may not, where the trigger is strict), and carry `action`
//! (`retry`, `dead-letter`, `park`, `not-tried`), `kind` and `reason`; `"effects": "attributed"` beside the list says that every
//! output and value names the record that caused it, so that those of good records may stay.
#![deny(clippy::indexing_slicing)]

use std::{collections::BTreeMap, ops::Range};

use model::{
    Position, RecordAction, RecordFailure, SequenceNumber, UserRecord, invocation::ItemFailures,
};
use serde_json::Value;

use crate::{
    limits::{
        FAULT_KIND_BYTES_MAX, FAULT_MESSAGE_BYTES_MAX, ITEM_FAILURES_MAX, ITEM_IDENTIFIER_BYTES_MAX,
    },
    logs::cut,
};

/// The whole batch failed: its list of failures cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadBatchAnswer {
    #[error("`batchItemFailures` is not a list")]
    NotAList,
    #[error("`batchItemFailures` has {0} entries, at most {ITEM_FAILURES_MAX} are read")]
    TooMany(usize),
    #[error("an entry of `batchItemFailures` has no `itemIdentifier`")]
    NoIdentifier,
    #[error("`batchItemFailures` names {0}, which is not in the batch")]
    Unknown(String),
    #[error(
        "an entry of `batchItemFailures` has the action {0}: retry, dead-letter, park and not-tried are known"
    )]
    UnknownAction(String),
    #[error(
        "it has no `batchItemFailures`, but other keys: with `report_failures: strict`, or FunctionResponseTypes, that is a failure"
    )]
    OtherKeys,
}

const ATTRIBUTED: &str = "attributed";

/// What an answer says about the records of its batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// By index, ascending, each at most once.
    pub(crate) failures: Vec<RecordFailure>,
    /// Each effect names the record that caused it.
    pub(crate) attributed: bool,
}

pub(crate) fn read(
    answer: &[u8],
    records: &[UserRecord],
    how: ItemFailures,
) -> Result<Said, BadBatchAnswer> {
    // An answer of our SDKs means what it says: who wrote the handler chose what becomes of each record.
    let ours = || {
        let word = ATTRIBUTED.as_bytes();
        answer.windows(word.len()).any(|part| part == word)
    };
    if how == ItemFailures::Ignored && !ours() {
        return Ok(Said::default());
    }
    let Ok(Value::Object(answer)) = serde_json::from_slice::<Value>(answer) else {
        return Ok(Said::default());
    };
    let attributed = answer.get("effects").and_then(Value::as_str) == Some(ATTRIBUTED);
    if how == ItemFailures::Ignored && !attributed {
        return Ok(Said::default());
    }
    let is_other = !answer.is_empty() && !answer.contains_key("batchItemFailures");
    if how == ItemFailures::Strict && is_other {
        return Err(BadBatchAnswer::OtherKeys);
    }
    let Some(list) = answer
        .get("batchItemFailures")
        .filter(|list| !list.is_null())
    else {
        return Ok(Said::default());
    };
    let list = list.as_array().ok_or(BadBatchAnswer::NotAList)?;
    if list.len() > ITEM_FAILURES_MAX {
        return Err(BadBatchAnswer::TooMany(list.len()));
    }
    // Lambda knows identifiers alone (PB-4).
    let by_index = attributed || how != ItemFailures::Strict;
    // Each item once: what they name together is then at most twice the batch.
    let mut named = BTreeMap::new();
    for entry in list {
        let item = Item::of(entry, records, by_index)?;
        named.entry(item).or_insert(entry);
    }
    let mut failures = BTreeMap::new();
    for (item, entry) in named {
        for index in item.within(records) {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            failures.insert(index, failure(index, entry)?);
        }
    }
    Ok(Said {
        failures: failures.into_values().collect(),
        attributed,
    })
}

fn failure(index: u32, entry: &Value) -> Result<RecordFailure, BadBatchAnswer> {
    let said = |name: &str| entry.get(name).and_then(Value::as_str);
    let action = match said("action") {
        None | Some("retry") => RecordAction::Retry,
        Some("dead-letter") => RecordAction::DeadLetter,
        Some("park") => RecordAction::Park,
        Some("not-tried") => RecordAction::NotTried,
        Some(other) => {
            let other = cut(other, ITEM_IDENTIFIER_BYTES_MAX).to_owned();
            return Err(BadBatchAnswer::UnknownAction(other));
        }
    };
    let text = |name, usual: &str, max| cut(said(name).unwrap_or(usual), max).to_owned();
    Ok(RecordFailure {
        index,
        action,
        kind: text("kind", "BatchItemFailure", FAULT_KIND_BYTES_MAX),
        reason: text(
            "reason",
            "named in batchItemFailures",
            FAULT_MESSAGE_BYTES_MAX,
        ),
    })
}

/// What an identifier names (AG-10): `<sequence>` a record with all that came out of it, `<sequence>:<sub-sequence>`
/// one user record inside of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Whole(SequenceNumber),
    One(Position),
    Index(usize),
}

impl Item {
    fn of(entry: &Value, records: &[UserRecord], by_index: bool) -> Result<Self, BadBatchAnswer> {
        let index = entry.get("index").filter(|_| by_index);
        if let Some(index) = index.and_then(Value::as_u64) {
            let place = usize::try_from(index).unwrap_or(usize::MAX);
            return match records.get(place) {
                Some(_) => Ok(Self::Index(place)),
                None => Err(BadBatchAnswer::Unknown(format!("index {index}"))),
            };
        }
        let identifier = entry
            .get("itemIdentifier")
            .and_then(Value::as_str)
            .filter(|identifier| !identifier.is_empty())
            .ok_or(BadBatchAnswer::NoIdentifier)?;
        let item = Self::parse(identifier).filter(|item| !item.within(records).is_empty());
        item.ok_or_else(|| {
            BadBatchAnswer::Unknown(cut(identifier, ITEM_IDENTIFIER_BYTES_MAX).to_owned())
        })
    }

    fn parse(identifier: &str) -> Option<Self> {
        Some(match identifier.split_once(':') {
            None => Self::Whole(identifier.parse().ok()?),
            Some((sequence, sub_sequence)) => Self::One(Position {
                sequence: sequence.parse().ok()?,
                sub_sequence: sub_sequence.parse().ok()?,
            }),
        })
    }

    /// Where it stands in a batch, which is in the order of positions.
    fn within(&self, records: &[UserRecord]) -> Range<usize> {
        let (first, last) = match *self {
            Self::Whole(sequence) => {
                let of = |sub_sequence| Position {
                    sequence,
                    sub_sequence,
                };
                (of(0), of(u64::MAX))
            }
            Self::One(position) => (position, position),
            Self::Index(index) => return index..index + 1,
        };
        let start = records.partition_point(|record| record.position < first);
        start..records.partition_point(|record| record.position <= last)
    }
}

#[cfg(test)]
mod tests {
    //! The table of answers: as seen on AWS, but for another key (PB-5).

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
        use BadBatchAnswer::{NoIdentifier, NotAList, TooMany, Unknown};
        let records = [record(7, 0), record(8, 0), record(8, 1), record(9, 0)];
        let many = r#"{"itemIdentifier":"7"},"#.repeat(ITEM_FAILURES_MAX);
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
            (item("\"8\""), Ok(vec![1, 2])),
            (item("\"8:0\""), Ok(vec![1])),
            (item("\"8:1\""), Ok(vec![2])),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":"9"},{"itemIdentifier":"8:1"},{"itemIdentifier":"8"}]}"#.into(),
                Ok(vec![1, 2, 3]),
            ),
            (
                format!(r#"{{"batchItemFailures":[{many}{{"itemIdentifier":"9"}}]}}"#),
                Err(TooMany(ITEM_FAILURES_MAX + 1)),
            ),
            (item("\"\""), Err(NoIdentifier)),
            (item("null"), Err(NoIdentifier)),
            (item("\"123\""), Err(Unknown("123".into()))),
            (item("\"8:9\""), Err(Unknown("8:9".into()))),
            (item("\"eight\""), Err(Unknown("eight".into()))),
            (
                item(&format!("\"{}\"", "8".repeat(999))),
                Err(Unknown("8".repeat(ITEM_IDENTIFIER_BYTES_MAX))),
            ),
        ];
        for (answer, expect) in cases {
            let got = read(answer.as_bytes(), &records, ItemFailures::Named).map(|said| {
                said.failures
                    .into_iter()
                    .map(|failure| failure.index)
                    .collect::<Vec<_>>()
            });
            assert_eq!(got, expect, "{answer}");
        }
    }

    fn named(answer: &str, how: ItemFailures) -> Result<Vec<u32>, BadBatchAnswer> {
        let records = [record(999_999_999, 0), record(1_000_000_000, 0)];
        let failed = read(answer.as_bytes(), &records, how)?.failures;
        Ok(failed.into_iter().map(|failure| failure.index).collect())
    }

    #[test]
    fn answers_that_fail_the_whole_batch() {
        for answer in [
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"123"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"999999999"},{"itemIdentifier":"123"}]}"#,
            r#"{"batchItemFailures":[{"index":0}]}"#,
            r#"{"foo":1}"#,
            r#"{"foo":null}"#,
        ] {
            let read = named(answer, ItemFailures::Strict);
            assert!(read.is_err(), "{answer}: {read:?}");
        }
    }

    #[test]
    fn answers_that_are_full_successes() {
        for answer in [
            "",
            "null",
            "{}",
            "[]",
            "\"\"",
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
        ] {
            assert_eq!(named(answer, ItemFailures::Strict), Ok(vec![]), "{answer}");
        }
    }

    #[test]
    fn a13_identifiers_are_numbers_not_text() {
        let both = r#"{"batchItemFailures":[{"itemIdentifier":"1000000000"},{"itemIdentifier":"999999999"}]}"#;
        assert_eq!(named(both, ItemFailures::Strict), Ok(vec![0, 1]));
        let numbers = [99, 999_999_999, 1_000_000_000, 2_000_000_000];
        let records = numbers.map(|number| record(number, 0));
        let said = read(both.as_bytes(), &records, ItemFailures::Strict).unwrap();
        let first = said.failures.first().map(|failure| failure.index);
        assert_eq!(first, Some(1), "{:?}", said.failures);
    }

    #[test]
    fn without_the_switch_a_list_of_failures_says_nothing() {
        let list = r#"{"batchItemFailures":[{"itemIdentifier":"999999999"}]}"#;
        assert_eq!(named(list, ItemFailures::Ignored), Ok(vec![]));
        assert_eq!(named(list, ItemFailures::Named), Ok(vec![0]));
    }

    #[test]
    fn an_answer_of_our_sdks_chooses_for_each_record_and_is_heard_without_the_switch() {
        let answer = r#"{"effects":"attributed","batchItemFailures":[
            {"index":1,"action":"dead-letter","kind":"BadDate","reason":"24:10"},{"index":0}]}"#;
        let records = [record(7, 0), record(8, 0)];
        for how in [
            ItemFailures::Ignored,
            ItemFailures::Named,
            ItemFailures::Strict,
        ] {
            let said = read(answer.as_bytes(), &records, how).unwrap();
            assert!(said.attributed);
            let chosen: Vec<_> = said
                .failures
                .iter()
                .map(|failure| (failure.index, failure.action, failure.kind.as_str()))
                .collect();
            let expect = [
                (0, RecordAction::Retry, "BatchItemFailure"),
                (1, RecordAction::DeadLetter, "BadDate"),
            ];
            assert_eq!(chosen, expect);
        }
        let refused = |answer: &str| read(answer.as_bytes(), &records, ItemFailures::Named);
        let unknown = r#"{"batchItemFailures":[{"index":0,"action":"forget"}]}"#;
        assert_eq!(
            refused(unknown),
            Err(BadBatchAnswer::UnknownAction("forget".to_owned()))
        );
        let outside = r#"{"batchItemFailures":[{"index":2}]}"#;
        assert_eq!(
            refused(outside),
            Err(BadBatchAnswer::Unknown("index 2".to_owned()))
        );
    }
}
