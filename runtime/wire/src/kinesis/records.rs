//! Answers that carry many records, written straight into one buffer.
//!
//! In: records or results, and what follows them. Out: a body in the codec of the request: data in base64 and
//! arrival in seconds in JSON; byte strings and tagged milliseconds in CBOR; no `EncryptionType` on unencrypted
//! streams. The buffer is sized before it is filled, so that a full answer of 10 MiB is not copied while it grows.

use std::{collections::BTreeMap, io::Write as _};

use model::{Record, StreamKey};
use streams::PutAnswer;

use super::{
    answer::{Codec, push_json_text},
    cbor,
    documents::ChildShardDocument,
    error::AwsError,
};

/// What a record costs beside its data and key: names, quotes, numbers.
const RECORD_FRAME_BYTES: usize = 256;
const RESULT_BYTES: usize = 128;
/// `EncryptionType` of what is encrypted; AWS knows one kind.
pub(super) const ENCRYPTED: &str = "KMS";

/// What follows the records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    /// The member that says where to go on, and its value; absent at the end of a shard.
    pub(super) next: Option<(&'static str, &'a str)>,
    pub(super) behind_ms: u64,
    /// Named at the end of a shard only.
    pub(super) children: &'a [ChildShardDocument],
}

/// The body of GetRecords, or of an event of SubscribeToShard.
pub(super) fn records_body(
    codec: Codec,
    records: &[Record],
    ending: &Ending<'_>,
) -> Result<Vec<u8>, AwsError> {
    let mut body = records_part(codec, records, ending);
    push_ending(codec, &mut body, ending)?;
    Ok(body)
}

/// What comes before the ending, of which it takes only how many members it has.
pub(super) fn records_part(codec: Codec, records: &[Record], ending: &Ending<'_>) -> Vec<u8> {
    let bytes = |record: &Record| record.data.len() + record.partition_key.len();
    let content_bytes: usize = records.iter().map(bytes).sum();
    let frames_bytes = (records.len() + 4) * RECORD_FRAME_BYTES;
    match codec {
        Codec::Json => {
            let mut body = Vec::with_capacity(content_bytes / 3 * 4 + frames_bytes);
            json_records(&mut body, records);
            body
        }
        Codec::Cbor => {
            let mut body = Vec::with_capacity(content_bytes + frames_bytes);
            let parts =
                usize::from(ending.next.is_some()) + usize::from(!ending.children.is_empty());
            cbor::push_map(&mut body, 2 + parts);
            cbor_records(&mut body, records);
            body
        }
    }
}

/// Appends the ending to what comes before it.
pub(super) fn push_ending(
    codec: Codec,
    body: &mut Vec<u8>,
    ending: &Ending<'_>,
) -> Result<(), AwsError> {
    match codec {
        Codec::Json => json_ending(body, ending),
        Codec::Cbor => cbor_ending(body, ending),
    }
}

