//! A dead letter goes only when somebody says so, and then for good.

use serde_json::json;
use shardmill_end_to_end::{Project, guest, items};

#[test]
fn a_dropped_dead_letter_is_gone_after_a_restart_too() {
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}} }}
functions: {{ fails: {{ source: {} }} }}
triggers:
  late: {{ stream: in, function: fails }}
",
        guest("fails_on")
    ));
    let server = project.up();
    project.done(&["put", "in", "dead"]);
    project.done(&["wait"]);
    let listed = project.json(&["dead-letter", "list"]);
    let id = items(&listed)[0]["id"].as_str().expect("an id").to_owned();
    let asked = project.verb(&["dead-letter", "drop", &id]);
    assert_eq!(asked.code, Some(2), "{}", asked.err);
    project.done(&["dead-letter", "drop", &id, "--dry-run"]);
    assert_eq!(project.json(&["dead-letter", "list"]), listed);
    project.done(&["dead-letter", "drop", &id, "--yes"]);
    let server = server.crash_and_restart(&project);
    assert_eq!(project.json(&["dead-letter", "list"]), json!([]));
    let again = project.verb(&["dead-letter", "drop", &id, "--yes"]);
    assert_eq!(again.code, Some(3), "{}", again.err);
    assert_eq!(server.stop().code, Some(0));
}
