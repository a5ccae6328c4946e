//! One conversation in both codecs, with two servers that know the same: every action is answered alike, in CBOR with
//! byte strings for blobs and tagged milliseconds for points in time.

use std::collections::BTreeSet;

use http::Request;
use http_body_util::{BodyExt as _, Full};
use minicbor::{Decoder, Encoder, data::Type};
use serde_json::{Map, Number, Value, json};

use super::{
    actions_tests::Client,
    cbor::MOMENT_TAG,
    consumer_tests::STREAM,
    documents::seconds,
    generated::ACTIONS,
    schema::{ActionRow, Shape},
};

const JSON: &str = "application/x-amz-json-1.1";
const CBOR: &str = "application/x-amz-cbor-1.1";
/// Stands in an input for what an earlier answer said.
const ITERATOR: &str = "the newest iterator";

/// The next call, and whether the clock moves on after it.
type Step = (&'static str, Value, bool);

#[expect(clippy::too_many_lines, reason = "one conversation")]
fn conversation() -> Vec<Step> {
    let name = |mut members: Value| {
        members["StreamName"] = "flights".into();
        members
    };
    let arn = |mut members: Value| {
        members["StreamARN"] = STREAM.into();
        members
    };
    let resource = |mut members: Value| {
        members["ResourceARN"] = STREAM.into();
        members
    };
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "kinesis:PutRecord", "Resource": STREAM,
    }]});
    let from = |kind: &str, more: Value| {
        let mut input = name(json!({"ShardId": "shardId-000000000000", "ShardIteratorType": kind}));
        let more = more.as_object().cloned().unwrap_or_default();
        input.as_object_mut().unwrap().extend(more);
        input
    };
    let mode = |mode: &str| arn(json!({"StreamModeDetails": {"StreamMode": mode}}));
    let key = || name(json!({"EncryptionType": "KMS", "KeyId": "alias/k"}));
    let consumer = || arn(json!({"ConsumerName": "board"}));
    let records = json!([
        {"Data": "aGVsbG8=", "PartitionKey": "\u{e9}", "ExplicitHashKey": "7"},
        {"Data": "", "PartitionKey": "k"},
    ]);
    let tags = json!({"Tags": {"b": "2", "\u{fc}": ""}});
    vec![
        (
            "CreateStream",
            name(json!({"ShardCount": 2, "Tags": {"a": "1"}})),
            true,
        ),
        ("CreateStream", name(json!({"ShardCount": 1})), false),
        ("CreateStream", json!({"ShardCount": 0}), false),
        ("ListStreams", json!({"Limit": 1}), false),
        ("DescribeStream", name(json!({})), false),
        ("DescribeStreamSummary", arn(json!({})), false),
        ("DescribeLimits", json!({}), false),
        (
            "UpdateAccountSettings",
            json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}}),
            false,
        ),
        ("DescribeAccountSettings", json!({}), false),
        (
            "PutRecord",
            name(json!({"Data": "aGVsbG8=", "PartitionKey": "k"})),
            false,
        ),
        (
            "PutRecord",
            name(
                json!({"Data": "aGVsbG8=", "PartitionKey": "k", "SequenceNumberForOrdering": "0"}),
            ),
            false,
        ),
        (
            "PutRecord",
            name(json!({"Data": "aGVsbG8=", "PartitionKey": "k", "DryRun": true})),
            false,
        ),
        ("PutRecord", name(json!({"Data": "aGVsbG8="})), false),
        ("PutRecords", name(json!({"Records": records})), false),
        ("PutRecords", name(json!({"Records": []})), false),
        (
            "GetShardIterator",
            from("AT_TIMESTAMP", json!({"Timestamp": 1.5})),
            false,
        ),
        (
            "GetShardIterator",
            from("LATEST", json!({"StartingSequenceNumber": "7"})),
            false,
        ),
        (
            "GetRecords",
            json!({"ShardIterator": ITERATOR, "Limit": 1}),
            false,
        ),
        ("GetRecords", json!({"ShardIterator": ITERATOR}), false),
        ("GetRecords", json!({"ShardIterator": "x"}), false),
        (
            "ListShards",
            name(json!({"ShardFilter": {"Type": "FROM_TIMESTAMP", "Timestamp": 1.5}})),
            false,
        ),
        ("AddTagsToStream", name(tags.clone()), false),
        ("TagResource", resource(tags), false),
        (
            "RemoveTagsFromStream",
            name(json!({"TagKeys": ["b"]})),
            false,
        ),
        ("UntagResource", resource(json!({"TagKeys": ["b"]})), false),
        ("ListTagsForStream", name(json!({})), false),
        ("ListTagsForResource", resource(json!({})), false),
        (
            "IncreaseStreamRetentionPeriod",
            name(json!({"RetentionPeriodHours": 48})),
            false,
        ),
        (
            "DecreaseStreamRetentionPeriod",
            name(json!({"RetentionPeriodHours": 24})),
            false,
        ),
        (
            "EnableEnhancedMonitoring",
            name(json!({"ShardLevelMetrics": ["ALL"]})),
            false,
        ),
        (
            "DisableEnhancedMonitoring",
            name(json!({"ShardLevelMetrics": ["IncomingBytes"]})),
            false,
        ),
        ("StartStreamEncryption", key(), true),
        (
            "PutRecord",
            name(json!({"Data": "aGVsbG8=", "PartitionKey": "k"})),
            false,
        ),
        ("GetShardIterator", from("TRIM_HORIZON", json!({})), false),
        ("GetRecords", json!({"ShardIterator": ITERATOR}), false),
        ("DescribeStreamSummary", name(json!({})), false),
        ("StopStreamEncryption", key(), true),
        (
            "PutResourcePolicy",
            resource(json!({"Policy": policy.to_string()})),
            false,
        ),
        ("GetResourcePolicy", resource(json!({})), false),
        ("DeleteResourcePolicy", resource(json!({})), false),
        ("DeleteResourcePolicy", resource(json!({})), false),
        ("RegisterStreamConsumer", consumer(), true),
        ("DescribeStreamConsumer", consumer(), false),
        ("ListStreamConsumers", arn(json!({})), false),
        ("DeregisterStreamConsumer", consumer(), true),
        (
            "UpdateMaxRecordSize",
            arn(json!({"MaxRecordSizeInKiB": 2048})),
            true,
        ),
        (
            "UpdateShardCount",
            name(json!({"TargetShardCount": 1, "ScalingType": "UNIFORM_SCALING"})),
            true,
        ),
        (
            "SplitShard",
            name(json!({"ShardToSplit": "shardId-000000000002", "NewStartingHashKey": "9"})),
            true,
        ),
        (
            "MergeShards",
            name(
                json!({"ShardToMerge": "shardId-000000000003", "AdjacentShardToMerge": "shardId-000000000004"}),
            ),
            true,
        ),
        ("ListShards", name(json!({"MaxResults": 2})), false),
        ("GetShardIterator", from("TRIM_HORIZON", json!({})), false),
        // Its end names children.
        ("GetRecords", json!({"ShardIterator": ITERATOR}), false),
        ("UpdateStreamMode", mode("ON_DEMAND"), true),
        (
            "UpdateStreamWarmThroughput",
            arn(json!({"WarmThroughputMiBps": 2})),
            true,
        ),
        (
            "UpdateStreamRecordDistributionStrategy",
            arn(json!({"RecordDistributionStrategy": "AUTO"})),
            true,
        ),
        ("PutRecord", name(json!({"Data": "aGVsbG8="})), false),
        ("DescribeStreamSummary", name(json!({})), false),
        ("ListQueues", json!({}), false),
        ("DeleteStream", name(json!({})), true),
        ("DescribeStream", name(json!({})), false),
    ]
}

