//! Requests that no client would make: any method, any headers, bodies of any bytes, and sound bodies with bytes changed.
//! Every answer has one of AWS's shapes, and none says that we failed.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use serde_json::Value;

use super::{actions_tests::Client, door_tests::Broken};
use crate::AnswerBody;

const JSON: &str = "application/x-amz-json-1.1";
const CBOR: &str = "application/x-amz-cbor-1.1";
const AUTHORIZATION: &str =
    "AWS4-HMAC-SHA256 Credential=a/1/eu-west-1/kinesis/x, SignedHeaders=b, Signature=c";

/// Bodies from which one changed byte leads to where parsers decide.
const CORPUS: &[&[u8]] = &[
    b"",
    b"{}",
    b"[]",
    b"null",
    b"{\"StreamName\":\"flights\"}",
    b"{\"StreamName\":\"flights\",\"StreamName\":\"flights\"}",
    b"{\"StreamName\":\"fl\\ud83d\",\"Limit\":1e400}",
    b"{\"StreamName\":\"flights\",\"PartitionKey\":\"k\",\"Data\":\"YQ==\"}",
    b"{\"StreamName\":\"flights\",\"Records\":[{\"PartitionKey\":\"k\",\"Data\":\"YQ==\"},{}]}",
    b"{\"StreamName\":\"flights\",\"Records\":[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]}",
    b"{\"ShardIterator\":\"\\\"AAAAAAAAAAE=\\\"\"}",
    b"{\"NextToken\":\"AAAA\"}",
    // {"StreamName": "f", "Timestamp": 1(1)}, definite and indefinite; a length of 2^64 - 1; tags in tags.
    b"\xa2jStreamNameafiTimestamp\xc1\x01",
    b"\xbfjStreamName\x7faf\xff\xff",
    b"\xa1dData\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1\x00",
    b"\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f",
    b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
];

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        8 => Just(Method::POST),
        1 => Just(Method::GET),
        1 => Just(Method::OPTIONS),
        1 => Just(Method::PATCH),
        1 => "[A-Z]{1,9}".prop_map(|name| Method::from_bytes(name.as_bytes()).unwrap()),
    ]
}

fn content_type() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(JSON.as_bytes().to_vec()),
        4 => Just(CBOR.as_bytes().to_vec()),
        1 => Just(b"application/json".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "Kinesis_20131202\\.(PutRecord|PutRecords|GetRecords|ListShards|SubscribeToShard)"
            .prop_map(String::into_bytes),
        1 => "[A-Za-z_0-9]{0,20}\\.?[A-Za-z]{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ]
}

fn authorization() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(AUTHORIZATION.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..90),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let changed = (
        prop::sample::select(CORPUS),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<prop::sample::Index>(),
    );
    let changed = changed.prop_map(|(sound, changes, end)| {
        let mut body = sound.to_vec();
        for (place, byte) in changes {
            if !body.is_empty() {
                let place = place.index(body.len());
                body[place] = byte;
            }
        }
        // Most are whole.
        let end = end.index(4 * (body.len() + 1));
        body.truncate(end.max(1));
        body
    });
    prop_oneof![
        3 => changed,
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// What may keep a body from coming as a whole.
fn broken() -> impl Strategy<Value = Option<Broken>> {
    prop_oneof![
        20 => Just(None),
        1 => Just(Some(Broken::TooLarge)),
        1 => Just(Some(Broken::Stalled)),
        1 => Just(Some(Broken::CutOff)),
    ]
}

/// Whether an error is what a client of AWS can read.
fn is_of_aws(kind: &str, body: &[u8]) -> bool {
    let names_a_type = |value: &Value| value.get("__type").is_some_and(Value::is_string);
    match kind {
        "" => body.is_empty() || body.starts_with(b"<"),
        JSON => serde_json::from_slice(body).is_ok_and(|value| names_a_type(&value)),
        CBOR => body.windows(6).any(|part| part == b"__type"),
        _ => kind.contains("json") && body.windows(6).any(|part| part == b"__type"),
    }
}

async fn check(response: Response<AnswerBody>, request: &str) {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type");
    let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
    assert!((200..500).contains(&status), "{status}: {request}");
    assert!(
        response.headers().contains_key("x-amzn-requestid"),
        "{request}"
    );
    if kind == "application/vnd.amazon.eventstream" {
        return;
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let fits = status == 200 || is_of_aws(&kind, &body);
    assert!(fits, "{status} {kind} {body:?}: {request}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn garbage_is_answered_in_the_shapes_of_aws(
        requests in prop::collection::vec(
            (method(), content_type(), target(), authorization(), body(), any::<bool>(), broken()),
            1..20,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = Client::with_stream(1).await;
            for (method, content_type, target, authorization, body, from_page, broken) in requests {
                let shown = format!("{method} {content_type:?} {target:?} {authorization:?} {body:?} {broken:?}");
                let mut request = Request::new(Full::new(Bytes::from(body)));
                *request.method_mut() = method;
                let headers = request.headers_mut();
                for (name, value) in [
                    ("content-type", content_type),
                    ("x-amz-target", target),
                    ("authorization", authorization),
                    ("x-amz-date", b"20260101T000000Z".to_vec()),
                ] {
                    // What HTTP itself forbids in a header never comes this far.
                    if let Ok(value) = HeaderValue::from_bytes(&value) {
                        headers.insert(HeaderName::from_static(name), value);
                    }
                }
                if from_page {
                    headers.insert("origin", HeaderValue::from_static("http://example.com"));
                }
                let Some(broken) = broken else {
                    check(client.door.answer(request).await, &shown).await;
                    continue;
                };
                let response = client.door.answer(request.map(|_| broken)).await;
                let named = response.headers().contains_key("content-type");
                assert!(response.status().is_client_error() && named, "{shown}");
                check(response, &shown).await;
            }
        });
    }
}
