//! Inputs nobody means: whatever a client sends to any action, in either codec, it is told in AWS's shape what is wrong
//! with it. Never a panic, never a failure of ours.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    actions_tests::Client,
    cbor,
    consumer_tests::register,
    generated::ACTIONS,
    schema::{ActionRow, Member, Need, Shape},
};

/// One value for a member: fitting, nearly fitting, or of another type.
#[derive(Debug, Clone)]
struct Choice {
    kind: u8,
    number: i64,
    text: String,
}

fn choice() -> impl Strategy<Value = Choice> {
    (any::<u8>(), any::<i64>(), ".{0,40}").prop_map(|(kind, number, text)| Choice {
        kind,
        number,
        text,
    })
}

/// Texts that mean something to some action.
const KNOWN: [&str; 18] = [
    "flights",
    "none",
    "0",
    "shardId-000000000000",
    "shardId-000000000009",
    "2147483648",
    "arn:aws:kinesis:eu-west-1:000000000000:stream/flights",
    "arn:aws:kinesis:eu-west-1:000000000000:stream/flights/consumer/board:1767225601",
    "arn:aws:kinesis:eu-west-1:000000000000:queue/q",
    "arn:aws:kinesis:::stream/",
    "KMS",
    "49680550192098768478149953174971516428615938707891945474",
    "340282366920938463463374607431768211456",
    "340282366920938463463374607431768211455",
    "170141183460469231731687303715884105728",
    "TRIM_HORIZON",
    "AAAAAAAAAAEAAAAAAAAAAA==",
    "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\"}}",
];

/// A text that fits a member of this name.
fn fitting(member: &str) -> Option<&'static str> {
    match member {
        "StreamName" => Some("flights"),
        "StreamARN" | "ResourceARN" => Some(KNOWN[6]),
        "ConsumerARN" => Some(KNOWN[7]),
        "ShardId" | "ShardToMerge" => Some("shardId-000000000002"),
        "ShardToSplit" => Some("shardId-000000000001"),
        "AdjacentShardToMerge" => Some("shardId-000000000003"),
        "NewStartingHashKey" => Some("255211775190703847597530955573826158591"),
        "PartitionKey" => Some("k"),
        "ConsumerName" => Some("board"),
        "Policy" => Some(KNOWN[17]),
        _ => None,
    }
}

/// A value for a shape; `choices` decide, and are used up by what is inside.
fn value(shape: &Shape, choices: &mut impl Iterator<Item = Choice>) -> Value {
    let Some(choice) = choices.next() else {
        return Value::Null;
    };
    let odd = |choice: &Choice| match choice.kind % 7 {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(choice.number),
        3 => json!(1.5e300),
        4 => json!([]),
        5 => json!({}),
        _ => json!(choice.text),
    };
    if choice.kind >= 240 {
        return odd(&choice);
    }
    match shape {
        Shape::Boolean => json!(choice.kind % 2 == 0),
        Shape::Timestamp => match choice.kind % 4 {
            0 => json!(choice.number),
            1 => json!(-1.5),
            _ => json!(1_767_225_600.5),
        },
        Shape::Integer { .. } => match choice.kind % 4 {
            0 => json!(choice.number),
            kind => json!(i64::from(kind) * 24),
        },
        Shape::Blob { .. } => match choice.kind % 3 {
            0 => json!(choice.text),
            _ => json!(base64_simd::STANDARD.encode_to_string(&choice.text)),
        },
        Shape::Text { one_of, .. } => text(&choice, one_of),
        Shape::List { member, .. } => {
            let items = usize::from(choice.kind % 4);
            (0..items).map(|_| value(member, choices)).collect()
        }
        Shape::Map { value: inner, .. } => {
            let items = usize::from(choice.kind % 4);
            let member = |index| (format!("{}{index}", choice.text), value(inner, choices));
            Value::Object((0..items).map(member).collect())
        }
        Shape::Structure { members, .. } => Value::Object(object(members, choices)),
    }
}

fn text(choice: &Choice, one_of: &[&str]) -> Value {
    let pick = |texts: &[&str]| texts[usize::from(choice.kind) % texts.len()].into();
    match (choice.kind % 8, one_of.is_empty()) {
        (0, _) => choice.text.clone().into(),
        (_, false) => pick(one_of),
        (_, true) => pick(&KNOWN),
    }
}

fn object(members: &[Member], choices: &mut impl Iterator<Item = Choice>) -> Map<String, Value> {
    let mut object = Map::new();
    for member in members {
        let Some(choice) = choices.next() else {
            break;
        };
        let left_out = member.need == Need::Optional && choice.kind % 2 == 0;
        // Reserved, and refused by its form nearly always.
        if left_out || member.name == "StreamId" {
            continue;
        }
        let known = fitting(member.name).filter(|_| choice.kind < 200);
        let value = known.map_or_else(|| value(member.shape, choices), Value::from);
        object.insert(member.name.to_owned(), value);
    }
    object
}

fn input(row: &ActionRow, choices: Vec<Choice>) -> Value {
    let Shape::Structure { members, .. } = row.input else {
        panic!("inputs are structures");
    };
    Value::Object(object(members, &mut choices.into_iter()))
}

async fn status(client: &Client, action: &str, content_type: &str, body: impl Into<Bytes>) -> u16 {
    let request = Request::post("/")
        .header("content-type", content_type)
        .header("x-amz-target", format!("Kinesis_20131202.{action}"))
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/1/eu-west-1/kinesis/x, SignedHeaders=b, Signature=c",
        )
        .body(Full::new(body.into()))
        .unwrap();
    let response = client.door.answer(request).await;
    let status = response.status().as_u16();
    let live = response
        .headers()
        .get("content-type")
        .map(|kind| kind.as_bytes())
        == Some(b"application/vnd.amazon.eventstream");
    let mut body = response.into_body();
    if live {
        body.frame().await.unwrap().unwrap();
    } else {
        body.collect().await.unwrap();
    }
    status
}

/// A server with a stream that was split, and a consumer.
async fn furnished() -> Client {
    let client = Client::with_stream(2).await;
    register(&client, "board").await;
    client.platform.clock.shift(Duration::from_secs(1));
    let split = json!({"StreamName": "flights", "ShardToSplit": "0", "NewStartingHashKey": "99"});
    client.done("SplitShard", split).await;
    client.settle().await;
    client
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_input_is_answered_with_a_failure_of_ours(
        steps in prop::collection::vec(
            (0..ACTIONS.len(), prop::collection::vec(choice(), 1..40), any::<bool>()),
            1..12,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = furnished().await;
            for (index, choices, in_cbor) in steps {
                let row = &ACTIONS[index];
                let input = input(row, choices);
                let status = if in_cbor {
                    let mut body = Vec::new();
                    cbor::push_value(&mut body, &input);
                    status(&client, row.name, "application/x-amz-cbor-1.1", body).await
                } else {
                    let body = input.to_string();
                    status(&client, row.name, "application/x-amz-json-1.1", body).await
                };
                assert!(matches!(status, 200 | 400), "{} {status} {input}", row.name);
                client.platform.clock.shift(Duration::from_millis(400));
            }
        });
    }
}
