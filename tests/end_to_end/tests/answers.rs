//! What an event function answers about the records of its batch, and what the consumer makes of it.

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, guest, items};

/// The first record of a batch says what the answer is. A batch that fails is tried twice, as it was.
fn project(report_failures: &str) -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ in: {{ shards: 1 }} }}
functions: {{ replies: {{ source: {} }} }}
triggers:
  told:
    stream: in
    function: replies
    report_failures: {report_failures}
    retry: {{ attempts: 2, isolate: off, breaker: off, backoff: {{ first: 1ms, max: 1ms }} }}
",
        guest("replies")
    ))
}

/// Two records of one key, and so of one batch.
fn put(project: &Project, reply: &Value) {
    let first = json!({ "reply": reply }).to_string();
    project.done(&["put", "in", "--key", "k", &first, "{}"]);
    project.done(&["wait"]);
}

/// Records and attempts of each dead letter.
fn given_up(project: &Project) -> Vec<(usize, usize)> {
    let letters = project.json(&["dead-letter", "list"]);
    let ids = items(&letters).iter();
    let ids = ids.map(|letter| letter["id"].as_str().expect("it has an id").to_owned());
    let shown = ids.map(|id| project.json(&["dead-letter", "show", &id]));
    let count = |of: &Value| of.as_array().expect("a list").len();
    shown
        .map(|letter| (count(&letter["records"]), count(&letter["attempts"])))
        .collect()
}

#[test]
fn a11_an_answer_that_cannot_be_believed_fails_the_whole_batch() {
    let project = project("strict");
    let server = project.up();
    let named = |id: Value| json!({ "batchItemFailures": [{ "itemIdentifier": id }] });
    let answers = [
        named(json!("")),
        named(Value::Null),
        json!({ "foo": 1 }),
        named(json!("123")),
    ];
    for (before, answer) in answers.iter().enumerate() {
        put(&project, answer);
        let expect = vec![(2, 2); before + 1];
        assert_eq!(given_up(&project), expect, "{answer}");
    }
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a12_an_answer_without_failures_is_a_success_to_the_last_record() {
    let project = project("strict");
    let server = project.up();
    let answers = [
        json!({ "batchItemFailures": [] }),
        json!({ "batchItemFailures": null }),
        Value::Null,
        json!({}),
        json!([]),
        json!(""),
    ];
    for (before, answer) in answers.iter().enumerate() {
        put(&project, answer);
        let shown = project.json(&["trigger", "show", "told"]);
        let shard = &shown["shards"][0];
        assert_eq!(shard["settled"], 2 * (before + 1), "{answer}: {shown}");
        assert_eq!(shard["invocations"], before + 1, "{answer}: {shown}");
        assert_eq!(shard["lag"]["records"], 0, "{answer}: {shown}");
    }
    assert_eq!(given_up(&project), []);
    assert_eq!(server.stop().code, Some(0));
}

/// Twelve records of key `k` in one, `0` to `11`; those of 9 and 10 say that they fail.
const AGGREGATE: &str = "84mawgoBaxoFCAAaATAaBQgAGgExGgUIABoBMhoFCAAaATMaBQgAGgE0GgUIABoBNRoFCAAaATYaBQgAGgE3GgUIABoBOBoKCAAaBmZhaWwgORoLCAAaB2ZhaWwgMTAaBggAGgIxMWDuONp4cc7E0DjKaaByJ+g=";

#[test]
fn a13_identifiers_of_other_lengths_are_each_found_in_whatever_order_they_are_named() {
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ in: {{ shards: 1 }} }}
functions: {{ echo: {{ source: {} }} }}
triggers:
  told:
    stream: in
    function: echo
    report_failures: strict
    retry: {{ attempts: 1, isolate: off, breaker: off }}
",
        guest("event_echo")
    ));
    let server = project.up();
    let put = format!(r#"{{"StreamName":"in","PartitionKey":"a","Data":"{AGGREGATE}"}}"#);
    assert_eq!(server.kinesis("PutRecord", &put).status, 200);
    // What is waited for is the end of the last record of the stream, whatever is inside it.
    project.done(&["put", "in", "--key", "k", "{}"]);
    project.done(&["wait"]);
    // The function names `SEQUENCE:10` before `SEQUENCE:9`. That the lowest is the lowest number shows `a13_identifiers_are_numbers_not_text`:
    // where records are taken again from the lowest on, as mappings by API are, nothing comes out of aggregates, and numbers have one length.
    let letters = project.json(&["dead-letter", "list"]);
    let ids = items(&letters).iter();
    let ids = ids.map(|letter| letter["id"].as_str().expect("it has an id").to_owned());
    let given_up: Vec<Value> = ids
        .map(|id| project.json(&["dead-letter", "show", &id])["records"][0]["sub_sequence"].clone())
        .collect();
    assert_eq!(given_up, [json!(9), json!(10)]);
    let shown = project.json(&["trigger", "show", "told"]);
    let shard = &shown["shards"][0];
    assert_eq!(
        (&shard["settled"], &shard["dead_letters"]),
        (&json!(11), &json!(2)),
        "{shown}"
    );
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a14_without_the_switch_a_list_of_failures_says_nothing() {
    let project = project("ignored");
    let server = project.up();
    put(
        &project,
        &json!({ "batchItemFailures": [{ "itemIdentifier": "123" }] }),
    );
    let shown = project.json(&["trigger", "show", "told"]);
    let shard = &shown["shards"][0];
    assert_eq!(
        (&shard["settled"], &shard["invocations"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(given_up(&project), []);
    assert_eq!(server.stop().code, Some(0));
}
