//! What an operator relies on: a wait covers whole chains, and nothing that a trigger needs or has left is lost by a verb.

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, Running, get, guest, items, run};

/// Two triggers in a row: `first` fails for the records that `fails_on` knows, `second` copies.
fn chain() -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ a: {{ shards: 2 }}, b: {{ shards: 2 }}, c: {{}} }}
functions: {{ fails: {{ source: {} }}, copy: {{ source: {} }} }}
triggers:
  first: {{ stream: a, function: fails, outputs: b }}
  second: {{ stream: b, function: copy, outputs: c }}
",
        guest("fails_on"),
        guest("echo")
    ))
}

fn put(project: &Project, records: &[String]) {
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    project.done(&[&["put", "a"], records.as_slice()].concat());
}

#[test]
fn a_wait_covers_what_triggers_make_of_what_was_put() {
    let project = chain();
    let _server = project.up();
    for round in 1..=10 {
        let records: Vec<String> = (0..50).map(|number| format!("{round}-{number}")).collect();
        put(&project, &records);
        let waited = project.json(&["wait", "second"]);
        assert_eq!(waited["settled"], 100 * round, "{waited}");
        assert_eq!(project.data("c").len(), 50 * round);
    }
}

#[test]
fn a_stream_that_a_trigger_uses_is_not_deleted() {
    let project = chain();
    let _server = project.up();
    for (stream, use_of_it) in [
        ("a", "first reads"),
        ("b", "first writes"),
        ("c", "second writes"),
    ] {
        let said = project.verb(&["stream", "delete", stream, "--yes"]);
        assert_eq!(said.code, Some(6));
        let error = format!("error: delete stream {stream}: trigger {use_of_it} it");
        assert!(said.err.contains(&error), "{}", said.err);
    }
}

