//! Calls through the door, with functions that are only remembered: what is kept, what is shown, what is refused and how.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use catalog::{Code, Entry, Package as Kept, Revision};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use model::{Digest, FunctionVersion, seams::BoxFuture};
use platform::Platform;
use serde_json::{Value, json};

use super::{Asked, Change, Functions, Handed, Invoked, Make, Package, Running};
use crate::{
    AllowedHosts,
    body::AnswerBody,
    event_stream::{self, tests::read},
    lambda::{LambdaDoor, LambdaError, mappings::tests::Remembered as Mappings},
};

pub(super) const ROLE: &str = "arn:aws:iam::000000000000:role/r";

#[derive(Debug, Default)]
pub(crate) struct Remembered {
    entries: Mutex<BTreeMap<String, Entry>>,
    ids: Mutex<u64>,
}

impl Functions for Remembered {
    fn world(&self) -> (String, String) {
        ("000000000000".to_owned(), "us-east-1".to_owned())
    }

    fn find(&self, name: &str) -> Option<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(name).cloned()
    }

    fn all(&self) -> Vec<(String, Entry)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.clone().into_iter().collect()
    }

    fn id(&self) -> String {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        *ids += 1;
        format!("{ids:032}")
    }

    fn port(&self) -> u16 {
        4566
    }

    fn location(&self, package: Digest) -> String {
        format!("http://here/{package}")
    }

    fn accept(&self, handed: Handed) -> BoxFuture<'_, Result<Revision, LambdaError>> {
        let (first, bytes) = match handed.package {
            Package::Zip(bytes) => (bytes.first().copied().unwrap_or_default(), bytes.len()),
            Package::Kept(digest) => (digest.0[0], 1),
        };
        let digest = Digest([first; 32]);
        let package = Some(Kept {
            digest,
            bytes: bytes as u64,
        });
        let revision = Revision {
            code: Code {
                digest,
                kind: "event".to_owned(),
                package,
            },
            settings: handed.settings,
            modified_ms: 0,
            id: self.id(),
        };
        Box::pin(async { Ok(revision) })
    }

    fn create(&self, name: String, make: Make) -> BoxFuture<'_, Result<Entry, LambdaError>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = make(1);
        entries.insert(name, entry.clone());
        Box::pin(async { Ok(entry) })
    }

    fn running(&self, _: &str, _: FunctionVersion) -> Running {
        Running::default()
    }

    fn change(&self, name: String, change: Change) -> BoxFuture<'_, Result<Entry, LambdaError>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = entries[&name].clone();
        let done = change(&mut changed).map(|()| {
            entries.insert(name, changed.clone());
            changed
        });
        Box::pin(async { done })
    }

    fn remove(&self, name: String) -> BoxFuture<'_, Result<(), LambdaError>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(&name);
        Box::pin(async { Ok(()) })
    }

    fn invoke(&self, asked: Asked) -> BoxFuture<'_, Result<Invoked, LambdaError>> {
        let answer = match asked.name.as_str() {
            "busy" => Err(LambdaError::throttled(
                "ReservedFunctionConcurrentInvocationLimitExceeded",
            )),
            name if self.find(name).is_none() => Err(LambdaError::no_function()),
            _ => Ok(Invoked {
                request_id: "r".to_owned(),
                version: "$LATEST".to_owned(),
                payload: asked.payload,
                error: None,
                log_tail: b"END\n".to_vec(),
            }),
        };
        Box::pin(async { answer })
    }

    fn enqueue(&self, _: Asked) -> BoxFuture<'_, Result<String, LambdaError>> {
        Box::pin(async { Ok("queued".to_owned()) })
    }
}

pub(super) struct Client(LambdaDoor);

impl Client {
    pub(super) fn new() -> Self {
        let hosts = AllowedHosts::loopback_and(Vec::new());
        let (mappings, functions) = (
            Arc::new(Mappings::default()),
            Arc::new(Remembered::default()),
        );
        let platform = Platform::simulated(1);
        Self(LambdaDoor::new(platform, hosts, mappings, functions))
    }

