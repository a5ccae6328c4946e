//! Requests that cannot be carried out: AWS's status and AWS's words, our hint beside them, and the stream as it was.

use serde_json::{Value, json};
use shardmill_end_to_end::{Answer, Project, Server};

const MIB: usize = 1 << 20;

fn project() -> (Project, Server) {
    let project = Project::new("version: 1\nstreams: { flights: {} }\n");
    let server = project.up();
    (project, server)
}

fn put(server: &Server, data: &str) -> Answer {
    let body = json!({"StreamName": "flights", "PartitionKey": "JFK", "Data": data});
    server.kinesis("PutRecord", &body.to_string())
}

#[test]
fn a_json_body_cut_in_half() {
    let (project, server) = project();
    assert_eq!(put(&server, "b25l").status, 200);
    let whole = json!({"StreamName": "flights", "PartitionKey": "JFK", "Data": "aGFsZg=="});
    let whole = whole.to_string();
    let refused = server.kinesis("PutRecord", &whole[..whole.len() / 2]);
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body, r#"{"__type":"SerializationException"}"#);
    assert_eq!(
        refused.header("x-shardmill-hint"),
        Some("the body is not a JSON object: it may have been cut off on its way")
    );
    assert_eq!(put(&server, "dHdv").status, 200);
    assert_eq!(project.data("flights"), ["one", "two"]);
}

#[test]
fn a_connection_cut_in_the_middle_of_a_body() {
    let (project, server) = project();
    let whole = json!({"StreamName": "flights", "PartitionKey": "JFK", "Data": "aGFsZg=="});
    server.kinesis_cut_off("PutRecord", &whole.to_string());
    assert_eq!(put(&server, "b25l").status, 200);
    assert_eq!(project.data("flights"), ["one"]);
}

#[test]
fn a_record_of_2_mib_by_the_kinesis_door() {
    let (project, server) = project();
    let large = base64_of_zeros(2 * MIB);
    let refused = put(&server, &large);
    assert_eq!(refused.status, 400);
    let said: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(said["__type"], "ValidationException");
    let message = said["message"].as_str().unwrap();
    assert!(
        message.contains("less than or equal to 1048576"),
        "{message}"
    );
    let hint = refused.header("x-shardmill-hint");
    assert_eq!(
        hint,
        Some("split the record, or store the object elsewhere and put its address")
    );
    // A request is taken or refused as a whole.
    let records = [("b25l", "JFK"), (large.as_str(), "EWR")]
        .map(|(data, key)| json!({"Data": data, "PartitionKey": key}));
    let both = json!({"StreamName": "flights", "Records": records});
    assert_eq!(server.kinesis("PutRecords", &both.to_string()).status, 400);
    assert_eq!(project.data("flights"), Vec::<Value>::new());
}

#[test]
fn a_record_of_2_mib_by_the_command_line() {
    let (project, _server) = project();
    project.write("large.ndjson", &"x".repeat(2 * MIB));
    let said = project.verb(&["put", "flights", "one", "large.ndjson", "--key", "JFK"]);
    assert_eq!(said.code, Some(2));
    let (error, hint) = said.err.split_once('\n').unwrap();
    let which = "error: put argument 1 to large.ndjson line 1 (the largest record is large.ndjson line 1, 2097155 bytes): ";
    assert!(
        error.starts_with(&format!("{which}ValidationException: ")),
        "{error}"
    );
    assert!(
        error.ends_with("less than or equal to 1048576; 0 records are stored"),
        "{error}"
    );
    assert_eq!(
        hint,
        "hint: split the record, or store the object elsewhere and put its address\n"
    );
}

#[test]
fn a_stream_that_is_not_there() {
    let (project, server) = project();
    let body = json!({"StreamName": "nowhere", "PartitionKey": "JFK", "Data": ""});
    let refused = server.kinesis("PutRecord", &body.to_string());
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("ResourceNotFoundException"));
    let said = project.verb(&["put", "nowhere", "one", "-o", "json"]);
    assert_eq!(said.code, Some(3));
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["exit"], 3);
    assert_eq!(error["hint"], "`shardmill stream list` shows what exists");
}

fn base64_of_zeros(bytes: usize) -> String {
    "A".repeat(bytes.div_ceil(3) * 4)
}
