//! Shards split and merge under a trigger, and the server is killed in between: every record is handled once, and the
//! records of a key in the order in which they were put, because children wait for their parents.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, Server, guest};

const KEYS: usize = 7;
const ROUNDS: usize = 40;

fn copying() -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ in: {{ shards: 1 }}, out: {{ shards: 1 }} }}
functions: {{ echo: {{ source: {} }} }}
triggers:
  copy: {{ stream: in, function: echo, outputs: out }}
",
        guest("echo")
    ))
}

fn done(server: &Server, action: &str, input: &Value) -> Value {
    let answer = server.kinesis(action, &input.to_string());
    assert_eq!(answer.status, 200, "{action}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_default()
}

/// One record of each key, all in one request.
fn put(server: &Server, round: usize) {
    let record = |key: usize| json!({ "PartitionKey": format!("k{key}"), "Data": encoded(round) });
    let records: Vec<Value> = (0..KEYS).map(record).collect();
    let input = json!({ "StreamName": "in", "Records": records });
    assert_eq!(done(server, "PutRecords", &input)["FailedRecordCount"], 0);
}

/// The number as base64 of three digits.
fn encoded(number: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = format!("{number:03}");
    let bits = text
        .bytes()
        .fold(0_usize, |bits, byte| bits << 8 | usize::from(byte));
    [18, 12, 6, 0]
        .iter()
        .map(|shift| char::from(LETTERS[bits >> shift & 63]))
        .collect()
}

/// Asks for so many shards, and again while the last change is still shown as UPDATING.
fn scale(server: &Server, shards: u32) {
    let input =
        json!({ "StreamName": "in", "TargetShardCount": shards, "ScalingType": "UNIFORM_SCALING" });
    loop {
        let answer = server.kinesis("UpdateShardCount", &input.to_string());
        if answer.status == 200 {
            return;
        }
        assert!(answer.body.contains("UPDATING"), "{}", answer.body);
    }
}

#[test]
fn every_record_is_handled_once_and_in_order_through_splits_merges_and_crashes() {
    let project = copying();
    let mut server = project.up();
    let mut round = 100;
    for (shards, crash) in [
        (2, false),
        (3, true),
        (2, false),
        (4, true),
        (2, false),
        (1, true),
    ] {
        for _ in 0..ROUNDS / 8 {
            put(&server, round);
            round += 1;
        }
        scale(&server, shards);
        put(&server, round);
        round += 1;
        if crash {
            server = server.crash_and_restart(&project);
        }
    }
    let _ = project.json(&["wait"]);
    let mut handled: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in project.records("out") {
        let key = record["key"].as_str().expect("a key").to_owned();
        handled
            .entry(key)
            .or_default()
            .push(record["data"].as_u64().expect("a number"));
    }
    let expected: Vec<u64> = (100..u64::try_from(round).expect("small")).collect();
    assert_eq!(handled.len(), KEYS);
    for (key, rounds) in handled {
        assert_eq!(rounds, expected, "{key}");
    }
    assert_eq!(server.stop().code, Some(0));
}
