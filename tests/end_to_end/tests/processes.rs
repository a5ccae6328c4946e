//! Lambda packages with programs for this machine: refused unless the server was told to run them, then run as processes that
//! speak Lambda's runtime API. The program is a script, so that nothing has to be compiled.

use std::{collections::BTreeSet, process::Command};

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, Server, run, web};

const SIGNED: [(&str, &str); 3] = [
    ("x-amz-date", "20260101T000000Z"),
    ("x-amz-log-type", "Tail"),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=dev/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
    ),
];

/// What runs: it answers with what it is told, or does what the event says.
const PROGRAM: &str = r#"
import calendar, json, os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
def post(path, body, headers={}):
    urllib.request.urlopen(urllib.request.Request(api + path, json.dumps(body).encode(), headers)).read()
if os.environ.get("BAD_INIT"):
    post("init/error", {"errorType": "Init.Bad", "errorMessage": "it does not begin"})
    time.sleep(60)
calls = 0
while True:
    with urllib.request.urlopen(api + "invocation/next") as asked:
        event, told = json.load(asked), asked.headers
    calls += 1
    id = told["Lambda-Runtime-Aws-Request-Id"]
    print("event", calls, json.dumps(event), flush=True)
    if not isinstance(event, dict):
        event = {}
    if "exit" in event:
        sys.stderr.write("no more\n")
        sys.exit(event["exit"])
    if event.get("sleep"):
        time.sleep(60)
    if event.get("eat"):
        kept = bytearray(1 << 30)
    if "fail" in event:
        post("invocation/" + id + "/error", {"errorType": "Asked", "errorMessage": event["fail"], "stackTrace": ["a", "b"]})
        continue
    if "window" in event:
        n = event["state"].get("n", 0) + len(event["Records"])
        if event["isFinalInvokeForWindow"]:
            with open(os.environ["FINALS"], "a") as finals:
                start = calendar.timegm(time.strptime(event["window"]["start"], "%Y-%m-%dT%H:%M:%SZ"))
                finals.write(json.dumps({"start": start, "n": n}) + "\n")
        post("invocation/" + id + "/response", {"state": {"n": n}})
        continue
    if "Records" in event:
        failed = [{"itemIdentifier": it["kinesis"]["sequenceNumber"]} for it in event["Records"] if "ZmFpbA" in it["kinesis"]["data"]]
        post("invocation/" + id + "/response", {"batchItemFailures": failed})
        continue
    post("invocation/" + id + "/response", {
        "calls": calls, "handler": os.environ["_HANDLER"], "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        "memory": os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "own": os.environ.get("OWN"), "home": os.environ.get("HOME"),
        "arn": told["Lambda-Runtime-Invoked-Function-Arn"], "left": int(told["Lambda-Runtime-Deadline-Ms"]) > time.time() * 1000,
        "file": open("beside.txt").read(), "event": event})
"#;

const ZIP: &str = r##"
import base64, io, sys, zipfile
interpreter = sys.executable
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zip:
    zip.writestr("bootstrap", "#!" + interpreter + "\n" + sys.argv[1])
    zip.writestr("beside.txt", "beside")
print(base64.b64encode(packed.getvalue()).decode())
"##;

