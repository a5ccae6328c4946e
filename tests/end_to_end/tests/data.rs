//! The data folder: checked, repaired, backed up and restored with the real binary.

use std::{fs, path::PathBuf};

use serde_json::Value;
use shardmill_end_to_end::{Project, items};

fn project() -> Project {
    Project::new("version: 1\nstreams: { flights: { shards: 2 } }\n")
}

fn first_segment(project: &Project) -> PathBuf {
    let name = "00000000000000000000.seg";
    project.folder().join(".shardmill/dev/data/log").join(name)
}

/// Flips one bit of the record that carries `text`.
fn damage(project: &Project, text: &str) {
    let path = first_segment(project);
    let mut bytes = fs::read(&path).expect("the segment is there");
    let found = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes());
    bytes[found.expect("the record is in it")] ^= 1;
    fs::write(path, bytes).expect("the segment can be written");
}

#[test]
fn a_folder_is_checked_only_when_its_server_has_stopped() {
    let project = project();
    let server = project.up();
    project.done(&["put", "flights", "one", "two", "--key", "k"]);
    let held = project.verb(&["data", "check"]);
    assert_eq!(held.code, Some(6), "{}", held.err);
    assert!(held.err.contains("holds it"), "{}", held.err);
    assert_eq!(server.stop().code, Some(0));
    let found = project.json(&["data", "check"]);
    assert_eq!(
        (&found["records"], &found["clean"]),
        (&2.into(), &true.into())
    );
    let said = project.done(&["data", "check"]);
    assert!(
        said.contains("format   1") && said.contains("all as the log says"),
        "{said}"
    );
    assert_eq!(
        project.verb(&["data", "check", "--data", "none"]).code,
        Some(3)
    );
}

#[test]
fn a_repair_says_what_goes_asks_and_leaves_everything_else() {
    let project = project();
    let server = project.up();
    for record in ["first", "second", "third"] {
        project.done(&["put", "flights", record, "--key", "k"]);
    }
    let before = project.records("flights");
    assert_eq!(server.stop().code, Some(0));
    assert!(
        project
            .done(&["data", "repair", "--yes"])
            .contains("nothing to repair")
    );
    damage(&project, "second");

    let up = project.verb(&["up", "--port", "0"]);
    assert_eq!(up.code, Some(1));
    assert!(up.err.contains("data repair"), "{}", up.err);
    let checked = project.verb(&["data", "check"]);
    assert_eq!(checked.code, Some(7));
    let number = before[1]["sequence"].as_str().expect("a number");
    let sentence =
        format!("1 records of stream flights shardId-000000000000: {number} to {number}");
    let other = sentence.replace("000000000000:", "000000000001:");
    assert!(
        checked.out.contains(&sentence) || checked.out.contains(&other),
        "{}",
        checked.out
    );
    assert_eq!(project.verb(&["data", "repair"]).code, Some(2));
    let would = project.done(&["data", "repair", "--dry-run"]);
    assert!(would.contains(number), "{would}");
    assert_eq!(project.verb(&["data", "check"]).code, Some(7));

    let done = project.done(&["data", "repair", "--yes"]);
    assert!(done.contains("aside"), "{done}");
    project.done(&["data", "check"]);
    assert!(
        project
            .done(&["data", "repair", "--yes"])
            .contains("nothing to repair")
    );
    let _server = project.up();
    let left: Vec<Value> = items(&Value::Array(before))
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(_, record)| record.clone())
        .collect();
    assert_eq!(project.records("flights"), left);
}

#[test]
fn a_backup_under_load_restores_exactly_what_was_acknowledged_before_it() {
    let project = project();
    let server = project.up();
    let load = |from: usize| -> String {
        (from..from + 2_000)
            .map(|number| format!("{{\"n\":{number}}}\n"))
            .collect()
    };
    project.write("before.ndjson", &load(0));
    project.write("during.ndjson", &load(2_000));
    project.done(&["put", "flights", "before.ndjson", "--key", "k"]);
    let arguments = ["put", "flights", "during.ndjson", "--key", "k"];
    let mut putting = project
        .command(&arguments)
        .spawn()
        .expect("the binary runs");
    let made = project.json(&["data", "backup", "a.backup"]);
    assert!(putting.wait().expect("it ends").success());
    let all = project.records("flights");
    assert_eq!(all.len(), 4_000);
    let again = project.verb(&["data", "backup", "a.backup"]);
    assert_eq!(again.code, Some(6), "{}", again.err);
    assert_eq!(server.stop().code, Some(0));

    let restored = project.json(&["data", "restore", "a.backup", "--data", "copy"]);
    assert_eq!(restored["records"], made["records"]);
    let count = restored["records"].as_u64().expect("a number");
    assert!((2_000..=4_000).contains(&count), "{count}");
    project.done(&["data", "check", "--data", "copy"]);
    assert_eq!(
        project
            .verb(&["data", "restore", "a.backup", "--data", "copy"])
            .code,
        Some(1)
    );
    let copy = project.up_with(&["--data", "copy"]);
    let kept = project.records("flights");
    assert_eq!(kept.len() as u64, count);
    assert_eq!(kept, all[..kept.len()]);
    assert_eq!(copy.stop().code, Some(0));
}
