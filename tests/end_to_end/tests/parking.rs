//! `key`: an operator lets keys wait, looks at what waits, lets it go on in order, and drops it.

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, guest, items};

fn project() -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ fails: {{ source: {} }} }}
triggers:
  board:
    stream: in
    function: fails
    outputs: out
    retry: {{ attempts: 1, then: park, breaker: 'off' }}
",
        guest("fails_on")
    ))
}

fn put(project: &Project, key: &str, data: &[&str]) {
    project.done(&[&["put", "in", "--key", key], data].concat());
    project.done(&["wait"]);
}

fn listed(project: &Project) -> Vec<(Value, Value)> {
    let keys = project.json(&["key", "list"]);
    let facts = |it: &Value| (it["key"].clone(), it["records"].clone());
    items(&keys).iter().map(facts).collect()
}

#[test]
fn a_key_that_an_operator_parks_waits_in_order_until_it_is_unparked() {
    let project = project();
    let server = project.up();
    assert_eq!(listed(&project), []);
    project.done(&["key", "park", "board", "JFK"]);
    put(&project, "JFK", &["one", "two"]);
    put(&project, "EWR", &["other"]);
    assert_eq!(project.data("out"), ["other"]);
    assert_eq!(listed(&project), [(json!("JFK"), json!(2))]);
    let why = project.done(&["why"]);
    let said = "waiting: board key JFK: parked by an operator; 2 records of this key wait in order, the other keys go on\nhint: `shardmill key unpark board JFK`\n";
    assert!(why.contains(said), "{why}");
    let shown = project.json(&["key", "show", "board", "JFK"]);
    let waiting: Vec<&Value> = items(&shown["waiting"])
        .iter()
        .map(|it| &it["data"])
        .collect();
    assert_eq!(waiting, ["one", "two"], "{shown}");
    project.done(&["key", "unpark", "board", "JFK"]);
    // Ends once all three are there.
    project.done(&["tail", "out", "--from", "oldest", "--follow", "-n", "3"]);
    assert_eq!(project.data("out"), ["other", "one", "two"]);
    let unknown = project.verb(&["key", "unpark", "board", "LGA"]);
    assert_ne!(unknown.code, Some(0));
    let said = "parked key LGA of trigger board";
    assert!(unknown.err.contains(said), "{}", unknown.err);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_key_that_failed_is_parked_with_its_error_and_dropped_when_somebody_is_sure() {
    let project = project();
    let server = project.up();
    put(&project, "BOS", &["fail"]);
    put(&project, "BOS", &["behind"]);
    assert_eq!(listed(&project), [(json!("BOS"), json!(2))]);
    let shown = project.json(&["key", "show", "board", "BOS"]);
    assert_eq!(items(&shown["attempts"]).len(), 1, "{shown}");
    let why = &project.json(&["why", "board", "0"])["parked"][0];
    let reason = why["reason"].as_str().expect("why says it");
    assert!(reason.contains(" failed once ("), "{why}");
    assert!(reason.contains("); 2 records of this key wait"), "{why}");
    let shown = project.done(&["key", "show", "board", "BOS"]);
    let since = shown.lines().find(|line| line.starts_with("since "));
    assert!(since.is_some_and(|it| it.ends_with('Z')), "{shown}");
    let drop = ["key", "drop", "board", "BOS"];
    let unsure = project.verb(&drop);
    assert_ne!(unsure.code, Some(0), "{}", unsure.out);
    let would = project.done(&[&drop[..], &["--dry-run"]].concat());
    let loss = "key BOS of trigger board with 2 records that wait";
    assert_eq!(would.trim_end(), format!("would delete {loss}"));
    assert_eq!(listed(&project).len(), 1);
    let done = project.done(&[&drop[..], &["--yes"]].concat());
    assert_eq!(done.trim_end(), format!("deleted {loss}"));
    assert_eq!(listed(&project), []);
    put(&project, "BOS", &["anew"]);
    assert_eq!(project.data("out"), ["anew"]);
    assert_eq!(server.stop().code, Some(0));
}