#[test]
fn records_wait_for_an_output_stream_that_is_gone() {
    let project = chain();
    let server = project.up();
    let deleted = server.kinesis("DeleteStream", "{\"StreamName\":\"c\"}");
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    project.done(&["put", "a", "one", "two"]);
    assert_eq!(project.verb(&["wait", "--timeout", "1s"]).code, Some(5));
    let why = project.json(&["why", "second"]);
    let reason = why["waiting"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("output stream c "), "{reason}");
    // It takes a while to be gone; the stream is there again after a restart, since the file declares it.
    let server = server.crash_and_restart(&project);
    project.done(&["wait"]);
    let mut arrived = project.data("c");
    arrived.sort_by_key(Value::to_string);
    assert_eq!(arrived, ["one", "two"]);
    assert_eq!(project.json(&["dead-letter", "list"]), json!([]));
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn all_dead_letters_are_listed_and_outlive_their_trigger() {
    let project = chain();
    let server = project.up();
    for _ in 0..11 {
        put(&project, &vec!["dead".to_owned(); 100]);
    }
    project.done(&["wait"]);
    assert_eq!(items(&project.json(&["dead-letter", "list"])).len(), 1_100);
    assert_eq!(server.stop().code, Some(0));

    project.write("triggers.yaml", "version: 1\nstreams: { a: {} }\n");
    let _server = project.up();
    let letters = project.json(&["dead-letter", "list"]);
    assert_eq!(items(&letters).len(), 1_100);
    assert_eq!(letters[0]["detached"], true);
    let id = letters[0]["id"].as_str().expect("an id");
    assert_eq!(
        project.json(&["dead-letter", "show", id])["records"][0]["data"],
        "dead"
    );
    let table = project.done(&["dead-letter", "list", "--trigger", "first"]);
    assert!(table.contains("first (detached)"), "{table}");
    assert_eq!(
        project
            .verb(&["dead-letter", "list", "--trigger", "none"])
            .code,
        Some(3)
    );
}

#[test]
fn a_folder_has_one_server_that_its_verbs_find() {
    let project = chain();
    let server = project.up();
    let again = project.verb(&["up", "--port", "0"]);
    assert_eq!(again.code, Some(6));
    let error = format!(
        "error: start: this folder's server runs already, at http://{}",
        server.address
    );
    assert!(again.err.contains(&error), "{}", again.err);

    // One with other data runs beside it, and neither takes its note nor removes it.
    let mut beside =
        Running::of_errors(&mut project.command(&["up", "--port", "0", "--data", "other"]));
    beside.line(|line| line.starts_with("note: verbs in this folder go on asking"));
    beside.line(|line| line.starts_with("ready "));
    let asked = run(std::process::Command::new("kill").arg(beside.id().to_string()));
    assert_eq!(asked.code, Some(0));
    assert_eq!(beside.end().code, Some(0));
    project.done(&["put", "a", "one"]);
    assert_eq!(project.data("a").len(), 1);

    // A note that outlived its server is not followed to another one that took the address.
    let note = project.folder().join(".shardmill/dev/server.json");
    let text = std::fs::read_to_string(&note).expect("a note");
    std::fs::write(&note, text.replace("\"data\":\"", "\"data\":\"/elsewhere")).expect("a note");
    let said = project.verb(&["put", "a", "two"]);
    assert_eq!(said.code, Some(6), "{}", said.err);
    assert!(
        said.err.contains("the server of this folder is gone"),
        "{}",
        said.err
    );
    let named = ["put", "a", "two", "--server", server.address.as_str()];
    assert_eq!(project.verb(&named).code, Some(0));
    // A note of another server is left alone.
    assert_eq!(server.stop().code, Some(0));
    assert!(note.is_file());
}

#[test]
fn up_refuses_the_address_of_a_server() {
    let said = chain().verb(&["up", "--server", "127.0.0.1:1"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
}

#[test]
fn a_server_that_compiles_says_that_it_is_not_ready() {
    let project = chain();
    // The component comes through a pipe, so that the test decides when it has been read.
    let pipe = project.folder().join("slow.wasm");
    let made = run(std::process::Command::new("mkfifo").arg(&pipe));
    assert_eq!(made.code, Some(0), "{}", made.err);
    project.write(
        "triggers.yaml",
        "version: 1\nfunctions: { slow: { source: slow.wasm } }\n",
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let port = port.expect("a free port").port().to_string();
    let mut up = Running::of_errors(&mut project.command(&["up", "--port", &port]));
    let mut writer = std::fs::OpenOptions::new()
        .write(true)
        .open(&pipe)
        .expect("it is being read");
    let address = format!("127.0.0.1:{port}");
    assert_eq!(get(&address, "/healthz").status, 200);
    assert_eq!(get(&address, "/readyz").status, 503);
    let status = get(&address, "/_shardmill/api/status");
    assert_eq!(status.status, 503);
    assert!(status.body.contains("the server is starting"));
    // A verb waits for it.
    let mut waiting = Running::of_output(&mut project.command(&["status", "--server", &address]));
    let component = std::fs::read(guest("echo")).expect("a component");
    std::io::Write::write_all(&mut writer, &component).expect("it is read");
    drop(writer);
    up.line(|line| line.starts_with("ready "));
    waiting.line(|line| line.contains("no triggers"));
    assert_eq!(get(&address, "/readyz").status, 200);
}

#[test]
fn what_can_match_nothing_is_refused() {
    let project = chain();
    let _server = project.up();
    project.done(&["stream", "create", "extra"]);
    let check = |code: i32, arguments: &[&str], error: &str| {
        let said = project.verb(arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(error), "{arguments:?}: {}", said.err);
    };
    check(3, &["logs", "frist"], "did you mean `first`?");
    check(
        3,
        &["logs", "first", "--shard", "99"],
        "shard shardId-000000000099 of trigger first",
    );
    check(2, &["logs", "--shard", "none"], "`none` is no shard");
    check(0, &["logs", "invoke"], "");
    check(
        3,
        &["why", "first", "77"],
        "shard shardId-000000000077 of trigger first",
    );
    check(
        3,
        &["tail", "a", "--shard", "9"],
        "shard shardId-000000000009 of stream a",
    );
    check(
        2,
        &["tail", "a", "--from", "123"],
        "123 is no sequence number",
    );
    check(
        2,
        &["stream", "create", "b2", "--retention", "1h"],
        "kept for 1d to 365d",
    );
    check(0, &["stream", "delete", "extra", "--yes"], "");
    check(
        6,
        &["stream", "delete", "extra", "--yes"],
        "it is being deleted already",
    );
}

#[test]
fn a_put_says_what_it_stored_and_what_it_took_literally() {
    let project = chain();
    let _server = project.up();
    project.write("notes.md", "a line\n");
    let said = project.verb(&["put", "a", "notes.md"]);
    assert_eq!(said.code, Some(0));
    assert!(
        said.err.contains("the text `notes.md` itself is put"),
        "{}",
        said.err
    );
    // A row with too many cells, behind more rows than one request takes.
    let rows: String = (0..600).map(|number| format!("{number},1.10\n")).collect();
    project.write("rows.csv", &format!("id,fare\n{rows}1,2,3\n"));
    let said = project.verb(&["put", "a", "rows.csv", "--key-field", "id"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("; 600 records are stored\nhint: "),
        "{}",
        said.err
    );
    assert!(said.err.contains("--resume NAME"), "{}", said.err);
    assert!(
        project
            .done(&["tail", "a"])
            .contains("{\"id\":7,\"fare\":1.10}")
    );
    assert_eq!(project.done(&["tail", "a", "-n", "3"]).lines().count(), 3);
}

#[test]
fn a_check_finds_sources_that_are_not_there_and_gives_its_findings_as_data() {
    let project = Project::new("version: 1\nfunctions: { f: { source: no/such } }\n");
    let said = project.verb(&["check"]);
    assert_eq!(said.code, Some(7), "{}", said.err);
    assert!(said.err.contains("it is not there"), "{}", said.err);
    project.write("triggers.yaml", "version: 1\nfunctoins: {}\n");
    let said = project.verb(&["check", "-o", "json"]);
    assert_eq!(said.code, Some(7));
    let found: Value = serde_json::from_str(&said.out).expect("a document");
    let first = &found["diagnostics"][0];
    assert_eq!((&first["line"], &first["column"]), (&json!(2), &json!(1)));
    assert_eq!(first["hint"], "did you mean `functions`?");
}

#[test]
fn shards_that_differ_from_the_file_are_said() {
    let project = Project::new("version: 1\nstreams: { a: { shards: 1 } }\n");
    assert_eq!(project.up().stop().code, Some(0));
    project.write(
        "triggers.yaml",
        "version: 1\nstreams: { a: { shards: 3 } }\n",
    );
    let _server = project.up();
    let status = project.done(&["status"]);
    assert!(
        status.contains("stream a has 1 shards, triggers.yaml says 3"),
        "{status}"
    );
}
