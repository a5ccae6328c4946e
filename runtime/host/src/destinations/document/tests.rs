//! What a document says, by condition: one table over what is owed.

use model::{
    FencingToken, FunctionName, FunctionVersion, Position, ShardId, StreamKey, StreamName,
    Timestamp, TriggerName,
};
use serde_json::{Value, json};

use super::*;

const NOV_30: Timestamp = Timestamp::from_millis(1_796_038_496_250);

fn owed() -> Owed {
    let at = |sequence: &str| Position {
        sequence: sequence.parse().unwrap(),
        sub_sequence: 0,
    };
    Owed {
        trigger: TriggerName::parse("late").unwrap(),
        destination: "queue".to_owned(),
        stream: StreamKey {
            account: model::AccountId::parse("000000000000").unwrap(),
            region: model::Region::parse("us-east-1").unwrap(),
            name: StreamName::parse("flights").unwrap(),
        },
        function: FunctionName::parse("late").unwrap(),
        qualifier: None,
        shard: ShardId(2),
        fencing_token: FencingToken(7),
        condition: Condition::RetryAttemptsExhausted,
        attempts: 4,
        version: Some(FunctionVersion(3)),
        error_type: Some("BadDate".to_owned()),
        first: at(FIRST),
        last: at(LAST),
        first_arrived: NOV_30.minus(std::time::Duration::from_secs(61)),
        last_arrived: NOV_30,
        records: 2,
        written: NOV_30,
        letters: vec!["one".to_owned()],
    }
}

const FIRST: &str = "49590338271490256608559692538361571095921575989136588898";
const LAST: &str = "49590338271490256608559692540925702759324208523137515618";

fn said(owed: &Owed) -> Value {
    serde_json::from_slice(&Document::of(owed).to_bytes()).unwrap()
}

#[test]
fn every_condition_says_how_often_it_was_tried_and_what_the_function_answered() {
    let answered = |error: Option<&str>, version: &str| json!({ "statusCode": 200, "executedVersion": version, "functionError": error });
    let threw = answered(Some("Unhandled"), "3");
    let never = (None, None);
    let tried = (Some(FunctionVersion(3)), Some("BadDate"));
    for (condition, attempts, (version, error), count, response) in [
        (
            Condition::RetryAttemptsExhausted,
            4,
            tried,
            4,
            Some(threw.clone()),
        ),
        // A5, PB-11: it named what failed instead of throwing.
        (
            Condition::RetryAttemptsExhausted,
            4,
            (Some(FunctionVersion::LATEST), Some("BatchItemFailure")),
            4,
            Some(answered(None, "$LATEST")),
        ),
        (
            Condition::RetryAttemptsExhausted,
            1,
            (Some(FunctionVersion(3)), Some("MalformedOutput")),
            1,
            Some(answered(None, "3")),
        ),
        // A16: too large for any request.
        (
            Condition::RetryAttemptsExhausted,
            0,
            never,
            0,
            Some(answered(Some("Unhandled"), "$LATEST")),
        ),
        (Condition::Rejected, 1, tried, 1, Some(threw)),
        // A6: it aged out between attempts; A7: it was never delivered, which counts as one.
        (Condition::RecordAgeExceeded, 7, tried, 7, None),
        (Condition::RecordAgeExceeded, 0, never, 1, None),
        (Condition::OutOfRange, 0, never, 0, None),
        (Condition::Unparsable, 0, never, 0, None),
        (Condition::Late, 0, never, 0, None),
        (Condition::RetentionExpired, 9, tried, 9, None),
    ] {
        let owed = Owed {
            condition,
            attempts,
            version,
            error_type: error.map(str::to_owned),
            ..owed()
        };
        let document = said(&owed);
        let request = &document["requestContext"];
        assert_eq!(request["condition"], json!(condition), "{owed:?}");
        assert_eq!(request["approximateInvokeCount"], count, "{owed:?}");
        // The key is absent, not null (FD-2).
        assert_eq!(
            document.get("responseContext"),
            response.as_ref(),
            "{owed:?}"
        );
    }
}

#[test]
fn a_document_without_the_event_has_these_members_and_no_other() {
    let owed = owed();
    let expected = json!({
        "requestContext": {
            "requestId": id(&owed).to_string(),
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:late",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "3",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2026-11-30T11:34:56.250Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000002",
            "startSequenceNumber": FIRST,
            "endSequenceNumber": LAST,
            "approximateArrivalOfFirstRecord": "2026-11-30T11:33:55.250Z",
            "approximateArrivalOfLastRecord": "2026-11-30T11:34:56.250Z",
            "batchSize": 2,
            "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/flights",
        },
    });
    assert_eq!(said(&owed), expected);
}

#[test]
fn the_function_is_qualified_where_the_trigger_names_a_version_or_an_alias() {
    for (qualifier, arn) in [
        (None, "arn:aws:lambda:us-east-1:000000000000:function:late"),
        (
            Some("live"),
            "arn:aws:lambda:us-east-1:000000000000:function:late:live",
        ),
        (
            Some("3"),
            "arn:aws:lambda:us-east-1:000000000000:function:late:3",
        ),
    ] {
        let qualifier = qualifier.map(str::to_owned);
        let owed = Owed {
            qualifier,
            ..owed()
        };
        assert_eq!(said(&owed)["requestContext"]["functionArn"], arn);
    }
}

#[test]
fn an_event_that_is_too_large_or_not_whole_is_left_out_and_that_is_said() {
    let owed = owed();
    let letter = DeadLetter {
        id: "one".to_owned(),
        trigger: owed.trigger.clone(),
        shard: owed.shard,
        fencing_token: owed.fencing_token,
        condition: owed.condition,
        written_ms: NOV_30.as_millis(),
        records: Vec::new(),
        attempts: Vec::new(),
        lost: None,
    };
    let letters = [letter];
    let whole = r#"{"Records":[]}"#;
    for (letters, bytes_max, event) in [
        (&letters[..], whole.len(), Some(whole)),
        (&letters[..], whole.len() - 1, None),
        (&letters[..0], whole.len(), None),
    ] {
        let document = Document::with_records(&owed, (letters, None), bytes_max);
        let document: Value = serde_json::from_slice(&document.to_bytes()).unwrap();
        assert_eq!(document.get("payload").and_then(Value::as_str), event);
        let truncated = document.get("hasBeenTruncated");
        assert_eq!(truncated, event.is_none().then_some(&json!(true)));
    }
}

#[test]
fn an_object_lies_under_its_mapping_its_shard_and_the_day_and_second_of_the_document() {
    let owed = owed();
    let mapping = Uuid::from_u128(5);
    assert_eq!(
        object_key(&owed, mapping),
        format!(
            "aws/lambda/{mapping}/shardId-000000000002/2026/11/30/2026-11-30T11.34.56-{}",
            id(&owed)
        )
    );
}
