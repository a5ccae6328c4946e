//! Faults that a test asks for: each comes, at its moment, and takes nothing back that the server promises.

use serde_json::{Value, json};
use shardmill_end_to_end::{Answer, Project, Server, guest, items, root};

const STREAMS: &str = "streams: { in: { shards: 2 }, out: {} }";

/// A project that copies, with a file of faults.
fn project(faults: &str) -> Project {
    let project = Project::new(&format!(
        "version: 1\n{STREAMS}\nfunctions: {{ copy: {{ source: {} }} }}\n\
         triggers: {{ copy: {{ stream: in, function: copy, outputs: out }} }}\n",
        guest("echo")
    ));
    project.write(
        "faults.yaml",
        &format!("version: 1\nfaults:\n  - {faults}\n"),
    );
    project
}

fn up(project: &Project) -> Server {
    project.up_with(&["--testing", "--faults", "faults.yaml", "--seed", "7"])
}

/// A record to the first shard or to the second.
fn put(server: &Server, first: bool) -> Answer {
    let hash_key = if first {
        "0"
    } else {
        "340282366920938463463374607431768211455"
    };
    let body = json!({
        "StreamName": "in",
        "PartitionKey": "k",
        "ExplicitHashKey": hash_key,
        "Data": "b25l",
    });
    server.kinesis("PutRecord", &body.to_string())
}

fn records(count: usize) -> Vec<Value> {
    vec![json!("one"); count]
}

#[test]
fn a_crash_at_any_point_of_a_worker_loses_and_doubles_nothing() {
    for point in [
        "before: invocation",
        "after: invocation",
        "before: checkpoint",
        "after: checkpoint",
    ] {
        let project = project(&format!("crash: {{ trigger: copy, {point}, nth: 2 }}"));
        let server = up(&project);
        assert_eq!(put(&server, true).status, 200);
        project.done(&["wait"]);
        // It ends in the middle of this one, which may be answered or not.
        let put = project.verb(&["put", "in", "one", "one"]);
        assert_eq!(
            server.ended().code,
            None,
            "{point}: it should have been killed"
        );
        let _server = project.up();
        project.done(&["wait"]);
        let stored = project.data("in");
        assert!(
            stored.len() >= if put.code == Some(0) { 3 } else { 1 },
            "{point}"
        );
        assert_eq!(project.data("out"), stored, "{point}");
    }
}

#[test]
fn a_worker_that_freezes_is_replaced_and_changes_nothing_any_more() {
    let project = project("freeze: { trigger: copy, nth: 1, for: 1s, replaced: true }");
    let server = up(&project);
    for first in [true, false, true] {
        assert_eq!(put(&server, first).status, 200);
    }
    project.done(&["wait"]);
    assert_eq!(project.data("out"), records(3));
    let why = project.json(&["why"]);
    assert_eq!(why["waiting"], json!([]), "{why}");
    let said = server.stop();
    assert_eq!(said.code, Some(0));
    assert!(said.err.contains("frozen on purpose"), "{}", said.err);
    assert!(
        said.err.contains("another worker takes the lease"),
        "{}",
        said.err
    );
    let _server = project.up();
    project.done(&["wait"]);
    assert_eq!(project.data("out"), records(3));
}

#[test]
fn a_worker_that_freezes_for_long_holds_its_shard_and_a_stop_ends_it() {
    let project = project("freeze: { trigger: copy, shard: 0, nth: 1, for: 1h }");
    let server = up(&project);
    for first in [true, false] {
        assert_eq!(put(&server, first).status, 200);
    }
    let waited = project.verb(&["wait", "--timeout", "2s"]);
    assert_ne!(waited.code, Some(0));
    assert_eq!(project.data("out"), records(1), "the other shard went on");
    assert_eq!(server.stop().code, Some(0));
    let _server = project.up();
    project.done(&["wait"]);
    assert_eq!(project.data("out"), records(2));
}

#[test]
fn a_throttled_shard_refuses_while_the_other_takes() {
    let project = project("throttle: { stream: in, shard: 0, for: 10m }");
    let server = up(&project);
    // The faults begin once the server is ready, in a task of their own.
    let refused = (0..10_000)
        .map(|_| put(&server, true))
        .find(|answer| answer.status != 200);
    let refused = refused.expect("the shard is throttled");
    assert_eq!(refused.status, 400);
    assert!(
        refused
            .body
            .contains("ProvisionedThroughputExceededException"),
        "{}",
        refused.body
    );
    assert_eq!(put(&server, false).status, 200);
}

