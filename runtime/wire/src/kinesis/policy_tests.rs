//! Conversations of two accounts with a server that verifies signatures: each has its own streams, and what one lets the
//! other do.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Full};
use model::AccountId;
use serde_json::{Value, json};

use super::actions_tests::Client;
use crate::{AccessKey, Keyring, Signer};

const HOST: &str = "localhost:4566";
const STREAM: &str = "arn:aws:kinesis:eu-west-1:111111111111:stream/flights";

/// Two accounts: the first digit of theirs is their name.
struct Server(Client);

impl Server {
    async fn new() -> Self {
        let mut client = Client::new().await;
        let key = |account: &str| AccessKey {
            secret: format!("secret of {account}"),
            account: Some(AccountId::parse(account).unwrap()),
        };
        let keys = Keyring::default()
            .with("one".to_owned(), key("111111111111"))
            .with("two".to_owned(), key("222222222222"));
        client.door = client.door.with_keys(keys);
        let server = Self(client);
        let input = json!({"StreamName": "flights", "ShardCount": 1});
        server.done("one", "CreateStream", &input).await;
        server.0.platform.clock.shift(Duration::from_secs(1));
        server
    }

    async fn ask(&self, who: &str, action: &str, input: &Value) -> (u16, Value) {
        let account = if who == "one" {
            "111111111111"
        } else {
            "222222222222"
        };
        let signer = Signer {
            id: who.to_owned(),
            secret: format!("secret of {account}"),
        };
        let (target, body) = (format!("Kinesis_20131202.{action}"), input.to_string());
        let now = self.0.platform.clock.unshifted_wall();
        let (date, authorization) = signer.sign(HOST, &target, "eu-west-1", body.as_bytes(), now);
        let request = Request::post("/")
            .header("host", HOST)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .header("x-amz-date", date)
            .header("authorization", authorization);
        let request = request.body(Full::from(body)).unwrap();
        let response = self.0.door.answer(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn done(&self, who: &str, action: &str, input: &Value) -> Value {
        let (status, answer) = self.ask(who, action, input).await;
        assert_eq!(status, 200, "{who} {action}: {answer}");
        answer
    }

    async fn denied(&self, who: &str, action: &str, input: &Value) {
        let (status, answer) = self.ask(who, action, input).await;
        assert_eq!(
            (status, &answer["__type"]),
            (400, &json!("AccessDeniedException")),
            "{answer}"
        );
    }

    async fn set_policy(&self, statements: Value) {
        self.set_policy_of(STREAM, statements).await;
    }

    async fn set_policy_of(&self, arn: &str, statements: Value) {
        let policy = json!({ "Statement": statements }).to_string();
        let input = json!({"ResourceARN": arn, "Policy": policy});
        self.done("one", "PutResourcePolicy", &input).await;
    }

    /// The ARN of a new consumer that is ACTIVE.
    async fn register(&self, name: &str) -> String {
        let input = json!({"StreamARN": STREAM, "ConsumerName": name});
        let answer = self.done("one", "RegisterStreamConsumer", &input).await;
        self.0.platform.clock.shift(Duration::from_secs(1));
        let arn = answer["Consumer"]["ConsumerARN"].as_str().unwrap();
        arn.to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_are_worlds_of_their_own() {
    let server = Server::new().await;
    let mine = server.done("one", "ListStreams", &json!({})).await;
    assert_eq!(mine["StreamSummaries"][0]["StreamARN"], STREAM);
    let theirs = server.done("two", "ListStreams", &json!({})).await;
    assert_eq!(theirs["StreamNames"], json!([]));
    let more = json!({"StreamName": "more", "ShardCount": 1});
    server.done("one", "CreateStream", &more).await;
    let limit = json!({"Limit": 1});
    let first = server.done("one", "ListStreams", &limit).await;
    let token = json!({"NextToken": first["NextToken"]});
    let rest = server.done("one", "ListStreams", &token).await;
    assert_eq!(rest["StreamNames"], json!(["more"]));
    let (status, refused) = server.ask("two", "ListStreams", &token).await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("InvalidArgumentException"))
    );
    let put = json!({"StreamARN": STREAM, "PartitionKey": "k", "Data": ""});
    server.done("one", "PutRecord", &put).await;
    server.denied("two", "PutRecord", &put).await;
    server
        .denied(
            "two",
            "DescribeStreamSummary",
            &json!({"StreamARN": STREAM}),
        )
        .await;
    server
        .denied(
            "two",
            "ListTagsForResource",
            &json!({"ResourceARN": STREAM}),
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_lets_another_account_do_what_it_names() {
    let server = Server::new().await;
    let allow = json!({"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": ["kinesis:Put*", "kinesis:DescribeStreamSummary"], "Resource": STREAM});
    server.set_policy(json!([allow])).await;
    let put = json!({"StreamARN": STREAM, "Records": [{"PartitionKey": "k", "Data": ""}]});
    server.done("two", "PutRecords", &put).await;
    server
        .done(
            "two",
            "DescribeStreamSummary",
            &json!({"StreamARN": STREAM}),
        )
        .await;
    server
        .denied("two", "DeleteStream", &json!({"StreamARN": STREAM}))
        .await;
    server
        .denied(
            "two",
            "DeleteResourcePolicy",
            &json!({"ResourceARN": STREAM}),
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_can_forbid_itself_all_but_policies() {
    let server = Server::new().await;
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "*"});
    server.set_policy(json!([deny])).await;
    let named = json!({"StreamName": "flights"});
    server.denied("one", "DescribeStream", &named).await;
    server
        .done(
            "one",
            "DeleteResourcePolicy",
            &json!({"ResourceARN": STREAM}),
        )
        .await;
    server.done("one", "DescribeStream", &named).await;
}

#[tokio::test(start_paused = true)]
async fn iterators_of_one_account_are_no_use_to_another() {
    let server = Server::new().await;
    let point =
        json!({"StreamName": "flights", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = server.done("one", "GetShardIterator", &point).await;
    let input = json!({"ShardIterator": iterator["ShardIterator"]});
    server.done("one", "GetRecords", &input).await;
    let (status, answer) = server.ask("two", "GetRecords", &input).await;
    assert_eq!(
        (status, &answer["__type"]),
        (400, &json!("ResourceNotFoundException"))
    );
    let input = json!({"ShardIterator": iterator["ShardIterator"], "StreamARN": STREAM});
    server.denied("two", "GetRecords", &input).await;
}

/// A consumer by its ARN, and by its name and its stream.
fn spelled(arn: &str, name: &str) -> [Value; 2] {
    [
        json!({"ConsumerARN": arn}),
        json!({"StreamARN": STREAM, "ConsumerName": name}),
    ]
}

fn subscribe(arn: &str) -> Value {
    json!({"ConsumerARN": arn, "ShardId": "0", "StartingPosition": {"Type": "LATEST"}})
}

#[tokio::test(start_paused = true)]
async fn what_is_forbidden_of_a_consumer_is_forbidden_however_it_is_named() {
    let server = Server::new().await;
    let (board, other) = (
        server.register("board").await,
        server.register("other").await,
    );
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "kinesis:*Consumer"});
    let shut = json!({"Effect": "Deny", "Principal": "*", "Action": "kinesis:SubscribeToShard", "Resource": board});
    server.set_policy_of(&board, json!([deny, shut])).await;
    for action in ["DescribeStreamConsumer", "DeregisterStreamConsumer"] {
        for input in spelled(&board, "board") {
            server.denied("one", action, &input).await;
        }
    }
    server
        .denied("one", "SubscribeToShard", &subscribe(&board))
        .await;
    server
        .done("one", "SubscribeToShard", &subscribe(&other))
        .await;
    for input in spelled(&other, "other") {
        server.done("one", "DescribeStreamConsumer", &input).await;
    }
    // What the policy of a stream forbids is forbidden of its consumers too.
    server.set_policy(json!([deny])).await;
    for input in spelled(&other, "other") {
        server.denied("one", "DescribeStreamConsumer", &input).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_allowed_of_a_consumer_is_allowed_however_it_is_named() {
    let server = Server::new().await;
    let (board, other) = (
        server.register("board").await,
        server.register("other").await,
    );
    let actions = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"];
    let allow = json!({"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": actions});
    server.set_policy_of(&board, json!([allow])).await;
    // Of the stream nothing is allowed that the consumer would have from it.
    server
        .set_policy(json!([{"Effect": "Allow", "Principal": "*", "Action": "kinesis:*"}]))
        .await;
    for input in spelled(&board, "board") {
        server.done("two", "DescribeStreamConsumer", &input).await;
        server
            .denied("two", "DeregisterStreamConsumer", &input)
            .await;
    }
    for input in spelled(&other, "other") {
        server.denied("two", "DescribeStreamConsumer", &input).await;
    }
    server
        .done("two", "SubscribeToShard", &subscribe(&board))
        .await;
    server
        .denied("two", "SubscribeToShard", &subscribe(&other))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_another_account_goes_on_as_long_as_a_policy_allows_it() {
    let server = Server::new().await;
    let split = json!({"StreamARN": STREAM, "ShardToSplit": "0", "NewStartingHashKey": "9"});
    server.done("one", "SplitShard", &split).await;
    server.0.settle().await;
    let allow = json!({"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "kinesis:ListShards"});
    server.set_policy(json!([allow])).await;
    let first = json!({"StreamARN": STREAM, "MaxResults": 2});
    let first = server.done("two", "ListShards", &first).await;
    let rest = json!({"NextToken": first["NextToken"]});
    let second = server.done("two", "ListShards", &rest).await;
    assert_eq!(second["Shards"][0]["ShardId"], "shardId-000000000002");
    assert!(second["NextToken"].is_null());
    let agreed = json!({"NextToken": first["NextToken"], "StreamARN": STREAM});
    server.done("two", "ListShards", &agreed).await;
    let other = STREAM.replace("111111111111", "222222222222");
    let other = json!({"NextToken": first["NextToken"], "StreamARN": other});
    let (_, refused) = server.ask("two", "ListShards", &other).await;
    assert_eq!(refused["message"], "Invalid NextToken.");
    let policy = json!({"ResourceARN": STREAM});
    server.done("one", "DeleteResourcePolicy", &policy).await;
    server.denied("two", "ListShards", &rest).await;
}

#[tokio::test(start_paused = true)]
async fn policies_are_kept_until_they_are_deleted() {
    const ARN: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/flights";
    let client = Client::with_stream(1).await;
    let named = json!({"ResourceARN": ARN});
    assert_eq!(
        client.done("GetResourcePolicy", named.clone()).await,
        json!({"Policy": "{}"})
    );
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kinesis:*"}]}"#;
    client
        .done(
            "PutResourcePolicy",
            json!({"ResourceARN": ARN, "Policy": policy}),
        )
        .await;
    assert_eq!(
        client.done("GetResourcePolicy", named.clone()).await,
        json!({"Policy": policy})
    );
    client.done("DeleteResourcePolicy", named.clone()).await;
    assert_eq!(
        client.done("GetResourcePolicy", named.clone()).await,
        json!({"Policy": "{}"})
    );
    for (action, input, expected) in [
        (
            "DeleteResourcePolicy",
            named,
            "ResourceNotFoundException: No resource policy found for resource ARN arn:aws:kinesis:eu-west-1:000000000000:stream/flights.",
        ),
        (
            "PutResourcePolicy",
            json!({"ResourceARN": ARN, "Policy": "{}"}),
            "InvalidArgumentException: The policy cannot be used: it has no Statement.",
        ),
        (
            "PutResourcePolicy",
            json!({"ResourceARN": ARN, "Policy": policy.replace("kinesis:*", "s3:*")}),
            "InvalidArgumentException: The policy cannot be used: an Action is none of kinesis:*.",
        ),
        (
            "GetResourcePolicy",
            json!({"ResourceARN": ARN.replace("flights", "none")}),
            "ResourceNotFoundException: Stream none under account 000000000000 not found.",
        ),
    ] {
        assert_eq!(client.refused(action, input).await, expected);
    }
}
