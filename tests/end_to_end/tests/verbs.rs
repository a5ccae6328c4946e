//! What scripts rely on: every verb answers in each format with the same data, ends with the exit code of its meaning,
//! and keeps data on standard output and everything else on standard error.

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, Server, get, guest, items, web};

/// A server with one trigger that has settled three records and given up one.
fn world() -> (Project, Server) {
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ flights: {{}}, out: {{}} }}
functions: {{ fails: {{ source: {} }}, event: {{ source: {} }} }}
triggers:
  late: {{ stream: flights, function: fails, outputs: out }}
",
        guest("fails_on"),
        guest("event_echo")
    ));
    let server = project.up();
    project.done(&[
        "put", "flights", "one", "two", "dead", "three", "--key", "JFK",
    ]);
    project.done(&["wait"]);
    (project, server)
}

#[test]
fn every_format_of_every_verb_holds_the_same_data() {
    let (project, _server) = world();
    let letters = project.json(&["dead-letter", "list"]);
    let letter = letters[0]["id"].as_str().expect("an id");
    let lists: [&[&str]; 9] = [
        &["stream", "list"],
        &["stream", "shards", "flights"],
        &["function", "list"],
        &["trigger", "list"],
        &["state", "list", "late"],
        &["dead-letter", "list"],
        &["build"],
        &["doctor"],
        &["streams"],
    ];
    let things: [&[&str]; 10] = [
        &["stream", "show", "flights"],
        &["function", "show", "fails"],
        &["trigger", "show", "late"],
        &["dead-letter", "show", letter],
        &["status"],
        &["why"],
        &["wait"],
        &["check"],
        &["version"],
        &["stream", "delete", "flights", "--dry-run"],
    ];
    // The clock that `doctor` shows goes on between two calls.
    let still = |mut item: Value| {
        if item["check"] == "clock" {
            item["fact"].take();
        }
        item
    };
    for verb in lists {
        let json = project.json(verb);
        let json: Vec<Value> = items(&json).iter().cloned().map(still).collect();
        let lines: Vec<Value> = project.ndjson(verb).into_iter().map(still).collect();
        assert_eq!(json, lines, "{verb:?}");
    }
    for verb in things {
        // Times and counters of the log may move between two calls.
        let names = |value: &Value| value.as_object().map(|it| it.keys().cloned().collect());
        let json: Option<Vec<String>> = names(&project.json(verb));
        let line = project.ndjson(verb);
        assert_eq!(line.len(), 1, "{verb:?}");
        assert_eq!(json, names(&line[0]), "{verb:?}");
        assert!(json.is_some_and(|names| !names.is_empty()), "{verb:?}");
    }
    for verb in lists.into_iter().chain(things) {
        let yaml = project.done(&[verb, &["-o", "yaml"]].concat());
        // Nothing is written in the form of JSON but what is empty.
        let filled = yaml.replace("{}", "");
        assert!(
            !filled.contains('{') || filled.contains('\''),
            "{verb:?}: {yaml}"
        );
        assert!(
            !project.verb(verb).out.contains('\u{1b}'),
            "{verb:?} has colours off a terminal"
        );
    }
}

#[test]
fn exit_codes_say_what_happened() {
    let (project, server) = world();
    let check = |code: i32, arguments: &[&str]| {
        let said = project.verb(arguments);
        assert_eq!(
            said.code,
            Some(code),
            "{arguments:?}: {}{}",
            said.out,
            said.err
        );
        if code != 0 {
            let lines = said.err.lines();
            let errors = lines.filter(|line| line.starts_with("error: ")).count();
            assert_eq!(errors, 1, "{arguments:?}: {}", said.err);
        }
    };
    check(0, &["wait"]);
    check(0, &["wait", "late", "--timeout", "5s"]);
    check(3, &["wait", "nobody"]);
    check(2, &["wait", "--timeout", "soon"]);
    check(0, &["why"]);
    check(0, &["why", "late", "0"]);
    check(3, &["why", "nobody"]);
    check(0, &["doctor"]);
    check(3, &["stream", "show", "nowhere"]);
    check(3, &["trigger", "pause", "nobody"]);
    check(3, &["trigger", "rename", "nobody", "somebody"]);
    check(2, &["trigger", "rename", "late", "later"]);
    check(3, &["dead-letter", "show", "late/0-1"]);
    let said = project.verb(&["dead-letter", "show", "0-1"]);
    assert!(said.err.contains("its id is TRIGGER/ENTRY"), "{}", said.err);
    check(6, &["stream", "create", "flights"]);
    // Off a terminal nobody can be asked.
    check(2, &["stream", "delete", "out"]);
    check(6, &["stream", "delete", "flights", "--yes"]);
    check(2, &["put", "flights"]);
    check(3, &["check", "--file", "nowhere.yaml"]);
    assert_eq!(server.stop().code, Some(0));
    // Without a server: what needs one fails, what only looks around says so and is content.
    check(1, &["wait", "--server", "127.0.0.1:1"]);
    check(0, &["doctor", "--server", "127.0.0.1:1"]);
}

