//! Lambda's documents as AWS writes them: the event a *event* function receives for a batch of stream records, and, in
//! `web`, for a request; `columns` writes the first one shorter for language runtimes.
//!
//! Shapes follow AWS's Kinesis event (rules EV-1 to EV-6 of the stream consumer contract); nothing is added unless
//! asked for, so that an unmodified handler sees what it sees on AWS.

mod columns;
pub mod web;

use std::{borrow::Cow, io::Write as _};

pub use columns::{KinesisColumns, kinesis_columns};

use crate::{
    Invocation, ShardId, StreamKey, Timestamp, UserRecord,
    invocation::{TumblingWindow, WindowKept},
    partition,
};

/// A record without its names, numbers, key and data; with its shard and its time, a comma, and the event's own brackets.
const FIXED_BYTES: usize = 378;
/// Of an event without records.
const BRACKETS_BYTES: usize = 14;
/// A sequence number has 56 digits, and no 192 bits have more than 58; it stands in a record twice.
const SEQUENCE_BYTES_MAX: usize = 58;
/// `,"subSequenceNumber":N` and `:N`, with N up to 2^64.
const SUB_SEQUENCE_BYTES_MAX: usize = 62;

/// Upper bound of a record's share of the event, with the role that nobody chose: an event is never longer than these of
/// its records together, and the length of another role once a record.
#[must_use]
pub fn encoded_len(stream: &StreamKey, record: &UserRecord) -> usize {
    let names = 2 * stream.account.as_str().len()
        + 2 * stream.region.as_str().len()
        + 2 * partition(stream.region.as_str()).len()
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

/// `{"Records":[...]}` for the records of an invocation; with its tumbling window where it has one (TW-2), and with the
/// facts of the invocation where the trigger asks for them.
#[must_use]
pub fn kinesis_event(invocation: &Invocation) -> Vec<u8> {
    let Invocation {
        stream,
        shard,
        records,
        role,
        ..
    } = invocation;
    let mut out = event_of_records((stream, role.as_deref()), *shard, records);
    out.pop();
    push_rest(&mut out, invocation);
    out.push(b'}');
    out
}

/// What the event has besides its records, each member with a comma before it.
fn push_rest(out: &mut Vec<u8>, invocation: &Invocation) {
    if let Some(window) = &invocation.window {
        push_window(out, invocation, window);
    }
    if invocation.envelope {
        push_envelope(out, invocation);
    }
}

fn push_window(out: &mut Vec<u8>, invocation: &Invocation, window: &TumblingWindow) {
    // Writing to a Vec cannot fail, here and below.
    let _ = write!(
        out,
        r#","window":{{"start":"{}","end":"{}"}},"state":"#,
        to_the_second(window.start),
        to_the_second(window.end),
    );
    match &window.kept {
        WindowKept::ByShard(state) if !state.is_empty() => out.extend_from_slice(state),
        WindowKept::ByShard(_) | WindowKept::ByKey => out.extend_from_slice(b"{}"),
    }
    let _ = write!(
        out,
        concat!(
            r#","shardId":"{}","eventSourceARN":"{}","#,
            r#""isFinalInvokeForWindow":{},"isWindowTerminatedEarly":{}"#
        ),
        invocation.shard,
        invocation.stream.arn(),
        window.is_final,
        window.is_early,
    );
}

fn push_envelope(out: &mut Vec<u8>, invocation: &Invocation) {
    // So many of the first records were delivered before.
    let replay = match invocation.replayed() {
        0 => String::new(),
        replayed => format!(r#","replay":true,"replayed":{replayed}"#),
    };
    let attempts_max = invocation
        .attempts_max
        .map_or_else(|| "null".to_owned(), |max| max.to_string());
    let _ = write!(
        out,
        concat!(
            r#","shardmill":{{"trigger":"{}","requestId":"{}","attempt":{},"attemptsMax":{},"#,
            r#""fencingToken":"{}","behindMs":{}{}}}"#
        ),
        invocation.trigger,
        invocation.request_id,
        invocation.attempt,
        attempts_max,
        invocation.fencing_token,
        invocation.behind_ms,
        replay,
    );
}

/// As Lambda writes the bounds of windows: `2026-01-02T03:04:05Z`.
fn to_the_second(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{seconds}Z")
}

/// The same for any records of one shard; `role` is that of the function, where it has one.
#[must_use]
pub fn event_of_records(
    (stream, role): (&StreamKey, Option<&str>),
    shard: ShardId,
    records: &[UserRecord],
) -> Vec<u8> {
    let role = role_or_usual(role, stream);
    let size = records.iter().map(|record| encoded_len(stream, record));
    let mut out = Vec::with_capacity(size.sum::<usize>() + BRACKETS_BYTES);
    out.extend_from_slice(b"{\"Records\":[");
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_record(&mut out, (stream, shard, &role), record);
    }
    out.extend_from_slice(b"]}");
    out
}

fn push_record(
    out: &mut Vec<u8>,
    (stream, shard, role): (&StreamKey, ShardId, &str),
    record: &UserRecord,
) {
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
            r#""invokeIdentityArn":"{}","awsRegion":"{}","eventSourceARN":"{}"}}"#
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
        role,
        stream.region,
        arn,
    );
}