    pub(super) async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Response<AnswerBody> {
        let mut request = Request::builder()
            .method(method.parse::<Method>().unwrap())
            .uri(path)
            .header("host", "localhost")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=a/20261129/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00")
            .header("x-amz-date", "20261129T000000Z");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.answer(request.body(Full::new(body)).unwrap()).await
    }

    /// `STATUS document`, or `STATUS Kind: message`.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let response = self.answer(method, path, &[], body).await;
        let status = response.status().as_u16();
        let kind = response.headers().get("x-amzn-errortype").cloned();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let mut document = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if let Some(kind) = kind {
            let message = document["message"].as_str().unwrap_or_default();
            document = json!(format!("{}: {message}", kind.to_str().unwrap()));
        }
        (status, document)
    }

    pub(super) async fn create(&self, name: &str, code: &str, more: Value) -> (u16, Value) {
        let mut body = json!({
            "FunctionName": name,
            "Role": ROLE,
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Code": { "ZipFile": base64_simd::STANDARD.encode_to_string(code) },
        });
        for (member, value) in more.as_object().unwrap() {
            body[member] = value.clone();
        }
        self.ask("POST", "/2015-03-31/functions", body).await
    }
}

pub(super) const LATE: &str = "/2015-03-31/functions/late";

#[tokio::test]
async fn a_function_is_made_shown_changed_and_deleted() {
    let client = Client::new();
    let (status, made) = client
        .create("late", "a", json!({ "Timeout": 5, "MemorySize": 256, "Environment": { "Variables": { "AB": "1" } }, "Tags": { "team": "x" } }))
        .await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        made["FunctionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:late"
    );
    assert_eq!(
        (&made["Timeout"], &made["MemorySize"]),
        (&json!(5), &json!(256))
    );
    assert_eq!(made["Version"], "$LATEST");
    assert_eq!(made["Environment"]["Variables"]["AB"], "1");
    assert_eq!(made["LastModified"].as_str().unwrap().len(), 28);
    let (_, found) = client.ask("GET", LATE, Value::Null).await;
    assert_eq!(found["Tags"]["team"], "x");
    assert_eq!(found["Configuration"]["CodeSha256"], made["CodeSha256"]);
    let again = client.create("late", "a", json!({})).await;
    assert_eq!(
        again,
        (
            409,
            json!("ResourceConflictException: Function already exist: late")
        )
    );
    let changed = json!({ "Timeout": 9, "RevisionId": "none" });
    let (status, _) = client
        .ask("PUT", &format!("{LATE}/configuration"), changed)
        .await;
    assert_eq!(status, 412);
    let (_, changed) = client
        .ask(
            "PUT",
            &format!("{LATE}/configuration"),
            json!({ "Timeout": 9 }),
        )
        .await;
    assert_eq!(
        (&changed["Timeout"], &changed["MemorySize"]),
        (&json!(9), &json!(256))
    );
    assert_ne!(changed["RevisionId"], made["RevisionId"]);
    assert_eq!(client.ask("DELETE", LATE, Value::Null).await.0, 204);
    let gone = "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:000000000000:function:late";
    assert_eq!(
        client.ask("GET", LATE, Value::Null).await,
        (404, json!(gone))
    );
}

