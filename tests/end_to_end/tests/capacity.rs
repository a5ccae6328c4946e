//! Streams by their traffic, through the real binary: verbs that change shards and tell what they take, limits that are
//! kept when the server is told to, metrics that are shown when they are enabled.

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, Server, get, items};

fn project() -> Project {
    Project::new(
        "\
version: 1
streams:
  flights: { shards: 2 }
  scaled: { shards: 2, autoscale: { min: 1, max: 4, target: 80% } }
",
    )
}

/// A server whose changes are over at once.
fn up(project: &Project) -> Server {
    project.up_with(&["--transition", "0s"])
}

fn open_shards(project: &Project) -> Vec<String> {
    let shards = project.json(&["stream", "shards", "flights"]);
    let open = items(&shards).iter().filter(|shard| shard["open"] == true);
    open.map(|shard| shard["id"].as_str().expect("an id").to_owned())
        .collect()
}

fn put_hot(project: &Project, server: &Server) {
    let record = |key: &str| json!({ "PartitionKey": key, "Data": "bG9hZA==" });
    let mut records: Vec<Value> = (0..40)
        .map(|number| record(&format!("cold {number}")))
        .collect();
    records.extend((0..360).map(|_| record("JFK")));
    let input = json!({ "StreamName": "flights", "Records": records });
    let answer = server.kinesis("PutRecords", &input.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    project.done(&["stream", "create", "aside"]);
    let streams = project.json(&["stream", "list", "--by-size"]);
    let largest = &items(&streams)[0];
    assert_eq!(
        (&largest["name"], &largest["stored_records"]),
        (&json!("flights"), &json!(400))
    );
    assert!(largest["stored_bytes"].as_u64() > Some(400), "{largest}");
    assert_eq!(items(&streams)[1]["stored_records"], 0);
}

#[test]
fn shards_are_split_merged_and_scaled_by_verbs() {
    let project = project();
    let _server = up(&project);
    let middle = "85070591730234615865843651857942052864";
    let would = project.json(&[
        "stream",
        "split",
        "flights",
        "0",
        "--at",
        middle,
        "--dry-run",
    ]);
    assert_eq!(
        (&would["at"], &would["dry_run"]),
        (&json!(middle), &json!(true))
    );
    assert_eq!(open_shards(&project).len(), 2);
    project.done(&["stream", "split", "flights", "0", "--at", middle]);
    assert_eq!(open_shards(&project).len(), 3);
    project.done(&["stream", "merge", "flights", "3", "2"]);
    assert_eq!(open_shards(&project).len(), 2);
    let scaled = project.json(&["stream", "scale", "flights", "4"]);
    assert_eq!(
        (&scaled["before"], &scaled["after"]),
        (&json!(2), &json!(4))
    );
    assert_eq!(open_shards(&project).len(), 4);
    for (arguments, code, error) in [
        (
            &["stream", "scale", "flights", "9"][..],
            2,
            "more than twice as many at once",
        ),
        (
            &["stream", "split", "flights", "0"],
            3,
            "open shard shardId-000000000000 of stream flights does not exist",
        ),
        (
            &["stream", "merge", "flights", "5", "7"],
            2,
            "their ranges do not meet",
        ),
        (
            &["stream", "split", "nowhere", "0"],
            3,
            "stream nowhere does not exist",
        ),
    ] {
        let said = project.verb(arguments);
        assert!(
            said.code == Some(code) && said.err.contains(error),
            "{arguments:?}: {:?} {}",
            said.code,
            said.err
        );
    }
    project.done(&["stream", "mode", "flights", "on-demand"]);
    let said = project.verb(&["stream", "scale", "flights", "2"]);
    assert!(
        said.code == Some(6) && said.err.contains("on demand"),
        "{}",
        said.err
    );
}

#[test]
fn retention_and_consumers_are_changed_by_verbs() {
    let project = project();
    let _server = up(&project);
    project.done(&["stream", "retention", "flights", "30d"]);
    let never = project.verb(&["stream", "retention", "flights", "12h", "--dry-run"]);
    assert_eq!(never.code, Some(2), "{}", never.out);
    let refused = project.verb(&["stream", "retention", "flights", "24h"]);
    assert_eq!(refused.code, Some(2), "a shorter one loses records");
    project.done(&["stream", "retention", "flights", "24h", "--yes"]);
    let shown = project.json(&["stream", "show", "flights"]);
    assert_eq!(shown["retention_ms"], 86_400_000);
    project.done(&["stream", "consumers", "flights", "--add", "board"]);
    assert_eq!(
        project
            .verb(&["stream", "consumers", "flights", "--add", "board"])
            .code,
        Some(6)
    );
    let listed = project.json(&["stream", "consumers", "flights"]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["status"]),
        (&json!("board"), &json!("ACTIVE"))
    );
    project.done(&[
        "stream",
        "consumers",
        "flights",
        "--remove",
        "board",
        "--yes",
    ]);
    assert_eq!(project.json(&["stream", "consumers", "flights"]), json!([]));
}