/// As a client of AWS writes it.
fn as_cbor(value: &Value, shape: &Shape, to: &mut Encoder<&mut Vec<u8>>) {
    match (shape, value) {
        (Shape::Blob { .. }, Value::String(text)) => {
            let bytes = base64_simd::STANDARD.decode_to_vec(text).unwrap();
            to.bytes(&bytes).unwrap();
        }
        (Shape::Timestamp, Value::Number(number)) => {
            let ms = number.as_f64().unwrap() * 1e3;
            to.tag(minicbor::data::Tag::new(MOMENT_TAG)).unwrap();
            to.u64(format!("{ms}").parse().unwrap()).unwrap();
        }
        (Shape::Structure { members, .. }, Value::Object(object)) => {
            to.map(object.len() as u64).unwrap();
            for (name, value) in object {
                let member = members.iter().find(|member| member.name == name);
                to.str(name).unwrap();
                as_cbor(value, member.unwrap().shape, to);
            }
        }
        (Shape::Map { value: inner, .. }, Value::Object(object)) => {
            to.map(object.len() as u64).unwrap();
            for (name, value) in object {
                to.str(name).unwrap();
                as_cbor(value, inner, to);
            }
        }
        (Shape::List { member, .. }, Value::Array(items)) => {
            to.array(items.len() as u64).unwrap();
            items.iter().for_each(|item| as_cbor(item, member, to));
        }
        (Shape::Boolean, Value::Bool(flag)) => drop(to.bool(*flag).unwrap()),
        (Shape::Integer { .. }, Value::Number(number)) => {
            to.u64(number.as_u64().unwrap()).unwrap();
        }
        (Shape::Text { .. }, Value::String(text)) => drop(to.str(text).unwrap()),
        (shape, value) => panic!("{value} as {shape:?}"),
    }
}

