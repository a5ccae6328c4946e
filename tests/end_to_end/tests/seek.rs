//! An operator moves a trigger: the counts that were told are the counts that come.

use serde_json::json;
use shardmill_end_to_end::{Project, guest, items};

fn project(state: &str) -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ in: {{ shards: 2 }}, out: {{}} }}
functions: {{ copy: {{ source: {} }} }}
triggers:
  copy: {{ stream: in, function: copy, outputs: out{state} }}
",
        guest("echo")
    ))
}

#[test]
fn what_a_seek_says_it_repeats_is_repeated_over_a_restart_too() {
    let project = project("");
    let server = project.up();
    project.done(&["put", "in", "one", "two", "three"]);
    project.done(&["wait"]);
    let back = ["trigger", "seek", "copy", "--from", "oldest"];
    let counted = project.json(&[back.as_slice(), &["--dry-run"]].concat());
    assert_eq!(
        (&counted["repeats"], &counted["moved"]),
        (&json!(3), &json!(false))
    );
    assert_eq!(project.data("out").len(), 3);

    let moved = project.json(&back);
    assert_eq!((&moved["repeats"], &moved["skips"]), (&json!(3), &json!(0)));
    project.done(&["wait"]);
    assert_eq!(project.data("out").len(), 6);
    let server = server.crash_and_restart(&project);
    project.done(&["wait"]);
    assert_eq!(project.data("out").len(), 6);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_trigger_that_is_paused_skips_to_the_tip() {
    let project = project("");
    let _server = project.up();
    project.done(&["trigger", "pause", "copy"]);
    project.done(&["put", "in", "one", "two", "three"]);
    let moved = project.json(&["trigger", "seek", "copy", "--from", "latest"]);
    assert_eq!((&moved["repeats"], &moved["skips"]), (&json!(0), &json!(3)));
    project.done(&["trigger", "resume", "copy"]);
    project.done(&["put", "in", "four"]);
    project.done(&["wait"]);
    assert_eq!(project.data("out"), ["four"]);
}

#[test]
fn seeks_that_are_refused() {
    let project = project(", state: {}");
    let _server = project.up();
    project.done(&["put", "in", "one"]);
    project.done(&["wait"]);
    for (from, code, said) in [
        ("yesterday", 2, "`yesterday` is no place in a stream"),
        (
            "oldest",
            6,
            "it keeps state, and 1 records would meet values",
        ),
    ] {
        let refused = project.verb(&["trigger", "seek", "copy", "--from", from]);
        assert_eq!(refused.code, Some(code), "{}", refused.err);
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    let back = [
        "trigger", "seek", "copy", "--from", "oldest", "--state", "keep",
    ];
    assert_eq!(project.json(&back)["repeats"], 1);
}

/// Key and count of every value.
fn counts(project: &Project) -> Vec<(String, String)> {
    let values = project.json(&["state", "list", "count"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let counts = items(&values).iter();
    let mut counts: Vec<(String, String)> = counts
        .map(|it| (text(&it["key"]), text(&it["value"])))
        .collect();
    counts.sort();
    counts
}

#[test]
fn values_go_back_to_a_bookmark_with_their_trigger_over_a_crash_too() {
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ counter: {{ source: {} }} }}
triggers: {{ count: {{ stream: in, function: counter, outputs: out, state: {{}} }} }}
",
        guest("counter")
    ));
    let server = project.up();
    let put = |key: &str| {
        project.done(&["put", "in", "--key", key, "1", "2"]);
        project.done(&["wait"]);
    };
    put("a");
    project.done(&["bookmark", "create", "count", "noon"]);
    put("a");
    put("b");
    let before = counts(&project);
    assert_eq!(before, [("a".into(), "4".into()), ("b".into(), "2".into())]);
    let server = server.crash_and_restart(&project);
    let seek = |words: &[&str]| {
        let seek = ["trigger", "seek", "count"];
        project.verb(&[seek.as_slice(), words].concat())
    };
    let refused = seek(&["--from", "oldest", "--state", "restore"]);
    assert_eq!(refused.code, Some(6), "{}", refused.err);
    assert!(
        refused.err.contains("known at bookmarks alone"),
        "{}",
        refused.err
    );
    let moved = seek(&["--from", "noon", "--state", "restore"]);
    assert_eq!(moved.code, Some(0), "{}", moved.err);
    project.done(&["wait"]);
    assert_eq!(counts(&project), before);
    // What was handled again came to the same, in the same order.
    let out = project.data("out");
    assert_eq!(out[2..6], out[6..10]);
    let undone = seek(&["--undo", "--state", "restore"]);
    assert_eq!(undone.code, Some(0), "{}", undone.err);
    project.done(&["wait"]);
    assert_eq!(counts(&project), before);
    project.done(&["bookmark", "delete", "count", "noon"]);
    put("b");
    assert_eq!(counts(&project)[1].1, "4");
    assert_eq!(server.stop().code, Some(0));
}
