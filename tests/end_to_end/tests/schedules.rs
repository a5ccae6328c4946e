//! Schedules through the real binary: next runs, runs by hand, missed slots, failures, and files that are refused.

use std::{fs, path::Path};

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, guest};

fn project(schedule: &str) -> Project {
    Project::new(&format!(
        "version: 1
streams: {{ done: {{ shards: 1 }} }}
destinations: {{ failed: {{ directory: failed }} }}
functions: {{ replies: {{ source: \"{}\", timeout: 2s }} }}
triggers:
  nightly: {{ {schedule}, function: replies, outputs: done }}
",
        guest("replies")
    ))
}

/// All JSON below a folder.
fn documents(folder: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(documents(&path));
        } else if let Ok(text) = fs::read(&path)
            && let Ok(document) = serde_json::from_slice(&text)
        {
            found.push(document);
        }
    }
    found
}

fn show(project: &Project) -> Value {
    project.json(&["trigger", "show", "nightly"])
}

#[test]
fn the_next_five_runs_are_shown_as_clocks_of_the_zone_show_them() {
    let project = project("schedule: { expression: cron(0 2 * * ? *), zone: America/Chicago }");
    let _server = project.up();
    let shown = show(&project);
    assert_eq!(
        (shown["kind"].as_str(), shown["zone"].as_str()),
        (Some("schedule"), Some("America/Chicago"))
    );
    let next = shown["next"].as_array().expect("a list");
    assert_eq!(next.len(), 5);
    for run in next {
        let slot = run["slot"].as_str().expect("a moment");
        assert!(slot.contains("T02:00:00-0"), "{slot}");
    }
    let table = project.done(&["trigger", "show", "nightly"]);
    assert!(table.contains("NEXT SLOTS"), "{table}");
    let listed = project.done(&["trigger", "list"]);
    assert!(
        listed.contains("cron(0 2 * * ? *) America/Chicago"),
        "{listed}"
    );
    let status = project.done(&["status"]);
    assert!(
        status.contains("nightly") && status.contains("waits for"),
        "{status}"
    );
}

#[test]
fn a_run_by_hand_keeps_its_effects_and_a_crash_keeps_the_schedule() {
    let project = project(
        "schedule: cron(0 2 * * ? *), input: { emit: \"<aws.scheduler.scheduled-time>\", reply: 7 }",
    );
    let server = project.up();
    let ran = project.json(&["trigger", "run", "nightly"]);
    assert_eq!(
        (&ran["ok"], &ran["answer"], &ran["outputs"]),
        (&json!(true), &json!(7), &json!(1))
    );
    let before = show(&project)["next"].clone();
    let _server = server.crash_and_restart(&project);
    let records = project.records("done");
    assert_eq!(records.len(), 1);
    assert_eq!(show(&project)["next"], before);
    let seek = project.verb(&["trigger", "seek", "nightly", "--from", "oldest"]);
    assert_eq!(seek.code, Some(6), "{}", seek.err);
    assert!(seek.err.contains("reads no stream"), "{}", seek.err);
}

#[test]
fn slots_that_pass_are_run_and_failed_ones_are_dead_letters() {
    let project = project(
        "schedule: { expression: rate(1 day), missed: all }, input: { fail: \"no data\" }, retry: { attempts: 2, backoff: { first: 1ms, max: 1ms } }, on_failure: failed",
    );
    let server = project.up_with(&["--testing"]);
    // Each look asks the server; what is due comes by itself.
    let given_up = |slots: usize| {
        let mut looks = (0..500).map(|_| project.json(&["dead-letter", "list"]));
        looks
            .find(|letters| letters.as_array().is_some_and(|it| it.len() >= slots))
            .expect("slots are given up in time")
    };
    given_up(1);
    let day = json!({ "advance_ms": 86_400_000_u64 }).to_string();
    let answer = server.verb("/_shardmill/clock", &day);
    assert_eq!(answer.status, 200, "{answer:?}");
    let letters = given_up(2);
    assert_eq!(letters[0]["condition"], "RetryAttemptsExhausted");
    assert_eq!(letters[0]["attempts"], 2);
    let id = letters[0]["id"].as_str().expect("an id");
    let letter = project.json(&["dead-letter", "show", id]);
    assert_eq!(letter["attempts"][0]["error"], "Asked");
    let shown = show(&project);
    assert_eq!((&shown["run"], &shown["given_up"]), (&json!(0), &json!(2)));
    assert!(
        shown["last"]["error"]
            .as_str()
            .is_some_and(|error| error.contains("no data")),
        "{shown}"
    );
    // Destinations are told a little later: what is owed is looked at, not waited for.
    let mut looks = (0..500).map(|_| {
        project.done(&["status"]);
        documents(&project.folder().join("failed"))
    });
    let told = looks.find(|told| told.len() == 2);
    let told = told.expect("both documents are there in time");
    let context = &told[0]["requestContext"];
    assert_eq!(context["condition"], "RetryAttemptsExhausted");
    assert_eq!(context["approximateInvokeCount"], 2);
    assert!(
        told[0]["payload"].as_str().is_some_and(|it| !it.is_empty()),
        "{}",
        told[0]
    );
    let logs = project.verb(&["logs", "nightly"]);
    assert_eq!(logs.code, Some(0), "{}", logs.err);
    assert!(logs.out.contains("REPORT RequestId: "), "{}", logs.out);
}

#[test]
fn what_never_fires_is_refused_with_the_reason() {
    for (schedule, expect) in [
        ("schedule: cron(0 0 31 2 ? *)", "never fires"),
        (
            "schedule: at(2020-01-01T00:00:00)",
            "triggers.yaml:6:24: schedule `at(2020-01-01T00:00:00)` of trigger `nightly` never fires: its last moment was 2020-01-01T00:00:00+00:00",
        ),
        (
            "schedule: cron(0 25 * * ? *)",
            "`25` in hours is not understood",
        ),
        ("schedule: rate(1 minutes)", "mixes one and many"),
        (
            "schedule: { expression: rate(1 minute), zone: America/Chicagoo }",
            "did you mean `America/Chicago`?",
        ),
    ] {
        let project = project(schedule);
        let said = project.verb(&["check"]);
        assert_eq!(said.code, Some(7), "{schedule}: {}", said.err);
        assert!(said.err.contains(expect), "{schedule}: {}", said.err);
        assert!(said.err.contains("hint:"), "{schedule}: {}", said.err);
    }
}