#[tokio::test]
async fn what_makes_no_function_is_refused_in_awss_words() {
    let client = Client::new();
    let nulls = "ValidationException: 1 validation error detected: Value null at 'role'";
    for (more, expect) in [
        (
            json!({ "Runtime": "cobol" }),
            "InvalidParameterValueException: Value cobol at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs,",
        ),
        (
            json!({ "Runtime": null }),
            "InvalidParameterValueException: Runtime and Handler are mandatory parameters",
        ),
        (json!({ "Role": null }), nulls),
        (
            json!({ "Role": "r" }),
            "ValidationException: 1 validation error detected: Value 'r' at 'role' failed to satisfy constraint: Member must satisfy regular expression",
        ),
        (
            json!({ "MemorySize": 64 }),
            "ValidationException: 1 validation error detected: Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
        ),
        (
            json!({ "Timeout": 901 }),
            "ValidationException: 1 validation error detected: Value '901' at 'timeout'",
        ),
        (
            json!({ "Code": {} }),
            "InvalidParameterValueException: Please provide a source",
        ),
        (
            json!({ "Code": { "ZipFile": "" } }),
            "InvalidParameterValueException: Uploaded file must be a non-empty zip",
        ),
        (
            json!({ "Code": { "S3Bucket": "bbb", "S3Key": "k" } }),
            "InvalidParameterValueException: Error occurred while GetObject. S3 Error Code: NoSuchBucket",
        ),
        (
            json!({ "FunctionName": "a b" }),
            "ValidationException: 1 validation error detected: Value 'a b' at 'functionName'",
        ),
        (
            json!({ "Environment": { "Variables": { "AWS_REGION": "x" } } }),
            "InvalidParameterValueException: Lambda was unable to configure your environment variables because",
        ),
        (
            json!({ "Layers": ["arn:aws:lambda:us-east-1:1:layer:a:1"] }),
            "InvalidParameterValueException: Layers is not supported",
        ),
        (
            json!({ "DurableConfig": { "ExecutionTimeout": 60 } }),
            "InvalidParameterValueException: DurableConfig is not supported",
        ),
        (
            json!({ "Code": { "S3Bucket": "b.", "S3Key": "k" }, "Handler": "a b" }),
            "ValidationException: 3 validation errors detected: ",
        ),
        (
            json!({ "PackageType": "Image" }),
            "InvalidParameterValueException: PackageType Image is not supported",
        ),
    ] {
        let (status, refusal) = client.create("late", "a", more).await;
        let refusal = refusal.as_str().unwrap();
        assert_eq!(status, 400, "{refusal}");
        assert!(refusal.starts_with(expect), "{refusal}");
    }
}

