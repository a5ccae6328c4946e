//! What is written is read back; inputs in CBOR and in JSON mean the same; hostile bodies are only refused.

use bytes::Bytes;
use http::Request;
use minicbor::Encoder;
use model::{HashKey, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{
        answer::{Answer, Codec},
        decode::check_types,
        generated::Action,
        reception::{Access, Call, Input, receive},
        schema::{ActionRow, Shape},
    },
    *,
};
use crate::hosts::AllowedHosts;

fn call(action: &str, body: impl Into<Bytes>) -> Result<Call, Answer> {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-cbor-1.1")
        .header("x-amz-target", format!("Kinesis_20131202.{action}"))
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/1/eu-west-1/kinesis/x, SignedHeaders=b, Signature=c",
        );
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let access = Access {
        hosts: &AllowedHosts::default(),
        keys: None,
        now: Timestamp::from_millis(0),
        streams: None,
    };
    receive(&parts, &body.into(), access)
}

fn members(action: &str) -> &'static [super::super::schema::Member] {
    let row = ActionRow::targeted(&format!("Kinesis_20131202.{action}")).unwrap();
    let Shape::Structure { members, .. } = row.input else {
        panic!("inputs are structures");
    };
    members
}

/// As a client would write it: blobs as byte strings, moments as tagged milliseconds, containers without length.
fn written(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut body = Vec::new();
    write(&mut Encoder::new(&mut body));
    body
}

fn error_of(body: &[u8]) -> Value {
    #[derive(Debug)]
    struct Pairs(Value);
    impl<'b, C> minicbor::Decode<'b, C> for Pairs {
        fn decode(
            decoder: &mut minicbor::Decoder<'b>,
            _: &mut C,
        ) -> Result<Self, minicbor::decode::Error> {
            let pairs: Result<Vec<(&str, &str)>, _> = decoder.map_iter()?.collect();
            let object = pairs?
                .into_iter()
                .map(|(name, text)| (name.to_owned(), text.into()));
            Ok(Self(Value::Object(object.collect())))
        }
    }
    minicbor::decode::<Pairs>(body).unwrap().0
}

#[test]
fn inputs_of_both_codecs_mean_the_same() {
    let body = written(|e| {
        e.begin_map().unwrap();
        e.str("StreamName").unwrap().str("flights").unwrap();
        e.str("ShardId").unwrap().begin_str().unwrap();
        e.str("shardId-").unwrap().str("1").unwrap().end().unwrap();
        e.str("ShardIteratorType")
            .unwrap()
            .str("AT_TIMESTAMP")
            .unwrap();
        e.str("Timestamp").unwrap();
        e.tag(minicbor::data::Tag::new(1))
            .unwrap()
            .u64(1_500)
            .unwrap();
        e.str("DryRun").unwrap().null().unwrap();
        e.str("Unknown")
            .unwrap()
            .array(2)
            .unwrap()
            .bytes(b"x")
            .unwrap()
            .map(0)
            .unwrap();
        e.end().unwrap();
    });
    let Input::Object(object) = call("GetShardIterator", body).unwrap().input else {
        panic!("an object");
    };
    assert_eq!(
        Value::Object(object),
        json!({
            "StreamName": "flights", "ShardId": "shardId-1", "ShardIteratorType": "AT_TIMESTAMP",
            "Timestamp": 1.5, "DryRun": null,
        })
    );
}

#[test]
fn moments_are_milliseconds_and_only_fractions_are_seconds() {
    let moment = |write: &dyn Fn(&mut Encoder<&mut Vec<u8>>)| {
        let body = written(|e| {
            e.map(1).unwrap().str("Timestamp").unwrap();
            write(e);
        });
        read_body(&body, members("GetShardIterator"))
            .unwrap()
            .object["Timestamp"]
            .take()
    };
    let tag = minicbor::data::Tag::new(1);
    for (expected, read) in [
        (
            json!(1.5),
            moment(&|e| drop(e.tag(tag).unwrap().u16(1_500))),
        ),
        (
            json!(0.0),
            moment(&|e| drop(e.tag(tag).unwrap().i16(-1_500))),
        ),
        (json!(2.5), moment(&|e| drop(e.tag(tag).unwrap().f64(2.5)))),
        (json!(3), moment(&|e| drop(e.u8(3)))),
    ] {
        assert_eq!(read, expected);
    }
}

