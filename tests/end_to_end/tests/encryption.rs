//! Encrypted streams with the real binary: what lies on the disk, what clients are told, and who may open it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use shardmill_end_to_end::{Project, Server, guest};

const SECRET: &str = "nobody reads this from the disk";
const START: &str =
    r#"{"StreamName":"flights","EncryptionType":"KMS","KeyId":"alias/aws/kinesis"}"#;

fn project() -> Project {
    Project::new("version: 1\nstreams: { flights: {}, plain: {} }\n")
}

fn done(server: &Server, action: &str, body: &str) -> String {
    let answer = server.kinesis(action, body);
    assert_eq!(answer.status, 200, "{action}: {}", answer.body);
    answer.body
}

/// Whether a file below `dir` holds these bytes.
fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir)
        .expect("the folder is there")
        .any(|entry| {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                return holds(&path, text);
            }
            let bytes = fs::read(&path).unwrap_or_default();
            bytes
                .windows(text.len())
                .any(|found| found == text.as_bytes())
        })
}

#[test]
fn encrypted_records_are_on_no_disk_survive_a_crash_and_open_with_their_key_alone() {
    let project = project();
    let data = project.folder().join(".shardmill/dev/data");
    let server = project.up_with(&["--transition", "0s"]);
    project.done(&["put", "plain", SECRET, "--key", "known"]);
    assert!(holds(&data, SECRET));
    assert_eq!(server.stop().code, Some(0));
    fs::remove_dir_all(&data).expect("the folder can be removed");

    let server = project.up_with(&["--transition", "0s"]);
    done(&server, "StartStreamEncryption", START);
    let described = done(
        &server,
        "DescribeStreamSummary",
        r#"{"StreamName":"flights"}"#,
    );
    assert!(
        described.contains(r#""EncryptionType":"KMS","KeyId":"alias/aws/kinesis""#),
        "{described}"
    );
    project.done(&["put", "flights", SECRET, "--key", "passenger"]);
    let server = server.crash_and_restart(&project);
    let iterator = done(
        &server,
        "GetShardIterator",
        r#"{"StreamName":"flights","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}"#,
    );
    let read = done(&server, "GetRecords", &iterator);
    assert!(read.contains(r#""EncryptionType":"KMS""#), "{read}");
    assert_eq!(project.data("flights"), [SECRET]);
    assert_eq!(server.stop().code, Some(0));
    assert!(!holds(&data, SECRET) && !holds(&data, "passenger"));

    let key = data.join("master.key");
    let mode = fs::metadata(&key)
        .expect("a key was made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let checked = project.done(&["data", "check"]);
    assert!(
        checked.contains("format   2") && checked.contains("1 data keys"),
        "{checked}"
    );
    let away = project.folder().join("away.key");
    fs::rename(&key, &away).expect("the key can be moved");
    let refused = project.verb(&["up", "--port", "0"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("master.key is not there"),
        "{}",
        refused.err
    );
    assert!(project.json(&["data", "check"])["clean"] == true);
    let named = away.to_string_lossy();
    let server = project.up_with(&["--master-key-file", &named]);
    assert_eq!(project.data("flights"), [SECRET]);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn what_is_kept_of_encrypted_records_is_encrypted_too() {
    let dead = format!("dead: {SECRET}");
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ flights: {{}} }}
functions: {{ fails: {{ source: {} }} }}
destinations: {{ down: {{ http: 'http://127.0.0.1:9/' }} }}
triggers:
  late: {{ stream: flights, function: fails, retry: {{ attempts: 1 }}, on_failure: down }}
",
        guest("fails_on")
    ));
    let data = project.folder().join(".shardmill/dev/data");
    let server = project.up_with(&["--transition", "0s"]);
    done(&server, "StartStreamEncryption", START);
    project.done(&["put", "flights", &dead]);
    project.done(&["wait"]);
    let server = server.crash_and_restart(&project);
    let letters = project.json(&["dead-letter", "list"]);
    let id = letters[0]["id"].as_str().expect("the record was given up");
    let letter = project.json(&["dead-letter", "show", id]);
    assert_eq!(letter["records"][0]["data"], dead.as_str(), "{letter}");
    let waiting = project.json(&["why"])["waiting"].to_string();
    assert!(waiting.contains("1 failure document waits"), "{waiting}");
    assert_eq!(server.stop().code, Some(0));
    assert!(!holds(&data, SECRET));
}
