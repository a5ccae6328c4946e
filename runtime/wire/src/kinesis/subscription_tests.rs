//! Conversations with a subscriber: frames from the initial response to the end of the shard.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use model::SequenceNumber;
use serde_json::{Value, json};

use super::{
    actions_tests::Client,
    consumer_tests::{STREAM, register},
};
use crate::{AnswerBody, event_stream::tests::read};

/// One message: its headers, and what is inside.
type Message = (BTreeMap<String, String>, Value);

struct Subscriber {
    body: AnswerBody,
    /// Bytes of messages that were not looked at yet.
    left: Vec<u8>,
}

impl Subscriber {
    async fn next(&mut self) -> Option<Message> {
        if self.left.is_empty() {
            let frame = self.body.frame().await?.unwrap();
            self.left = frame.into_data().unwrap().to_vec();
        }
        let (headers, payload, rest) = read(&self.left).unwrap();
        let rest = rest.to_vec();
        let payload = serde_json::from_slice(&payload).unwrap_or_default();
        self.left = rest;
        Some((headers, payload))
    }

    /// The next event that holds records.
    async fn told(&mut self) -> Value {
        loop {
            let (headers, event) = self.next().await.unwrap();
            assert_eq!(headers[":event-type"], "SubscribeToShardEvent");
            if event["Records"] != json!([]) {
                return event;
            }
        }
    }
}

fn position(arn: &str, position: &Value) -> Value {
    json!({"ConsumerARN": arn, "ShardId": "shardId-000000000000", "StartingPosition": position})
}

pub(super) async fn asked(
    client: &Client,
    content_type: &str,
    body: impl Into<Bytes>,
) -> Response<AnswerBody> {
    let request = Request::post("/")
        .header("content-type", content_type)
        .header("x-amz-target", "Kinesis_20131202.SubscribeToShard")
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/1/eu-west-1/kinesis/x, SignedHeaders=b, Signature=c",
        );
    let request = request.body(Full::new(body.into())).unwrap();
    client.door.answer(request).await
}

/// A subscriber that has been told the initial response.
async fn subscribed(client: &Client, input: Value) -> Subscriber {
    let response = asked(client, "application/x-amz-json-1.1", input.to_string()).await;
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(
        headers["content-type"],
        "application/vnd.amazon.eventstream"
    );
    assert!(!headers.contains_key("content-length") && headers.contains_key("x-amzn-requestid"));
    let mut subscriber = Subscriber {
        body: response.into_body(),
        left: Vec::new(),
    };
    let (headers, payload) = subscriber.next().await.unwrap();
    assert_eq!(headers[":event-type"], "initial-response");
    assert_eq!(payload, json!({}));
    subscriber
}

async fn with_consumers(names: &[&str]) -> (Client, Vec<String>) {
    let client = Client::with_stream(1).await;
    let mut arns = Vec::new();
    for name in names {
        arns.push(register(&client, name).await);
        client.platform.clock.shift(Duration::from_secs(1));
    }
    (client, arns)
}

