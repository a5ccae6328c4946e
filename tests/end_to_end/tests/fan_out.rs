//! `tail` over enhanced fan-out, through a split, and what it shows of aggregates.

use serde_json::Value;
use shardmill_end_to_end::Project;

const FILE: &str = "version: 1\nstreams: { flights: { shards: 2 } }\n";
/// Two records of the key `EWR`, as a KPL packs them.
const AGGREGATE: &str = "84mawgoDRVdSGggIABoEb25lIRoICAAaBHR3byHR+m/vbq8TCQiuimOaPDOi";

fn shown(project: &Project, more: &[&str]) -> Vec<String> {
    let tail = [&["tail", "flights", "--from", "oldest"][..], more].concat();
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    let records = project.ndjson(&tail);
    let mut shown: Vec<String> = records
        .iter()
        .map(|record| format!("{} {}", text(&record["sequence"]), text(&record["data"])))
        .collect();
    shown.sort();
    shown
}

#[test]
fn fan_out_shows_what_a_plain_tail_shows() {
    let project = Project::new(FILE);
    let server = project.up_with(&["--transition", "0s"]);
    let lines: Vec<String> = (0..300).map(|n| format!("{{\"k\":\"k{n}\"}}")).collect();
    project.write("lines.ndjson", &lines.join("\n"));
    project.done(&["put", "flights", "lines.ndjson", "--key-field", "k"]);
    project.done(&["stream", "split", "flights", "0"]);
    project.done(&["put", "flights", "lines.ndjson", "--key-field", "k"]);
    let plain = shown(&project, &[]);
    assert_eq!(plain.len(), 600);
    assert_eq!(shown(&project, &["--fan-out"]), plain);
    let consumers = project.json(&["stream", "consumers", "flights"]);
    assert_eq!(consumers, Value::Array(Vec::new()), "it left with the verb");
    project.done(&["stream", "consumers", "flights", "--add", "board"]);
    assert_eq!(shown(&project, &["--fan-out=board"]), plain);
    let few = shown(&project, &["--fan-out=board", "--shard", "1", "-n", "5"]);
    assert_eq!(
        few.len(),
        5,
        "once the subscription before it may be taken over"
    );
    let nobody = project.verb(&["tail", "flights", "--fan-out=nobody"]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.err);
    drop(server);
}

#[test]
fn an_aggregate_is_shown_record_by_record() {
    let project = Project::new(FILE);
    let server = project.up();
    let put = format!(r#"{{"StreamName":"flights","PartitionKey":"a","Data":"{AGGREGATE}"}}"#);
    assert_eq!(server.kinesis("PutRecord", &put).status, 200);
    let packed = project.ndjson(&["tail", "flights"]);
    assert_eq!(packed[0]["data"], AGGREGATE);
    let records = project.records("flights");
    let facts: Vec<(&Value, &Value, &Value)> = records
        .iter()
        .map(|record| (&record["key"], &record["sub_sequence"], &record["data"]))
        .collect();
    let key = Value::from("EWR");
    assert_eq!(facts[0], (&key, &0.into(), &"one!".into()));
    assert_eq!(facts[1], (&key, &1.into(), &"two!".into()));
    let people = project.done(&["tail", "flights", "--decode"]);
    assert!(people.contains(":1  EWR  two!"), "{people}");
}
