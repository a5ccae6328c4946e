//! Failure documents of the real binary: they arrive, and what was owed at a crash arrives after it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;
use shardmill_end_to_end::{Project, guest, items};

const PATIENCE: Duration = Duration::from_secs(60);

/// The path and the body of every request, all of which are answered with 200.
fn endpoint(listener: TcpListener) -> Receiver<(String, String)> {
    let (send, receive) = channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(connection) = connection else { return };
            if send.send(request(connection)).is_err() {
                return;
            }
        }
    });
    receive
}

fn request(connection: TcpStream) -> (String, String) {
    let mut reader = BufReader::new(connection);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if path.is_empty() {
            path = line.split(' ').nth(1).expect("a path").to_owned();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    reader.get_mut().write_all(answer).expect("it listens");
    (path, String::from_utf8(body).expect("text"))
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn documents_owed_at_a_crash_arrive_after_it_and_why_says_what_they_wait_for() {
    let port = free_port();
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}} }}
destinations:
  hook: {{ http: 'http://127.0.0.1:{port}/failed' }}
  queue: {{ sqs: 'arn:aws:sqs:us-east-1:000000000000:failed', endpoint: 'http://127.0.0.1:{port}' }}
  folder: {{ directory: failed }}
functions: {{ fails: {{ source: {} }} }}
triggers:
  late:
    stream: in
    function: fails
    retry: {{ attempts: 1 }}
    on_failure: [hook, queue, folder]
",
        guest("fails_on")
    ));
    let server = project.up();
    project.done(&["put", "in", "dead"]);
    project.done(&["wait"]);
    let letters = project.json(&["dead-letter", "list"]);
    assert_eq!(items(&letters).len(), 1);
    let why = project.json(&["why"]);
    let waiting = why["waiting"].to_string();
    assert!(waiting.contains("on_failure hook"), "{why}");
    assert!(waiting.contains("1 failure document waits"), "{why}");

    let server = server.crash_and_restart(&project);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is still free");
    let requests = endpoint(listener);
    let mut got = [
        requests.recv_timeout(PATIENCE),
        requests.recv_timeout(PATIENCE),
    ]
    .map(|request| request.expect("both arrive"));
    got.sort();
    let [(root, call), (path, document)] = got;
    assert_eq!((root.as_str(), path.as_str()), ("/", "/failed"));
    let call: Value = serde_json::from_str(&call).expect("a call of SQS");
    let message = call["MessageBody"].as_str().expect("a message");
    let message: Value = serde_json::from_str(message).expect("a document");
    let document: Value = serde_json::from_str(&document).expect("a document");
    for document in [&message, &document] {
        let context = &document["requestContext"];
        assert_eq!(context["condition"], "RetryAttemptsExhausted");
        assert_eq!(context["approximateInvokeCount"], 1);
        assert_eq!(document["KinesisBatchInfo"]["batchSize"], 1);
    }
    assert_eq!(message["payload"], Value::Null);
    let event = document["payload"].as_str().expect("the event");
    assert!(event.contains("ZGVhZA=="), "{event}");
    let files = std::fs::read_dir(project.folder().join("failed/late")).expect("a folder");
    assert_eq!(files.count(), 1);
    assert_eq!(server.stop().code, Some(0));
}
