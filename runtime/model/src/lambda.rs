//! Lambda's documents as AWS writes them: the event a *event* function receives for a batch of stream records.
//!
//! Shapes follow AWS's Kinesis event (rules EV-1 to EV-6 of the stream consumer contract); nothing is added unless
//! asked for, so that an unmodified handler sees what it sees on AWS.

use std::io::Write as _;

use crate::{Invocation, UserRecord};

/// Bytes of one record in the event besides its data, key and numbers; used to bound a request before it is built.
const RECORD_WRAPPER_BYTES: usize = 460;

/// Upper bound of a record's share of the encoded event.
#[must_use]
pub fn encoded_len(record: &UserRecord) -> usize {
    record.data.len().div_ceil(3) * 4 + record.partition_key.len() * 2 + RECORD_WRAPPER_BYTES
}

/// `{"Records":[...]}` for the records of an invocation.
#[must_use]
pub fn kinesis_event(invocation: &Invocation) -> Vec<u8> {
    let size: usize = invocation.records.iter().map(encoded_len).sum();
    let mut out = Vec::with_capacity(size + 16);
    out.extend_from_slice(b"{\"Records\":[");
    for (index, record) in invocation.records.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_record(&mut out, invocation, record);
    }
    out.extend_from_slice(b"]}");
    out
}

fn push_record(out: &mut Vec<u8>, invocation: &Invocation, record: &UserRecord) {
    let arn = invocation.stream.arn();
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
        invocation.shard,
        if record.aggregated {
            format!(
                "{}:{}",
                record.position.sequence, record.position.sub_sequence
            )
        } else {
            record.position.sequence.to_string()
        },
        invocation.stream.account,
        invocation.stream.region,
        arn,
    );
}
