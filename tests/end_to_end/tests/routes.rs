//! Requests of the web through the real binary: what functions are told, what clients get, and clients and functions that do
//! not do their part.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use shardmill_end_to_end::{Answer, Project, Server, begin_web, guest, web};

fn project() -> Project {
    let (replies, web) = (guest("replies"), guest("web"));
    Project::new(&format!(
        "version: 1
streams: {{ taken: {{ shards: 1 }} }}
functions:
  replies: {{ source: \"{replies}\", timeout: 2s }}
  slow: {{ source: \"{replies}\", timeout: 60s }}
  web: {{ source: \"{web}\", timeout: 3s }}
triggers:
  intake: {{ http: {{ route: \"POST /flights/{{day}}\", body: 1KiB }}, function: replies, outputs: taken }}
  latest: {{ http: \"GET /flights/latest\", function: replies }}
  one: {{ http: {{ route: \"POST /one\", concurrency: 1, timeout: 60s }}, function: slow }}
  pages: {{ http: {{ route: \"GET /pages\", cors: [\"https://shop.example\"] }}, function: replies }}
  echo: {{ http: {{ route: \"POST /echo\", body: 64KiB }}, function: web }}
  count: {{ http: {{ route: \"POST /count\", body: 64KiB }}, function: web }}
  emit: {{ http: \"POST /emit\", function: web, outputs: taken }}
  other: {{ http: \"ANY /{{path+}}\", function: web }}
"
    ))
}

fn said(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn post(server: &Server, path: &str, body: &str) -> Answer {
    let kind = [("content-type", "application/json")];
    web(
        &server.routes,
        &format!("POST {path}"),
        &kind,
        body.as_bytes(),
    )
}

fn status_of(project: &Project, name: &str) -> Value {
    project.json(&["trigger", "show", name])
}

#[test]
fn a_function_is_told_of_the_request_and_says_what_is_sent() {
    let project = project();
    let server = project.up();
    let headers = [
        ("content-type", "text/plain"),
        ("cookie", "a=1; b=2"),
        ("x-tag", "red"),
    ];
    let answer = web(
        &server.routes,
        "POST /flights/mon%20day?n=1&n=2",
        &headers,
        b"hello",
    );
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    let event = said(&answer);
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "POST /flights/{day}");
    assert_eq!(event["rawPath"], "/flights/mon%20day");
    assert_eq!(event["pathParameters"], json!({ "day": "mon day" }));
    assert_eq!(event["queryStringParameters"], json!({ "n": "1,2" }));
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["headers"]["x-tag"], "red");
    assert_eq!(event["body"], "hello");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(
        event["requestContext"]["requestId"].as_str(),
        answer.header("x-amzn-requestid")
    );

    let told = json!({ "reply": { "statusCode": 201, "headers": { "x-a": "1" }, "cookies": ["c=3"], "body": "made" } });
    let answer = post(&server, "/flights/1", &told.to_string());
    assert_eq!((answer.status, answer.body.as_str()), (201, "made"));
    assert_eq!(
        (answer.header("x-a"), answer.header("set-cookie")),
        (Some("1"), Some("c=3"))
    );
    assert_eq!(
        post(&server, "/flights/1", r#"{"reply":"plain"}"#).body,
        "plain"
    );

    // The most exact route of a path, and HEAD where GET is served.
    let answer = web(&server.routes, "GET /flights/latest", &[], b"");
    assert_eq!(said(&answer)["routeKey"], "GET /flights/latest");
    let answer = web(&server.routes, "HEAD /flights/latest", &[], b"");
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

#[test]
fn records_are_committed_before_the_answer_is_sent() {
    let project = project();
    let mut server = project.up();
    for (index, path) in ["/flights/1", "/emit"].into_iter().enumerate() {
        let text = format!("record {index}");
        let told = json!({ "emit": text, "reply": { "statusCode": 202 } }).to_string();
        let body = if path == "/emit" { text } else { told };
        assert_eq!(post(&server, path, &body).status, 202, "{path}");
        // A crash right behind the answer loses nothing of it.
        server = server.crash_and_restart(&project);
        assert_eq!(project.records("taken").len(), index + 1);
    }
    // What a function put out that failed is not there.
    assert_eq!(
        post(&server, "/flights/1", r#"{"emit":"x","fail":"no"}"#).status,
        502
    );
    assert_eq!(project.records("taken").len(), 2);
}

#[test]
fn bodies_stream_both_ways() {
    let project = project();
    let server = project.up();
    let mut stream = begin_web(&server.routes, "POST /echo", &[], None);
    let mut seen = Vec::new();
    for part in ["first", "second"] {
        write!(stream, "{:x}\r\n{part}\r\n", part.len()).expect("the part is taken");
        // It comes back before the next one is sent.
        while !String::from_utf8_lossy(&seen).contains(part) {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).expect("the echo");
            assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&chunk[..read]);
        }
    }
    stream.write_all(b"0\r\n\r\n").expect("the end is taken");
    stream.read_to_end(&mut seen).expect("the end");
    let text = String::from_utf8_lossy(&seen);
    assert!(
        text.starts_with("HTTP/1.1 200") && text.ends_with("0\r\n\r\n"),
        "{text}"
    );

    let answer = web(&server.routes, "GET /count-up?n=2000", &[], b"");
    assert!(
        answer.body.contains("0001999\n"),
        "{} bytes",
        answer.body.len()
    );
    let answer = web(&server.routes, "HEAD /count-up?n=2000", &[], b"");
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

#[test]
fn a_half_answer_is_cut_off_and_never_looks_whole() {
    let project = project();
    let server = project.up();
    let mut stream = begin_web(&server.routes, "GET /half", &[], Some(0));
    let mut seen = Vec::new();
    // The connection ends without the mark of an end, however much came before.
    drop(stream.read_to_end(&mut seen));
    let text = String::from_utf8_lossy(&seen);
    assert!(!text.contains("\r\n0\r\n"), "{text}");
    assert_eq!(status_of(&project, "other")["cut_off"], 1);
}

/// A request, and what its answer has to be.
fn check(
    server: &Server,
    head: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    (status, text): (u16, &str),
) -> Answer {
    let answer = web(&server.routes, head, headers, body);
    assert_eq!(answer.status, status, "{head}: {answer:?}");
    assert!(answer.body.contains(text), "{head}: {}", answer.body);
    answer
}

#[test]
fn requests_that_are_refused_are_told_why() {
    let project = project();
    let server = project.up();
    let check = |head: &str, headers: &[(&str, &str)], body: &[u8], expect: (u16, &str)| {
        check(&server, head, headers, body, expect)
    };
    let large = vec![b'x'; 2048];
    check("GET /", &[], b"", (404, "no route takes this path"));
    check("PUT /one", &[], b"", (404, "nothing at /one"));
    check("POST /flights/1", &[], &large, (413, "more than 1KiB"));
    check(
        "GET /pages",
        &[("host", "evil.example")],
        b"",
        (403, "host name"),
    );
    let evil = [("origin", "https://evil.example")];
    check("GET /pages", &evil, b"", (403, "origins"));
    let shop = ("origin", "https://shop.example");
    let answer = check("GET /pages", &[shop], b"", (200, ""));
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!(allowed, Some("https://shop.example"));
    let asks = [shop, ("access-control-request-method", "GET")];
    let answer = check("OPTIONS /pages", &asks, b"", (204, ""));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET"));
}

#[test]
fn functions_that_fail_are_one_status_and_harm_nobody() {
    let project = project();
    let server = project.up();
    let check =
        |head: &str, body: &[u8], expect: (u16, &str)| check(&server, head, &[], body, expect);
    let failed = (502, "Internal Server Error");
    check("POST /flights/1", br#"{"fail":"no such day"}"#, failed);
    check("POST /flights/1", br#"{"reply":{"statusCode":7}}"#, failed);
    check(
        "POST /flights/1",
        br#"{"loop":true}"#,
        (504, "did not answer within 2s"),
    );
    check("GET /silent", b"", failed);
    check("GET /error", b"", failed);
    check("GET /never", b"", (504, "did not answer within 3s"));
    check("GET /ask", b"", (200, "refused"));
    let shown = status_of(&project, "intake");
    assert!(shown["last_error"].as_str().is_some(), "{shown}");
    // All of that, and the neighbours answer.
    check("GET /flights/latest", b"", (200, "2.0"));
    let metrics = shardmill_end_to_end::get(&server.address, "/metrics").body;
    for line in [
        "shardmill_route_requests_total{trigger=\"intake\",status=\"502\"} 2",
        "shardmill_function_errors_total{function=\"replies\",version=\"1\",kind=\"Asked\"} 1",
        "shardmill_function_errors_total{function=\"web\",version=\"1\",kind=\"Timeout\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} in\n{metrics}"
        );
    }
}

#[test]
fn a_path_of_other_methods_says_which() {
    let project = Project::new(&format!(
        "version: 1\nfunctions: {{ f: {{ source: \"{}\" }} }}\n\
         triggers: {{ a: {{ http: \"GET /a\", function: f }}, b: {{ http: \"PUT /a\", function: f }} }}\n",
        guest("replies")
    ));
    let server = project.up();
    let answer = web(&server.routes, "DELETE /a", &[], b"");
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("GET, HEAD, PUT"))
    );
}

#[test]
fn bodies_that_never_end_are_given_up_and_their_places_are_free_again() {
    let project = project();
    let server = project.up();
    // A client that promises more than it sends, to a function that wants all of it.
    let mut slow = begin_web(&server.routes, "POST /count", &[], Some(1_000));
    slow.write_all(b"some").expect("taken");
    // One that sends for ever.
    let mut endless = begin_web(&server.routes, "POST /count", &[], None);
    let chunk = [b"400\r\n".to_vec(), vec![b'x'; 1024], b"\r\n".to_vec()].concat();
    while endless.write_all(&chunk).is_ok() {}
    let mut text = String::new();
    drop(endless.read_to_string(&mut text));
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 413"),
        "{text}"
    );
    slow.read_to_string(&mut text).expect("an answer");
    assert!(text.contains("HTTP/1.1 408"), "{text}");
    assert_eq!(post(&server, "/count", "12345").body, "5 bytes\n");
    assert_eq!(status_of(&project, "count")["in_flight"], 0);
}

/// Lambda's lines in the log of a trigger.
fn reports(project: &Project, trigger: &str) -> Vec<String> {
    let log = project.done(&["logs", trigger]);
    let lines = log
        .lines()
        .filter(|line| line.contains("REPORT RequestId: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_streamed_answer_whose_client_leaves_has_its_line_in_the_log() {
    let project = project();
    let server = project.up();
    let mut stream = begin_web(&server.routes, "GET /count-up?n=100000000", &[], Some(0));
    let mut chunk = [0; 4096];
    assert!(stream.read(&mut chunk).expect("its beginning") > 0);
    drop(stream);
    let mut looks = (0..1_000).map(|_| reports(&project, "other").len());
    assert!(looks.any(|lines| lines == 1), "its line is there");
}

#[test]
fn a_full_route_turns_requests_away_and_a_paused_one_is_closed() {
    let project = project();
    let server = project.up();
    let body = br#"{"loop":true}"#;
    let mut first = begin_web(&server.routes, "POST /one", &[], Some(body.len()));
    first.write_all(body).expect("taken");
    let mut looks = (0..1_000).map(|_| status_of(&project, "one"));
    let is_in = looks.any(|shown| shown["in_flight"] == 1);
    assert!(is_in, "the first request is taken");
    let busy = post(&server, "/one", "{}");
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("1")));
    // A client that goes away takes its function along, and the log says so.
    drop(first);
    let mut looks = (0..1_000).map(|_| status_of(&project, "one"));
    assert!(looks.any(|shown| shown["in_flight"] == 0), "it is gone");
    let lines = reports(&project, "one");
    assert!(
        lines[0].contains("Error Type: Abandoned") && lines.len() == 1,
        "{lines:?}"
    );
    assert_eq!(post(&server, "/one", "{}").status, 200);

    project.done(&["trigger", "pause", "one"]);
    let answer = post(&server, "/one", "{}");
    assert_eq!(
        (answer.status, said(&answer)["message"].as_str()),
        (503, Some("this route is paused"))
    );
    assert!(
        project
            .done(&["why"])
            .contains("waiting: one: paused by an operator")
    );
    project.done(&["trigger", "resume", "one"]);
    assert_eq!(post(&server, "/one", "{}").status, 200);
    let listed = project.done(&["trigger", "list"]);
    assert!(
        listed.contains("POST /one") && listed.contains("http"),
        "{listed}"
    );
}

#[test]
fn without_a_route_there_is_no_listener_and_a_misfit_is_refused() {
    let echo = guest("echo");
    let project = Project::new(&format!(
        "version: 1\nstreams: {{ a: {{}} }}\nfunctions: {{ f: {{ source: \"{echo}\" }} }}\n\
         triggers: {{ t: {{ stream: a, function: f }} }}\n"
    ));
    let server = project.up();
    assert_eq!(server.routes, "");
    drop(server);
    for (trigger, function, expect) in [
        (
            "http: \"GET /\"",
            "echo",
            "a route needs wasi:http/incoming-handler",
        ),
        (
            "schedule: rate(1 minute)",
            "echo",
            "a schedule needs event-handler",
        ),
        ("stream: a", "web", "a stream needs stream-handler"),
    ] {
        let project = Project::new(&format!(
            "version: 1\nstreams: {{ a: {{}} }}\nfunctions: {{ f: {{ source: \"{}\" }} }}\n\
             triggers: {{ t: {{ {trigger}, function: f }} }}\n",
            guest(function)
        ));
        let said = project.verb(&["check"]);
        assert_eq!(said.code, Some(7), "{}", said.err);
        assert!(
            said.err.contains("function `f` cannot serve trigger `t`") && said.err.contains(expect),
            "{}",
            said.err
        );
    }
}

#[test]
fn a_route_with_a_token_answers_only_who_has_it() {
    let project = Project::new(&format!(
        "version: 1\nsecrets: {{ token: {{ file: token }} }}\nfunctions: {{ f: {{ source: \"{}\" }} }}\n\
         triggers: {{ a: {{ http: {{ route: GET /a, auth: {{ bearer: token }} }}, function: f }} }}\n",
        guest("replies")
    ));
    project.write("token", "s3cret\n");
    let server = project.up();
    let answer = web(&server.routes, "GET /a", &[], b"");
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, Some("Bearer"))
    );
    let wrong = [("authorization", "Bearer s3cre")];
    assert_eq!(web(&server.routes, "GET /a", &wrong, b"").status, 401);
    let right = [("authorization", "Bearer s3cret")];
    assert_eq!(web(&server.routes, "GET /a", &right, b"").status, 200);
}

/// Routes and schedules of another file are put in place while the server runs: requests that are in finish by the route they came by.
#[test]
fn a_deploy_changes_routes_and_schedules_of_a_running_server() {
    let replies = guest("replies");
    let file = |triggers: &str| {
        format!(
            "version: 1
streams: {{ taken: {{ shards: 1 }} }}
functions: {{ replies: {{ source: \"{replies}\", timeout: 60s }} }}
triggers:
  one: {{ http: {{ route: \"POST /one\", timeout: 60s }}, function: replies }}
{triggers}"
        )
    };
    let project = Project::new(&file(
        "  old: { http: \"GET /old\", function: replies }\n  nightly: { schedule: cron(0 2 * * ? *), function: replies }\n",
    ));
    let server = project.up();
    assert_eq!(project.verb(&["plan"]).code, Some(0));
    assert_eq!(web(&server.routes, "GET /old", &[], b"").status, 200);
    let other = file(
        "  new: { http: \"GET /new\", function: replies }\n  nightly: { schedule: cron(0 3 * * ? *), function: replies, outputs: taken }\n  hourly: { schedule: rate(1 hour), function: replies }\n",
    );
    project.write("triggers.yaml", &other);
    let plan = project.verb(&["plan"]);
    assert_eq!(plan.code, Some(7), "{}", plan.err);
    for expect in [
        "new      is new",
        "hourly   is new",
        "nightly  gets other settings",
        "old      is detached",
    ] {
        assert!(plan.out.contains(expect), "{expect}: {}", plan.out);
    }
    project.done(&["deploy"]);
    assert_eq!(web(&server.routes, "GET /old", &[], b"").status, 404);
    assert_eq!(web(&server.routes, "GET /new", &[], b"").status, 200);
    let nightly = status_of(&project, "nightly");
    assert_eq!(nightly["expression"], "cron(0 3 * * ? *)", "{nightly}");
    assert_eq!(nightly["outputs"]["default"], "taken", "{nightly}");
    assert_eq!(status_of(&project, "hourly")["kind"], "schedule");
    project.done(&["trigger", "run", "nightly"]);
    assert_eq!(project.verb(&["plan"]).code, Some(0));
    project.done(&["trigger", "pause", "new"]);
    // What the file takes away and brings back is paused as it was.
    project.write("triggers.yaml", &file(""));
    project.done(&["deploy"]);
    assert_eq!(project.verb(&["trigger", "show", "nightly"]).code, Some(3));
    project.write("triggers.yaml", &other);
    project.done(&["deploy"]);
    assert_eq!(status_of(&project, "new")["paused"], true);
    assert_eq!(server.stop().code, Some(0));
}

/// Without a route there is no listener for them, until a deploy brings the first.
#[test]
fn the_first_route_opens_the_listener() {
    let replies = guest("replies");
    let file = format!("version: 1\nfunctions: {{ replies: {{ source: \"{replies}\" }} }}\n");
    let project = Project::new(&file);
    let server = project.up();
    assert_eq!(server.routes, "");
    let route = "triggers: { first: { http: \"GET /first\", function: replies } }\n";
    project.write("triggers.yaml", &format!("{file}{route}"));
    let plan = project.verb(&["plan"]);
    assert_eq!(plan.code, Some(7), "{}", plan.err);
    assert!(
        plan.err.contains("the listener of routes opens with it"),
        "{}",
        plan.err
    );
    // A deploy that fails gives the port back, so that the next one says where it is.
    project.write("broken.wasm", "no WebAssembly");
    let broken = file.replace(&replies, "broken.wasm");
    project.write("triggers.yaml", &format!("{broken}{route}"));
    assert_ne!(project.verb(&["deploy"]).code, Some(0));
    project.write("triggers.yaml", &format!("{file}{route}"));
    let deployed = project.verb(&["deploy"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.err);
    let said = deployed.err.split_whitespace();
    let mut addresses = said.filter_map(|word| word.strip_prefix("http://"));
    let routes = addresses.next_back().expect("where routes are answered");
    assert_eq!(web(routes, "GET /first", &[], b"").status, 200);
    assert_eq!(web(routes, "GET /other", &[], b"").status, 404);
    project.write("triggers.yaml", &file);
    project.done(&["deploy"]);
    assert_eq!(web(routes, "GET /first", &[], b"").status, 404);
    assert_eq!(server.stop().code, Some(0));
}
