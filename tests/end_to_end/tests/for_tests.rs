//! A server that runs for tests of others: it forgets, its clock is moved, and the page that says so is right.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment where the clients are"
)]

use std::process::Command;

use shardmill_end_to_end::{Project, Server, root, run};

const FILE: &str = "version: 1\n";
const RECORD: &str = r#"{"StreamName":"flights","PartitionKey":"k","Data":"YQ=="}"#;

fn iterator(server: &Server, kind: &str) -> String {
    let body = format!(
        r#"{{"StreamName":"flights","ShardId":"shardId-000000000000","ShardIteratorType":"{kind}"}}"#
    );
    let answer = server.kinesis("GetShardIterator", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

fn created(server: &Server) {
    let made = server.kinesis("CreateStream", r#"{"StreamName":"flights","ShardCount":1}"#);
    assert_eq!(made.status, 200, "{}", made.body);
}

#[test]
fn records_and_iterators_expire_when_the_clock_is_moved() {
    let project = Project::new(FILE);
    let server = project.up_with(&["--testing", "--transition", "0s"]);
    created(&server);
    assert_eq!(server.kinesis("PutRecord", RECORD).status, 200);
    let old = iterator(&server, "TRIM_HORIZON");
    let read = |iterator: &str| server.kinesis("GetRecords", iterator).body;
    assert!(read(&old).contains("YQ=="));
    let moved = server.verb("/_shardmill/clock", r#"{"advance_ms":301000}"#);
    assert_eq!(moved.status, 200, "{}", moved.body);
    assert!(read(&old).contains("ExpiredIteratorException"));
    assert!(read(&iterator(&server, "TRIM_HORIZON")).contains("YQ=="));
    let moved = server.verb("/_shardmill/clock", r#"{"advance_ms":86400000}"#);
    assert!(
        moved.body.contains("\"ahead_ms\":86701000"),
        "{}",
        moved.body
    );
    assert!(!read(&iterator(&server, "TRIM_HORIZON")).contains("YQ=="));
    let back = server.verb("/_shardmill/clock", r#"{"advance_ms":-1}"#);
    assert_eq!(back.status, 400);
    assert!(back.body.contains("it only goes forward"), "{}", back.body);
}

#[test]
fn a_reset_forgets_all_but_what_triggers_use() {
    let project = Project::new(FILE);
    let server = project.up_with(&["--testing"]);
    for _ in 0..3 {
        created(&server);
        let reset = server.verb("/_shardmill/reset", "");
        assert_eq!(reset.body, r#"{"deleted":["flights"]}"#);
        let listed = server.kinesis("ListStreams", "{}");
        assert!(
            listed.body.contains("\"StreamNames\":[]"),
            "{}",
            listed.body
        );
    }
}

#[test]
fn only_a_server_that_runs_for_tests_does_so() {
    let project = Project::new(FILE);
    let server = project.up();
    for path in ["/_shardmill/reset", "/_shardmill/clock"] {
        let refused = server.verb(path, "{}");
        assert_eq!(refused.status, 404);
        assert!(
            refused.body.contains("shardmill up --testing"),
            "{}",
            refused.body
        );
    }
}

/// The page's Python, as a reader would take it over.
#[test]
fn the_example_of_the_guide_runs() {
    let Ok(interpreter) = std::env::var("SHARDMILL_TEST_PYTHON") else {
        return;
    };
    let guide = std::fs::read_to_string(root().join("docs/guides/testing.md")).expect("the guide");
    let mut blocks = guide.split("```python\n").skip(1);
    let mut code = |name: &str| {
        let block = blocks.next().and_then(|rest| rest.split_once("```"));
        let (code, _) = block.unwrap_or_else(|| panic!("no Python for {name}"));
        code.to_owned()
    };
    let project = Project::new(FILE);
    project.write("conftest.py", &code("conftest.py"));
    project.write("test_board.py", &code("test_board.py"));
    let mut python = Command::new(interpreter);
    let binary = shardmill_end_to_end::binary();
    let folder = binary.parent().expect("a folder").display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let said = run(python
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .current_dir(project.folder())
        .env("PATH", format!("{folder}:{path}")));
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
}
