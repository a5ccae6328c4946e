//! A stream leaves as a file and comes back: every record with its key, its hash key and its place in the shard.

use serde_json::Value;
use shardmill_end_to_end::{Project, Server};

const FILE: &str = "version: 1\nstreams: { from: { shards: 3 }, to: { shards: 2 } }\n";
/// In the upper half, wherever its key belongs.
const HASH_KEY: &str = "340282366920938463463374607431768211455";

/// Key and data of every record, in the order of each key.
fn kept(project: &Project, stream: &str) -> Vec<(String, Vec<Value>)> {
    let records = project.records(stream);
    (0..7)
        .map(|key| format!("k{key}"))
        .map(|key| {
            let of_key = records
                .iter()
                .filter(|record| record["key"] == key.as_str());
            let data = of_key.map(|record| record["data"].clone()).collect();
            (key, data)
        })
        .collect()
}

#[test]
fn what_leaves_comes_back_once() {
    let project = Project::new(FILE);
    let server = project.up();
    let lines: Vec<String> = (0..1_200)
        .map(|n| format!(r#"{{"k":"k{}","n":{n}}}"#, n % 7))
        .collect();
    project.write("lines.ndjson", &lines.join("\n"));
    project.done(&["put", "from", "lines.ndjson", "--key-field", "k"]);
    let placed = format!(
        r#"{{"StreamName":"from","PartitionKey":"placed","Data":"eA==","ExplicitHashKey":"{HASH_KEY}"}}"#
    );
    assert_eq!(server.kinesis("PutRecord", &placed).status, 200);

    project.done(&["stream", "export", "from", "all.ndjson"]);
    let again = project.verb(&["stream", "export", "from", "all.ndjson"]);
    assert_eq!(again.code, Some(6), "{}", again.err);
    project.done(&["stream", "import", "to", "all.ndjson"]);
    assert_eq!(kept(&project, "to"), kept(&project, "from"));
    let to = project.records("to");
    let placed = to.iter().find(|record| record["key"] == "placed");
    let placed = placed.expect("the record with a hash key");
    assert_eq!(placed["explicit_hash_key"], HASH_KEY);
    assert_eq!(placed["shard"], "shardId-000000000001");

    project.done(&["stream", "export", "from", "all.bin", "--binary"]);
    let size = |name: &str| std::fs::metadata(project.folder().join(name)).map(|file| file.len());
    let (lines, binary) = (size("all.ndjson").unwrap(), size("all.bin").unwrap());
    assert!(binary * 3 < lines * 2, "{binary} {lines}");
    project.done(&["stream", "create", "third", "--shards", "2"]);
    project.done(&["stream", "import", "third", "all.bin"]);
    assert_eq!(kept(&project, "third"), kept(&project, "from"));
    let mut cut = std::fs::read(project.folder().join("all.bin")).unwrap();
    cut.truncate(cut.len() - 5);
    std::fs::write(project.folder().join("cut.bin"), cut).unwrap();
    let refused = project.verb(&["stream", "import", "third", "cut.bin"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("it ends too early"), "{}", refused.err);

    let repeated = project.json(&["stream", "import", "to", "all.ndjson"]);
    assert_eq!(
        (&repeated["records"], &repeated["before"]),
        (&0.into(), &1_201.into())
    );
    assert_eq!(project.records("to").len(), 1_201);

    project.write("other.ndjson", "{\"a\":1}\n");
    let refused = project.verb(&["stream", "import", "to", "other.ndjson"]);
    assert_eq!(refused.code, Some(1));
    let said = "read other.ndjson line 1: missing field `data` at column 7";
    assert!(refused.err.contains(said), "{}", refused.err);
}

/// Key and data of every record, sorted by data. Where records are spread each has a hash key of the server.
fn told(project: &Project, stream: &str) -> Vec<(Value, String)> {
    let told = |record: &Value| (record["key"].clone(), record["data"].to_string());
    let mut all: Vec<_> = project.records(stream).iter().map(told).collect();
    all.sort_by(|one, other| one.1.cmp(&other.1));
    all
}

/// A server with streams that take records without a key.
fn with_auto(project: &Project, names: &[&str]) -> Server {
    let server = project.up_with(&["--transition", "0s"]);
    for name in names {
        let made = format!(r#"{{"StreamName":"{name}","RecordDistributionStrategy":"AUTO"}}"#);
        let made = server.kinesis("CreateStream", &made);
        assert_eq!(made.status, 200, "{}", made.body);
    }
    server
}

#[test]
fn records_without_a_key_go_where_records_are_spread() {
    let project = Project::new(FILE);
    let server = with_auto(&project, &["auto", "lines", "binary"]);
    let records = format!(
        r#"{{"StreamName":"auto","Records":[{{"Data":"YQ=="}},{{"Data":"Yg==","PartitionKey":"b"}},
            {{"Data":"Yw==","ExplicitHashKey":"{HASH_KEY}"}},{{"Data":""}}]}}"#
    );
    let put = server.kinesis("PutRecords", &records);
    assert_eq!(put.status, 200, "{}", put.body);
    let all = told(&project, "auto");
    let keys: Vec<&Value> = all.iter().map(|record| &record.0).collect();
    assert_eq!(keys, ["", "", "b", ""]);

    project.done(&["stream", "export", "auto", "auto.ndjson"]);
    project.done(&["stream", "export", "auto", "auto.bin", "--binary"]);
    for (file, stream) in [("auto.ndjson", "lines"), ("auto.bin", "binary")] {
        project.done(&["stream", "import", stream, file]);
        assert_eq!(told(&project, stream), all, "{file}");
        // Where a key says the shard, all of the request is refused.
        let refused = project.verb(&["stream", "import", "to", file]);
        assert_ne!(refused.code, Some(0));
        let hint = "hint: there are records without a partition key among them";
        assert!(refused.err.contains(hint), "{}", refused.err);
    }
    assert_eq!(project.records("to").len(), 0);
}

#[test]
fn lines_of_others_are_taken_as_far_as_they_go() {
    let project = Project::new(FILE);
    let _server = with_auto(&project, &["auto"]);
    let line = |n: usize| format!(r#"{{"data":"{n:04}"}}"#);
    let mut lines: Vec<String> = (0..600).map(line).collect();
    lines.insert(3, String::new());
    lines[7].push('\r');
    let whole = lines.join("\n");
    lines[550] = r#"{"data":"no base64"}"#.to_owned();
    project.write("lines.ndjson", &lines.join("\n"));
    let refused = project.verb(&["stream", "import", "auto", "lines.ndjson"]);
    assert_eq!(refused.code, Some(1));
    let said = "read lines.ndjson line 551: its data is not base64; 549 records are stored";
    assert!(refused.err.contains(said), "{}", refused.err);
    project.write("lines.ndjson", &whole);
    let done = project.json(&["stream", "import", "auto", "lines.ndjson"]);
    assert_eq!(
        (&done["records"], &done["before"]),
        (&51.into(), &549.into())
    );
    assert_eq!(project.records("auto").len(), 600);
}