#[test]
fn errors_are_data_too() {
    let (project, _server) = world();
    let said = project.verb(&["trigger", "show", "nobody", "-o", "json"]);
    let error: Value = serde_json::from_str(&said.err).expect("one document");
    let expected = json!({
        "error": "trigger nobody does not exist",
        "hint": "`shardmill trigger list` shows what is there",
        "exit": 3,
    });
    assert_eq!((error, said.out.as_str()), (expected, ""));
}

#[test]
fn doctor_is_exit_7_when_nothing_can_be_built() {
    let project = Project::new("version: 1\nfunctions: { f: { source: functions/f } }\n");
    std::fs::create_dir_all(project.folder().join("functions/f")).expect("a folder");
    project.write("functions/f/Cargo.toml", "[package]\nname = \"f\"\n");
    let said = shardmill_end_to_end::run(
        project
            .command(&["doctor", "-o", "ndjson"])
            .env("PATH", project.folder()),
    );
    assert_eq!(said.code, Some(7));
    let missing: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|finding: &Value| finding["result"] == "missing")
        .collect();
    assert_eq!(missing[0]["check"], "cargo");
    assert_eq!(missing[0]["hint"], "install Rust from https://rustup.rs");
}

#[test]
fn invoke_takes_the_key_from_a_field_as_put_does() {
    let (project, _server) = world();
    project.write("few.ndjson", "{\"dest\":\"EWR\"}\n{\"dest\":\"JFK\"}\n");
    project.write("few.csv", "dest,late\nEWR,2\nJFK,\n");
    for (file, data) in [
        (
            "few.ndjson",
            [json!({"dest": "EWR"}), json!({"dest": "JFK"})],
        ),
        (
            "few.csv",
            [
                json!({"dest": "EWR", "late": 2}),
                json!({"dest": "JFK", "late": null}),
            ],
        ),
    ] {
        let answer = project.json(&["invoke", "fails", "--records", file, "--key-field", "dest"]);
        let outputs: Vec<(&Value, &Value)> = items(&answer["outputs"])
            .iter()
            .map(|output| (&output["key"], &output["data"]))
            .collect();
        let [first, second] = &data;
        assert_eq!(outputs, [(&json!("EWR"), first), (&json!("JFK"), second)]);
    }
    let said = project.verb(&[
        "invoke",
        "fails",
        "--records",
        "few.ndjson",
        "--key-field",
        "origin",
    ]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .starts_with("error: read few.ndjson line 1: it has no key in field `origin`"),
        "{}",
        said.err
    );
    // An event has no key.
    project.write("event.json", "{}");
    let said = project.verb(&[
        "invoke",
        "event",
        "--event",
        "event.json",
        "--key-field",
        "dest",
    ]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert_eq!(
        project.records("out").len(),
        3,
        "an invocation stores nothing"
    );
}

#[test]
fn invoke_hands_an_event_over_as_it_is_and_shows_what_was_answered() {
    let (project, _server) = world();
    let event = json!({"source": "aws.events", "detail": {"late": 12}});
    project.write("event.json", &event.to_string());
    let answer = project.json(&["invoke", "event", "--event", "event.json"]);
    assert_eq!(answer["answer"], json!({"echo": event}));
    // A stream function has no events, but its records may come in one.
    let refused = project.verb(&["invoke", "fails", "--event", "event.json"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.err.contains("missing field `Records`"),
        "{}",
        refused.err
    );
    let kinesis = json!({"partitionKey": "EWR", "data": "b25l"});
    let event = json!({"Records": [{"kinesis": kinesis}]});
    project.write("batch.json", &event.to_string());
    let answer = project.json(&["invoke", "fails", "--event", "batch.json"]);
    assert_eq!(answer["outputs"][0]["key"], "EWR");
    assert_eq!(answer["outputs"][0]["data"], "one");
    project.write("few.ndjson", "{\"dest\":\"fail\"}\n");
    let failed = project.verb(&["invoke", "event", "--records", "few.ndjson"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.out.contains("batchItemFailures"), "{}", failed.out);
    let said = "error: invoke event: some records failed: the answer names them";
    assert!(failed.err.contains(said), "{}", failed.err);
}

#[test]
fn the_console_is_a_page_that_reads_what_the_verbs_read() {
    let project = Project::new(&format!(
        "version: 1\nstreams: {{ a: {{}} }}\nfunctions: {{ f: {{ source: {} }} }}\ntriggers: {{ t: {{ stream: a, function: f }} }}\n",
        guest("echo")
    ));
    let server = project.up();
    let page = get(&server.address, "/_shardmill/");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    for (path, members) in [
        (
            "status",
            &[
                "functions",
                "triggers",
                "streams",
                "schedules",
                "routes",
                "notes",
            ][..],
        ),
        ("why", &["waiting"]),
        ("dead-letters", &["dead_letters"]),
        ("logs", &["lines"]),
    ] {
        assert!(page.body.contains(path), "it does not read {path}");
        let read = get(&server.address, &format!("/_shardmill/api/{path}"));
        let document: Value = serde_json::from_str(&read.body).expect("a document");
        for member in members {
            assert!(document[member].is_array(), "{path}: {member}");
        }
    }
    // A name of another server that leads here is no way in.
    let elsewhere = [("host", "evil.example")];
    let refused = web(&server.address, "GET /_shardmill/", &elsewhere, b"");
    assert_eq!(refused.status, 403);
}
