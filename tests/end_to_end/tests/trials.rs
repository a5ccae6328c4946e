//! `shardmill test` with real functions: sound ones come to the same however their records come, others are found, with the smallest
//! case, and golden files hold what a function puts out.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, guest, root, run};

fn project(source: &str) -> Project {
    let project = Project::new(&format!(
        "version: 1\nstreams: {{ a: {{}}, b: {{}} }}\nfunctions: {{ f: {{ source: \"{source}\" }} }}\n\
         triggers: {{ t: {{ stream: a, function: f, outputs: b, state: {{}}, batch: {{ records: 5 }} }} }}\n"
    ));
    std::fs::create_dir(project.folder().join("samples")).expect("a folder");
    let lines: String = (0..12)
        .map(|n| format!("{{\"id\":\"k{}\",\"n\":{n}}}\n", n % 3))
        .collect();
    project.write("samples/a.ndjson", &lines);
    project
}

/// What `shardmill test` says, and its exit code.
fn tried(project: &Project, arguments: &[&str]) -> (Option<i32>, Value) {
    let all = [&["test", "f", "-o", "json"], arguments].concat();
    let mut command = project.command(&all);
    command.env("SHARDMILL_CACHE", root().join("target/function-tools"));
    let said = run(&mut command);
    let document =
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
    (said.code, document)
}

#[test]
fn a_sound_function_comes_to_the_same_and_failures_of_records_are_part_of_it() {
    for name in ["echo", "fails_on", "event_echo"] {
        let (code, said) = tried(&project(&guest(name)), &["--generate", "30"]);
        assert_eq!(
            (code, &said["difference"]),
            (Some(0), &Value::Null),
            "{name}: {said}"
        );
        assert_eq!(said["records"], 42);
    }
}

#[test]
fn a_counter_is_found_not_to_be_idempotent_by_one_record() {
    let project = project(&guest("counter"));
    let (code, said) = tried(&project, &[]);
    assert_eq!(code, Some(7));
    let difference = &said["difference"];
    assert_eq!(difference["kind"], "duplicate");
    assert_eq!(
        difference["records"].as_array().map(Vec::len),
        Some(1),
        "{difference}"
    );
    let delivered = difference["delivered"][0].as_str().unwrap_or_default();
    assert!(
        delivered.ends_with(" committed, and again]"),
        "{difference}"
    );
    let (code, _) = tried(&project, &["--skip", "duplicate"]);
    assert_eq!(code, Some(0), "everything else it does well");
    let said = project.verb(&["test", "f"]);
    assert!(
        said.out
            .contains("delivered twice counts twice: the handler is not idempotent"),
        "{}",
        said.out
    );
    assert!(
        said.err.ends_with("error: test: 1 of 1 functions differ\n"),
        "{}",
        said.err
    );
}

#[test]
fn a_golden_file_holds_what_a_function_puts_out() {
    let project = project(&guest("echo"));
    assert_eq!(tried(&project, &["--bless"]).0, Some(0));
    let golden =
        std::fs::read_to_string(project.folder().join("golden/f.ndjson")).expect("it was written");
    assert_eq!(golden.lines().count(), 12);
    assert_eq!(
        golden.lines().next(),
        Some(r#"{"data":{"id":"k0","n":0},"key":"k0","output":"default"}"#)
    );
    assert_eq!(tried(&project, &[]).1["golden"]["same"], true);
    project.write("golden/f.ndjson", &golden.replace("\"n\":7", "\"n\":8"));
    let (code, said) = tried(&project, &[]);
    assert_eq!((code, &said["golden"]["line"]), (Some(7), &json!(8)));
}

const GLOBALS: &str = "
import shardmill
seen = {}

def handler(event, context):
    for index, record in enumerate(shardmill.records(event)):
        seen[record.key] = seen.get(record.key, 0) + 1
        shardmill.emit('default', record.key, {'seen': seen[record.key]}, source=index)
";

const SUMS: &str = "
import shardmill

def handler(event, context):
    total = sum(record.json()['n'] for record in shardmill.records(event))
    shardmill.emit('default', 'all', {'total': total})
";

const CHANCE: &str = "
import shardmill, time

@shardmill.each
def handler(body: dict):
    return {'n': body['n'], 'at': time.time_ns()}
";

#[test]
fn globals_sums_of_a_batch_and_time_are_found() {
    if std::env::var_os("SHARDMILL_TEST_PYTHON").is_none() {
        return;
    }
    for (code, arguments, kind) in [
        (GLOBALS, &["--only", "crash"][..], Some("crash")),
        (GLOBALS, &["--only", "lost"], Some("lost")),
        (SUMS, &[], Some("split")),
        (CHANCE, &[], Some("again")),
        (CHANCE, &["--ignore", "at", "--skip", "duplicate"], None),
    ] {
        let project = project("app.py");
        project.write("app.py", code);
        let (exit, said) = tried(&project, arguments);
        let found = said["difference"]["kind"].as_str();
        assert_eq!(
            (found, exit),
            (kind, Some(if kind.is_some() { 7 } else { 0 })),
            "{said}"
        );
        if kind.is_some() {
            let left = said["difference"]["records"].as_array().map_or(0, Vec::len);
            assert!(left <= 3, "{said}");
        }
    }
}
