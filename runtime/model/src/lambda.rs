//! Lambda's documents as AWS writes them: the event a *event* function receives for a batch of stream records, and, in
//! `web`, for a request.
//!
//! Shapes follow AWS's Kinesis event (rules EV-1 to EV-6 of the stream consumer contract); nothing is added unless
//! asked for, so that an unmodified handler sees what it sees on AWS.

pub mod web;

use std::io::Write as _;

use crate::{Invocation, ShardId, StreamKey, UserRecord};

/// A record without its names, numbers, key and data; with its shard and its time, a comma, and the event's own brackets.
const FIXED_BYTES: usize = 384;
/// A sequence number has 56 digits, and no 192 bits have more than 58; it stands in a record twice.
const SEQUENCE_BYTES_MAX: usize = 58;
/// `,"subSequenceNumber":N` and `:N`, with N up to 2^64.
const SUB_SEQUENCE_BYTES_MAX: usize = 62;

/// Upper bound of a record's share of the event: an event is never longer than these of its records together.
#[must_use]
pub fn encoded_len(stream: &StreamKey, record: &UserRecord) -> usize {
    let names = 2 * stream.account.as_str().len()
        + 2 * stream.region.as_str().len()
        + stream.name.as_str().len();
    let sub_sequence = usize::from(record.aggregated) * SUB_SEQUENCE_BYTES_MAX;
    let numbers = 2 * SEQUENCE_BYTES_MAX + sub_sequence;
    let data = record.data.len().div_ceil(3) * 4;
    FIXED_BYTES + names + numbers + escaped_len(&record.key_text()) + data
}

/// Bytes of a text inside of a JSON string.
fn escaped_len(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        0x20.. => 1,
    });
    bytes.sum()
}

/// `{"Records":[...]}` for the records of an invocation.
#[must_use]
pub fn kinesis_event(invocation: &Invocation) -> Vec<u8> {
    event_of_records(&invocation.stream, invocation.shard, &invocation.records)
}

/// The same for any records of one shard.
#[must_use]
pub fn event_of_records(stream: &StreamKey, shard: ShardId, records: &[UserRecord]) -> Vec<u8> {
    let size = records.iter().map(|record| encoded_len(stream, record));
    let mut out = Vec::with_capacity(size.sum::<usize>());
    out.extend_from_slice(b"{\"Records\":[");
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_record(&mut out, (stream, shard), record);
    }
    out.extend_from_slice(b"]}");
    out
}

fn push_record(out: &mut Vec<u8>, (stream, shard): (&StreamKey, ShardId), record: &UserRecord) {
    let arn = stream.arn();
    let key = serde_json::Value::from(record.key_text().as_ref());
    let data = base64_simd::STANDARD.encode_to_string(&record.data);
    let arrived = record.arrived.as_millis();
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        concat!(
            r#"{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":{},"sequenceNumber":"{}","#,
            r#""data":"{}","approximateArrivalTimestamp":{}.{:03}{}}},"eventSource":"aws:kinesis","#,
            r#""eventVersion":"1.0","eventID":"{}:{}","eventName":"aws:kinesis:record","#,
            r#""invokeIdentityArn":"arn:aws:iam::{}:role/shardmill","awsRegion":"{}","eventSourceARN":"{}"}}"#
        ),
        key,
        record.position.sequence,
        data,
        arrived / 1000,
        arrived % 1000,
        if record.aggregated {
            format!(r#","subSequenceNumber":{}"#, record.position.sub_sequence)
        } else {
            String::new()
        },
        shard,
        if record.aggregated {
            format!(
                "{}:{}",
                record.position.sequence, record.position.sub_sequence
            )
        } else {
            record.position.sequence.to_string()
        },
        stream.account,
        stream.region,
        arn,
    );
}

#[cfg(test)]
mod tests {
    //! The bound holds for every record, and is not far from the truth.

    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        AccountId, FencingToken, FunctionName, FunctionVersion, Position, Region, SequenceNumber,
        ShardId, StreamName, Timestamp, TriggerName,
    };

    fn invocation(stream: StreamKey, records: Vec<UserRecord>) -> Invocation {
        Invocation {
            trigger: TriggerName::parse("t").unwrap(),
            function: FunctionName::parse("f").unwrap(),
            version: FunctionVersion(1),
            stream,
            shard: ShardId(u32::MAX),
            request_id: String::new(),
            attempt: 1,
            attempts_max: None,
            fencing_token: FencingToken(1),
            behind_ms: 0,
            started: Timestamp::default(),
            records: records.into(),
            outputs: Arc::default(),
            state: None,
            item_failures: crate::invocation::ItemFailures::default(),
            client_context: None,
            begun: crate::invocation::Begun::default(),
        }
    }

    fn stream() -> impl Strategy<Value = StreamKey> {
        let name = "[a-zA-Z0-9_.-]{1,128}";
        (name, name, "[0-9]{12}").prop_map(|(name, region, account)| StreamKey {
            account: AccountId::parse(&account).unwrap(),
            region: Region::parse(&region).unwrap(),
            name: StreamName::parse(&name).unwrap(),
        })
    }

    fn record() -> impl Strategy<Value = UserRecord> {
        let key = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            proptest::collection::vec(0..0x24_u8, 0..64),
            ".{0,64}".prop_map(String::into_bytes),
        ];
        let data = proptest::collection::vec(any::<u8>(), 0..64);
        let numbers = (any::<[u64; 3]>(), any::<u64>(), any::<u64>());
        (numbers, key, data, any::<bool>()).prop_map(
            |((sequence, sub_sequence, arrived), key, data, aggregated)| UserRecord {
                position: Position {
                    sequence: SequenceNumber(sequence),
                    sub_sequence,
                },
                arrived: Timestamp::from_millis(arrived),
                partition_key: key.into(),
                explicit_hash_key: None,
                data: data.into(),
                aggregated,
                deliveries: 1,
            },
        )
    }

    #[test]
    fn an_empty_record_of_a_usual_stream_is_counted_almost_to_the_byte() {
        let stream = StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("clicks").unwrap(),
        };
        let number = "49590338271490256608559692538361571095921575989136588898";
        let empty = UserRecord {
            position: Position {
                sequence: number.parse().unwrap(),
                sub_sequence: 0,
            },
            arrived: Timestamp::from_millis(1_545_084_650_987),
            partition_key: Bytes::new(),
            explicit_hash_key: None,
            data: Bytes::new(),
            aggregated: false,
            deliveries: 1,
        };
        let bound = encoded_len(&stream, &empty);
        let length = kinesis_event(&invocation(stream, vec![empty])).len();
        assert!((length..length + 30).contains(&bound), "{length} {bound}");
    }

    proptest! {
        #[test]
        fn an_event_is_never_longer_than_its_records_were_counted(
            stream in stream(),
            records in proptest::collection::vec(record(), 1..4),
        ) {
            let bound: usize = records.iter().map(|record| encoded_len(&stream, record)).sum();
            let event = kinesis_event(&invocation(stream, records));
            prop_assert!(event.len() <= bound, "{} > {}", event.len(), bound);
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&event).is_ok());
        }
    }
}
