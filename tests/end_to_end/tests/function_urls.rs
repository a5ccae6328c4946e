//! Function URLs of the Lambda API, answered on the one port of the real binary: buffered and streamed, with and without
//! authentication, for pages of the web, through a restart on another port.

use serde_json::{Value, json};
use shardmill_end_to_end::{Answer, Project, Server, guest, web};

const SIGNED: [(&str, &str); 2] = [
    ("x-amz-date", "20260101T000000Z"),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=dev/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
    ),
];

fn project() -> Project {
    let (replies, web) = (guest("replies"), guest("web"));
    Project::new(&format!(
        "version: 1
streams: {{ in: {{}} }}
functions:
  replies: {{ source: \"{replies}\", timeout: 1s }}
  web: {{ source: \"{web}\", timeout: 3s }}
"
    ))
}

fn said(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// A call of the Lambda API.
fn call(server: &Server, head: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = web(&server.address, head, &SIGNED, body.as_bytes());
    (
        answer.status,
        serde_json::from_str(&answer.body).unwrap_or_default(),
    )
}

/// The host of a new address.
fn made(server: &Server, function: &str, config: &Value) -> String {
    let head = format!("POST /2021-10-31/functions/{function}/url");
    let (status, made) = call(server, &head, config);
    assert_eq!(status, 201, "{made}");
    host(&made["FunctionUrl"])
}

fn host(url: &Value) -> String {
    let url = url.as_str().expect("an address");
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    host.to_owned()
}

fn ask(server: &Server, host: &str, head: &str, more: &[(&str, &str)], body: &str) -> Answer {
    let headers = [&[("host", host)], more].concat();
    web(&server.address, head, &headers, body.as_bytes())
}

#[test]
fn an_address_answers_as_lambdas_do() {
    let project = project();
    let server = project.up();
    let host = made(&server, "replies", &json!({ "AuthType": "NONE" }));
    assert!(
        host.ends_with(&format!(
            ".lambda-url.us-east-1.localhost:{}",
            server.port()
        )),
        "{host}"
    );
    // Without `reply` the answer is the event.
    let answer = ask(&server, &host, "GET /a/b?x=1&x=2", &[("cookie", "c=1")], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-amzn-requestid").is_some());
    let event = said(&answer);
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "$default");
    assert_eq!(event["rawPath"], "/a/b");
    assert_eq!(event["rawQueryString"], "x=1&x=2");
    assert_eq!(event["cookies"], json!(["c=1"]));
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["http"]["method"], "GET");
    assert_eq!(context["domainName"], host.as_str());
    assert_eq!(context["accountId"], "anonymous");
    let post = |told: &Value| {
        let kind = [("content-type", "application/json")];
        ask(&server, &host, "POST /", &kind, &told.to_string())
    };
    let raw = post(&json!({ "reply": "as it is" }));
    assert_eq!((raw.status, raw.body.as_str()), (200, "as it is"));
    let full = json!({ "statusCode": 201, "headers": { "x-a": "b" }, "cookies": ["d=1"], "body": "aGk=", "isBase64Encoded": true });
    let full = post(&json!({ "reply": full }));
    assert_eq!((full.status, full.body.as_str()), (201, "hi"));
    assert_eq!(full.header("x-a"), Some("b"));
    assert_eq!(full.header("set-cookie"), Some("d=1"));
    for failing in [json!({ "fail": "no" }), json!({ "loop": true })] {
        let failed = post(&failing);
        assert_eq!(
            (failed.status, failed.body.as_str()),
            (502, "Internal Server Error")
        );
    }
    // Whatever is asked at this name is for the function: no door and no verb.
    assert_eq!(
        said(&ask(&server, &host, "GET /healthz", &[], ""))["rawPath"],
        "/healthz"
    );
    let verb = ask(&server, &host, "GET /_shardmill/api/status", &[], "");
    assert_eq!(said(&verb)["rawPath"], "/_shardmill/api/status");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn what_nobody_made_and_what_is_gone_is_denied() {
    let project = project();
    let server = project.up();
    let nobodys = format!("{}.lambda-url.us-east-1.localhost", "0".repeat(32));
    let host = made(&server, "replies", &json!({ "AuthType": "NONE" }));
    let (status, _) = call(
        &server,
        "DELETE /2021-10-31/functions/replies/url",
        &Value::Null,
    );
    assert_eq!(status, 204);
    for unknown in [&nobodys, &host] {
        let denied = ask(&server, unknown, "GET /", &[], "");
        assert_eq!(denied.status, 403);
        assert_eq!(
            denied.header("x-amzn-errortype"),
            Some("AccessDeniedException")
        );
        assert_eq!(said(&denied), json!({ "Message": null }));
    }
    // A page that rebinds its name does not become an address.
    let foreign = format!("{}.lambda-url.us-east-1.evil.example", "0".repeat(32));
    assert_eq!(ask(&server, &foreign, "GET /", &[], "").status, 403);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn aws_iam_wants_a_signature() {
    let project = project();
    let server = project.up();
    let host = made(&server, "replies", &json!({ "AuthType": "AWS_IAM" }));
    let refused = ask(&server, &host, "GET /", &[], "");
    assert_eq!(refused.status, 403);
    let message = said(&refused)["Message"].clone();
    assert!(
        message
            .as_str()
            .unwrap_or_default()
            .starts_with("Forbidden. For troubleshooting"),
        "{message}"
    );
    let answer = said(&ask(&server, &host, "GET /", &SIGNED, ""));
    let iam = &answer["requestContext"]["authorizer"]["iam"];
    assert_eq!(iam["accessKey"], "dev");
    assert_eq!(server.stop().code, Some(0));
    // With keys it must hold.
    project.write(
        "keys",
        "[default]\naws_access_key_id = dev\naws_secret_access_key = dev\n",
    );
    let server = project.up_with(&["--auth", "keys"]);
    assert_eq!(ask(&server, &host, "GET /", &SIGNED, "").status, 403);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn where_signatures_are_verified_an_address_is_open_to_whom_its_policy_names() {
    let project = project();
    project.write(
        "keys",
        "[default]\naws_access_key_id = dev\naws_secret_access_key = dev\n",
    );
    let server = project.up();
    let open = made(&server, "replies", &json!({ "AuthType": "NONE" }));
    let closed = made(&server, "web", &json!({ "AuthType": "NONE" }));
    for (sid, action, only) in [
        ("url", "lambda:InvokeFunctionUrl", "FunctionUrlAuthType"),
        ("invoke", "lambda:InvokeFunction", "InvokedViaFunctionUrl"),
    ] {
        let condition = if sid == "url" {
            json!("NONE")
        } else {
            json!(true)
        };
        let permission =
            json!({ "StatementId": sid, "Action": action, "Principal": "*", only: condition });
        let head = "POST /2015-03-31/functions/replies/policy";
        let (status, made) = call(&server, head, &permission);
        assert_eq!(status, 201, "{made}");
    }
    assert_eq!(ask(&server, &closed, "POST /count", &[], "1").status, 200);
    assert_eq!(server.stop().code, Some(0));
    let server = project.up_with(&["--auth", "keys"]);
    assert_eq!(ask(&server, &open, "GET /", &[], "").status, 200);
    let refused = ask(&server, &closed, "POST /count", &[], "1");
    assert_eq!(refused.status, 403);
    let hint = refused.header("x-shardmill-hint").unwrap_or_default();
    assert!(hint.contains("AddPermission"), "{hint}");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn pages_are_told_what_the_configuration_says() {
    let project = project();
    let server = project.up();
    let cors =
        json!({ "AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET"], "MaxAge": 60 });
    let host = made(
        &server,
        "replies",
        &json!({ "AuthType": "NONE", "Cors": cors }),
    );
    let asks = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "GET"),
    ];
    let preflight = ask(&server, &host, "OPTIONS /", &asks, "");
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.body, "");
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        Some("GET")
    );
    assert_eq!(preflight.header("access-control-max-age"), Some("60"));
    for (origin, expect) in [
        ("https://shop.example", Some("https://shop.example")),
        ("https://evil.example", None),
    ] {
        let answer = ask(&server, &host, "GET /", &[("origin", origin)], "");
        assert_eq!(answer.header("access-control-allow-origin"), expect);
    }
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn functions_that_take_requests_answer_them_while_they_write() {
    let project = project();
    let server = project.up();
    let streaming = json!({ "AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM" });
    let host = made(&server, "web", &streaming);
    let counted = ask(&server, &host, "GET /count-up?n=2000", &[], "");
    assert_eq!(counted.status, 200);
    assert_eq!(counted.body.len(), 16_000);
    assert_eq!(
        ask(&server, &host, "POST /count", &[], "12345").body,
        "5 bytes\n"
    );
    assert_eq!(ask(&server, &host, "GET /silent", &[], "").status, 502);
    assert_eq!(ask(&server, &host, "GET /never", &[], "").status, 502);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn an_alias_has_an_address_of_its_own_and_both_live_through_a_restart() {
    let project = project();
    let server = project.up();
    project.done(&[
        "function", "promote", "replies", "1", "--alias", "live", "--yes",
    ]);
    let own = made(&server, "replies", &json!({ "AuthType": "NONE" }));
    let (status, of_alias) = call(
        &server,
        "POST /2021-10-31/functions/replies/url?Qualifier=live",
        &json!({ "AuthType": "NONE" }),
    );
    assert_eq!(status, 201, "{of_alias}");
    let alias = host(&of_alias["FunctionUrl"]);
    assert_ne!(own, alias);
    assert_eq!(server.stop().code, Some(0));
    let server = project.up();
    let (_, shown) = call(
        &server,
        "GET /2021-10-31/functions/replies/url",
        &Value::Null,
    );
    let now = host(&shown["FunctionUrl"]);
    assert!(now.ends_with(&format!(":{}", server.port())), "{now}");
    assert_eq!(now.split('.').next(), own.split('.').next());
    for host in [&now, &alias] {
        assert_eq!(ask(&server, host, "GET /", &[], "").status, 200, "{host}");
    }
    assert_eq!(server.stop().code, Some(0));
}
