//! The life of a server: killed under load, paused, stopped, started again on what is left of its folder. Whatever
//! happens, each record is settled once: nothing lost, nothing twice.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::json;
use shardmill_end_to_end::{Project, Running, guest, items};

const KEYS: usize = 10;

/// Counts the records of each key in durable state and writes each count to `counts`.
fn counting() -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ flights: {{ shards: 2 }}, counts: {{}} }}
functions: {{ counter: {{ source: {} }} }}
triggers:
  count: {{ stream: flights, function: counter, outputs: counts, state: {{}} }}
",
        guest("counter")
    ))
}

/// As many records of each key.
fn write_records(project: &Project, name: &str, each: usize) {
    let mut text = String::new();
    for n in 0..each * KEYS {
        let _ = writeln!(text, r#"{{"dest":"K{}","n":{n}}}"#, n % KEYS);
    }
    project.write(name, &text);
}

fn put(name: &str) -> [&str; 7] {
    [
        "put",
        "flights",
        name,
        "--key-field",
        "dest",
        "--resume",
        "load",
    ]
}

/// Follows the outputs of the counter from the first on.
fn outputs(project: &Project) -> Running {
    let arguments = [
        "tail", "counts", "--follow", "--from", "oldest", "-o", "ndjson",
    ];
    Running::of_output(&mut project.command(&arguments))
}

/// Waits until so many more outputs are there.
fn see(outputs: &mut Running, count: usize) {
    for _ in 0..count {
        let _ = outputs.line(|_| true);
    }
}

/// Each key has its exact count in state, and each count from 1 on was written exactly once.
fn assert_totals(project: &Project, each: usize) {
    let _ = project.json(&["wait"]);
    let state = project.json(&["state", "list", "count"]);
    let counts: BTreeMap<&str, usize> = items(&state)
        .iter()
        .filter_map(|value| {
            Some((
                value["key"].as_str()?,
                value["value"].as_str()?.parse().ok()?,
            ))
        })
        .collect();
    assert_eq!(counts.len(), KEYS, "{state}");
    assert!(counts.values().all(|count| *count == each), "{state}");

    let mut written: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in project.records("counts") {
        let key = record["key"].as_str().map(str::to_owned);
        let count = record["data"].as_u64();
        written
            .entry(key.expect("a key"))
            .or_default()
            .push(count.expect("a count"));
    }
    let expected: Vec<u64> = (1..).take(each).collect();
    for (key, counts) in written {
        assert_eq!(counts, expected, "{key}");
    }
}

#[test]
fn a_server_killed_under_load_counts_each_record_once() {
    let project = counting();
    write_records(&project, "load.ndjson", 2_000);
    let mut server = project.up();
    let producer = Running::of_errors(&mut project.command(&put("load.ndjson")));
    for crash_after in [500, 3_000] {
        let mut outputs = outputs(&project);
        see(&mut outputs, crash_after);
        server = server.crash_and_restart(&project);
    }
    let said = producer.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_totals(&project, 2_000);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_producer_killed_in_the_middle_goes_on_where_it_ended() {
    let project = counting();
    write_records(&project, "load.ndjson", 2_000);
    let _server = project.up();
    let producer = Running::of_errors(&mut project.command(&put("load.ndjson")));
    see(&mut outputs(&project), 500);
    drop(producer);
    let put = project.json(&put("load.ndjson"));
    let (stored, before) = (&put["records"], &put["before"]);
    let sum = stored.as_u64().zip(before.as_u64()).map(|(a, b)| a + b);
    assert_eq!(sum, Some(20_000), "{put}");
    assert_totals(&project, 2_000);
}

#[test]
fn a_pause_outlives_the_server_and_ends_with_resume() {
    let project = counting();
    write_records(&project, "load.ndjson", 5);
    let server = project.up();
    let paused = project.json(&["trigger", "pause", "count"]);
    assert_eq!(paused["paused"], true);
    project.done(&put("load.ndjson"));

    let server = server.crash_and_restart(&project);
    let late = project.verb(&["wait", "--timeout", "20ms"]);
    assert_eq!(late.code, Some(5));
    insta::assert_snapshot!(late.err, @r"
    error: wait: after 20 ms not everything is settled
    hint: `shardmill why` says what waits
    ");
    let why = project.done(&["why", "count", "0"]);
    let lines: Vec<&str> = why.lines().collect();
    assert!(
        lines[0].starts_with("waiting: count shardId-000000000000: paused by an operator"),
        "{why}"
    );
    assert_eq!(
        lines[1..],
        [
            "hint: `shardmill trigger resume count`",
            "working: 0 shards; caught up: 0 shards"
        ]
    );
    let status = project.json(&["trigger", "show", "count"]);
    assert!(
        items(&status["shards"])
            .iter()
            .all(|shard| shard["records"] == 0),
        "{status}"
    );

    let resumed = project.json(&["trigger", "resume", "count"]);
    assert_eq!(resumed["paused"], false);
    assert_totals(&project, 5);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_clean_stop_leaves_nothing_to_wait_for() {
    let project = counting();
    write_records(&project, "load.ndjson", 5);
    let server = project.up();
    project.done(&put("load.ndjson"));
    assert_totals(&project, 5);
    let stopped = server.stop();
    assert_eq!(stopped.code, Some(0), "{}", stopped.err);
    assert!(project.folder().join(".shardmill/dev/data/CLEAN").is_file());
    assert!(!project.folder().join(".shardmill/dev/server.json").exists());

    // Every lease is free: the next server reads on at once, and settles only what is new.
    let _server = project.up();
    write_records(&project, "more.ndjson", 2);
    let more = ["put", "flights", "more.ndjson", "--key-field", "dest"];
    project.done(&more);
    let waited = project.json(&["wait"]);
    assert_eq!(waited["settled"], 2 * KEYS);
    assert_totals(&project, 7);
}

#[test]
fn deleting_the_view_loses_nothing() {
    let project = counting();
    write_records(&project, "load.ndjson", 5);
    let server = project.up();
    project.done(&put("load.ndjson"));
    assert_totals(&project, 5);
    assert_eq!(server.stop().code, Some(0));
    std::fs::remove_dir_all(project.folder().join(".shardmill/dev/data/view")).unwrap();

    let server = project.up();
    assert_totals(&project, 5);
    assert_eq!(
        project.json(&["wait"])["settled"],
        0,
        "checkpoints are as they were"
    );
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_blocked_shard_keeps_its_records_and_says_why() {
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ flights: {{}} }}
functions: {{ panics: {{ source: {} }} }}
triggers:
  board:
    stream: flights
    function: panics
    retry: {{ attempts: 1, then: block }}
",
        guest("panics")
    ));
    let server = project.up();
    project.done(&["put", "flights", "one", "two"]);
    // Time enough for the one attempt, even on a machine that is busy.
    assert_eq!(project.verb(&["wait", "--timeout", "2s"]).code, Some(5));
    let why = project.json(&["why", "board"]);
    let reason = why["waiting"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("no gate for"), "{reason}");
    assert!(why["waiting"][0]["hint"].is_string(), "{why}");
    assert_eq!(project.json(&["dead-letter", "list"]), json!([]));
    let server = server.crash_and_restart(&project);
    assert_eq!(project.data("flights").len(), 2);
    assert_eq!(server.stop().code, Some(0));
}
