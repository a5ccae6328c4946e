//! Failure documents of the real binary: they arrive, and what was owed at a crash arrives after it.

use std::{
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;
use shardmill_end_to_end::{
    Project, guest, items,
    stand_in::{Asked, free_port},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// The path and the body of every request, all of which are answered with 200.
fn endpoint(listener: TcpListener) -> Receiver<(String, String)> {
    let (send, receive) = channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(connection) = connection else { return };
            let mut asked = Asked::of(connection);
            let body = String::from_utf8(std::mem::take(&mut asked.body)).expect("text");
            let got = (asked.path.clone(), body);
            asked.answer(200, 0, b"");
            if send.send(got).is_err() {
                return;
            }
        }
    });
    receive
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