#[test]
fn a_hot_key_is_named_with_the_split_that_helps() {
    let project = project();
    let server = up(&project);
    put_hot(&project, &server);
    let hot = project.json(&["stream", "shards", "flights", "--hot"]);
    let shards = items(&hot["shards"]);
    let hottest = |shard: &&Value| shard["hot_keys"][0]["key"] == "JFK";
    let shard = shards.iter().find(hottest).expect("the key is named");
    assert!(
        shard["hot_keys"][0]["percent"].as_u64() > Some(70),
        "{shard}"
    );
    let command = shard["command"].as_str().expect("a command");
    let arguments: Vec<&str> = command.split(' ').skip(1).collect();
    project.done(&arguments);
    assert_eq!(open_shards(&project).len(), 3);
    let shown = project.done(&["stream", "show", "flights"]);
    for part in [
        "needs 1 shard ",
        "it has 3",
        "payloads had been sent before",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    let scaled = project.json(&["stream", "show", "scaled"]);
    assert_eq!(scaled["autoscale"], "1 to 4 shards, 80 % of each");
}

#[test]
fn metrics_of_shards_are_shown_once_they_are_enabled() {
    let project = project();
    let server = up(&project);
    put_hot(&project, &server);
    let of_stream = "shardmill_stream_incoming_records_total{account=\"000000000000\",region=\"us-east-1\",stream=\"flights\"} 400";
    let metrics = get(&server.address, "/metrics").body;
    assert!(metrics.contains(of_stream), "{metrics}");
    assert!(!metrics.contains("shardmill_shard_"), "{metrics}");
    let enable = json!({ "StreamName": "flights", "ShardLevelMetrics": ["IncomingRecords"] });
    let enabled = server.kinesis("EnableEnhancedMonitoring", &enable.to_string());
    assert_eq!(enabled.status, 200, "{}", enabled.body);
    let metrics = get(&server.address, "/metrics").body;
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("shardmill_shard_incoming_records_total{"));
    let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    assert_eq!(counts.sum::<u64>(), 400);
    assert!(!metrics.contains("shardmill_shard_incoming_bytes_total{"));
}

#[test]
fn a_server_that_keeps_limits_refuses_what_a_shard_does_not_take() {
    let project = project();
    let server = project.up_with(&["--limits", "aws"]);
    let record = json!({ "PartitionKey": "k", "Data": "eA==" });
    let input = json!({ "StreamName": "flights", "Records": vec![record; 500] }).to_string();
    let mut failed = 0;
    let mut answers = Vec::new();
    for _ in 0..6 {
        let answer: Value =
            serde_json::from_str(&server.kinesis("PutRecords", &input).body).expect("an answer");
        failed += answer["FailedRecordCount"].as_u64().expect("a count");
        answers.push(answer);
    }
    assert!(failed > 0, "3,000 records at once");
    let results = answers.iter().flat_map(|answer| items(&answer["Records"]));
    let codes =
        results.filter(|result| result["ErrorCode"] == "ProvisionedThroughputExceededException");
    assert_eq!(u64::try_from(codes.count()).expect("a count"), failed);
}