fn package() -> String {
    let said = run(Command::new("python3").args(["-c", ZIP, PROGRAM]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.out.trim().to_owned()
}

fn project() -> Project {
    Project::new("version: 1\nstreams: { in: {} }\n")
}

fn call(server: &Server, head: &str, body: &Value) -> (u16, Value) {
    let answer = web(&server.address, head, &SIGNED, body.to_string().as_bytes());
    let document = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, document)
}

fn create(server: &Server, name: &str, more: &Value) -> (u16, Value) {
    let mut body = json!({
        "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 2, "MemorySize": 256,
        "Role": "arn:aws:iam::000000000000:role/r", "Code": { "ZipFile": package() },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    call(server, "POST /2015-03-31/functions", &body)
}

fn invoke(server: &Server, name: &str, event: &Value) -> (Option<String>, Value, String) {
    let head = format!("POST /2015-03-31/functions/{name}/invocations");
    let answer = web(
        &server.address,
        &head,
        &SIGNED,
        event.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    let error = answer.header("x-amz-function-error").map(str::to_owned);
    let log = answer
        .header("x-amz-log-result")
        .unwrap_or_default()
        .to_owned();
    (
        error,
        serde_json::from_str(&answer.body).unwrap_or_default(),
        log,
    )
}

#[test]
fn a_program_is_refused_with_a_hint_unless_it_is_allowed() {
    let project = project();
    let server = project.up();
    let (status, refused) = create(&server, "native", &json!({}));
    assert_eq!(status, 400);
    let message = refused["message"].as_str().unwrap_or_default();
    assert!(message.contains("program for one machine"), "{refused}");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_program_runs_as_on_lambda() {
    let project = project();
    let server = project.up_with(&["--allow-native"]);
    let own = json!({ "Environment": { "Variables": { "OWN": "value" } } });
    let (status, made) = create(&server, "native", &own);
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        project.json(&["function", "show", "native"])["kind"],
        "process"
    );
    let (error, said, _) = invoke(&server, "native", &json!({ "a": 1 }));
    assert_eq!(error, None, "{said}");
    let expect = json!({
        "calls": 1, "handler": "bootstrap", "name": "native", "memory": "256", "own": "value", "home": null,
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:native", "left": true, "file": "beside", "event": { "a": 1 },
    });
    assert_eq!(said, expect);
    // The same process takes the next event.
    let (_, said, log) = invoke(&server, "native", &json!({}));
    assert_eq!(said["calls"], 2);
    assert!(!log.is_empty());
    let (error, said, _) = invoke(&server, "native", &json!({ "fail": "no" }));
    assert_eq!(error.as_deref(), Some("Unhandled"));
    let posted = json!({ "errorType": "Asked", "errorMessage": "no", "stackTrace": ["a", "b"] });
    assert_eq!(said, posted);
    assert_eq!(server.stop().code, Some(0));
    // What is stored stays, and is run again only where that is allowed.
    let server = project.up();
    let (_, shown) = call(&server, "GET /2015-03-31/functions/native", &json!({}));
    let shown = &shown["Configuration"];
    assert_eq!(shown["State"], "Failed", "{shown}");
    let reason = shown["StateReason"].as_str().unwrap_or_default();
    assert!(reason.contains("--allow-native"), "{shown}");
    let head = "POST /2015-03-31/functions/native/invocations";
    let (status, refused) = call(&server, head, &json!({}));
    assert_eq!(status, 400, "{refused}");
    assert!(
        refused["message"]
            .as_str()
            .unwrap_or_default()
            .contains("--allow-native"),
        "{refused}"
    );
    assert_eq!(server.stop().code, Some(0));
    let server = project.up_with(&["--allow-native"]);
    assert_eq!(invoke(&server, "native", &json!({})).1["calls"], 1);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_program_that_misbehaves_is_ended_and_its_neighbours_go_on() {
    let project = project();
    let server = project.up_with(&["--allow-native"]);
    assert_eq!(create(&server, "bad", &json!({})).0, 201);
    assert_eq!(create(&server, "good", &json!({})).0, 201);
    let broken = json!({ "Environment": { "Variables": { "BAD_INIT": "1" } } });
    assert_eq!(create(&server, "broken", &broken).0, 201);
    for (event, kind, message) in [
        (json!({ "exit": 3 }), "Runtime.ExitError", "exit status 3"),
        (
            json!({ "sleep": true }),
            "Sandbox.Timedout",
            "Task timed out after 2.00 seconds",
        ),
    ] {
        let (error, said, _) = invoke(&server, "bad", &event);
        assert_eq!(error.as_deref(), Some("Unhandled"), "{said}");
        assert_eq!(said["errorType"], kind, "{said}");
        assert!(
            said["errorMessage"]
                .as_str()
                .unwrap_or_default()
                .ends_with(message),
            "{said}"
        );
        assert_eq!(invoke(&server, "good", &json!({})).0, None);
        let lines = project.ndjson(&["logs", "--function", "bad"]);
        let last = lines.iter().filter(|line| line["message"] == "no more");
        assert_eq!(last.count(), 1, "{lines:?}");
        // Another process stands in its place.
        assert_eq!(invoke(&server, "bad", &json!({})).1["calls"], 1);
    }
    // Python says so itself, before the limit of the system ends it.
    let (error, _, _) = invoke(&server, "bad", &json!({ "eat": true }));
    assert_eq!(error.as_deref(), Some("Unhandled"));
    let (_, said, _) = invoke(&server, "broken", &json!({}));
    assert_eq!(
        (&said["errorType"], &said["errorMessage"]),
        (&json!("Init.Bad"), &json!("it does not begin"))
    );
    assert_eq!(invoke(&server, "good", &json!({})).0, None);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_program_takes_the_records_of_a_mapping() {
    let project = project();
    let server = project.up_with(&["--allow-native"]);
    assert_eq!(create(&server, "native", &json!({})).0, 201);
    let mapping = json!({
        "FunctionName": "native", "StartingPosition": "TRIM_HORIZON", "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BatchSize": 1, "MaximumRetryAttempts": 0, "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/in",
    });
    let (status, made) = call(&server, "POST /2015-03-31/event-source-mappings/", &mapping);
    assert_eq!(status, 202, "{made}");
    project.done(&["put", "in", "good", "fail", "good"]);
    project.done(&["wait"]);
    let dead = project.json(&["dead-letter", "list"]);
    assert_eq!(shardmill_end_to_end::items(&dead).len(), 1, "{dead}");
    // Records name the role of the function, which says what it was told.
    let uuid = made["UUID"].as_str().expect("an id");
    let lines = project.ndjson(&["logs", uuid]);
    let role = r#""invokeIdentityArn": "arn:aws:iam::000000000000:role/r""#;
    let says = |line: &Value| line["message"].as_str().is_some_and(|it| it.contains(role));
    assert!(lines.iter().any(says), "{lines:?}");
    let shown = project.json(&["trigger", "show", uuid]);
    assert_eq!(shown["shards"][0]["settled"], 2, "{shown}");
    assert_eq!(server.stop().code, Some(0));
}

/// Puts come without a pause, so that whenever a window ends some have arrived in it and are still on their way to the disk.
#[test]
fn each_tumbling_window_has_one_last_invocation_while_records_keep_coming() {
    let project = project();
    let server = project.up_with(&["--allow-native"]);
    let path = project.folder().join("finals");
    let more = json!({ "Timeout": 60, "Environment": { "Variables": { "FINALS": path } } });
    assert_eq!(create(&server, "sums", &more).0, 201);
    let mapping = json!({
        "FunctionName": "sums", "StartingPosition": "TRIM_HORIZON", "TumblingWindowInSeconds": 1,
        "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/in",
    });
    let (status, made) = call(&server, "POST /2015-03-31/event-source-mappings/", &mapping);
    assert_eq!(status, 202, "{made}");
    let finals = || std::fs::read_to_string(&path).unwrap_or_default();
    let put = json!({ "StreamName": "in", "PartitionKey": "k", "Data": "e30=" }).to_string();
    let address = server.address.as_str();
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "Kinesis_20131202.PutRecord"),
        SIGNED[0],
        SIGNED[2],
    ];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50_000 {
                    let answer = web(address, "POST /", &headers, put.as_bytes());
                    assert_eq!(answer.status, 200, "{answer:?}");
                    if finals().lines().count() >= 6 {
                        return;
                    }
                }
                panic!("windows do not close: {}", finals());
            });
        }
    });
    let second = |record: &Value| record["arrived_ms"].as_u64().expect("a time") / 1_000;
    let arrived: Vec<u64> = project.records("in").iter().map(second).collect();
    let finals = finals();
    let mut starts = BTreeSet::new();
    for line in finals.lines() {
        let counted: Value = serde_json::from_str(line).expect("a line");
        let start = counted["start"].as_u64().expect("a time");
        assert!(starts.insert(start), "{start} came twice: {finals}");
        let expected = arrived.iter().filter(|at| **at == start).count();
        assert_eq!(counted["n"], expected, "{counted}");
    }
    assert_eq!(server.stop().code, Some(0));
}

