//! Conversations of a client with the door over a simulated world: what is put is got, what is missing is told.

use std::{path::Path, time::Duration};

use http::Request;
use http_body_util::{BodyExt as _, Full};
use platform::Platform;
use serde_json::{Value, json};
use streams::Streams;

use super::door::KinesisDoor;
use crate::hosts::AllowedHosts;

/// A client and the server it talks to.
pub(super) struct Client {
    pub(super) door: KinesisDoor,
    pub(super) platform: Platform,
    streams: Streams,
}

impl Client {
    pub(super) async fn new() -> Self {
        Self::started(false).await
    }

    /// A client of a server that keeps AWS's limits.
    pub(super) async fn limited() -> Self {
        Self::started(true).await
    }

    async fn started(aws_limits: bool) -> Self {
        let platform = Platform::simulated(1);
        let settings = log::Settings {
            view: log::ViewKind::Memory,
            ..log::Settings::default()
        };
        let log = log::Log::open(&platform, Path::new("/data"), settings)
            .await
            .unwrap();
        let settings = streams::Settings {
            aws_limits,
            ..streams::Settings::default()
        };
        let from = streams::MasterKeys {
            file: "/keys/master".into(),
            ..streams::MasterKeys::default()
        };
        let streams = Streams::open_encrypted(&platform, log, settings, from)
            .await
            .unwrap();
        let door = KinesisDoor::new(streams.clone(), platform.clone(), AllowedHosts::default());
        Self {
            door,
            platform,
            streams,
        }
    }

    /// Lets a change of state pass.
    pub(super) async fn settle(&self) {
        self.platform.clock.shift(Duration::from_secs(1));
        let now = self.platform.clock.wall();
        self.streams.trim_expired(now).await.unwrap();
    }

    /// A client of a server with the active stream `flights`.
    pub(super) async fn with_stream(shards: u32) -> Self {
        let client = Self::new().await;
        let input = json!({"StreamName": "flights", "ShardCount": shards});
        assert_eq!(client.call("CreateStream", input).await, (200, Value::Null));
        client.platform.clock.shift(Duration::from_secs(1));
        client
    }

