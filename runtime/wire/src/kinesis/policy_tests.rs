//! Conversations of two accounts with a server that verifies signatures: each has its own streams, and what one lets the
//! other do.

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
        server
            .0
            .platform
            .clock
            .shift(std::time::Duration::from_secs(1));
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
        let policy = json!({ "Statement": statements }).to_string();
        let input = json!({"ResourceARN": STREAM, "Policy": policy});
        self.done("one", "PutResourcePolicy", &input).await;
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_are_worlds_of_their_own() {
    let server = Server::new().await;
    let mine = server.done("one", "ListStreams", &json!({})).await;
    assert_eq!(mine["StreamSummaries"][0]["StreamARN"], STREAM);
    let theirs = server.done("two", "ListStreams", &json!({})).await;
    assert_eq!(theirs["StreamNames"], json!([]));
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