/// An event that nobody waits for: tried again after one and two minutes, then told of with its record.
#[test]
fn an_event_that_fails_is_tried_again_and_told_of() {
    let project = project();
    let server = project.up_with(&["--allow-native", "--testing"]);
    assert_eq!(create(&server, "bad", &json!({})).0, 201);
    assert_eq!(create(&server, "witness", &json!({})).0, 201);
    let witness = "arn:aws:lambda:us-east-1:000000000000:function:witness";
    let config = json!({ "MaximumRetryAttempts": 2, "DestinationConfig": { "OnFailure": { "Destination": witness } } });
    let (status, kept) = call(
        &server,
        "PUT /2019-09-25/functions/bad/event-invoke-config",
        &config,
    );
    assert_eq!(status, 200, "{kept}");
    let queued = web(
        &server.address,
        "POST /2015-03-31/functions/bad/invocations",
        &[&SIGNED[..], &[("x-amz-invocation-type", "Event")]].concat(),
        br#"{"fail":"never"}"#,
    );
    assert_eq!((queued.status, queued.body.as_str()), (202, ""));
    // The clock goes on in steps, each of which asks the server: nothing is waited for.
    let mut looks = (0..400).map(|_| {
        let moved = server.verb("/_shardmill/clock", r#"{"advance_ms":10000}"#);
        assert_eq!(moved.status, 200, "{}", moved.body);
        project.ndjson(&["logs", "invoke"])
    });
    let is_told = |line: &Value| line["function"] == "witness";
    let lines = looks.find(|lines| lines.iter().any(is_told));
    let lines = lines.expect("it is told of in time");
    let is_told_itself = |line: &&Value| {
        let said = line["message"].as_str().unwrap_or_default();
        line["function"] == "bad" && !said.starts_with("REPORT ")
    };
    let tries = lines.iter().filter(is_told_itself);
    let tries: Vec<u64> = tries.filter_map(|line| line["at_ms"].as_u64()).collect();
    assert_eq!(tries.len(), 3, "{lines:?}");
    assert!(tries[1] - tries[0] >= 60_000, "{tries:?}");
    assert!(tries[2] - tries[1] >= 120_000, "{tries:?}");
    let message = lines.iter().find(|line| is_told(line));
    let message = message.and_then(|line| line["message"].as_str());
    let document = message.and_then(|text| text.strip_prefix("event 1 "));
    let told: Value = serde_json::from_str(document.expect("a record")).expect("JSON");
    assert_eq!(told["version"], "1.0");
    assert_eq!(told["requestPayload"], json!({ "fail": "never" }));
    let context = &told["requestContext"];
    assert_eq!(context["condition"], "RetriesExhausted");
    assert_eq!(context["approximateInvokeCount"], 3);
    assert_eq!(
        context["functionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:bad:$LATEST"
    );
    assert_eq!(told["responseContext"]["functionError"], "Unhandled");
    assert_eq!(told["responsePayload"]["errorType"], "Asked");
    assert_eq!(server.stop().code, Some(0));
}