#[tokio::test(start_paused = true)]
async fn records_of_one_call_arrive_in_one_event() {
    let (client, arns) = with_consumers(&["board"]).await;
    let latest = position(&arns[0], &json!({"Type": "LATEST"}));
    let mut subscriber = subscribed(&client, latest).await;
    let records: Vec<Value> = (0..5)
        .map(|n| json!({"PartitionKey": n.to_string(), "Data": "YQ=="}))
        .collect();
    let put = client
        .done(
            "PutRecords",
            json!({"StreamName": "flights", "Records": records}),
        )
        .await;
    let event = subscriber.told().await;
    let numbers = |answer: &Value| -> Vec<Value> {
        let records = answer["Records"].as_array().unwrap().iter();
        records
            .map(|record| record["SequenceNumber"].clone())
            .collect()
    };
    assert_eq!(numbers(&event), numbers(&put));
    assert_eq!(event["Records"][1]["Data"], "YQ==");
    assert_eq!(event["Records"][1]["PartitionKey"], "1");
    assert_eq!(event["MillisBehindLatest"], 0);
    assert!(event["ChildShards"].is_null());
    let continuation = &event["ContinuationSequenceNumber"];
    assert_ne!(*continuation, numbers(&event)[4]);
    client.put("later").await;
    client.platform.clock.sleep(Duration::from_secs(5)).await;
    let after = json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": continuation});
    let mut later = subscribed(&client, position(&arns[0], &after)).await;
    assert_eq!(later.told().await["Records"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a36_a_subscription_two_seconds_later_is_refused_and_one_six_seconds_later_takes_over() {
    let (client, arns) = with_consumers(&["board"]).await;
    let horizon = position(&arns[0], &json!({"Type": "TRIM_HORIZON"}));
    let mut older = subscribed(&client, horizon.clone()).await;
    older.next().await.unwrap();
    client.platform.clock.sleep(Duration::from_secs(2)).await;
    let in_use = "Another active subscription exists for this consumer: 000000000000:flights:shardId-000000000000:board";
    assert_eq!(
        client.refused("SubscribeToShard", horizon.clone()).await,
        format!("ResourceInUseException: {in_use}")
    );
    client.platform.clock.sleep(Duration::from_secs(4)).await;
    let mut newer = subscribed(&client, horizon).await;
    let (headers, payload) = older.next().await.unwrap();
    assert_eq!(headers[":message-type"], "exception");
    assert_eq!(headers[":exception-type"], "ResourceInUseException");
    assert_eq!(payload["message"], in_use);
    assert!(older.next().await.is_none());
    client.door.end_subscriptions();
    newer.next().await;
    assert!(newer.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a39_the_end_of_a_shard_names_its_children_and_nothing_follows() {
    let (client, arns) = with_consumers(&["board"]).await;
    client.put("a").await;
    client
        .done(
            "SplitShard",
            json!({"StreamName": "flights", "ShardToSplit": "0", "NewStartingHashKey": "99"}),
        )
        .await;
    for kind in ["TRIM_HORIZON", "LATEST"] {
        client.platform.clock.sleep(Duration::from_secs(5)).await;
        let mut subscriber = subscribed(&client, position(&arns[0], &json!({"Type": kind}))).await;
        let end = loop {
            let (_, event) = subscriber.next().await.unwrap();
            if event["ContinuationSequenceNumber"].is_null() {
                break event;
            }
        };
        assert_eq!(end["ChildShards"].as_array().unwrap().len(), 2, "{kind}");
        assert_eq!(
            end["ChildShards"][0]["ParentShards"],
            json!(["shardId-000000000000"])
        );
        assert!(subscriber.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a37_a_subscription_ends_after_five_minutes_and_the_next_one_goes_on_where_it_stood() {
    let (client, arns) = with_consumers(&["board"]).await;
    let horizon = position(&arns[0], &json!({"Type": "TRIM_HORIZON"}));
    let mut subscriber = subscribed(&client, horizon).await;
    let began = client.platform.clock.monotonic().0;
    let mut told = Vec::new();
    let mut continuation = Value::Null;
    for minute in 0..5 {
        client.put(&format!("before {minute}")).await;
        client.platform.clock.sleep(Duration::from_secs(59)).await;
    }
    while let Some((headers, event)) = subscriber.next().await {
        assert_eq!(headers[":event-type"], "SubscribeToShardEvent");
        told.extend(datas(&event));
        continuation = event["ContinuationSequenceNumber"].clone();
    }
    let passed = client.platform.clock.monotonic().0 - began;
    assert_eq!(passed.as_secs(), 300);
    client.put("after").await;
    let after = json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": continuation});
    let mut later = subscribed(&client, position(&arns[0], &after)).await;
    told.extend(datas(&later.told().await));
    let all: Vec<String> = (0..5).map(|minute| format!("before {minute}")).collect();
    assert_eq!(told[..5], all);
    assert_eq!(told[5..], ["after"]);
}

#[tokio::test(start_paused = true)]
async fn a38_an_idle_subscriber_hears_every_five_seconds_how_far_the_shard_is() {
    let (client, arns) = with_consumers(&["board"]).await;
    let latest = position(&arns[0], &json!({"Type": "LATEST"}));
    let mut subscriber = subscribed(&client, latest).await;
    let mut heard = client.platform.clock.monotonic().0;
    let mut reached = SequenceNumber::MIN;
    for _ in 0..4 {
        let (_, event) = subscriber.next().await.unwrap();
        assert_eq!(event["Records"], json!([]));
        assert_eq!(event["MillisBehindLatest"], 0);
        let continuation = number(&event);
        let now = client.platform.clock.monotonic().0;
        assert!(now - heard <= Duration::from_secs(5));
        assert!(continuation >= reached);
        (heard, reached) = (now, continuation);
    }
    client.put("a").await;
    let event = subscriber.told().await;
    assert!(number(&event) > reached);
    client.platform.clock.sleep(Duration::from_secs(5)).await;
    let after = json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": reached.to_string()});
    let mut later = subscribed(&client, position(&arns[0], &after)).await;
    assert_eq!(datas(&later.told().await), ["a"]);
}

fn number(event: &Value) -> SequenceNumber {
    let number = event["ContinuationSequenceNumber"].as_str().unwrap();
    number.parse().unwrap()
}

fn datas(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().unwrap().iter();
    let data = |record: &Value| {
        let data = base64_simd::STANDARD.decode_to_vec(record["Data"].as_str().unwrap());
        String::from_utf8(data.unwrap()).unwrap()
    };
    records.map(data).collect()
}

#[tokio::test(start_paused = true)]
async fn what_many_subscribers_are_told_is_encoded_once() {
    let names = ["a", "b", "c", "d"];
    let (client, arns) = with_consumers(&names).await;
    let mut subscribers = Vec::new();
    for arn in &arns {
        subscribers.push(subscribed(&client, position(arn, &json!({"Type": "LATEST"}))).await);
    }
    for round in 1..=3 {
        client.put("x").await;
        for subscriber in &mut subscribers {
            subscriber.told().await;
        }
        assert_eq!(client.door.events_encoded(), round);
    }
}

#[tokio::test(start_paused = true)]
async fn subscribers_that_lag_share_what_was_encoded_and_are_told_their_own_lag() {
    let (client, arns) = with_consumers(&["a", "b", "c"]).await;
    for _ in 0..3 {
        client.put(&"x".repeat(900_000)).await;
    }
    client.put("last").await;
    let mut lags = Vec::new();
    for arn in &arns {
        client.platform.clock.shift(Duration::from_secs(10));
        let horizon = position(arn, &json!({"Type": "TRIM_HORIZON"}));
        let mut subscriber = subscribed(&client, horizon).await;
        let mut told: Vec<String> = Vec::new();
        while told.len() < 4 {
            let event = subscriber.told().await;
            told.extend(datas(&event));
            lags.push(event["MillisBehindLatest"].as_u64().unwrap());
        }
        assert_eq!(told[3], "last");
        let pages = lags.len()
            / arns
                .iter()
                .position(|known| known == arn)
                .map_or(1, |at| at + 1);
        assert_eq!(client.door.events_encoded(), u64::try_from(pages).unwrap());
    }
    let mut different: Vec<u64> = lags.into_iter().filter(|lag| *lag > 0).collect();
    different.dedup();
    assert!(different.len() >= arns.len(), "{different:?}");
}

#[tokio::test(start_paused = true)]
async fn events_are_in_the_codec_of_the_request() {
    let (client, arns) = with_consumers(&["board"]).await;
    client.put("hello").await;
    let mut body = Vec::new();
    super::cbor::push_value(
        &mut body,
        &position(&arns[0], &json!({"Type": "TRIM_HORIZON"})),
    );
    let response = asked(&client, "application/x-amz-cbor-1.1", body).await;
    assert_eq!(
        response.headers()["content-type"],
        "application/vnd.amazon.eventstream"
    );
    let mut body = response.into_body();
    body.frame().await;
    let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let (headers, payload, _) = read(&event).unwrap();
    assert_eq!(headers[":content-type"], "application/x-amz-cbor-1.1");
    assert!(payload.windows(6).any(|window| window == b"\x45hello"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_subscribed_is_told_before_the_first_event() {
    let (client, arns) = with_consumers(&["board"]).await;
    let creating = register(&client, "late").await;
    let latest = json!({"Type": "LATEST"});
    let dry = {
        let mut input = position(&arns[0], &latest);
        input["DryRun"] = true.into();
        input
    };
    let shard = {
        let mut input = position(&arns[0], &latest);
        input["ShardId"] = "shardId-7".into();
        input
    };
    for (input, expected) in [
        (
            position(&format!("{STREAM}/consumer/none:17"), &latest),
            "ResourceNotFoundException: Consumer none under stream flights not found for account 000000000000.",
        ),
        (
            position(&creating, &latest),
            "ResourceInUseException: Consumer late under stream flights for account 000000000000 not ACTIVE, instead in state CREATING",
        ),
        (
            shard,
            "ResourceNotFoundException: Shard shardId-000000000007 in stream flights under account 000000000000 does not exist",
        ),
        (
            position(
                &arns[0],
                &json!({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "7"}),
            ),
            "InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000007, while it was used in a call to a shard with shardId-000000000000",
        ),
        (
            position(
                &arns[0],
                &json!({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "9".repeat(56)}),
            ),
            "InvalidArgumentException: StartingSequenceNumber 99999999999999999999999999999999999999999999999999999999 used in SubscribeToShard on shard shardId-000000000000 in stream flights under account 000000000000 is invalid.",
        ),
        (
            dry,
            "DryRunOperationException: Request would have succeeded, but DryRun flag is set.",
        ),
    ] {
        assert_eq!(client.refused("SubscribeToShard", input).await, expected);
    }
}