/// Blobs as base64 and points in time in seconds, as JSON has them; anything else that JSON has no word for is a panic.
fn from_cbor(reader: &mut Decoder<'_>) -> Value {
    let kind = reader.datatype().unwrap();
    if kind == Type::Bool {
        reader.bool().unwrap().into()
    } else if kind == Type::String {
        reader.str().unwrap().into()
    } else if kind == Type::Bytes {
        let bytes = reader.bytes().unwrap();
        base64_simd::STANDARD.encode_to_string(bytes).into()
    } else if kind == Type::Tag {
        assert_eq!(reader.tag().unwrap().as_u64(), MOMENT_TAG);
        let seconds = seconds(reader.u64().unwrap());
        Number::from_f64(seconds).unwrap().into()
    } else if kind == Type::Array {
        let items = reader.array().unwrap().unwrap();
        (0..items).map(|_| from_cbor(reader)).collect()
    } else if matches!(kind, Type::Map | Type::MapIndef) {
        map_from_cbor(reader).into()
    } else {
        reader.u64().unwrap().into()
    }
}

/// Errors are maps without a length.
fn map_from_cbor(reader: &mut Decoder<'_>) -> Map<String, Value> {
    let mut left = reader.map().unwrap();
    let mut object = Map::new();
    while left != Some(0) && reader.datatype().unwrap() != Type::Break {
        let name = reader.str().unwrap().to_owned();
        assert!(object.insert(name, from_cbor(reader)).is_none());
        left = left.map(|left| left - 1);
    }
    if left.is_none() {
        reader.skip().unwrap();
    }
    object
}

async fn ask(client: &Client, action: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let request = Request::post("/")
        .header("content-type", kind)
        .header("x-amz-target", format!("Kinesis_20131202.{action}"))
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/1/eu-west-1/kinesis/x, SignedHeaders=b, Signature=c",
        );
    let response = client
        .door
        .answer(request.body(Full::from(body)).unwrap())
        .await;
    assert_eq!(response.headers()["content-type"], kind, "{action}");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    if body.is_empty() {
        return (status, Value::Null);
    }
    if kind == JSON {
        return (status, serde_json::from_slice(&body).unwrap());
    }
    let mut reader = Decoder::new(&body);
    let answer = from_cbor(&mut reader);
    assert_eq!(reader.position(), body.len(), "{action}");
    (status, answer)
}

#[tokio::test(start_paused = true)]
async fn both_codecs_are_told_the_same_by_every_action() {
    let (json, cbor) = (Client::new().await, Client::new().await);
    let mut iterator = Value::Null;
    let mut called = BTreeSet::from(["SubscribeToShard"]);
    for (action, mut input, moves_on) in conversation() {
        if input["ShardIterator"] == ITERATOR {
            input["ShardIterator"] = iterator.clone();
        }
        let row = ActionRow::targeted(&format!("Kinesis_20131202.{action}")).unwrap();
        let mut body = Vec::new();
        as_cbor(&input, row.input, &mut Encoder::new(&mut body));
        let expected = ask(&json, action, JSON, input.to_string().into_bytes()).await;
        let told = ask(&cbor, action, CBOR, body).await;
        assert_eq!(told, expected, "{action} {input}");
        if expected.0 == 200 {
            called.insert(action);
        }
        for next in ["ShardIterator", "NextShardIterator"] {
            if let Some(next) = expected.1.get(next) {
                iterator = next.clone();
            }
        }
        if moves_on {
            for client in [&json, &cbor] {
                client.settle().await;
            }
        }
    }
    let left_out = ACTIONS
        .iter()
        .map(|row| row.name)
        .filter(|name| !called.contains(name));
    let left_out: Vec<&str> = left_out.collect();
    assert!(
        left_out
            .iter()
            .all(|name| name.contains("Queue") || name.contains("Channel")),
        "{left_out:?}"
    );
}