    async fn send(&self, action: &str, input: &Value, producer: Option<&str>) -> (u16, Value) {
        let mut request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("Kinesis_20131202.{action}"))
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/1/eu-west-1/kinesis/x, SignedHeaders=b, Signature=c",
            );
        if let Some(producer) = producer {
            request = request.header("x-shardmill-producer", producer);
        }
        let request = request.body(Full::from(input.to_string())).unwrap();
        let response = self.door.answer(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        if body.is_empty() {
            return (status, Value::Null);
        }
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub(super) async fn call(&self, action: &str, input: Value) -> (u16, Value) {
        self.send(action, &input, None).await
    }

    /// A call that must succeed.
    pub(super) async fn done(&self, action: &str, input: Value) -> Value {
        let (status, answer) = self.call(action, input).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// A call that must fail: the error's name and text.
    pub(super) async fn refused(&self, action: &str, input: Value) -> String {
        let (status, answer) = self.call(action, input).await;
        assert_eq!(status, 400, "{answer}");
        let text = |member: &str| answer[member].as_str().unwrap().to_owned();
        format!("{}: {}", text("__type"), text("message"))
    }

    pub(super) async fn put(&self, data: &str) -> String {
        let data = base64_simd::STANDARD.encode_to_string(data);
        let input = json!({"StreamName": "flights", "PartitionKey": "k", "Data": data});
        let answer = self.done("PutRecord", input).await;
        answer["SequenceNumber"].as_str().unwrap().to_owned()
    }

    pub(super) async fn iterator(&self, kind: &str, start: Value) -> Value {
        let mut input = json!({
            "StreamName": "flights", "ShardId": "shardId-000000000000", "ShardIteratorType": kind,
        });
        let members = start.as_object().unwrap().clone();
        input.as_object_mut().unwrap().extend(members);
        self.done("GetShardIterator", input).await["ShardIterator"].take()
    }

    /// The data behind an iterator, and the next one.
    pub(super) async fn get(&self, iterator: &Value) -> (Vec<String>, Value) {
        let input = json!({"ShardIterator": iterator});
        let mut answer = self.done("GetRecords", input).await;
        let data = |record: &Value| {
            let text = record["Data"].as_str().unwrap();
            String::from_utf8(base64_simd::STANDARD.decode_to_vec(text).unwrap()).unwrap()
        };
        let records = answer["Records"].as_array().unwrap();
        let records = records.iter().map(data).collect();
        (records, answer["NextShardIterator"].take())
    }
}

#[tokio::test(start_paused = true)]
async fn every_iterator_reads_from_where_it_says() {
    let client = Client::with_stream(1).await;
    client.put("a").await;
    let second = client.put("b").await;
    client.platform.clock.shift(Duration::from_secs(5));
    let latest = client.iterator("LATEST", json!({})).await;
    let now_ms = client.platform.clock.wall().as_millis();
    let now = super::documents::seconds(now_ms);
    client.put("c").await;
    for (kind, start, expected) in [
        ("TRIM_HORIZON", json!({}), &["a", "b", "c"][..]),
        (
            "AT_SEQUENCE_NUMBER",
            json!({"StartingSequenceNumber": second}),
            &["b", "c"],
        ),
        (
            "AFTER_SEQUENCE_NUMBER",
            json!({"StartingSequenceNumber": second}),
            &["c"],
        ),
        ("AT_TIMESTAMP", json!({"Timestamp": now}), &["c"]),
        ("LATEST", json!({}), &[]),
    ] {
        let iterator = client.iterator(kind, start).await;
        assert_eq!(client.get(&iterator).await.0, expected, "{kind}");
    }
    let (records, next) = client.get(&latest).await;
    assert_eq!(records, ["c"]);
    client.put("d").await;
    let (records, next) = client.get(&next).await;
    assert_eq!(records, ["d"]);
    let (records, another) = client.get(&next).await;
    assert!(records.is_empty());
    assert_ne!(another, next);
}

#[tokio::test(start_paused = true)]
async fn puts_of_many_answer_in_order_and_once_a_producer() {
    let client = Client::with_stream(2).await;
    let hash_keys = ["0", "340282366920938463463374607431768211455", "1"];
    let record = |key: &str| json!({"Data": "YQ==", "PartitionKey": "k", "ExplicitHashKey": key});
    let records: Vec<Value> = hash_keys.map(record).into();
    let input = json!({"StreamName": "flights", "Records": records});
    let (status, first) = client.send("PutRecords", &input, Some("demo:1")).await;
    assert_eq!((status, &first["FailedRecordCount"]), (200, &json!(0)));
    let shard = |index: usize| first["Records"][index]["ShardId"].as_str().unwrap();
    assert_eq!([0, 1, 2].map(shard).map(|id| &id[19..]), ["0", "1", "0"]);
    let (_, again) = client.send("PutRecords", &input, Some("demo:1")).await;
    assert_eq!(again, first);
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    assert_eq!(client.get(&iterator).await.0.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_told_in_the_words_of_aws() {
    let client = Client::with_stream(1).await;
    let put = |name| json!({"StreamName": name, "PartitionKey": "k", "Data": ""});
    let point = |name: &str, shard: &str| json!({"StreamName": name, "ShardId": shard, "ShardIteratorType": "LATEST"});
    let named = |name: &str| json!({"StreamName": name});
    let not_found = "ResourceNotFoundException: Stream none under account 000000000000 not found.";
    for (action, input, expected) in [
        ("PutRecord", put("none"), not_found),
        ("DescribeStream", named("none"), not_found),
        ("DescribeStreamSummary", named("none"), not_found),
        ("DeleteStream", named("none"), not_found),
        ("ListShards", named("none"), not_found),
        (
            "CreateStream",
            json!({"StreamName": "flights", "ShardCount": 1}),
            "ResourceInUseException: Stream flights under account 000000000000 already exists.",
        ),
        (
            "GetShardIterator",
            point("none", "0"),
            "ResourceNotFoundException: Shard shardId-000000000000 in stream none under account 000000000000 does not exist",
        ),
        (
            "GetShardIterator",
            point("flights", "shardId-7"),
            "ResourceNotFoundException: Shard shardId-000000000007 in stream flights under account 000000000000 does not exist",
        ),
        (
            "GetShardIterator",
            point("flights", "first"),
            "ResourceNotFoundException: Could not find shard first in stream flights under account 000000000000.",
        ),
        (
            "PutRecord",
            json!({"StreamName": "flights", "PartitionKey": "k", "Data": "", "DryRun": true}),
            "DryRunOperationException: Request would have succeeded, but DryRun flag is set.",
        ),
        (
            "GetRecords",
            json!({"ShardIterator": "AAAA"}),
            "InvalidArgumentException: Invalid ShardIterator.",
        ),
        (
            "ListShards",
            json!({}),
            "InvalidArgumentException: Either NextToken or StreamName should be provided.",
        ),
    ] {
        assert_eq!(client.refused(action, input).await, expected, "{action}");
    }
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    client.done("DeleteStream", named("flights")).await;
    client.platform.clock.shift(Duration::from_secs(1));
    assert_eq!(
        client
            .refused("GetRecords", json!({"ShardIterator": iterator}))
            .await,
        "ResourceNotFoundException: Shard shardId-000000000000 in stream flights under account 000000000000 does not exist"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_in_creation_takes_no_records() {
    let client = Client::new().await;
    client
        .done("CreateStream", json!({"StreamName": "flights"}))
        .await;
    let named = json!({"StreamName": "flights"});
    let answer = client.done("DescribeStream", named.clone()).await;
    assert_eq!(answer["StreamDescription"]["StreamStatus"], "CREATING");
    assert_eq!(answer["StreamDescription"]["Shards"], json!([]));
    let state = "ResourceInUseException: Stream flights under account 000000000000 not ACTIVE, instead in state CREATING";
    assert_eq!(client.refused("ListShards", named.clone()).await, state);
    let input = json!({"StreamName": "flights", "PartitionKey": "k", "Data": ""});
    assert_eq!(
        client.refused("PutRecord", input).await,
        "ResourceNotFoundException: Stream flights under account 000000000000 not found."
    );
    client.platform.clock.shift(Duration::from_secs(1));
    let answer = client.done("DescribeStreamSummary", named).await;
    let summary = &answer["StreamDescriptionSummary"];
    assert_eq!(summary["StreamStatus"], "ACTIVE");
    assert_eq!(summary["OpenShardCount"], 4);
    assert_eq!(summary["StreamModeDetails"]["StreamMode"], "ON_DEMAND");
}

/// Their index is a signed number of 32 bits to AWS.
const OF_THE_LAST_SHARD: &str = "49039857307708443467467104868809893875799651944235008002";
/// Of shard 0, made at the first second.
const OF_LAYOUT_1: &str = "49039857307708443467467104868809893875799651909875269633";
/// Of the year 2096.
const OF_THE_FUTURE: &str = "50467105000414403348525390838259389287060305477875269634";

#[tokio::test(start_paused = true)]
async fn puts_may_name_any_number_that_was_given_out_before() {
    let client = Client::with_stream(1).await;
    let put = |stream: &str, number: &str| {
        json!({
            "StreamName": stream, "PartitionKey": "k", "Data": "",
            "SequenceNumberForOrdering": number,
        })
    };
    let first = client.done("PutRecord", put("flights", "0")).await;
    let own = first["SequenceNumber"].as_str().unwrap();
    for number in ["5", own, OF_LAYOUT_1, OF_THE_LAST_SHARD] {
        client.done("PutRecord", put("flights", number)).await;
    }
    for number in [OF_THE_FUTURE, &"9".repeat(56)] {
        let expected = format!(
            "InvalidArgumentException: ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream flights under account 000000000000 is invalid."
        );
        let refused = client.refused("PutRecord", put("flights", number));
        assert_eq!(refused.await, expected);
    }
    assert_eq!(
        client
            .refused("PutRecord", put("none", OF_THE_FUTURE))
            .await,
        "ResourceNotFoundException: Stream none under account 000000000000 not found."
    );
}

#[tokio::test(start_paused = true)]
async fn numbers_of_other_shards_are_no_starting_places() {
    let client = Client::with_stream(2).await;
    let listed = client
        .done("ListShards", json!({"StreamName": "flights"}))
        .await;
    let range = &listed["Shards"][1]["SequenceNumberRange"];
    let number = &range["StartingSequenceNumber"];
    let start = |kind: &str, number: &Value| {
        json!({
            "StreamName": "flights", "ShardId": "0", "ShardIteratorType": kind,
            "StartingSequenceNumber": number,
        })
    };
    for (input, expected) in [
        (
            start("AT_SEQUENCE_NUMBER", number),
            "InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard with shardId-000000000000",
        ),
        (
            start("AFTER_SEQUENCE_NUMBER", &json!("7")),
            "InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000007, while it was used in a call to a shard with shardId-000000000000",
        ),
        (
            start("AT_SEQUENCE_NUMBER", &json!(OF_THE_LAST_SHARD)),
            "InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId--02147483648, while it was used in a call to a shard with shardId-000000000000",
        ),
        (
            start("AT_SEQUENCE_NUMBER", &json!(OF_LAYOUT_1)),
            "InvalidArgumentException: StartingSequenceNumber 49039857307708443467467104868809893875799651909875269633 used in GetShardIterator on shard shardId-000000000000 in stream flights under account 000000000000 is invalid because it did not come from this stream.",
        ),
        (
            start("AFTER_SEQUENCE_NUMBER", &json!("9".repeat(56))),
            "InvalidArgumentException: StartingSequenceNumber 99999999999999999999999999999999999999999999999999999999 used in GetShardIterator on shard shardId-000000000000 in stream flights under account 000000000000 is invalid.",
        ),
        (
            start("LATEST", number),
            "InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified LATEST and also a StartingSequenceNumber.",
        ),
    ] {
        assert_eq!(client.refused("GetShardIterator", input).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn lists_go_on_where_their_token_says() {
    let client = Client::with_stream(3).await;
    client
        .done("CreateStream", json!({"StreamName": "a"}))
        .await;
    let mut pages = Vec::new();
    let mut input = json!({"StreamName": "flights", "MaxResults": 2});
    loop {
        let answer = client.done("ListShards", input).await;
        pages.push(answer["Shards"].as_array().unwrap().len());
        if answer["NextToken"].is_null() {
            break;
        }
        input = json!({"NextToken": answer["NextToken"], "MaxResults": 2});
    }
    assert_eq!(pages, [2, 1]);
    let first = client.done("ListStreams", json!({"Limit": 1})).await;
    assert_eq!(first["StreamNames"], json!(["a"]));
    let input = json!({"NextToken": first["NextToken"]});
    let second = client.done("ListStreams", input).await;
    assert_eq!(second["StreamNames"], json!(["flights"]));
    assert_eq!(second["HasMoreStreams"], false);
}
