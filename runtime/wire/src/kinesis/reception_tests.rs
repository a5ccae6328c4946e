//! Requests that end at the door, each with the exact answer. The texts are those of recordings of AWS.

use http::{HeaderName, Request};
use model::{HashKey, Timestamp};
use proptest::prelude::*;

use super::{answer::Answer, reception::*};
use crate::hosts::AllowedHosts;

const SIGNED: [(&str, &str); 2] = [
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=a/1/eu-west-1/kinesis/x, SignedHeaders=b, Signature=c",
    ),
    ("x-amz-date", "20260101T000000Z"),
];

type Header<'a> = (&'a str, &'a str);

struct Asked<'a> {
    method: &'a str,
    headers: Vec<Header<'a>>,
    body: &'a [u8],
}

fn ask(asked: &Asked<'_>) -> Result<Call, Answer> {
    let mut request = Request::builder().method(asked.method).uri("/");
    for (name, value) in &asked.headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let body = bytes::Bytes::copy_from_slice(asked.body);
    let access = Access {
        hosts: &AllowedHosts::default(),
        keys: None,
        now: Timestamp::from_millis(0),
        streams: None,
    };
    receive(&parts, &body, access)
}

fn call(action: &str, body: &[u8]) -> Result<Call, Answer> {
    let target = format!("Kinesis_20131202.{action}");
    let mut headers = vec![
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", &*target),
    ];
    headers.extend(SIGNED);
    ask(&Asked {
        method: "POST",
        headers,
        body,
    })
}

fn text(answer: &Answer) -> String {
    let content_type = answer
        .headers
        .iter()
        .find(|(name, _)| *name == http::header::CONTENT_TYPE);
    let content_type = content_type.map_or("-", |(_, value)| value.as_str());
    let body = String::from_utf8_lossy(&answer.body);
    format!("{} {content_type} {body}", answer.status.as_u16())
}

fn refusal(action: &str, body: &str) -> String {
    text(&call(action, body.as_bytes()).expect_err("this request should be refused"))
}