#[test]
fn puts_take_the_short_way_and_share_the_body() {
    let body = Bytes::from(written(|e| {
        e.begin_map().unwrap();
        e.str("StreamName").unwrap().str("flights").unwrap();
        e.str("Records").unwrap().begin_array().unwrap();
        e.begin_map().unwrap();
        e.str("Data").unwrap().bytes(b"hello").unwrap();
        e.str("PartitionKey").unwrap().str("é").unwrap();
        e.str("ExplicitHashKey").unwrap().str("7").unwrap();
        e.end().unwrap().end().unwrap().end().unwrap();
    }));
    let Input::PutRecords(puts) = call("PutRecords", body.clone()).unwrap().input else {
        panic!("expected the short way");
    };
    let [entry] = puts.records.as_slice() else {
        panic!("one record");
    };
    assert_eq!(
        (
            entry.partition_key.as_ref(),
            entry.explicit_hash_key,
            entry.data.as_ref()
        ),
        ("é".as_bytes(), Some(HashKey(7)), b"hello".as_slice())
    );
    assert!(body.as_ptr_range().contains(&entry.data.as_ptr()));
}

#[test]
fn unusual_puts_take_the_long_way_to_the_same_record() {
    let body = written(|e| {
        e.map(4).unwrap();
        e.str("StreamName").unwrap().str("flights").unwrap();
        e.str("PartitionKey").unwrap().str("k").unwrap();
        e.str("SequenceNumberForOrdering")
            .unwrap()
            .str("0")
            .unwrap();
        e.str("Data").unwrap().begin_bytes().unwrap();
        e.bytes(b"hel")
            .unwrap()
            .bytes(b"lo")
            .unwrap()
            .end()
            .unwrap();
    });
    let Input::Object(object) = call("PutRecord", body).unwrap().input else {
        panic!("expected the long way");
    };
    let put = super::super::puts::PutRecordBody::from_object(object).unwrap();
    assert_eq!(put.record.data.as_ref(), b"hello");
}

#[test]
fn refusals_mirror_the_codec() {
    let number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String";
    let bytes = "class java.nio.HeapByteBuffer can not be converted to an String";
    let violation = "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null";
    for (body, expected) in [
        (
            written(|e| drop(e.map(1).unwrap().str("StreamName").unwrap().u8(7))),
            json!({"__type": "SerializationException", "Message": number}),
        ),
        (
            written(|e| drop(e.map(1).unwrap().str("StreamName").unwrap().bytes(b"a"))),
            json!({"__type": "SerializationException", "Message": bytes}),
        ),
        (
            written(|e| {
                drop(
                    e.map(1)
                        .unwrap()
                        .str("StreamName")
                        .unwrap()
                        .array(1)
                        .unwrap()
                        .u8(1),
                )
            }),
            json!({"__type": "SerializationException", "Message": "Start of list found where not expected"}),
        ),
        (
            written(|e| drop(e.map(0))),
            json!({"__type": "ValidationException", "message": violation}),
        ),
        (
            b"\x00".to_vec(),
            json!({"__type": "SerializationException"}),
        ),
        (
            b"\xa0\xa0".to_vec(),
            json!({"__type": "SerializationException"}),
        ),
    ] {
        let answer = call("CreateStream", body).unwrap_err();
        assert_eq!(answer.status.as_u16(), 400);
        assert!(
            answer
                .headers
                .iter()
                .any(|(_, value)| value == "application/x-amz-cbor-1.1")
        );
        assert_eq!(error_of(&answer.body), expected);
    }
}

#[test]
fn deep_and_huge_bodies_are_only_refused() {
    let deep = [b"\xa1\x6aStreamName".as_slice(), &[0x81; 100_000], b"\x00"].concat();
    let tags = [b"\xa1\x6aStreamName".as_slice(), &[0xc2; 100_000], b"\x00"].concat();
    let unknown = [b"\xbf\x61x".as_slice(), &[0x9f; 100_000]].concat();
    let endless = b"\xa1\x67Records\x9b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    let long_text = b"\xa1\x7b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    for body in [deep, tags, unknown, endless, long_text] {
        for action in ["PutRecords", "CreateStream", "NoSuchAction"] {
            assert!(call(action, body.clone()).is_err());
        }
    }
}

