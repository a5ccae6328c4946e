//! A stream that keeps its records for long beside one that does not: what outlives the log is compressed and read as before,
//! over a restart and a backup, in a folder or in a bucket.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;
use shardmill_end_to_end::{
    Project, Server,
    stand_in::{Asked, free_port},
};

const STREAMS: &str =
    "streams: { long: { shards: 2, retention: 30d }, short: { retention: 24h } }\n";
/// Together more than two segments of 64 MiB.
const REQUESTS: usize = 150;
const ARCHIVED: &str = "records of a segment are archived";

fn put(server: &Server) {
    let text = "a flight that was late, and why it was late; ".repeat(3_399);
    let data = base64(text.as_bytes());
    for request in 0..REQUESTS {
        let record = |n: usize| format!(r#"{{"Data":"{data}","PartitionKey":"k{request}-{n}"}}"#);
        let records: Vec<String> = (0..6).map(record).collect();
        let stream = if request % 10 == 9 { "short" } else { "long" };
        let body = format!(
            r#"{{"StreamName":"{stream}","Records":[{}]}}"#,
            records.join(",")
        );
        let put = server.kinesis("PutRecords", &body);
        assert_eq!(put.status, 200, "{}", put.body);
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // The text's length is a multiple of three.
    let letter = |bits: u32| char::from(LETTERS[usize::try_from(bits & 63).unwrap_or(0)]);
    let four = |three: &[u8]| {
        let bits = three
            .iter()
            .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        [18, 12, 6, 0].map(|shift| letter(bits >> shift))
    };
    bytes.chunks_exact(3).flat_map(four).collect()
}

/// Sequence number and length of every record.
fn held(project: &Project) -> BTreeMap<String, usize> {
    let records = project.ndjson(&["tail", "long"]).into_iter();
    let one = |record: Value| {
        let data = record["data"].as_str().map_or(0, str::len);
        (record["sequence"].to_string(), data)
    };
    records.map(one).collect()
}

fn files(project: &Project, folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = project.folder().join(".shardmill/dev/data").join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("a file").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    paths.sort();
    paths
}

fn size(paths: &[PathBuf]) -> u64 {
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
    paths.iter().map(size).sum()
}

fn project(place: &str) -> Project {
    Project::new(&format!(
        "version: 1\nserver: {{ archive: {{ after: 1h{place} }} }}\n{STREAMS}"
    ))
}

/// A server whose records are all older than they are to be in the log.
fn grown_old(project: &Project) -> (Server, BTreeMap<String, usize>) {
    let server = project.up_with(&["--testing"]);
    put(&server);
    let before = held(project);
    assert_eq!(before.len(), REQUESTS * 9 / 10 * 6);
    let moved = server.verb("/_shardmill/clock", r#"{"advance_ms":7200000}"#);
    assert_eq!(moved.status, 200, "{}", moved.body);
    (server, before)
}

#[test]
fn records_that_outlive_the_log_are_compressed_and_read_as_before() {
    let project = project("");
    let (mut server, before) = grown_old(&project);
    server.says(ARCHIVED);
    server.says(ARCHIVED);
    assert_eq!(held(&project), before);
    let objects = files(&project, "archive", ".arc");
    assert!(
        !objects.is_empty() && size(&objects) < 10 << 20,
        "{objects:?}"
    );
    project.done(&["data", "backup", "whole.backup"]);
    assert_eq!(server.stop().code, Some(0));
    let segments = files(&project, "log", ".seg");
    assert!(segments.len() <= 2, "{segments:?}");
    let checked = project.json(&["data", "check"]);
    assert_eq!(checked["archived_objects"], objects.len());
    assert_eq!(checked["log_is_damaged"], false);

    let server = project.up();
    assert_eq!(held(&project), before);
    drop(server);
    project.done(&["data", "restore", "whole.backup", "--data", "copy"]);
    let server = project.up_with(&["--data", "copy"]);
    let copied = project.ndjson(&["--server", &server.address, "tail", "long"]);
    assert_eq!(copied.len(), before.len());
}

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Keeps objects as S3 does.
fn bucket(port: u16) -> Objects {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is still free");
    let objects = Objects::default();
    let kept = Arc::clone(&objects);
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            serve(Asked::of(connection), &kept);
        }
    });
    objects
}

fn serve(mut asked: Asked, kept: &Objects) {
    let mut kept = kept.lock().expect("nobody panicked");
    let found = kept.get(&asked.path);
    match (asked.method.as_str(), found) {
        ("PUT", _) => {
            let body = std::mem::take(&mut asked.body);
            kept.insert(asked.path.clone(), body);
            asked.answer(200, 0, b"");
        }
        ("DELETE", _) => {
            kept.remove(&asked.path);
            asked.answer(204, 0, b"");
        }
        ("HEAD", Some(found)) => asked.answer(200, found.len(), b""),
        ("GET", Some(found)) => {
            let range = asked
                .header("range")
                .and_then(|range| range.strip_prefix("bytes="));
            let (from, last) = range
                .and_then(|range| range.split_once('-'))
                .expect("a range");
            let (from, last): (usize, usize) = (
                from.parse().expect("a number"),
                last.parse().expect("a number"),
            );
            let part = &found[from..found.len().min(last + 1)];
            asked.answer(206, part.len(), part);
        }
        (_, _) => asked.answer(404, 0, b""),
    }
}

#[test]
fn what_waited_in_the_log_goes_into_the_bucket_once_there_is_one() {
    let port = free_port();
    let place = format!(", s3: 's3://acme-archive/flights', endpoint: 'http://127.0.0.1:{port}'");
    let project = project(&place);
    let (mut server, before) = grown_old(&project);
    server.says("records could not be archived");
    let notes = project.json(&["status"])["notes"].to_string();
    assert!(
        notes.contains("records that should be archived stay in the log"),
        "{notes}"
    );
    assert_eq!(held(&project), before);

    let objects = bucket(port);
    server.says(ARCHIVED);
    server.says(ARCHIVED);
    assert_eq!(held(&project), before);
    let names: Vec<String> = objects
        .lock()
        .expect("nobody panicked")
        .keys()
        .cloned()
        .collect();
    assert!(!names.is_empty(), "{names:?}");
    for name in &names {
        assert!(name.starts_with("/acme-archive/flights/"), "{name}");
    }
    assert_eq!(files(&project, "archive", ".arc"), Vec::<PathBuf>::new());
    assert_eq!(server.stop().code, Some(0));
    let segments = files(&project, "log", ".seg");
    assert!(segments.len() <= 2, "{segments:?}");
    let _server = project.up();
    assert_eq!(held(&project), before);
}
