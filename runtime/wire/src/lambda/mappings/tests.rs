//! Calls through the door, with mappings that are only remembered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Method, Request, response::Parts};
use http_body_util::{BodyExt as _, Full};
use model::seams::BoxFuture;
use platform::Platform;
use serde_json::{Value, json};

use super::{LastResult, Mapping, MappingChange, MappingState, Mappings, Shown, refuse_twice};
use crate::{
    AllowedHosts,
    lambda::{FunctionName, LambdaDoor, LambdaError, functions::tests::Remembered as Functions},
};

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/flights";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2025";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:late";
const PATH: &str = "/2015-03-31/event-source-mappings";

#[derive(Debug, Default)]
pub(in crate::lambda) struct Remembered(Mutex<BTreeMap<String, Mapping>>);

impl Remembered {
    fn put(&self, mapping: &Mapping) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(mapping.uuid.clone(), mapping.clone());
    }
}

fn shown(mapping: Mapping, state: MappingState) -> Shown {
    Shown {
        mapping,
        state,
        last_result: LastResult::Nothing,
    }
}

impl Mappings for Remembered {
    fn has_source(&self, arn: &str) -> bool {
        arn == STREAM
    }

    fn has_function(&self, name: &FunctionName) -> bool {
        name.name == "late" || name.name == "board"
    }

    fn remarks(&self, filters: &[String]) -> Result<Vec<String>, LambdaError> {
        match filters.first().map(String::as_str) {
            Some("bad") => Err(LambdaError::invalid_filter("“bad” is no pattern")),
            Some("odd") => Ok(vec!["an odd pattern".to_owned()]),
            Some(_) | None => Ok(Vec::new()),
        }
    }

    fn list(&self) -> Result<Vec<Shown>, LambdaError> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let enabled = |it: &Mapping| shown(it.clone(), MappingState::Enabled);
        Ok(all.values().map(enabled).collect())
    }

    fn get(&self, uuid: &str) -> Result<Option<Shown>, LambdaError> {
        Ok(self.list()?.into_iter().find(|it| it.mapping.uuid == uuid))
    }

    fn create(&self, mapping: Mapping) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        Box::pin(async {
            refuse_twice(&self.list()?, &mapping)?;
            self.put(&mapping);
            Ok(shown(mapping, MappingState::Creating))
        })
    }

    fn update(
        &self,
        uuid: String,
        change: MappingChange,
    ) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        Box::pin(async move {
            let before = self.get(&uuid)?.expect("it was asked for before");
            let changed = change(before.mapping)?;
            refuse_twice(&self.list()?, &changed)?;
            self.put(&changed);
            Ok(shown(changed, MappingState::Updating))
        })
    }

    fn delete(&self, uuid: String) -> BoxFuture<'_, Result<Shown, LambdaError>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = all.remove(&uuid).expect("it was asked for before");
        Box::pin(async { Ok(shown(gone, MappingState::Deleting)) })
    }

    fn tag(
        &self,
        uuid: String,
        tags: BTreeMap<String, String>,
    ) -> BoxFuture<'_, Result<(), LambdaError>> {
        let mapping = self
            .get(&uuid)
            .expect("it lists")
            .expect("it is there")
            .mapping;
        self.put(&Mapping { tags, ..mapping });
        Box::pin(async { Ok(()) })
    }
}

struct Client(LambdaDoor);

impl Client {
    fn new() -> Self {
        let hosts = AllowedHosts::loopback_and(Vec::new());
        let mappings = Arc::new(Remembered::default());
        Self(LambdaDoor::new(
            Platform::simulated(1),
            hosts,
            mappings,
            Arc::new(Functions::default()),
        ))
    }

