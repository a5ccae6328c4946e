//! Answers that carry many records, written straight into one buffer.
//!
//! In: records and results one after another. Out: JSON as AWS writes it: data in base64, arrival in seconds with
//! milliseconds, no `EncryptionType` on unencrypted streams. The buffer is sized before it is filled, so that a
//! full answer of 10 MiB is not copied while it grows.

use std::{fmt::Display, io::Write as _};

use super::{answer::push_json_text, documents::ChildShardDocument};

/// What a record costs beside its data and key: names, quotes, numbers.
const RECORD_FRAME_BYTES: usize = 256;
const RESULT_BYTES: usize = 128;

/// The answer of GetRecords.
#[derive(Debug)]
pub(super) struct RecordsReply {
    body: Vec<u8>,
    count: usize,
}

impl RecordsReply {
    /// `content_bytes` is the sum of data and partition keys to come.
    pub(super) fn with_capacity(records: usize, content_bytes: usize) -> Self {
        let estimate = content_bytes / 3 * 4 + (records + 4) * RECORD_FRAME_BYTES;
        let mut body = Vec::with_capacity(estimate);
        body.extend_from_slice(br#"{"Records":["#);
        Self { body, count: 0 }
    }

    pub(super) fn push(
        &mut self,
        sequence_number: impl Display,
        arrival_ms: u64,
        partition_key: &str,
        data: &[u8],
    ) {
        separate(&mut self.body, self.count);
        self.count += 1;
        let (seconds, ms) = (arrival_ms / 1000, arrival_ms % 1000);
        put(
            &mut self.body,
            format_args!(
                r#"{{"SequenceNumber":"{sequence_number}","ApproximateArrivalTimestamp":{seconds}.{ms:03},"Data":""#
            ),
        );
        // Appending grows a vector by exactly what it needs, which would copy it at every record.
        self.body.reserve(data.len() / 3 * 4 + RECORD_FRAME_BYTES);
        base64_simd::STANDARD.encode_append(data, &mut self.body);
        self.body.extend_from_slice(br#"","PartitionKey":"#);
        push_json_text(&mut self.body, partition_key);
        self.body.push(b'}');
    }

    /// `next_iterator` is absent at the end of a shard, and then its children are named.
    pub(super) fn finish(
        mut self,
        next_iterator: Option<&str>,
        millis_behind_latest: u64,
        children: &[ChildShardDocument],
    ) -> Vec<u8> {
        put(
            &mut self.body,
            format_args!(r#"],"MillisBehindLatest":{millis_behind_latest}"#),
        );
        if let Some(iterator) = next_iterator {
            self.body.extend_from_slice(br#","NextShardIterator":"#);
            push_json_text(&mut self.body, iterator);
        } else if !children.is_empty() {
            self.body.extend_from_slice(br#","ChildShards":"#);
            // Our own documents always have a JSON form, and a vector always takes it.
            drop(serde_json::to_writer(&mut self.body, children));
        }
        self.body.push(b'}');
        self.body
    }
}

/// The answer of PutRecords. All records of a request are in one commit, so none fails alone.
#[derive(Debug)]
pub(super) struct ResultsReply {
    body: Vec<u8>,
    count: usize,
}

impl ResultsReply {
    pub(super) fn with_capacity(records: usize) -> Self {
        let mut body = Vec::with_capacity((records + 1) * RESULT_BYTES);
        body.extend_from_slice(br#"{"Records":["#);
        Self { body, count: 0 }
    }

    pub(super) fn push(&mut self, shard: impl Display, sequence_number: impl Display) {
        separate(&mut self.body, self.count);
        self.count += 1;
        put(
            &mut self.body,
            format_args!(r#"{{"SequenceNumber":"{sequence_number}","ShardId":"{shard}"}}"#),
        );
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        put(&mut self.body, format_args!(r#"],"FailedRecordCount":0}}"#));
        self.body
    }
}

fn separate(body: &mut Vec<u8>, count: usize) {
    if count > 0 {
        body.push(b',');
    }
}

/// Writing to a vector cannot fail.
fn put(body: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    drop(body.write_fmt(text));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_request() {
        let mut reply = ResultsReply::with_capacity(2);
        reply.push("shardId-000000000000", 49_u64);
        reply.push("shardId-000000000001", 50_u64);
        insta::assert_snapshot!(
            String::from_utf8(reply.finish()).unwrap(),
            @r#"{"Records":[{"SequenceNumber":"49","ShardId":"shardId-000000000000"},{"SequenceNumber":"50","ShardId":"shardId-000000000001"}],"FailedRecordCount":0}"#
        );
    }

    #[test]
    fn the_end_of_a_shard_names_its_children_and_no_iterator() {
        let child = ChildShardDocument {
            shard_id: "shardId-000000000001".to_owned(),
            parent_shards: vec!["shardId-000000000000".to_owned()],
            hash_key_range: super::super::documents::HashKeyRangeDocument {
                starting_hash_key: "0".to_owned(),
                ending_hash_key: "9".to_owned(),
            },
        };
        let ended = RecordsReply::with_capacity(0, 0).finish(None, 0, &[child]);
        insta::assert_snapshot!(
            String::from_utf8(ended).unwrap(),
            @r#"{"Records":[],"MillisBehindLatest":0,"ChildShards":[{"ShardId":"shardId-000000000001","ParentShards":["shardId-000000000000"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"}}]}"#
        );
    }

    proptest! {
        #[test]
        fn records_read_back(
            records in prop::collection::vec((any::<u64>(), 0_u64..1 << 50, ".{0,20}", prop::collection::vec(any::<u8>(), 0..50)), 0..5),
            behind: u64,
        ) {
            let mut reply = RecordsReply::with_capacity(0, 0);
            for (number, arrival_ms, key, data) in &records {
                reply.push(number, *arrival_ms, key, data);
            }
            let read: Value = serde_json::from_slice(&reply.finish(Some("next"), behind, &[])).unwrap();
            let expected: Vec<Value> = records.iter().map(|(number, arrival_ms, key, data)| json!({
                "SequenceNumber": number.to_string(),
                "ApproximateArrivalTimestamp": super::super::documents::seconds(*arrival_ms),
                "Data": base64_simd::STANDARD.encode_to_string(data),
                "PartitionKey": key,
            })).collect();
            prop_assert_eq!(read, json!({
                "Records": expected, "MillisBehindLatest": behind, "NextShardIterator": "next",
            }));
        }
    }
}