/// Nobody has to have one.
fn role_or_usual<'r>(role: Option<&'r str>, stream: &StreamKey) -> Cow<'r, str> {
    let partition = partition(stream.region.as_str());
    let usual = || format!("arn:{partition}:iam::{}:role/shardmill", stream.account).into();
    role.map_or_else(usual, Cow::Borrowed)
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
            window: None,
            tracing: false,
            envelope: false,
            item_failures: crate::invocation::ItemFailures::default(),
            role: None,
            qualifier: None,
            client_context: None,
            trace_parent: None,
            begun: crate::invocation::Begun::default(),
            replayed_to: None,
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

    fn role() -> impl Strategy<Value = Option<Arc<str>>> {
        let arn = "arn:aws:iam::[0-9]{12}:role/[a-zA-Z_0-9+=,.@/-]{1,64}";
        proptest::option::of(arn.prop_map(Into::into))
    }

    #[test]
    fn events_name_the_role_that_the_function_was_made_with() {
        let stream = StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("clicks").unwrap(),
        };
        let record = UserRecord {
            position: Position::default(),
            arrived: Timestamp::default(),
            partition_key: Bytes::new(),
            explicit_hash_key: None,
            data: Bytes::new(),
            aggregated: false,
            deliveries: 1,
        };
        let mut invocation = invocation(stream, vec![record]);
        invocation.role = Some("arn:aws:iam::111111111111:role/reader".into());
        let event: serde_json::Value = serde_json::from_slice(&kinesis_event(&invocation)).unwrap();
        let told = &event["Records"][0]["invokeIdentityArn"];
        assert_eq!(told, "arn:aws:iam::111111111111:role/reader");
        assert_eq!(kinesis_columns(&invocation).role, *told);
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

    #[test]
    fn a_tumbling_window_and_the_facts_of_the_invocation_stand_beside_the_records() {
        let stream = StreamKey {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("clicks").unwrap(),
        };
        let mut invocation = invocation(stream, Vec::new());
        invocation.shard = ShardId(6);
        invocation.window = Some(TumblingWindow {
            start: Timestamp::from_millis(1_607_410_200_000),
            end: Timestamp::from_millis(1_607_410_320_000),
            kept: WindowKept::ByShard(Bytes::from_static(br#"{"1":282,"2":715}"#)),
            is_final: true,
            is_early: false,
        });
        let window = concat!(
            r#"{"Records":[],"window":{"start":"2020-12-08T06:50:00Z","end":"2020-12-08T06:52:00Z"},"#,
            r#""state":{"1":282,"2":715},"shardId":"shardId-000000000006","#,
            r#""eventSourceARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","#,
            r#""isFinalInvokeForWindow":true,"isWindowTerminatedEarly":false"#
        );
        let text = |invocation: &Invocation| String::from_utf8(kinesis_event(invocation)).unwrap();
        assert_eq!(text(&invocation), format!("{window}}}"));
        invocation.envelope = true;
        let facts = r#""shardmill":{"trigger":"t","requestId":"","attempt":1,"attemptsMax":null,"fencingToken":"1","behindMs":0}"#;
        assert_eq!(text(&invocation), format!("{window},{facts}}}"));
    }

    /// As the runtimes of the languages do it.
    fn of_columns(columns: &KinesisColumns) -> serde_json::Value {
        let record = |at: usize| {
            let sequence = &columns.sequences[at];
            let mut kinesis = serde_json::json!({
                "kinesisSchemaVersion": "1.0", "partitionKey": columns.keys[at], "sequenceNumber": sequence,
                "data": columns.data[at], "approximateArrivalTimestamp": columns.arrivals[at],
            });
            let mut id = format!("{}:{sequence}", columns.shard);
            if let Some(sub) = columns.subs.get(at).filter(|sub| !sub.is_empty()) {
                kinesis["subSequenceNumber"] = sub.parse::<u64>().unwrap().into();
                id += &format!(":{sub}");
            }
            serde_json::json!({
                "kinesis": kinesis, "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": id,
                "eventName": "aws:kinesis:record", "invokeIdentityArn": columns.role,
                "awsRegion": columns.region, "eventSourceARN": columns.stream,
            })
        };
        let records: Vec<_> = (0..columns.keys.len()).map(record).collect();
        let mut event: serde_json::Value = serde_json::from_str(&columns.rest).unwrap();
        event["Records"] = records.into();
        event
    }

    proptest! {
        #[test]
        fn an_event_is_never_longer_than_its_records_were_counted(
            stream in stream(),
            records in proptest::collection::vec(record(), 1..4),
            role in role(),
        ) {
            let of_role = role.as_ref().map_or(0, |role| role.len());
            let bound = |record| encoded_len(&stream, record) + of_role;
            let bound: usize = records.iter().map(bound).sum();
            let mut invocation = invocation(stream, records);
            invocation.role = role;
            let event = kinesis_event(&invocation);
            prop_assert!(event.len() <= bound, "{} > {}", event.len(), bound);
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&event).is_ok());
        }

        #[test]
        fn columns_say_the_same_as_the_event(
            stream in stream(),
            records in proptest::collection::vec(record(), 0..4),
            envelope in any::<bool>(),
            role in role(),
        ) {
            let mut invocation = invocation(stream, records);
            invocation.envelope = envelope;
            invocation.role = role;
            let event: serde_json::Value = serde_json::from_slice(&kinesis_event(&invocation)).unwrap();
            prop_assert_eq!(of_columns(&kinesis_columns(&invocation)), event);
        }
    }
}