    /// Status, name of the error and document.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, String, Value) {
        let (head, document) = self
            .ask_as("dev/20260101/us-east-1", method, path, body)
            .await;
        let kind = head.headers.get("x-amzn-errortype");
        let kind = kind.map(|it| it.to_str().unwrap().to_owned());
        (head.status.as_u16(), kind.unwrap_or_default(), document)
    }

    /// As a caller with a key, in a region.
    async fn ask_as(
        &self,
        caller: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (Parts, Value) {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={caller}/lambda/aws4_request, \
                     SignedHeaders=host, Signature=00"
                ),
            )
            .body(Full::new(body))
            .unwrap();
        let answer = self.0.answer(request).await;
        let (head, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let document = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        (head, document)
    }

    /// The hint of a creation and its document.
    async fn hinted(&self, members: &Value) -> (String, Value) {
        let body = self.creation(members);
        let caller = "dev/20260101/us-east-1";
        let (head, document) = self.ask_as(caller, Method::POST, PATH, &body).await;
        let hint = head.headers.get("x-shardmill-hint");
        let hint = hint.map(|it| it.to_str().unwrap().to_owned());
        (hint.unwrap_or_default(), document)
    }

    fn creation(&self, members: &Value) -> Value {
        let mut body = json!({
            "EventSourceArn": STREAM, "FunctionName": "late", "StartingPosition": "LATEST",
        });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    }

    async fn create(&self, members: &Value) -> (u16, String, Value) {
        self.ask(Method::POST, PATH, &self.creation(members)).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_mapping_of_required_members_has_every_member_and_no_other() {
    let client = Client::new();
    let (status, _, mut created) = client.create(&json!({})).await;
    assert_eq!(status, 202);
    let uuid = created["UUID"].as_str().unwrap().to_owned();
    assert!(created["LastModified"].is_f64());
    created["LastModified"] = Value::Null;
    let arn = format!("arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}");
    let expected = json!({
        "BatchSize": 100,
        "BisectBatchOnFunctionError": false,
        "DestinationConfig": { "OnFailure": {} },
        "EventSourceArn": STREAM,
        "EventSourceMappingArn": arn,
        "FunctionArn": FUNCTION,
        "FunctionResponseTypes": [],
        "LastModified": null,
        "LastProcessingResult": "No records processed",
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "StartingPosition": "LATEST",
        "State": "Creating",
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
        "UUID": uuid,
    });
    assert_eq!(created, expected);
    // With and without a slash at the end.
    for path in [format!("{PATH}/{uuid}"), format!("{PATH}/{uuid}/")] {
        let (status, _, got) = client.ask(Method::GET, &path, &Value::Null).await;
        assert_eq!((status, got["State"].as_str()), (200, Some("Enabled")));
    }
    let again = client.create(&json!({})).await;
    let text = format!(
        "The event source arn (\" {STREAM} \") and function (\" late \") provided mapping already exists. Please update or delete the existing mapping with UUID {uuid}"
    );
    assert_eq!(
        (again.0, again.1.as_str()),
        (409, "ResourceConflictException")
    );
    assert_eq!(again.2["Message"], text);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_filter_is_a_member_beside_the_text_of_aws() {
    let client = Client::new();
    let pattern = |text: &str| json!({ "FilterCriteria": { "Filters": [{ "Pattern": text }] } });
    let (hint, refused) = client.hinted(&pattern("bad")).await;
    let expected = json!({
        "Type": "User",
        "Message": "Invalid filter pattern definition.",
        "message": "Invalid filter pattern definition.",
        "reason": "“bad” is no pattern",
    });
    assert_eq!(refused, expected);
    assert_eq!(hint, "\\u{201c}bad\\u{201d} is no pattern");
    assert_eq!(client.hinted(&pattern("odd")).await.0, "an odd pattern");
}

#[tokio::test(start_paused = true)]
async fn members_that_aws_does_not_have_are_ignored_as_there_and_that_is_said() {
    let client = Client::new();
    let (hint, made) = client
        .hinted(&json!({ "Unknown": 1, "DestinationConfig": { "Foo": 1 } }))
        .await;
    assert_eq!(made["State"], "Creating");
    assert_eq!(
        hint,
        "ignored, as by AWS, which has no such member: Unknown, DestinationConfig.Foo"
    );
    assert_eq!(
        client.hinted(&json!({ "FunctionName": "board" })).await.0,
        ""
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_calls_from_another_account_or_region_sees_another_world() {
    let client = Client::new();
    let (_, _, created) = client.create(&json!({})).await;
    let one = format!("{PATH}/{}", created["UUID"].as_str().unwrap());
    let arn = created["EventSourceMappingArn"].as_str().unwrap();
    let tags = format!("/2017-03-31/tags/{}", arn.replace(':', "%3A"));
    for (caller, here) in [
        ("dev/20260101/us-east-1", true),
        ("dev/20260101/eu-west-1", false),
        ("111111111111/20260101/us-east-1", false),
    ] {
        let ask = |method, path| {
            let (client, null) = (&client, json!(null));
            async move { client.ask_as(caller, method, path, &null).await }
        };
        let (_, listed) = ask(Method::GET, PATH).await;
        let count = listed["EventSourceMappings"].as_array().unwrap().len();
        assert_eq!(count, usize::from(here), "{caller}");
        let expect = if here { 200 } else { 404 };
        assert_eq!(ask(Method::GET, &one).await.0.status, expect, "{caller}");
        assert_eq!(ask(Method::GET, &tags).await.0.status, expect, "{caller}");
        if !here {
            for method in [Method::PUT, Method::DELETE] {
                assert_eq!(ask(method, &one).await.0.status, 404, "{caller}");
            }
        }
    }
    let (status, _, _) = client.ask(Method::DELETE, &one, &Value::Null).await;
    assert_eq!(status, 202);
}

#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn what_aws_refuses_is_refused_in_its_words() {
    let client = Client::new();
    let invalid = "InvalidParameterValueException";
    let missing = "arn:aws:kinesis:us-east-1:000000000000:stream/gone";
    for (members, kind, text) in [
        (
            json!({ "StartingPosition": null }),
            invalid,
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
        ),
        (
            json!({ "StartingPosition": "invalid" }),
            "ValidationException",
            "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        ),
        (
            json!({ "EventSourceArn": missing }),
            invalid,
            "Stream not found: arn:aws:kinesis:us-east-1:000000000000:stream/gone",
        ),
        (
            json!({ "EventSourceArn": null, "FunctionName": "unknown" }),
            invalid,
            "Unrecognized event source.",
        ),
        (
            json!({ "EventSourceArn": QUEUE, "StartingPosition": null, "FunctionName": "unknown" }),
            invalid,
            "Function does not exist",
        ),
        (
            json!({ "EventSourceArn": QUEUE }),
            invalid,
            "StartingPosition is not valid for SQS event sources.",
        ),
        (
            json!({ "EventSourceArn": QUEUE, "StartingPosition": null, "BatchSize": 11 }),
            invalid,
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        (
            json!({ "EventSourceArn": TABLE, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1 }),
            invalid,
            "Unsupported starting position for arn type: arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2025",
        ),
        (
            json!({ "EventSourceArn": TABLE }),
            invalid,
            "Stream not found: arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2025",
        ),
        (
            json!({ "StartingPositionTimestamp": 1 }),
            invalid,
            "Timestamp only valid with StartingPosition AT_TIMESTAMP",
        ),
        (
            json!({ "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": -1_739_809_968 }),
            invalid,
            "Received Exception while reading from provided stream. class java.lang.Long can not be converted to a Timestamp",
        ),
        (
            json!({ "FunctionName": "unknown" }),
            invalid,
            "Function does not exist",
        ),
        (
            json!({ "DestinationConfig": { "OnSuccess": { "Destination": "arn:aws:sqs:us-east-1:000000000000:q" } } }),
            invalid,
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            json!({ "BatchSize": 0, "ParallelizationFactor": 11 }),
            "ValidationException",
            "2 validation errors detected: Value '0' at 'batchSize' failed to satisfy constraint: Member must have value greater than or equal to 1; Value '11' at 'parallelizationFactor' failed to satisfy constraint: Member must have value less than or equal to 10",
        ),
        (
            json!({ "MaximumRecordAgeInSeconds": 59 }),
            invalid,
            "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800.",
        ),
        (
            json!({ "ParallelizationFactor": 2, "TumblingWindowInSeconds": 60 }),
            invalid,
            "ParallelizationFactor must be 1 when TumblingWindowInSeconds is greater than 0.",
        ),
        (
            json!({ "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 4e12 }),
            invalid,
            "StartingPositionTimestamp cannot be in the future.",
        ),
        (
            json!({ "ScalingConfig": { "MaximumConcurrency": 2 } }),
            invalid,
            "Unsupported ScalingConfig parameter for given event source mapping type.",
        ),
        (
            json!({ "FilterCriteria": { "Filters": [{}] } }),
            invalid,
            "Invalid filter pattern definition.",
        ),
        (
            json!({ "FilterCriteria": { "Filters": [{ "Pattern": "bad" }] }, "FunctionName": "unknown" }),
            invalid,
            "Invalid filter pattern definition.",
        ),
        (
            json!({ "FunctionName": "unknown", "EventSourceArn": missing, "StartingPosition": "0" }),
            "ValidationException",
            "1 validation error detected: Value '0' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        ),
    ] {
        let (status, found, document) = client.create(&members).await;
        assert_eq!((status, found.as_str()), (400, kind), "{members}");
        assert_eq!(document["message"], text, "{members}");
    }
    let (status, kind, _) = client.create(&json!({ "BatchSize": "many" })).await;
    assert_eq!((status, kind.as_str()), (400, "SerializationException"));
}

#[tokio::test(start_paused = true)]
async fn updates_change_what_they_name_and_nothing_else() {
    let client = Client::new();
    let filters = json!({ "Filters": [{ "Pattern": "{\"data\":{\"a\":[1]}}" }] });
    let (_, _, created) = client
        .create(&json!({ "BatchSize": 7, "FilterCriteria": filters, "Tags": { "team": "ops" } }))
        .await;
    let path = format!("{PATH}/{}", created["UUID"].as_str().unwrap());
    let change = json!({ "MaximumRetryAttempts": 2, "FilterCriteria": {}, "Enabled": false });
    let (status, _, changed) = client.ask(Method::PUT, &path, &change).await;
    assert_eq!((status, changed["State"].as_str()), (202, Some("Updating")));
    assert_eq!(changed["BatchSize"], 7);
    assert_eq!(changed["MaximumRetryAttempts"], 2);
    assert_eq!(changed["FilterCriteria"], Value::Null);

    let fixed = json!({ "StartingPosition": "TRIM_HORIZON" });
    let (status, kind, _) = client.ask(Method::PUT, &path, &fixed).await;
    assert_eq!(
        (status, kind.as_str()),
        (400, "InvalidParameterValueException")
    );

    let arn = created["EventSourceMappingArn"].as_str().unwrap();
    let tags = format!("/2017-03-31/tags/{}", arn.replace(':', "%3A"));
    let more = json!({ "Tags": { "stage": "test" } });
    assert_eq!(client.ask(Method::POST, &tags, &more).await.0, 204);
    let gone = format!("{tags}?tagKeys=team");
    assert_eq!(client.ask(Method::DELETE, &gone, &Value::Null).await.0, 204);
    let (_, _, left) = client.ask(Method::GET, &tags, &Value::Null).await;
    assert_eq!(left, json!({ "Tags": { "stage": "test" } }));

    let (status, _, gone) = client.ask(Method::DELETE, &path, &Value::Null).await;
    assert_eq!((status, gone["State"].as_str()), (202, Some("Deleting")));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (status, kind, document) = client.ask(method, &path, &Value::Null).await;
        assert_eq!((status, kind.as_str()), (404, "ResourceNotFoundException"));
        assert_eq!(
            document["Message"],
            "The resource you requested does not exist."
        );
    }
    let (status, _, document) = client.ask(Method::GET, &tags, &Value::Null).await;
    assert_eq!(status, 404);
    assert_eq!(
        document["Message"],
        format!("Event source mapping not found: {arn}")
    );
}

#[tokio::test(start_paused = true)]
async fn lists_are_filtered_and_come_in_pages() {
    let client = Client::new();
    client.create(&json!({})).await;
    client.create(&json!({ "FunctionName": "board" })).await;
    client
        .create(&json!({ "FunctionName": "board:$LATEST" }))
        .await;
    let count = |query: &'static str| {
        let client = &client;
        async move {
            let path = format!("{PATH}/?{query}");
            let (_, _, listed) = client.ask(Method::GET, &path, &Value::Null).await;
            listed["EventSourceMappings"].as_array().map_or(0, Vec::len)
        }
    };
    for (query, found) in [
        ("", 3),
        ("FunctionName=late", 1),
        ("FunctionName=board", 2),
        ("FunctionName=board%3A%24LATEST", 1),
        (
            "EventSourceArn=arn%3Aaws%3Akinesis%3Aus-east-1%3A000000000000%3Astream%2Fother",
            0,
        ),
        ("MaxItems=2", 2),
        ("MaxItems=0", 0),
    ] {
        assert_eq!(count(query).await, found, "{query}");
    }
    for (asked, rule) in [
        ("0", "greater than or equal to 1"),
        ("10001", "less than or equal to 10000"),
    ] {
        let path = format!("{PATH}/?MaxItems={asked}");
        let (status, _, refused) = client.ask(Method::GET, &path, &Value::Null).await;
        let told = refused["message"].as_str().or(refused["Message"].as_str());
        let text = format!(
            "1 validation error detected: Value '{asked}' at 'maxItems' failed to satisfy constraint: Member must have value {rule}"
        );
        assert_eq!((status, told), (400, Some(text.as_str())));
    }
    // The function is gone; its mappings may still be there.
    let of_nobody = format!("{PATH}/?FunctionName=gone");
    let (status, _, none) = client.ask(Method::GET, &of_nobody, &Value::Null).await;
    assert_eq!((status, &none["EventSourceMappings"]), (200, &json!([])));
    let first = format!("{PATH}/?MaxItems=2");
    let (_, _, page) = client.ask(Method::GET, &first, &Value::Null).await;
    let marker = page["NextMarker"].as_str().expect("there is more");
    let next = format!("{PATH}/?MaxItems=2&Marker={marker}");
    let (_, _, page) = client.ask(Method::GET, &next, &Value::Null).await;
    assert_eq!(page["EventSourceMappings"].as_array().unwrap().len(), 1);
    assert_eq!(page["NextMarker"], Value::Null);
}

#[test]
fn only_paths_that_begin_with_a_date_are_of_this_api() {
    for (path, served) in [
        (PATH, true),
        ("/2017-03-31/tags/x", true),
        ("/", false),
        ("/_shardmill/api/status", false),
        ("/2015-3-31/x", false),
        ("/flights/2015-03-31", false),
    ] {
        assert_eq!(LambdaDoor::serves(path), served, "{path}");
    }
}