#[test]
fn shards_are_split_and_merged_at_their_times_and_all_is_handled() {
    let project = project(
        "split: { stream: in, shard: 0, at: 10ms }\n  - merge: { stream: in, shards: [2, 3], at: 3s..4s }",
    );
    let server = up(&project);
    let open = || {
        let shards = project.json(&["stream", "shards", "in"]);
        items(&shards)
            .iter()
            .filter(|shard| shard["open"] == true)
            .count()
    };
    let mut sent = 0;
    // Two shards, three, and two again: five in all.
    while project
        .json(&["stream", "shards", "in"])
        .as_array()
        .map_or(0, Vec::len)
        < 5
    {
        assert_eq!(put(&server, true).status, 200);
        sent += 1;
    }
    assert_eq!(open(), 2);
    project.done(&["wait"]);
    assert_eq!(project.data("out"), records(sent));
}

#[test]
fn the_same_seed_draws_the_same_values() {
    let project = project("slow: { trigger: copy, share: 50%, by: 1ms..1h }");
    let said = |seed: &str| {
        let server = project.up_with(&["--testing", "--faults", "faults.yaml", "--seed", seed]);
        let said = server.stop();
        let lines = said
            .err
            .lines()
            .filter(|line| line.starts_with("fault "))
            .map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let (first, again, other) = (said("7"), said("7"), said("8"));
    assert_eq!(first.len(), 1);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_line() {
    let refused = |faults: &str| {
        let project = project(faults);
        let said = project.verb(&["up", "--testing", "--faults", "faults.yaml", "--port", "0"]);
        assert_eq!(said.code, Some(7), "{}", said.err);
        said.err
    };
    insta::assert_snapshot!(refused("crash: { trigger: copi }"), @r"
    error: faults.yaml:3:23: fault `crash` names trigger `copi`, which triggers.yaml does not have
        3 |   - crash: { trigger: copi }
          |                       ^^^^
    hint: did you mean `copy`?
    ");
    insta::assert_snapshot!(refused("splitt: { stream: in, shard: 0 }"), @r"
    error: faults.yaml:3:5: `splitt` is no kind of fault
        3 |   - splitt: { stream: in, shard: 0 }
          |     ^^^^^^
    hint: did you mean `split`?
    ");
    insta::assert_snapshot!(refused("throttle: { stream: in, shard: 0, for: 5s..1s }"), @r"
    error: faults.yaml:3:44: `for` of fault `throttle` begins behind its end, 5s..1s
        3 |   - throttle: { stream: in, shard: 0, for: 5s..1s }
          |                                            ^^^^^^
    hint: write 1s..5s
    ");
    insta::assert_snapshot!(refused("freeze: { trigger: copy, before: checkpoint, after: invocation }"), @r"
    error: faults.yaml:3:50: fault `freeze` has both `before` and `after`
        3 |   - freeze: { trigger: copy, before: checkpoint, after: invocation }
          |                                                  ^^^^^
    hint: keep one of them
    ");
    insta::assert_snapshot!(refused("crash: { shard: 1 }"), @r"
    error: faults.yaml:3:5: fault `crash` names no trigger
        3 |   - crash: { shard: 1 }
          |     ^^^^^
    hint: add `trigger: NAME`, one of `copy`
    ");
}

#[test]
fn faults_are_for_tests_only() {
    let project = project("split: { stream: in, shard: 0 }");
    let said = project.verb(&["up", "--faults", "faults.yaml", "--port", "0"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("--testing"), "{}", said.err);
}

/// The page's file, on the project's own examples.
#[test]
fn the_example_of_the_guide_is_read() {
    let guide = std::fs::read_to_string(root().join("docs/guides/faults.md")).expect("the guide");
    let (_, rest) = guide.split_once("```yaml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let project = Project::new(&format!(
        "version: 1\nstreams: {{ flights: {{ shards: 4 }}, departures: {{ shards: 4 }} }}\n\
         functions: {{ copy: {{ source: {} }} }}\ntriggers:\n  \
         departures: {{ stream: flights, function: copy, outputs: departures }}\n  \
         board: {{ stream: departures, function: copy }}\n",
        guest("echo")
    ));
    project.write("faults.yaml", example);
    let server = up(&project);
    let said = server.stop();
    assert_eq!(said.code, Some(0), "{}", said.err);
    let faults = said.err.lines().filter(|line| line.starts_with("fault "));
    assert_eq!(faults.count(), 6, "{}", said.err);
}
