//! Functions that misbehave, each in its own way, between two that are sound. Every record that the bad one could not
//! serve is in the dead-letter store, whole and with each attempt, through a crash too; its neighbours miss nothing.

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, guest, items};

const RECORDS: [&str; 3] = [
    r#"{"flight":"UA1545"}"#,
    r#"{"flight":"AA1141"}"#,
    r#"{"flight":"B6725"}"#,
];

/// The guest reads what an echo reads too. Two attempts as a batch, then one for each record alone.
fn project(guest_name: &str) -> Project {
    // Only what never ends is cut short; all others have time, even on a machine that is busy.
    let timeout = if guest_name == "loops" {
        "100ms"
    } else {
        "30s"
    };
    Project::new(&format!(
        "\
version: 1
streams: {{ flights: {{}}, out: {{}}, echoed: {{}} }}
functions:
  bad: {{ source: {}, timeout: {timeout}, memory: 16MiB, log: 4KiB }}
  good: {{ source: {} }}
triggers:
  bad:
    stream: flights
    function: bad
    outputs: out
    retry: {{ attempts: 2, backoff: {{ first: 1ms, max: 1ms }} }}
  good: {{ stream: flights, function: good, outputs: echoed }}
",
        guest(guest_name),
        guest("echo")
    ))
}

fn put_and_wait(project: &Project, records: &[&str]) -> Value {
    let arguments = [&["put", "flights", "--key", "JFK"], records].concat();
    project.done(&arguments);
    let waited = project.json(&["wait"]);
    // How much of it happened while somebody waited differs from run to run.
    json!({"settled": waited["settled"], "dead_letters": waited["dead_letters"]})
}

fn document(record: &str) -> Value {
    serde_json::from_str(record).expect("a document")
}

/// Every dead letter with its records, oldest first.
fn dead_letters(project: &Project) -> Vec<Value> {
    let listed = project.json(&["dead-letter", "list"]);
    let ids = items(&listed)
        .iter()
        .filter_map(|letter| letter["id"].as_str());
    ids.map(|id| project.json(&["dead-letter", "show", id]))
        .collect()
}

/// The guest spoils every record: `error` is what the list says of each.
fn check(guest_name: &str, error: &str) {
    let project = project(guest_name);
    let server = project.up();
    let waited = put_and_wait(&project, &RECORDS);
    assert_eq!(waited, json!({"settled": 3, "dead_letters": 3}));

    let listed = project.json(&["dead-letter", "list"]);
    for letter in items(&listed) {
        assert_eq!(letter["error"], error);
        assert_eq!(letter["condition"], "RetryAttemptsExhausted");
    }
    let kept = dead_letters(&project);
    let records: Vec<&Value> = kept
        .iter()
        .flat_map(|letter| items(&letter["records"]))
        .collect();
    let whole = RECORDS.map(document);
    assert_eq!(
        records
            .iter()
            .map(|record| &record["data"])
            .collect::<Vec<_>>(),
        whole.iter().collect::<Vec<_>>()
    );
    assert!(records.iter().all(|record| record["key"] == "JFK"));
    assert!(
        kept.iter()
            .all(|letter| items(&letter["attempts"]).len() >= 2)
    );
    assert_eq!(project.data("out"), Vec::<Value>::new());
    assert_eq!(project.data("echoed"), whole);

    let server = server.crash_and_restart(&project);
    assert_eq!(dead_letters(&project), kept);
    let waited = put_and_wait(&project, &["{}"]);
    assert_eq!(
        waited,
        json!({"settled": 1, "dead_letters": 1}),
        "later records go on"
    );
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn one_that_loops() {
    check(
        "loops",
        "Timeout: function bad did not end within its timeout of 100ms: do less at a time, \
         or raise `timeout` of the function",
    );
}

#[test]
fn one_that_allocates_for_ever() {
    check(
        "allocates",
        "OutOfMemory: function bad ran out of memory: its limit is 16MiB, raise `memory` of the function; \
         its last words: memory allocation of 1048576 bytes failed",
    );
}

#[test]
fn one_that_recurses() {
    check(
        "recurses",
        "StackOverflow: function bad called itself too deeply: the stack is full",
    );
}

#[test]
fn one_that_returns_malformed_output() {
    check(
        "malformed",
        "MalformedOutput: function bad: output `default`: it has 5 bytes, less than the header of 32",
    );
}

#[test]
fn one_that_emits_to_an_output_it_does_not_have() {
    check(
        "wrong_output",
        "NoSuchOutput: output `nowhere`: trigger bad has no output `nowhere`: \
         name it under `triggers.bad.outputs` in triggers.yaml",
    );
}

#[test]
fn one_that_panics() {
    check(
        "panics",
        "Trap: function bad trapped: wasm trap: wasm `unreachable` instruction executed; \
         its last words: panicked at src/panics.rs:17:5: no gate for 1 records",
    );
}

#[test]
fn one_that_floods_the_log() {
    let project = project("floods");
    let _server = project.up();
    let waited = put_and_wait(&project, &RECORDS);
    // It is noisy, not wrong: its records are settled, and what it said is kept up to the limit.
    assert_eq!(waited, json!({"settled": 6, "dead_letters": 0}));
    let lines = project.ndjson(&["logs", "bad"]);
    let said = |line: &Value| line["message"].as_str().unwrap().to_owned();
    let dropped: Vec<String> = lines
        .iter()
        .map(said)
        .filter(|line| line.contains("bytes of log dropped"))
        .collect();
    assert!(!dropped.is_empty());
    for line in dropped {
        let hint = "an invocation may say 4096 bytes (log limit of the function)";
        assert!(line.ends_with(hint), "{line}");
    }
}

#[test]
fn one_that_fails_for_some_records_only() {
    let project = project("fails_on");
    let _server = project.up();
    let waited = put_and_wait(&project, &["one", "fail", "two", "dead", "three"]);
    assert_eq!(waited, json!({"settled": 8, "dead_letters": 2}));
    assert_eq!(project.data("out"), ["one", "two", "three"]);
    let kept = dead_letters(&project);
    let given_up: Vec<(&Value, &Value)> = kept
        .iter()
        .map(|letter| (&letter["condition"], &letter["records"][0]["data"]))
        .collect();
    assert_eq!(
        given_up,
        [
            (&json!("RetryAttemptsExhausted"), &json!("fail")),
            (&json!("Rejected"), &json!("dead"))
        ]
    );
}