#[test]
fn answers_are_written_as_aws_writes_them() {
    let document =
        json!({"A": "x", "B": [1, -2, 300, 70_000, 5_000_000_000_u64], "C": 1.5, "D": true});
    let mut body = Vec::new();
    push_value(&mut body, &document);
    let mut expected = b"\xa4\x61A\x61x\x61B\x85\x01\x21\x19\x01\x2c\x1a\x00\x01\x11\x70".to_vec();
    expected
        .extend_from_slice(b"\x1b\x00\x00\x00\x01\x2a\x05\xf2\x00\x61C\xc1\x19\x05\xdc\x61D\xf5");
    assert_eq!(body, expected);
    let answer = Answer::document(Codec::Cbor, &document).unwrap();
    assert_eq!(answer.body, expected);
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,300}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,30}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Another reader of CBOR than the one under test.
fn read_any(decoder: &mut minicbor::Decoder<'_>) -> Value {
    use minicbor::data::Type;
    let kind = decoder.datatype().unwrap();
    if kind == Type::Bool {
        decoder.bool().unwrap().into()
    } else if kind == Type::String {
        decoder.str().unwrap().into()
    } else if kind == Type::Array {
        let items = decoder.array().unwrap().unwrap();
        (0..items).map(|_| read_any(decoder)).collect()
    } else if kind == Type::Map {
        let members = decoder.map().unwrap().unwrap();
        let member = |_| (decoder.str().unwrap().to_owned(), read_any(decoder));
        Value::Object((0..members).map(member).collect())
    } else {
        let whole = i128::from(decoder.int().unwrap());
        i64::try_from(whole).unwrap().into()
    }
}

proptest! {
    #[test]
    fn documents_read_back(document in document()) {
        let mut body = Vec::new();
        push_value(&mut body, &document);
        let mut decoder = minicbor::Decoder::new(&body);
        prop_assert_eq!(read_any(&mut decoder), document);
        prop_assert_eq!(decoder.position(), body.len());
    }

    #[test]
    fn hostile_bodies_are_only_refused(body in prop::collection::vec(any::<u8>(), 1..200)) {
        for action in ["PutRecords", "PutRecord", "CreateStream", "GetRecords", "AddTagsToStream"] {
            if let Err(answer) = call(action, body.clone()) {
                prop_assert_eq!(answer.status.as_u16(), 400);
            }
        }
    }

    #[test]
    fn bodies_changed_anywhere_are_refused_or_understood(at in 0_usize..120, to: u8, cut: bool) {
        let mut body = written(|e| {
            e.begin_map().unwrap();
            e.str("StreamName").unwrap().str("flights").unwrap();
            e.str("Records").unwrap().array(1).unwrap().map(3).unwrap();
            e.str("Data").unwrap().bytes(b"hello").unwrap();
            e.str("PartitionKey").unwrap().str("k").unwrap();
            e.str("ExplicitHashKey").unwrap().str("7").unwrap();
            e.end().unwrap();
        });
        let at = at % body.len();
        if cut {
            body.truncate(at.max(1));
        } else {
            body[at] = to;
        }
        if let Err(answer) = call("PutRecords", body) {
            prop_assert_eq!(answer.status.as_u16(), 400);
        }
    }

    #[test]
    fn the_short_way_agrees_with_the_long_one(
        key in "[a-z]{1,5}", data in prop::collection::vec(any::<u8>(), 0..40), hash in prop::option::of(any::<u128>()),
    ) {
        let hash_text = hash.map(|hash| hash.to_string());
        let body = Bytes::from(written(|e| {
            e.map(3 + u64::from(hash.is_some())).unwrap();
            e.str("StreamName").unwrap().str("flights").unwrap();
            e.str("PartitionKey").unwrap().str(&key).unwrap();
            e.str("Data").unwrap().bytes(&data).unwrap();
            if let Some(hash) = &hash_text {
                e.str("ExplicitHashKey").unwrap().str(hash).unwrap();
            }
        }));
        let Some(Input::PutRecord(short)) = read_put(Action::PutRecord, &body) else {
            panic!("in order");
        };
        let long = read_body(&body, members("PutRecord")).unwrap().object;
        prop_assert!(check_types(members("PutRecord"), &long).is_ok());
        let long = super::super::puts::PutRecordBody::from_object(long).unwrap();
        prop_assert_eq!(format!("{short:?}"), format!("{long:?}"));
    }
}
