//! What operators order about triggers and dead letters: each order does what it says, once, and can be looked up.

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, guest, items};

/// A trigger whose function can be exchanged.
fn project(function: &str, more: &str) -> Project {
    let project = Project::new("");
    give(&project, function, more);
    project
}

fn give(project: &Project, function: &str, more: &str) {
    project.write(
        "triggers.yaml",
        &format!(
            "\
version: 1
streams: {{ in: {{ shards: 2 }}, out: {{}} }}
functions: {{ work: {{ source: {} }}, copy: {{ source: {} }} }}
triggers:
  work: {{ stream: in, function: work, outputs: out{more} }}
",
            guest(function),
            guest("echo")
        ),
    );
}

fn sorted(project: &Project) -> Vec<String> {
    let data = project.data("out").into_iter();
    let mut data: Vec<String> = data
        .map(|it| it.as_str().unwrap_or_default().to_owned())
        .collect();
    data.sort();
    data
}

#[test]
fn dead_letters_are_run_again_once_the_function_is_mended() {
    let project = project("fails_on", "");
    let server = project.up();
    project.done(&["put", "in", "dead one", "--key", "a"]);
    project.done(&["put", "in", "dead two", "--key", "b"]);
    project.done(&["put", "in", "fine", "--key", "b"]);
    project.done(&["wait"]);
    let dry = project.verb(&["dead-letter", "redrive", "--trigger", "work", "--dry-run"]);
    assert_eq!(dry.code, Some(1), "{}", dry.err);
    assert!(
        dry.err.contains("2 of 2 dead letters failed again"),
        "{}",
        dry.err
    );
    assert_eq!(
        project.verb(&["dead-letter", "redrive", "--all"]).code,
        Some(2)
    );
    assert_eq!(server.stop().code, Some(0));

    give(&project, "echo", "");
    let server = project.up();
    let redrive = ["dead-letter", "redrive", "--trigger", "work", "--yes"];
    let refused = project.verb(&redrive);
    assert_eq!(refused.code, Some(6), "{}", refused.err);
    assert!(refused.err.contains("stale: work/"), "{}", refused.err);
    // Key `a` is done; key `b` went on meanwhile.
    assert_eq!(sorted(&project), ["dead one", "fine"]);
    let left = project.json(&["dead-letter", "list"]);
    let id = items(&left)[0]["id"].as_str().expect("an id").to_owned();
    project.done(&["dead-letter", "redrive", &id, "--allow-stale"]);
    let server = server.crash_and_restart(&project);
    assert_eq!(sorted(&project), ["dead one", "dead two", "fine"]);
    assert_eq!(project.json(&["dead-letter", "list"]), json!([]));
    let audit = project.json(&["audit", "--trigger", "work"]);
    let done = |order: &&Value| order["facts"]["came"] == "done";
    assert_eq!(items(&audit).iter().filter(done).count(), 2, "{audit}");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_seek_is_undone_and_bookmarks_are_places_to_go_to() {
    let project = project("echo", "");
    let _server = project.up();
    project.done(&["put", "in", "1", "2", "3", "4"]);
    project.done(&["wait"]);
    for place in ["latest", "TRIM_HORIZON", "123"] {
        let refused = project.verb(&["bookmark", "create", "work", place]);
        assert_eq!(refused.code, Some(2), "{place}: {}", refused.out);
    }
    project.done(&["bookmark", "create", "work", "noon"]);
    let back = project.json(&["trigger", "seek", "work", "--from", "@-1h"]);
    assert_eq!((&back["repeats"], &back["skips"]), (&json!(4), &json!(0)));
    project.done(&["wait"]);
    assert_eq!(project.data("out").len(), 8);
    project.done(&["trigger", "pause", "work"]);
    project.done(&["put", "in", "5", "6"]);
    let skip = project.json(&["trigger", "seek", "work", "--from", "latest"]);
    assert_eq!((&skip["repeats"], &skip["skips"]), (&json!(0), &json!(2)));
    let undo = project.json(&["trigger", "seek", "work", "--undo"]);
    assert_eq!((&undo["repeats"], &undo["skips"]), (&json!(2), &json!(0)));
    project.done(&["trigger", "resume", "work"]);
    project.done(&["wait"]);
    assert_eq!(project.data("out").len(), 10);
    let noon = project.json(&["trigger", "seek", "work", "--from", "noon", "--dry-run"]);
    assert_eq!(
        (&noon["repeats"], &noon["exact"]),
        (&json!(2), &json!(true))
    );
    let listed = project.json(&["bookmark", "list"]);
    assert_eq!(items(&listed).len(), 4, "{listed}");
    project.done(&["bookmark", "delete", "work", "noon"]);
    for (from, code) in [
        ("noon", 2),
        ("bookmark:noon", 3),
        ("@2999-01-01T00:00Z", 2),
        ("7", 2),
    ] {
        let refused = project.verb(&["trigger", "seek", "work", "--from", from]);
        assert_eq!(refused.code, Some(code), "{from}: {}", refused.err);
    }
    let audit = project.json(&["audit", "--since", "1h"]);
    let orders: Vec<&str> = items(&audit)
        .iter()
        .filter_map(|it| it["order"].as_str())
        .collect();
    let expect = [
        "bookmark create",
        "trigger seek",
        "trigger pause",
        "trigger seek",
        "trigger seek",
        "trigger resume",
        "bookmark delete",
    ];
    assert_eq!(orders, expect);
}

#[test]
fn one_shard_pauses_alone_over_a_restart() {
    let project = project("echo", "");
    let server = project.up();
    project.done(&["trigger", "pause", "work", "--shard", "0"]);
    project.done(&["put", "in", "1", "2", "3", "4", "5", "6", "7", "8"]);
    let server = server.crash_and_restart(&project);
    let why = project.done(&["why", "work"]);
    assert!(
        why.contains("shardmill trigger resume work --shard 0"),
        "{why}"
    );
    assert!(!why.contains("shardId-000000000001: "), "{why}");
    project.done(&["trigger", "resume", "work", "--shard", "0"]);
    project.done(&["wait"]);
    assert_eq!(project.data("out").len(), 8);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn state_is_cleared_by_key_and_by_a_seek() {
    let project = project("counter", ", state: {}");
    let _server = project.up();
    for key in ["a", "b"] {
        project.done(&["put", "in", "1", "2", "--key", key]);
    }
    project.done(&["wait"]);
    project.done(&["state", "clear", "work", "a", "--yes"]);
    assert_eq!(items(&project.json(&["state", "list", "work"])).len(), 1);
    assert_eq!(project.verb(&["state", "clear", "work"]).code, Some(2));
    let seek = [
        "trigger", "seek", "work", "--from", "oldest", "--state", "clear",
    ];
    project.done(&seek);
    project.done(&["wait"]);
    let values = project.json(&["state", "list", "work"]);
    let counted: Vec<&Value> = items(&values).iter().map(|it| &it["value"]).collect();
    // Counted anew, not on top of what was there.
    assert_eq!(
        counted,
        [&counted[0].clone(), &counted[0].clone()],
        "{values}"
    );
    let exported = project.done(&["state", "export", "work"]);
    assert_eq!(exported.lines().count(), 2);
}

#[test]
fn what_failed_is_replayed_from_a_file_to_the_same_and_with_other_code_to_something_else() {
    let project = project("fails_on", "");
    let _server = project.up();
    project.done(&["put", "in", "dead on arrival", "--key", "a"]);
    project.done(&["wait"]);
    let letters = project.json(&["dead-letter", "list"]);
    let id = items(&letters)[0]["id"].as_str().expect("an id").to_owned();
    // It is written beside the work, soon.
    let mut found = project.verb(&["replay", &id, "--save", "failed.json"]);
    for _ in 0..100 {
        if found.code == Some(0) {
            break;
        }
        found = project.verb(&["replay", &id, "--save", "failed.json"]);
    }
    assert_eq!(found.code, Some(0), "{}", found.err);
    assert_eq!(project.json(&["replay"])[0]["id"], id.as_str());
    let first = project.json(&["replay", "failed.json"]);
    assert_eq!(
        (&first["same"], &first["same_code"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(project.json(&["replay", &id])["now"], first["now"]);
    let other = project.done(&["replay", "failed.json", "--with", "copy", "--diff"]);
    assert!(other.contains("now with other code"), "{other}");
    assert!(other.contains("/outputs/0"), "{other}");
    // Nothing of it is stored.
    assert_eq!(project.data("out").len(), 0);
    assert_eq!(items(&project.json(&["dead-letter", "list"])).len(), 1);
    assert_eq!(project.verb(&["replay", "work/0-1"]).code, Some(3));
    project.write("bad.json", "{}");
    assert_eq!(project.verb(&["replay", "bad.json"]).code, Some(2));
}

#[test]
fn a_renamed_trigger_goes_on_where_the_old_one_was_and_a_detached_one_is_forgotten_on_demand() {
    let file = |name: &str, more: &str| {
        format!(
            "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ count: {{ source: {} }}, fails: {{ source: {} }} }}
triggers:
  {name}: {{ stream: in, function: count, outputs: out, state: {{}}{more} }}
  {name}-fails: {{ stream: in, function: fails{more_fails} }}
",
            guest("counter"),
            guest("fails_on"),
            more_fails = more.replace("was: old", "was: old-fails")
        )
    };
    let project = Project::new(&file("old", ""));
    let server = project.up();
    project.done(&["put", "in", "\"dead\"", "\"dead\"", "--key", "k"]);
    project.done(&["wait"]);
    project.done(&["trigger", "pause", "old"]);
    assert_eq!(server.stop().code, Some(0));

    project.write("triggers.yaml", &file("new", ", was: old"));
    let server = project.up();
    let status = project.done(&["status"]);
    assert!(
        status.contains("trigger new took over what trigger old left"),
        "{status}"
    );
    assert!(!status.contains("detached"), "{status}");
    assert_eq!(project.json(&["trigger", "show", "new"])["paused"], true);
    project.done(&["trigger", "resume", "new"]);
    project.done(&["put", "in", "\"dead\"", "--key", "k"]);
    project.done(&["wait"]);
    // Nothing was delivered again, and the third record met the values of the first two.
    assert_eq!(project.data("out"), [json!(1), json!(2), json!(3)]);
    let letters = project.json(&["dead-letter", "list"]);
    let names: Vec<&Value> = items(&letters).iter().map(|it| &it["trigger"]).collect();
    assert_eq!(names, ["new-fails", "new-fails", "new-fails"], "{letters}");
    let id = letters[0]["id"].as_str().expect("an id");
    project.done(&["dead-letter", "drop", id, "--yes"]);
    assert_eq!(
        project.verb(&["trigger", "delete", "new", "--yes"]).code,
        Some(6)
    );
    assert_eq!(server.stop().code, Some(0));

    project.write("triggers.yaml", "version: 1\nstreams: { in: {} }\n");
    let server = project.up();
    let status = project.done(&["status"]);
    assert!(status.contains("trigger new-fails is detached"), "{status}");
    assert_eq!(
        project.verb(&["trigger", "delete", "new-fails"]).code,
        Some(2)
    );
    project.done(&["trigger", "delete", "new-fails", "--yes"]);
    project.done(&["trigger", "delete", "new", "--yes"]);
    let server = server.crash_and_restart(&project);
    let status = project.done(&["status"]);
    assert!(!status.contains("detached"), "{status}");
    assert_eq!(project.json(&["dead-letter", "list"]), json!([]));
    assert_eq!(project.json(&["status"])["dead_letters"]["bytes"], 0);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_stream_made_again_lets_all_else_run_and_its_trigger_begins_anew_on_demand() {
    let project = project("echo", "");
    let server = project.up_with(&["--transition", "0s"]);
    project.done(&["put", "in", "before"]);
    project.done(&["wait"]);
    let deleted = server.kinesis("DeleteStream", "{\"StreamName\":\"in\"}");
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    // It is gone after a moment, and declared again at the next start.
    let server = server.crash_and_restart(&project);
    let status = project.json(&["trigger", "show", "work"]);
    let stands = status["stands"].as_str().unwrap_or_default();
    assert!(stands.contains("deleted and created again"), "{stands}");
    project.done(&["put", "in", "after"]);
    let why = project.done(&["why"]);
    assert!(
        why.contains("shardmill trigger seek work --from oldest"),
        "{why}"
    );
    project.done(&["trigger", "seek", "work", "--from", "oldest"]);
    project.done(&["wait"]);
    assert_eq!(sorted(&project), ["after", "before"]);
    assert_eq!(server.stop().code, Some(0));
}