fn check_error(action: &str, body: &str, name: &str, member: &str, message: &str) {
    let message = serde_json::Value::from(message);
    let expected = format!(r#"{{"__type":"{name}","{member}":{message}}}"#);
    assert_eq!(
        refusal(action, body),
        format!("400 application/x-amz-json-1.1 {expected}"),
        "{action} {body}"
    );
}

fn check_type_error(action: &str, body: &str, expected: &str) {
    check_error(action, body, "SerializationException", "Message", expected);
}

fn check_violations(action: &str, body: &str, expected: &[&str]) {
    let plural = if expected.len() == 1 { "" } else { "s" };
    let list = expected.join("; ");
    let message = format!(
        "{} validation error{plural} detected: {list}",
        expected.len()
    );
    check_error(action, body, "ValidationException", "message", &message);
}

#[test]
fn requests_that_are_no_calls_are_answered_in_the_form_of_aws() {
    const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.1");
    const TARGET: (&str, &str) = ("x-amz-target", "Kinesis_20131202.ListStreams");
    let denied = "403 - <AccessDeniedException>\n  <Message>Unable to determine service/operation \
                  name to be authorized</Message>\n</AccessDeniedException>\n";
    let unknown_cbor =
        "400 application/x-amz-cbor-1.1 \u{fffd}f__typex\u{19}UnknownOperationException\u{fffd}";
    let serialization = r#"400 application/x-amz-json-1.1 {"__type":"SerializationException"}"#;
    let unknown = r#"400 application/x-amz-json-1.1 {"__type":"UnknownOperationException"}"#;
    let old = ("content-type", "application/json");
    let cases: [(&str, Vec<Header<'_>>, &str, &str); 16] = [
        ("GET", vec![], "", denied),
        ("PUT", vec![JSON, TARGET], "{}", denied),
        ("DELETE", vec![("origin", "x")], "", denied),
        ("OPTIONS", vec![], "", denied),
        ("OPTIONS", vec![("origin", "x")], "", "200 - "),
        ("POST", vec![], "", unknown_cbor),
        ("POST", vec![("x-amz-target", "Whatever")], "", unknown_cbor),
        (
            "POST",
            vec![TARGET],
            "",
            "400 application/x-amz-cbor-1.1 \u{fffd}f__typevSerializationException\u{fffd}",
        ),
        ("POST", vec![], "{}", denied),
        (
            "POST",
            vec![TARGET],
            "{}",
            "404 - <UnknownOperationException/>\n",
        ),
        ("POST", vec![JSON], "", unknown),
        ("POST", vec![JSON, TARGET], "", serialization),
        ("POST", vec![JSON, TARGET], "hello", serialization),
        (
            "POST",
            vec![JSON, ("x-amz-target", "Kinesis_20131202.ListStream")],
            "{}",
            unknown,
        ),
        (
            "POST",
            vec![old, TARGET],
            "{}",
            r#"404 application/json {"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#,
        ),
        (
            "POST",
            vec![old, TARGET],
            "hello",
            r#"400 application/json {"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}"#,
        ),
    ];
    for (method, headers, body, expected) in cases {
        let asked = Asked {
            method,
            headers,
            body: body.as_bytes(),
        };
        let answer = ask(&asked).expect_err("this request should be refused");
        assert_eq!(
            text(&answer),
            expected,
            "{method} {:?} {body}",
            asked.headers
        );
    }
}

#[test]
fn signatures_come_after_the_body_and_before_its_members() {
    let target = ("x-amz-target", "Kinesis_20131202.PutRecord");
    let json = ("content-type", "application/x-amz-json-1.1; charset=utf-8");
    let missing = r#"400 application/x-amz-json-1.1 {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}"#;
    for body in [
        r#"{"StreamName":7}"#,
        r#"{"StreamName":"a","PartitionKey":"b","Data":""}"#,
    ] {
        let asked = Asked {
            method: "POST",
            headers: vec![json, target],
            body: body.as_bytes(),
        };
        assert_eq!(text(&ask(&asked).unwrap_err()), missing);
    }
    let broken = Asked {
        method: "POST",
        headers: vec![json, target],
        body: b"{",
    };
    assert_eq!(
        text(&ask(&broken).unwrap_err()),
        r#"400 application/x-amz-json-1.1 {"__type":"SerializationException"}"#
    );
}

#[test]
fn web_pages_and_foreign_hosts_stay_outside() {
    let target = ("x-amz-target", "Kinesis_20131202.ListStreams");
    let json = ("content-type", "application/x-amz-json-1.1");
    let mut headers = vec![json, target, ("origin", "http://example.com")];
    headers.extend(SIGNED);
    let page = ask(&Asked {
        method: "POST",
        headers,
        body: b"{}",
    })
    .unwrap_err();
    insta::assert_snapshot!(
        text(&page),
        @r#"400 application/x-amz-json-1.1 {"__type":"AccessDeniedException","message":"Requests from web pages must carry the signature of a known key."}"#
    );
    let mut headers = vec![json, target, ("host", "evil.example:4566")];
    headers.extend(SIGNED);
    let rebound = ask(&Asked {
        method: "POST",
        headers,
        body: b"{}",
    })
    .unwrap_err();
    assert_eq!(rebound.status.as_u16(), 403);
    assert!(rebound.headers.contains(&(
        HeaderName::from_static("x-shardmill-hint"),
        "this server answers on loopback names only: use localhost or 127.0.0.1 as host".to_owned()
    )));
}

#[test]
fn members_of_wrong_type_are_refused_one_at_a_time() {
    let number =
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to";
    let list = "Start of list found where not expected";
    let object = "Start of structure or map found where not expected.";
    for (body, expected) in [
        (
            r#"{"StreamName":true}"#,
            "class java.lang.Boolean can not be converted to an String",
        ),
        (r#"{"StreamName":34.56}"#, &format!("{number} an String")),
        (r#"{"StreamName":[]}"#, list),
        (r#"{"StreamName":{}}"#, object),
        (
            r#"{"ShardCount":"23"}"#,
            "class java.lang.String can not be converted to an Integer",
        ),
        (
            r#"{"ShardCount":true}"#,
            "class java.lang.Boolean can not be converted to an Integer",
        ),
        (r#"{"StreamModeDetails":"23"}"#, "Expected null"),
        (r#"{"StreamModeDetails":[]}"#, list),
        (r#"{"Tags":"23"}"#, "Expected map or null"),
        (r#"{"Tags":[]}"#, list),
        (r#"{"Tags":{"a":1}}"#, &format!("{number} an String")),
    ] {
        check_type_error("CreateStream", body, expected);
    }
    for (body, expected) in [
        (r#"{"Records":"23"}"#, "Expected list or null"),
        (r#"{"Records":{}}"#, object),
        (r#"{"Records":[5]}"#, "Expected null"),
        (r#"{"Records":[[]]}"#, list),
        (
            r#"{"Records":[{"Data":true}]}"#,
            "class java.lang.Boolean can not be converted to a Blob",
        ),
        (r#"{"Records":[{"Data":23}]}"#, &format!("{number} a Blob")),
        (
            r#"{"Records":[{"Data":"23456"}]}"#,
            "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 \
             bytes but found: 5",
        ),
        (
            r#"{"Records":[{"Data":"=+/="}]}"#,
            "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='",
        ),
        (
            r#"{"Records":[{"Data":"+/+="}]}"#,
            "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
        ),
        (
            r#"{"DryRun":"yes"}"#,
            "'YES' can not be converted to an Boolean",
        ),
        (r#"{"DryRun":1}"#, &format!("{number} an Boolean")),
    ] {
        check_type_error("PutRecords", body, expected);
    }
    check_type_error(
        "GetShardIterator",
        r#"{"Timestamp":"now"}"#,
        "class java.lang.String can not be converted to milliseconds since epoch",
    );
}

fn null(member: &str) -> String {
    format!("Value null at '{member}' failed to satisfy constraint: Member must not be null")
}

fn name_pattern(member: &str, value: &str) -> String {
    format!(
        "Value '{value}' at '{member}' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    )
}

fn bound(member: &str, value: &str, bound: &str) -> String {
    format!("Value '{value}' at '{member}' failed to satisfy constraint: Member must have {bound}")
}

fn empty(member: &str) -> String {
    bound(member, "", "length greater than or equal to 1")
}

#[test]
fn absent_members_are_listed_in_the_order_of_aws() {
    check_violations("CreateStream", "{}", &[&null("streamName")]);
    check_violations("DescribeStream", "{}", &[&null("streamName")]);
    check_violations("PutRecords", "{}", &[&null("records"), &null("streamName")]);
    check_violations(
        "PutRecord",
        "{}",
        &[&null("partitionKey"), &null("data"), &null("streamName")],
    );
    check_violations(
        "GetShardIterator",
        "{}",
        &[
            &null("shardId"),
            &null("shardIteratorType"),
            &null("streamName"),
        ],
    );
    check_violations("GetRecords", "{}", &[&null("shardIterator")]);
}

#[test]
fn violations_come_in_one_text_and_in_the_order_of_aws() {
    check_violations(
        "PutRecords",
        r#"{"StreamName":"","Records":[]}"#,
        &[
            &bound("records", "[]", "length greater than or equal to 1"),
            &name_pattern("streamName", ""),
            &empty("streamName"),
        ],
    );
    check_violations(
        "DescribeStream",
        r#"{"StreamName":"","Limit":0,"ExclusiveStartShardId":""}"#,
        &[
            &bound("limit", "0", "value greater than or equal to 1"),
            &name_pattern("exclusiveStartShardId", ""),
            &empty("exclusiveStartShardId"),
            &name_pattern("streamName", ""),
            &empty("streamName"),
        ],
    );
    check_violations(
        "GetRecords",
        &format!(
            r#"{{"ShardIterator":"{}","Limit":100000}}"#,
            "a".repeat(513)
        ),
        &[
            &bound("limit", "100000", "value less than or equal to 10000"),
            &bound(
                "shardIterator",
                &"a".repeat(513),
                "length less than or equal to 512",
            ),
        ],
    );
    check_violations(
        "GetShardIterator",
        r#"{"StreamName":"a","ShardId":"b","ShardIteratorType":"","StartingSequenceNumber":""}"#,
        &[
            "Value '' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value \
             set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
            r"Value '' at 'startingSequenceNumber' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})",
        ],
    );
    check_violations(
        "PutRecord",
        r#"{"StreamName":"","PartitionKey":"","Data":"","ExplicitHashKey":"","SequenceNumberForOrdering":""}"#,
        &[
            r"Value '' at 'sequenceNumberForOrdering' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})",
            &empty("partitionKey"),
            r"Value '' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})",
            &name_pattern("streamName", ""),
            &empty("streamName"),
        ],
    );
}

#[test]
fn members_inside_lists_and_maps_are_named_by_their_place() {
    check_violations(
        "PutRecords",
        r#"{"StreamName":"a","Records":[{"PartitionKey":"k","Data":""},null]}"#,
        &["Value null at 'records.2.member' failed to satisfy constraint: Member must not be null"],
    );
    check_violations(
        "PutRecords",
        r#"{"StreamName":"a","Records":[{"PartitionKey":"","Data":""},{"Data":"","PartitionKey":"k","ExplicitHashKey":"x"}]}"#,
        &[
            "Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
            r"Value 'x' at 'records.2.member.explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})",
        ],
    );
    check_violations(
        "CreateStream",
        r#"{"StreamName":"a","ShardCount":0,"StreamModeDetails":{"StreamMode":"X"},"Tags":{"":"b"}}"#,
        &[
            "Value '{=b}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: \
             [Member must have length less than or equal to 128, \
             Member must have length greater than or equal to 1]",
            "Value 'X' at 'streamModeDetails.streamMode' failed to satisfy constraint: \
             Member must satisfy enum value set: [ON_DEMAND, PROVISIONED]",
            "Value '0' at 'shardCount' failed to satisfy constraint: \
             Member must have value greater than or equal to 1",
        ],
    );
    check_violations(
        "RemoveTagsFromStream",
        r#"{"StreamName":"a","TagKeys":[""]}"#,
        &[
            "Value '[]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: \
           [Member must have length less than or equal to 128, \
           Member must have length greater than or equal to 1]",
        ],
    );
}

#[test]
fn at_most_ten_violations_are_listed() {
    let records = vec![r#"{"PartitionKey":"","Data":""}"#; 20].join(",");
    let answer = refusal(
        "PutRecords",
        &format!(r#"{{"StreamName":"a","Records":[{records}]}}"#),
    );
    assert!(
        answer.contains("\"10 validation errors detected: "),
        "{answer}"
    );
    assert!(answer.contains("records.10.member") && !answer.contains("records.11.member"));
}

#[test]
fn too_large_data_are_reported_by_their_decoded_length() {
    let data = base64_simd::STANDARD.encode_to_string(vec![0; 10_485_761]);
    check_violations(
        "PutRecord",
        &format!(r#"{{"StreamName":"a","PartitionKey":"b","Data":"{data}"}}"#),
        &[
            "Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]' at 'data' failed to satisfy \
           constraint: Member must have length less than or equal to 10485760",
        ],
    );
}

#[test]
fn puts_in_order_take_the_short_way_and_odd_ones_the_long() {
    let input = |body: &str| call("PutRecords", body.as_bytes()).unwrap().input;
    let plain = r#"{"StreamName":"a","Records":[{"Data":"aGk=","PartitionKey":"\u00e9"},{"Data":"","PartitionKey":"b","ExplicitHashKey":"7"}]}"#;
    let Input::PutRecords(plain) = input(plain) else {
        panic!("expected the short way")
    };
    let entries: Vec<_> = plain
        .records
        .iter()
        .map(|entry| {
            (
                entry.partition_key.as_ref(),
                entry.explicit_hash_key,
                entry.data.as_ref(),
            )
        })
        .collect();
    assert_eq!(
        entries,
        [
            ("é".as_bytes(), None, b"hi".as_slice()),
            (b"b", Some(HashKey(7)), b"")
        ]
    );

    let odd = r#"{"StreamARN":"arn:aws:kinesis:eu-west-1:000000000000:stream/a","Records":[{"Data":"aGk=","PartitionKey":"b"}]}"#;
    assert!(matches!(input(odd), Input::Object(_)));
}

proptest! {
    #[test]
    fn hostile_bodies_are_only_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for action in ["PutRecords", "PutRecord", "CreateStream", "GetRecords"] {
            prop_assert!(call(action, &body).is_err());
        }
    }

    #[test]
    fn bodies_cut_anywhere_are_only_refused(cut in 0_usize..95) {
        let body = br#"{"StreamName":"a","Records":[{"Data":"aGk=","PartitionKey":"b","ExplicitHashKey":"5"},{"x":1.5}]}"#;
        let answer = call("PutRecords", &body[..cut]).unwrap_err();
        prop_assert_eq!(
            text(&answer),
            r#"400 application/x-amz-json-1.1 {"__type":"SerializationException"}"#
        );
    }
}

#[test]
fn deep_and_huge_bodies_are_only_refused() {
    let deep = format!(
        r#"{{"StreamName":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let huge = r#"{"StreamName":"a","ShardCount":1e999}"#;
    let not_utf8 = b"{\"StreamName\":\"\xff\xfe\"}";
    for body in [deep.as_bytes(), huge.as_bytes(), not_utf8] {
        assert!(call("CreateStream", body).is_err());
    }
    let largest = call(
        "CreateStream",
        br#"{"StreamName":"a","ShardCount":100000000000000000000}"#,
    );
    assert!(largest.is_ok());
}
