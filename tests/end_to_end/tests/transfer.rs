//! A stream leaves as a file and comes back: every record with its key, its hash key and its place in the shard.

use serde_json::Value;
use shardmill_end_to_end::Project;

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
    let said = "read other.ndjson line 1: missing field `key`";
    assert!(refused.err.contains(said), "{}", refused.err);
}