/// The body of PutRecords. All records of a request are in one commit; only those that full shards refused fail alone.
pub(super) fn results_body(codec: Codec, answer: &PutAnswer, stream: &StreamKey) -> Vec<u8> {
    let failed = answer.refused.len();
    let count = answer.entries.len() + failed;
    let mut body = Vec::with_capacity((count + 1) * RESULT_BYTES);
    let (mut stored, mut refused) = (answer.entries.iter(), answer.refused.iter().peekable());
    let mut names = BTreeMap::new();
    let mut member = |body: &mut Vec<u8>, index: usize| {
        if let Some((_, shard)) = refused.next_if(|(place, _)| *place == index) {
            let error = AwsError::shard_full(*shard, stream);
            let message = error.message.unwrap_or_default();
            push_pair(
                codec,
                body,
                ["ErrorCode", "ErrorMessage"],
                [error.kind.name(), &message],
            );
        } else if let Some((shard, number)) = stored.next() {
            let name = names.entry(*shard).or_insert_with(|| shard.to_string());
            push_pair(
                codec,
                body,
                ["SequenceNumber", "ShardId"],
                [number.decimal().as_str(), name],
            );
        }
    };
    match codec {
        Codec::Json => {
            body.extend_from_slice(br#"{"Records":["#);
            for index in 0..count {
                separate(&mut body, index);
                member(&mut body, index);
            }
            put(&mut body, format_args!(r#"],"FailedRecordCount":{failed}"#));
            if answer.encrypted {
                body.extend_from_slice(br#","EncryptionType":"KMS""#);
            }
            body.push(b'}');
        }
        Codec::Cbor => {
            cbor::push_map(&mut body, 2 + usize::from(answer.encrypted));
            cbor::push_text(&mut body, "Records");
            cbor::push_array(&mut body, count);
            (0..count).for_each(|index| member(&mut body, index));
            cbor::push_text(&mut body, "FailedRecordCount");
            cbor::push_number(&mut body, u64::try_from(failed).unwrap_or(u64::MAX));
            if answer.encrypted {
                cbor::push_text(&mut body, "EncryptionType");
                cbor::push_text(&mut body, ENCRYPTED);
            }
        }
    }
    body
}

/// A result, whose two members need no escapes.
fn push_pair(codec: Codec, body: &mut Vec<u8>, names: [&str; 2], values: [&str; 2]) {
    match codec {
        Codec::Json => {
            let ([first, second], [one, other]) = (names, values);
            for part in [
                r#"{""#, first, r#"":""#, one, r#"",""#, second, r#"":""#, other, r#""}"#,
            ] {
                body.extend_from_slice(part.as_bytes());
            }
        }
        Codec::Cbor => {
            cbor::push_map(body, 2);
            for (name, value) in names.into_iter().zip(values) {
                cbor::push_text(body, name);
                cbor::push_text(body, value);
            }
        }
    }
}

fn json_records(body: &mut Vec<u8>, records: &[Record]) {
    body.extend_from_slice(br#"{"Records":["#);
    for (index, record) in records.iter().enumerate() {
        separate(body, index);
        let (number, arrived_ms) = (record.sequence, record.arrived.as_millis());
        let (seconds, ms) = (arrived_ms / 1000, arrived_ms % 1000);
        put(
            body,
            format_args!(
                r#"{{"SequenceNumber":"{number}","ApproximateArrivalTimestamp":{seconds}.{ms:03},"Data":""#
            ),
        );
        // Appending grows a vector by exactly what it needs, which would copy it at every record.
        body.reserve(record.data.len() / 3 * 4 + RECORD_FRAME_BYTES);
        base64_simd::STANDARD.encode_append(&record.data, body);
        body.push(b'"');
        // As AWS does for a record of a stream that spreads them, whose producer gave none.
        if !record.partition_key.is_empty() {
            body.extend_from_slice(br#","PartitionKey":"#);
            push_json_text(body, &String::from_utf8_lossy(&record.partition_key));
        }
        if record.encrypted {
            body.extend_from_slice(br#","EncryptionType":"KMS""#);
        }
        body.push(b'}');
    }
    body.push(b']');
}

fn json_ending(body: &mut Vec<u8>, ending: &Ending<'_>) -> Result<(), AwsError> {
    put(
        body,
        format_args!(r#","MillisBehindLatest":{}"#, ending.behind_ms),
    );
    if let Some((member, next)) = ending.next {
        put(body, format_args!(r#","{member}":"#));
        push_json_text(body, next);
    }
    if !ending.children.is_empty() {
        body.extend_from_slice(br#","ChildShards":"#);
        serde_json::to_writer(&mut *body, ending.children).map_err(AwsError::internal)?;
    }
    body.push(b'}');
    Ok(())
}

fn cbor_records(body: &mut Vec<u8>, records: &[Record]) {
    cbor::push_text(body, "Records");
    cbor::push_array(body, records.len());
    for record in records {
        let has_key = !record.partition_key.is_empty();
        cbor::push_map(
            body,
            3 + usize::from(has_key) + usize::from(record.encrypted),
        );
        cbor::push_text(body, "SequenceNumber");
        cbor::push_text(body, record.sequence.decimal().as_str());
        cbor::push_text(body, "ApproximateArrivalTimestamp");
        cbor::push_moment(body, record.arrived.as_millis());
        body.reserve(record.data.len() + RECORD_FRAME_BYTES);
        cbor::push_text(body, "Data");
        cbor::push_bytes(body, &record.data);
        if has_key {
            cbor::push_text(body, "PartitionKey");
            cbor::push_text(body, &String::from_utf8_lossy(&record.partition_key));
        }
        if record.encrypted {
            cbor::push_text(body, "EncryptionType");
            cbor::push_text(body, ENCRYPTED);
        }
    }
}

fn cbor_ending(body: &mut Vec<u8>, ending: &Ending<'_>) -> Result<(), AwsError> {
    cbor::push_text(body, "MillisBehindLatest");
    cbor::push_number(body, ending.behind_ms);
    if let Some((member, next)) = ending.next {
        cbor::push_text(body, member);
        cbor::push_text(body, next);
    }
    if !ending.children.is_empty() {
        let children = serde_json::to_value(ending.children).map_err(AwsError::internal)?;
        cbor::push_text(body, "ChildShards");
        cbor::push_value(body, &children);
    }
    Ok(())
}

fn separate(body: &mut Vec<u8>, index: usize) {
    if index > 0 {
        body.push(b',');
    }
}

/// Writing to a vector cannot fail.
fn put(body: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    drop(body.write_fmt(text));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{AccountId, Region, SequenceNumber, ShardId, StreamName, Timestamp};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::documents::HashKeyRangeDocument, *};

    fn text(body: Vec<u8>) -> String {
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn results_stand_in_the_order_of_the_request() {
        let number = |text: &str| text.parse().unwrap();
        let mut answer = PutAnswer {
            entries: vec![(ShardId(0), number("49")), (ShardId(1), number("50"))],
            refused: Vec::new(),
            encrypted: false,
        };
        let stream = StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("flights").unwrap(),
        };
        insta::assert_snapshot!(
            text(results_body(Codec::Json, &answer, &stream)),
            @r#"{"Records":[{"SequenceNumber":"49","ShardId":"shardId-000000000000"},{"SequenceNumber":"50","ShardId":"shardId-000000000001"}],"FailedRecordCount":0}"#
        );
        answer.refused = vec![(0, ShardId(2)), (2, ShardId(2))];
        insta::assert_snapshot!(
            text(results_body(Codec::Json, &answer, &stream)),
            @r#"{"Records":[{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard shardId-000000000002 in stream flights under account 000000000000."},{"SequenceNumber":"49","ShardId":"shardId-000000000000"},{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard shardId-000000000002 in stream flights under account 000000000000."},{"SequenceNumber":"50","ShardId":"shardId-000000000001"}],"FailedRecordCount":2}"#
        );
    }

    #[test]
    fn the_end_of_a_shard_names_its_children_and_no_iterator() {
        let child = ChildShardDocument {
            shard_id: "shardId-000000000001".to_owned(),
            parent_shards: vec!["shardId-000000000000".to_owned()],
            hash_key_range: HashKeyRangeDocument {
                starting_hash_key: "0".to_owned(),
                ending_hash_key: "9".to_owned(),
            },
        };
        let ending = Ending {
            next: None,
            behind_ms: 0,
            children: &[child],
        };
        insta::assert_snapshot!(
            text(records_body(Codec::Json, &[], &ending).unwrap()),
            @r#"{"Records":[],"MillisBehindLatest":0,"ChildShards":[{"ShardId":"shardId-000000000001","ParentShards":["shardId-000000000000"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"}}]}"#
        );
    }

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let data = prop::collection::vec(any::<u8>(), 0..50);
        let record = (any::<u64>(), 0_u64..1 << 50, ".{1,20}", data).prop_map(
            |(number, arrived_ms, key, data)| Record {
                sequence: SequenceNumber([0, 0, number]),
                arrived: Timestamp::from_millis(arrived_ms),
                partition_key: Bytes::from(key),
                explicit_hash_key: None,
                data: Bytes::from(data),
                encrypted: false,
            },
        );
        prop::collection::vec(record, 0..5)
    }

    proptest! {
        #[test]
        fn records_read_back(records in records(), behind_ms: u64) {
            let ending = Ending { next: Some(("NextShardIterator", "next")), behind_ms, children: &[] };
            let body = records_body(Codec::Json, &records, &ending).unwrap();
            let read: Value = serde_json::from_slice(&body).unwrap();
            let expected: Vec<Value> = records.iter().map(|record| json!({
                "SequenceNumber": record.sequence.to_string(),
                "ApproximateArrivalTimestamp": super::super::documents::seconds(record.arrived.as_millis()),
                "Data": base64_simd::STANDARD.encode_to_string(&record.data),
                "PartitionKey": String::from_utf8_lossy(&record.partition_key),
            })).collect();
            prop_assert_eq!(read, json!({
                "Records": expected, "MillisBehindLatest": behind_ms, "NextShardIterator": "next",
            }));
        }
    }
}
