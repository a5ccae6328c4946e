//! Another version of a function on a trigger's records, against the real binary: a canary by key that takes itself back,
//! and a shadow whose answers are only compared.

use std::collections::BTreeSet;

use serde_json::Value;
use shardmill_end_to_end::{Project, guest, items};

fn project(source: &str, trigger: &str) -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ copy: {{ source: {source} }}, other: {{ source: {} }} }}
triggers:
  copying: {{ stream: in, function: copy, outputs: out, {trigger} }}
",
        guest("fails_on")
    ))
}

/// Forty keys, a record each: the second version fails at every one, the first copies it.
fn put(project: &Project, round: u32) {
    let lines: Vec<String> = (0..40)
        .map(|key| format!("{{\"key\":\"key-{key}\",\"what\":\"fail {round}\"}}\n"))
        .collect();
    project.write("records.ndjson", &lines.concat());
    project.done(&["put", "in", "records.ndjson", "--key-field", "key"]);
}

#[test]
fn a_canary_that_fails_more_than_the_other_version_is_rolled_back_and_loses_nothing() {
    let limits = "canary: { roll_back: { failures: 20%, records: 3 } }";
    let project = project(&guest("echo"), limits);
    let server = project.up();
    put(&project, 0);
    project.done(&["wait"]);
    assert_eq!(server.stop().code, Some(0));
    let file = std::fs::read_to_string(project.folder().join("triggers.yaml"));
    let file = file.expect("the file is there");
    let file = file.replacen(&guest("echo"), &guest("fails_on"), 1);
    project.write("triggers.yaml", &file);
    let server = project.up();
    project.done(&["function", "rollback", "copy", "--yes"]);
    project.done(&[
        "function", "promote", "copy", "2", "--weight", "40%", "--yes",
    ]);
    put(&project, 1);
    project.done(&["wait"]);
    assert_eq!(project.records("out").len(), 80);
    assert!(items(&project.json(&["dead-letter", "list"])).is_empty());

    let versions = project.json(&["function", "versions", "copy"]);
    let second = items(&versions).iter().find(|it| it["version"] == 2);
    assert_eq!(second.expect("it is kept")["runs"], 0.0, "{versions}");
    let why = project.json(&["why"]);
    let note = why["notes"][0].as_str().expect("why says it");
    let said = "the canary of function copy was rolled back at ";
    assert!(note.starts_with(said), "{note}");
    assert!(note.contains("records failed in version 2"), "{note}");
    let status = project.json(&["status"]);
    let notes = status["notes"].as_array().expect("notes");
    assert!(notes.contains(&why["notes"][0]), "{status}");
    let audit = project.json(&["audit"]);
    let orders = items(&audit).iter();
    let mut orders = orders.filter(|order| order["order"] == "canary roll-back");
    let order = orders.next().expect("the audit log has it");
    assert_eq!(order["trigger"], "copying", "{order}");
    assert_eq!(order["facts"]["version"], 2, "{order}");

    // It stays back over a restart, and until somebody lets it in again.
    let server = server.crash_and_restart(&project);
    put(&project, 2);
    project.done(&["wait"]);
    assert_eq!(project.records("out").len(), 120);
    assert_eq!(project.json(&["why"])["notes"][0], *note);
    let lets_in = ["function", "promote", "copy", "2", "--weight", "10%"];
    let unasked = project.verb(&lets_in);
    assert_eq!(unasked.code, Some(2), "{}", unasked.err);
    project.done(&[&lets_in[..], &["--yes"]].concat());
    assert_eq!(
        project.json(&["why"])["notes"],
        Value::from(Vec::<Value>::new())
    );
    let would = project.done(&["function", "rollback", "copy", "--dry-run"]);
    let said = "function copy would run version 1 alone: version 2 has no share any more\n";
    assert_eq!(would, said);
    let rolled = project.json(&["function", "rollback", "copy", "--yes"]);
    assert_eq!(
        (&rolled["version"], &rolled["from"]),
        (&Value::from(1), &Value::from(2))
    );
    let versions = project.json(&["function", "versions", "copy"]);
    assert_eq!(items(&versions)[0]["runs"], 1.0, "{versions}");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_shadow_gets_the_same_records_and_what_it_does_otherwise_is_told() {
    let project = project(&guest("echo"), "shadow: other");
    let server = project.up();
    project.done(&["put", "in", "--key", "good", "one"]);
    project.done(&["put", "in", "--key", "bad", "to fail"]);
    project.done(&["wait"]);
    assert_eq!(project.data("out"), ["one", "to fail"]);
    // It runs beside what goes on: its answers come when they come.
    let shown = (0..600)
        .map(|_| project.json(&["trigger", "shadow", "copying"]))
        .find(|shown| shown["records"] == 2)
        .expect("both were compared in time");
    assert_eq!(shown["shadow"], "other");
    assert_eq!(shown["different"], 1, "{shown}");
    let difference = &shown["differences"][0];
    assert_eq!(difference["key"], "bad", "{shown}");
    assert_eq!(difference["main"]["failed"], Value::Null);
    assert_eq!(difference["shadow"]["failed"]["kind"], "Asked");
    let status = project.json(&["status"]);
    let notes: BTreeSet<&str> = items_of(&status["notes"]);
    assert!(
        notes
            .iter()
            .any(|note| note.contains("the shadow other of trigger copying")),
        "{status}"
    );
    // Nothing that it wrote or failed at is anywhere.
    assert_eq!(project.records("out").len(), 2);
    assert!(items(&project.json(&["dead-letter", "list"])).is_empty());
    let none = project.verb(&["trigger", "shadow", "nobody"]);
    assert_eq!(none.code, Some(3), "{}", none.err);
    assert_eq!(server.stop().code, Some(0));
}

fn items_of(notes: &Value) -> BTreeSet<&str> {
    let notes = notes.as_array().expect("notes are a list");
    notes.iter().filter_map(Value::as_str).collect()
}

#[test]
fn what_a_trigger_cannot_have_is_refused_at_its_place() {
    for (trigger, said) in [
        (
            "tumbling: { every: 1m }, canary: { by: key }",
            "trigger `copying` has tumbling windows and a canary by key",
        ),
        (
            "shadow: copy",
            "`shadow` of trigger `copying` is what it runs",
        ),
        (
            "shadow: nobody",
            "`shadow` of trigger `copying` names `nobody`",
        ),
        (
            "canary: { roll_back: { failures: 101% } }",
            "must be 0% to 100%",
        ),
    ] {
        let project = project(&guest("echo"), trigger);
        let checked = project.verb(&["check"]);
        assert_ne!(checked.code, Some(0), "{trigger}");
        assert!(checked.err.contains(said), "{}", checked.err);
    }
}

/// One function is deployed beside what runs: as a canary with its own limit, then in the shadow, then in its place.
#[test]
fn a_function_is_deployed_beside_what_runs() {
    let project = project(
        &guest("echo"),
        "canary: { roll_back: { failures: 100%, records: 3 } }",
    );
    let server = project.up();
    let file = std::fs::read_to_string(project.folder().join("triggers.yaml"));
    let file = file.expect("the file is there");
    let other = file.replacen(&guest("echo"), &guest("fails_on"), 1);
    project.write("triggers.yaml", &other);
    let runs = |project: &Project| -> Vec<Value> {
        let versions = project.json(&["function", "versions", "copy"]);
        items(&versions)
            .iter()
            .map(|it| it["runs"].clone())
            .collect()
    };
    project.done(&["deploy", "copy", "--shadow"]);
    assert_eq!(runs(&project), [Value::from(1.0), Value::Null]);
    project.done(&["put", "in", "--key", "bad", "to fail"]);
    project.done(&["wait"]);
    let shown = (0..600)
        .map(|_| project.json(&["trigger", "shadow", "copying"]))
        .find(|shown| shown["records"] == 1)
        .expect("it was compared in time");
    assert_eq!(shown["shadow"], "copy@2", "{shown}");
    assert_eq!(shown["different"], 1, "{shown}");

    let lets_in = [
        "deploy",
        "copy",
        "--canary",
        "40%",
        "--rollback-on",
        "errors>2%",
    ];
    let would = project.verb(&[&lets_in[..], &["--dry-run"]].concat());
    assert_eq!(would.code, Some(7), "{}", would.err);
    let said = "for 40% of what comes, beside version 1";
    assert!(would.out.contains(said), "{}", would.out);
    project.done(&lets_in);
    assert_eq!(runs(&project), [Value::from(0.6), Value::from(0.4)]);
    for round in 0..20 {
        put(&project, round);
        project.done(&["wait"]);
        if runs(&project)[1] == 0.0 {
            break;
        }
    }
    // The trigger takes nothing back by itself; the deploy said so.
    assert_eq!(runs(&project), [Value::from(1.0), Value::from(0.0)]);
    assert!(items(&project.json(&["dead-letter", "list"])).is_empty());

    let nobody = project.verb(&["deploy", "nobody"]);
    assert_ne!(nobody.code, Some(0));
    assert!(nobody.err.contains("nobody"), "{}", nobody.err);
    let alone = project.verb(&["deploy", "copy", "--rollback-on", "errors>2%"]);
    assert_eq!(alone.code, Some(2), "{}", alone.err);
    project.done(&["deploy", "copy"]);
    assert_eq!(runs(&project), [Value::Null, Value::from(1.0)]);
    assert_eq!(server.stop().code, Some(0));
}
