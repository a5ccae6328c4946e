//! Event source mappings by the Lambda API, against the real binary.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment where the clients are"
)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
};

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, Server, guest, items, root, run};

const PATH: &str = "/2015-03-31/event-source-mappings/";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/in";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:failed";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";

fn project() -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, other: {{}} }}
destinations: {{ queue: {{ sqs: '{QUEUE}' }} }}
functions: {{ echo: {{ source: {} }} }}
triggers:
  of-file:
    stream: other
    function: echo
    outputs: in
    report_failures: ignored
    filter: [ {{ data: {{ kind: [late] }} }} ]
    on_failure: queue
",
        guest("event_echo")
    ))
}

/// Status and document.
fn ask(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut stream = TcpStream::connect(&server.address).expect("the server answers");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nx-amz-date: 20260101T000000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=dev/20260101/us-east-1/lambda/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00\r\ncontent-length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    stream
        .write_all(head.as_bytes())
        .expect("the request is taken");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (
        status.expect("a status"),
        serde_json::from_str(body).unwrap_or(Value::Null),
    )
}

fn required() -> Value {
    json!({ "EventSourceArn": STREAM, "FunctionName": "echo", "StartingPosition": "LATEST" })
}

#[test]
fn a01_a_mapping_of_required_members_has_exactly_the_members_of_aws() {
    let project = project();
    let server = project.up();
    let (status, mut created) = ask(&server, "POST", PATH, &required());
    assert_eq!(status, 202);
    let uuid = created["UUID"].as_str().expect("an id").to_owned();
    assert!(created["LastModified"].take().is_number());
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
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a02_the_same_pair_again_is_a_conflict_that_names_the_first() {
    let project = project();
    let server = project.up();
    let (_, created) = ask(&server, "POST", PATH, &required());
    let (status, refused) = ask(&server, "POST", PATH, &required());
    assert_eq!(status, 409);
    let uuid = created["UUID"].as_str().expect("an id");
    let text = format!(
        "The event source arn (\" {STREAM} \") and function (\" echo \") provided mapping already exists. Please update or delete the existing mapping with UUID {uuid}"
    );
    assert_eq!(refused["Message"], text);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_mapping_runs_at_once_survives_a_crash_and_goes_with_its_checkpoints() {
    let project = project();
    let server = project.up();
    let (_, created) = ask(&server, "POST", PATH, &required());
    let uuid = created["UUID"].as_str().expect("an id").to_owned();
    let one = format!("{PATH}{uuid}");
    // Put right after the answer, so LATEST must have been decided before it (A24).
    project.done(&["put", "in", "1"]);
    project.done(&["wait", &uuid]);
    let shown = project.json(&["trigger", "show", &uuid]);
    assert_eq!(shown["by"], "api");
    assert_eq!(shown["shards"][0]["settled"], 1, "{shown}");
    let (_, got) = ask(&server, "GET", &one, &Value::Null);
    assert_eq!(got["State"], "Enabled");
    assert_eq!(got["LastProcessingResult"], "OK");

    let server = server.crash_and_restart(&project);
    project.done(&["put", "in", "2"]);
    project.done(&["wait", &uuid]);
    let shown = project.json(&["trigger", "show", &uuid]);
    // The first record had no effects: its checkpoint is written a little later, and a crash before that repeats it.
    let settled = &shown["shards"][0]["settled"];
    assert!(*settled == 1 || *settled == 2, "{shown}");

    let file = project.json(&["trigger", "list"]);
    assert_eq!(items(&file).len(), 2);
    let (_, listed) = ask(&server, "GET", PATH, &Value::Null);
    let listed = items(&listed["EventSourceMappings"]).to_vec();
    assert_eq!(listed.len(), 2);
    let of_file = listed
        .iter()
        .find(|it| it["UUID"] != uuid.as_str())
        .expect("it is shown");
    let pattern = json!([{ "Pattern": r#"{"data":{"kind":["late"]}}"# }]);
    assert_eq!(of_file["FilterCriteria"]["Filters"], pattern);
    let destination = &of_file["DestinationConfig"]["OnFailure"]["Destination"];
    assert_eq!(destination, QUEUE);
    let of_file = format!("{PATH}{}", of_file["UUID"].as_str().expect("an id"));
    assert_eq!(ask(&server, "DELETE", &of_file, &Value::Null).0, 400);
    assert_eq!(
        ask(&server, "PUT", &of_file, &json!({ "BatchSize": 7 })).0,
        400
    );
    assert_eq!(
        ask(&server, "PUT", &of_file, &json!({ "Enabled": false })).0,
        202
    );
    assert_eq!(
        project.json(&["trigger", "show", "of-file"])["paused"],
        true
    );

    assert_eq!(ask(&server, "DELETE", &one, &Value::Null).0, 202);
    assert_eq!(ask(&server, "GET", &one, &Value::Null).0, 404);
    assert_eq!(items(&project.json(&["trigger", "list"])).len(), 1);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn what_is_put_while_a_mapping_is_disabled_is_handled_once_when_it_is_enabled() {
    let project = project();
    let server = project.up();
    let (_, created) = ask(&server, "POST", PATH, &required());
    let uuid = created["UUID"].as_str().expect("an id").to_owned();
    let one = format!("{PATH}{uuid}");
    project.done(&["put", "in", "1", "2", "3"]);
    project.done(&["wait", &uuid]);
    let turned = |enabled: bool| ask(&server, "PUT", &one, &json!({ "Enabled": enabled }));
    let (status, changed) = turned(false);
    assert_eq!((status, &changed["State"]), (202, &json!("Disabling")));
    let (_, got) = ask(&server, "GET", &one, &Value::Null);
    assert_eq!(got["State"], "Disabled");
    let handled = || {
        let shown = project.json(&["trigger", "show", &uuid]);
        shown["shards"][0]["records"].as_u64().unwrap_or_default()
    };
    let before = handled();
    let more: Vec<String> = (4..=13).map(|number| number.to_string()).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    project.done(&[&["put", "in"][..], &more].concat());
    assert_eq!(handled(), before);
    let (status, changed) = turned(true);
    assert_eq!((status, &changed["State"]), (202, &json!("Enabling")));
    project.done(&["wait", &uuid]);
    let shown = project.json(&["trigger", "show", &uuid]);
    // Counted since it was enabled.
    assert_eq!(shown["shards"][0]["settled"], 10, "{shown}");
    assert_eq!(shown["shards"][0]["lag"]["records"], 0, "{shown}");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_pair_of_the_file_and_of_the_api_is_refused_from_either_side_with_both_places() {
    let project = project();
    let server = project.up();
    let mut of_file = required();
    of_file["EventSourceArn"] = json!("arn:aws:kinesis:us-east-1:000000000000:stream/other");
    let (status, refused) = ask(&server, "POST", PATH, &of_file);
    assert_eq!(status, 409, "{refused}");

    let (_, created) = ask(&server, "POST", PATH, &required());
    let uuid = created["UUID"].as_str().expect("an id");
    let file = std::fs::read_to_string(project.folder().join("triggers.yaml"));
    let again = "  again: { stream: in, function: echo }\n";
    project.write("triggers.yaml", &(file.expect("the file is there") + again));
    let told = format!(
        "triggers.yaml:13 binds the same stream and function as event source mapping {uuid}"
    );
    for verb in ["plan", "deploy"] {
        let said = project.verb(&[verb]);
        assert_eq!(said.code, Some(6), "{verb}: {}", said.err);
        assert!(said.err.contains(&told), "{verb}: {}", said.err);
    }
    assert_eq!(server.stop().code, Some(0));
    let said = project.verb(&["up", "--port", "0"]);
    assert_eq!(said.code, Some(6), "{}", said.err);
    assert!(said.err.contains(&told), "{}", said.err);
}

#[test]
fn a_pattern_that_cannot_be_meant_is_refused_in_the_words_of_aws() {
    let project = project();
    let server = project.up();
    for pattern in [
        r#"{"data":{"a":1}}"#,
        r#"{"data":{"a":[{"near":[1]}]}}"#,
        "[",
        "{}}",
    ] {
        let mut asked = required();
        asked["FilterCriteria"] = json!({ "Filters": [{ "Pattern": pattern }] });
        let (status, refused) = ask(&server, "POST", PATH, &asked);
        assert_eq!(status, 400, "{pattern}");
        let text = "Invalid filter pattern definition.";
        assert!(refused.to_string().contains(text), "{pattern}: {refused}");
        assert!(refused["reason"].is_string(), "{pattern}: {refused}");
    }
    let (_, listed) = ask(&server, "GET", PATH, &Value::Null);
    assert_eq!(items(&listed["EventSourceMappings"]).len(), 1);
    assert_eq!(server.stop().code, Some(0));
}

/// Runs only where the clients are installed, as the other tests of clients do.
#[test]
fn boto3_and_the_aws_cli_drive_mappings() {
    let Ok(interpreter) = std::env::var("SHARDMILL_TEST_PYTHON") else {
        return;
    };
    let project = project();
    let server = project.up();
    let mut python = Command::new(interpreter);
    python
        .arg("python/boto3_mappings.py")
        .current_dir(root().join("tests/end_to_end/clients"));
    let said = run(server.for_aws(&mut python));
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
}