#[tokio::test]
async fn versions_are_numbers_and_aliases_lead_to_them() {
    let client = Client::new();
    client.create("late", "a", json!({ "Publish": true })).await;
    let versions = format!("{LATE}/versions");
    let (status, same) = client.ask("POST", &versions, Value::Null).await;
    assert_eq!((status, &same["Version"]), (201, &json!("1")));
    let code = json!({ "ZipFile": base64_simd::STANDARD.encode_to_string("b"), "Publish": true });
    let (_, second) = client.ask("PUT", &format!("{LATE}/code"), code).await;
    assert_eq!(second["Version"], "2");
    let aliases = format!("{LATE}/aliases");
    let live = json!({ "Name": "live", "FunctionVersion": "1", "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.05 } } });
    let (status, made) = client.ask("POST", &aliases, live.clone()).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["RoutingConfig"]["AdditionalVersionWeights"]["2"], 0.05);
    assert_eq!(client.ask("POST", &aliases, live).await.0, 409);
    let (_, moved) = client
        .ask(
            "PUT",
            &format!("{aliases}/live"),
            json!({ "FunctionVersion": "2", "RoutingConfig": {} }),
        )
        .await;
    assert_eq!(
        (&moved["FunctionVersion"], &moved["RoutingConfig"]),
        (&json!("2"), &Value::Null)
    );
    let (_, shown) = client
        .ask("GET", &format!("{LATE}?Qualifier=live"), Value::Null)
        .await;
    assert_eq!(shown["Configuration"]["Version"], "2");
    let (_, listed) = client.ask("GET", &versions, Value::Null).await;
    let numbers: Vec<&str> = listed["Versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["Version"].as_str().unwrap())
        .collect();
    assert_eq!(numbers, ["$LATEST", "1", "2"]);
}

#[tokio::test]
async fn aliases_that_lead_nowhere_are_refused() {
    let client = Client::new();
    client.create("late", "a", json!({ "Publish": true })).await;
    let code = json!({ "ZipFile": base64_simd::STANDARD.encode_to_string("b"), "Publish": true });
    client.ask("PUT", &format!("{LATE}/code"), code).await;
    let aliases = format!("{LATE}/aliases");
    let live = json!({ "Name": "live", "FunctionVersion": "2" });
    client.ask("POST", &aliases, live).await;
    let own = "arn:aws:lambda:us-east-1:000000000000:function:late";
    let shared = json!({ "Name": "shared", "FunctionVersion": "2", "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.5 } } });
    client.ask("POST", &aliases, shared).await;
    let both = |version: &str| json!({ "Name": "next", "FunctionVersion": version, "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.5 } } });
    for (method, path, body, expect) in [
        ("POST", aliases.clone(), json!({ "Name": "1", "FunctionVersion": "1" }), "ValidationException: 1 validation error detected: Value '1' at 'name'".to_owned()),
        ("POST", aliases.clone(), json!({ "Name": "next", "FunctionVersion": "9" }), format!("ResourceNotFoundException: Function not found: {own}:9")),
        ("POST", aliases.clone(), both("$LATEST"), "InvalidParameterValueException: $LATEST is not supported for an alias pointing to more than 1 version".to_owned()),
        ("POST", aliases.clone(), both("1"), "InvalidParameterValueException: Invalid function version 1.".to_owned()),
        ("PUT", format!("{aliases}/shared"), json!({ "FunctionVersion": "$LATEST" }), "InvalidParameterValueException: $LATEST is not supported for an alias pointing to more than 1 version".to_owned()),
        ("GET", format!("{aliases}/none"), Value::Null, format!("ResourceNotFoundException: Cannot find alias arn: {own}:none")),
        ("DELETE", format!("{LATE}?Qualifier=2"), Value::Null, "ResourceConflictException: Version 2 can not be deleted".to_owned()),
        ("GET", format!("{LATE}?Qualifier=7"), Value::Null, format!("ResourceNotFoundException: Function not found: {own}:7")),
    ] {
        let (_, refusal) = client.ask(method, &path, body).await;
        let refusal = refusal.as_str().unwrap_or("it was done");
        assert!(refusal.starts_with(&expect), "{refusal}");
    }
    assert_eq!(
        client
            .ask("DELETE", &format!("{aliases}/live"), Value::Null)
            .await
            .0,
        204
    );
}

#[tokio::test]
async fn permissions_and_concurrency_are_kept() {
    let client = Client::new();
    client.create("late", "a", json!({})).await;
    let policy = format!("{LATE}/policy");
    assert_eq!(client.ask("GET", &policy, Value::Null).await.0, 404);
    let allow = json!({ "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b" });
    let (status, added) = client.ask("POST", &policy, allow.clone()).await;
    assert_eq!(status, 201);
    assert!(
        added["Statement"]
            .as_str()
            .unwrap()
            .contains("AWS:SourceArn")
    );
    assert_eq!(client.ask("POST", &policy, allow).await.0, 409);
    assert_eq!(
        client
            .ask("DELETE", &format!("{policy}/s"), Value::Null)
            .await
            .0,
        204
    );
    assert_eq!(client.ask("GET", &policy, Value::Null).await.0, 404);

    let reserve = "/2017-10-31/functions/late/concurrency";
    let put = |count: u32| {
        client.ask(
            "PUT",
            reserve,
            json!({ "ReservedConcurrentExecutions": count }),
        )
    };
    assert_eq!(put(901).await.0, 400);
    assert_eq!(
        put(5).await,
        (200, json!({ "ReservedConcurrentExecutions": 5 }))
    );
    let shown = client
        .ask("GET", "/2019-09-30/functions/late/concurrency", Value::Null)
        .await;
    assert_eq!(shown.1["ReservedConcurrentExecutions"], 5);
    assert_eq!(client.ask("DELETE", reserve, Value::Null).await.0, 204);
}

#[tokio::test]
async fn urls_and_settings_of_events_are_kept() {
    let client = Client::new();
    client.create("late", "a", json!({})).await;
    let url = "/2021-10-31/functions/late/url";
    assert_eq!(client.ask("GET", url, Value::Null).await.0, 404);
    let (status, made) = client.ask("POST", url, json!({ "AuthType": "NONE" })).await;
    assert_eq!((status, &made["InvokeMode"]), (201, &json!("BUFFERED")));
    let address = made["FunctionUrl"].as_str().unwrap();
    let id = super::url_id(address.trim_start_matches("http://"));
    let id = id.unwrap_or_else(|| panic!("{address}"));
    assert_eq!(
        address,
        format!("http://{id}.lambda-url.us-east-1.localhost:4566/")
    );
    assert_eq!(
        client
            .ask("POST", url, json!({ "AuthType": "NONE" }))
            .await
            .0,
        409
    );
    assert_eq!(
        client
            .ask("PUT", url, json!({ "AuthType": "AWS_IAM" }))
            .await
            .1["AuthType"],
        "AWS_IAM"
    );

    let events = "/2019-09-25/functions/late/event-invoke-config";
    assert_eq!(client.ask("GET", events, Value::Null).await.0, 404);
    let (_, made) = client
        .ask("PUT", events, json!({ "MaximumRetryAttempts": 0 }))
        .await;
    assert_eq!(
        made["FunctionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:late:$LATEST"
    );
    assert_eq!(
        client
            .ask("PUT", events, json!({ "MaximumRetryAttempts": 3 }))
            .await
            .0,
        400
    );
    let bus = json!({ "DestinationConfig": { "OnSuccess": { "Destination": "arn:aws:s3:::b" } } });
    assert_eq!(client.ask("PUT", events, bus).await.0, 400);
    assert_eq!(client.ask("DELETE", events, Value::Null).await.0, 204);
}

#[tokio::test]
async fn invocations_are_answered_as_they_are() {
    let client = Client::new();
    client.create("late", "a", json!({})).await;
    let path = format!("{LATE}/invocations");
    let tail = [("x-amz-log-type", "Tail")];
    let answer = client
        .answer("POST", &path, &tail, Bytes::from_static(b"[1, 2]"))
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-amz-executed-version"], "$LATEST");
    assert_eq!(answer.headers()["x-amz-log-result"], "RU5ECg==");
    assert_eq!(answer.headers()["x-amzn-requestid"], "r");
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "[1, 2]"
    );
    let streaming = "/2021-11-15/functions/late/response-streaming-invocations";
    let answer = client
        .answer("POST", streaming, &tail, Bytes::from_static(b"[1, 2]"))
        .await;
    assert_eq!(answer.headers()["content-type"], event_stream::CONTENT_TYPE);
    assert_eq!(answer.headers()["x-amz-executed-version"], "$LATEST");
    let frames = answer.into_body().collect().await.unwrap().to_bytes();
    let (headers, payload, rest) = read(&frames).unwrap();
    assert_eq!(headers[":event-type"], "PayloadChunk");
    assert_eq!(payload, b"[1, 2]");
    let (headers, payload, rest) = read(rest).unwrap();
    assert_eq!(headers[":event-type"], "InvokeComplete");
    assert_eq!(payload, br#"{"LogResult":"RU5ECg=="}"#);
    assert!(rest.is_empty());
    for (kind, status) in [("DryRun", 204), ("Event", 400)] {
        let kind = [("x-amz-invocation-type", kind)];
        let answer = client.answer("POST", streaming, &kind, Bytes::new()).await;
        assert_eq!(answer.status(), status, "{kind:?}");
    }
    for (kind, status) in [("DryRun", 204), ("Event", 202), ("Never", 400)] {
        let kind = [("x-amz-invocation-type", kind)];
        let answer = client.answer("POST", &path, &kind, Bytes::new()).await;
        assert_eq!(answer.status(), status, "{kind:?}");
    }
    let (status, refusal) = client
        .ask("POST", "/2015-03-31/functions/none/invocations", json!({}))
        .await;
    let gone = "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:000000000000:function:none";
    assert_eq!((status, refusal), (404, json!(gone)));
    let answer = client
        .answer("POST", &path, &[], Bytes::from_static(b"{broken"))
        .await;
    assert_eq!(
        answer.headers()["x-amzn-errortype"],
        "InvalidRequestContentException"
    );
    client.create("busy", "a", json!({})).await;
    let busy = client
        .ask("POST", "/2015-03-31/functions/busy/invocations", json!({}))
        .await;
    assert_eq!(
        busy,
        (429, json!("TooManyRequestsException: Rate Exceeded."))
    );
    let large = Bytes::from(vec![b' '; 6_291_457]);
    assert_eq!(client.answer("POST", &path, &[], large).await.status(), 413);
}
