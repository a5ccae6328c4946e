//! Traces of batches and of calls, as a collector of OTLP gets them from the real binary.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;
use shardmill_end_to_end::{Project, guest, web};

/// Takes everything, and hands over what it was told.
fn collector() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (tell, told) = channel();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut reader = BufReader::new(connection);
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().expect("a length");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            let _gone = reader.get_mut().write_all(answer.as_bytes());
            if tell
                .send(serde_json::from_slice(&body).expect("JSON"))
                .is_err()
            {
                return;
            }
        }
    });
    (address, told)
}

#[test]
fn a_trace_leads_from_the_put_to_the_output() {
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ echo: {{ source: \"{}\" }} }}
triggers: {{ copy: {{ stream: in, function: echo, outputs: out }} }}
",
        guest("echo")
    ));
    let (address, told) = collector();
    let server = project.up_with(&["--otlp", &format!("http://{address}")]);
    project.done(&["put", "in", "one"]);
    project.done(&["wait"]);
    let told = told
        .recv_timeout(Duration::from_secs(60))
        .expect("spans come");
    let spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array();
    let spans = spans.expect("a list").clone();
    let names: Vec<&str> = spans
        .iter()
        .filter_map(|span| span["name"].as_str())
        .collect();
    assert_eq!(names, ["put in", "invoke echo", "output default"], "{told}");
    assert_eq!(spans[1]["parentSpanId"], spans[0]["spanId"]);
    assert_eq!(spans[2]["parentSpanId"], spans[1]["spanId"]);
    assert!(
        spans
            .iter()
            .all(|span| span["traceId"] == spans[0]["traceId"])
    );
    assert_eq!(server.stop().code, Some(0));
    // A collector that is away costs nothing but a line.
    let server = project.up_with(&["--otlp", "http://127.0.0.1:9"]);
    project.done(&["put", "in", "two"]);
    project.done(&["wait"]);
    assert_eq!(server.stop().code, Some(0));
    let said = project.verb(&["up", "--port", "0", "--otlp", "nowhere"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=dev/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";

/// The spans that come next.
fn spans(told: &Receiver<Value>) -> Vec<Value> {
    let told = told.recv_timeout(Duration::from_secs(60));
    let told = told.expect("spans come");
    let spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array();
    spans.expect("a list").clone()
}

#[test]
fn a_trace_that_a_producer_or_a_caller_began_goes_on() {
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ tells: {{ source: \"{}\" }}, replies: {{ source: \"{}\" }}, web: {{ source: \"{}\" }} }}
triggers:
  copy: {{ stream: in, function: tells, outputs: out }}
  event: {{ http: \"POST /event\", function: replies }}
  page: {{ http: \"GET /{{path+}}\", function: web }}
",
        guest("tells"),
        guest("replies"),
        guest("web")
    ));
    let (address, told) = collector();
    let server = project.up_with(&["--otlp", &format!("http://{address}"), "--http-port", "0"]);
    let parent = format!("00-{TRACE}-{SPAN}-01");
    project.done(&["put", "in", &format!(r#"{{"traceparent":"{parent}"}}"#)]);
    project.done(&["wait"]);
    let of_batch = spans(&told);
    assert!(
        of_batch.iter().all(|span| span["traceId"] == TRACE),
        "{of_batch:?}"
    );
    assert_eq!(of_batch[0]["parentSpanId"], SPAN);
    assert_eq!(project.data("out")[0]["trace_parent"], parent.as_str());
    let traced = [("traceparent", parent.as_str())];
    for (head, function) in [("POST /event", "replies"), ("GET /none", "web")] {
        drop(web(&server.routes, head, &traced, b"{}"));
        let of_call = spans(&told);
        assert_eq!(of_call.len(), 1, "{of_call:?}");
        assert_eq!(of_call[0]["traceId"], TRACE);
        assert_eq!(of_call[0]["parentSpanId"], SPAN);
        assert_eq!(of_call[0]["name"], format!("invoke {function}").as_str());
    }
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn an_event_that_nobody_waits_for_keeps_the_trace_of_who_sent_it() {
    let project = Project::new(&format!(
        "version: 1\nfunctions: {{ replies: {{ source: \"{}\" }} }}\n",
        guest("replies")
    ));
    let (address, told) = collector();
    let server = project.up_with(&["--otlp", &format!("http://{address}")]);
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let headers = [
        ("x-amz-date", "20260101T000000Z"),
        ("authorization", SIGNED),
        ("x-amz-invocation-type", "Event"),
        ("traceparent", &parent),
    ];
    let head = "POST /2015-03-31/functions/replies/invocations";
    let answer = web(&server.address, head, &headers, b"{}");
    assert_eq!(answer.status, 202, "{answer:?}");
    let of_event = spans(&told);
    assert_eq!(of_event.len(), 1, "{of_event:?}");
    assert_eq!(of_event[0]["traceId"], TRACE);
    assert_eq!(of_event[0]["parentSpanId"], SPAN);
    assert_eq!(server.stop().code, Some(0));
}
