//! Handlers that write their answer to a stream, as Node's runtime on Lambda lets them: it is handed over once it is whole, to callers of the
//! API and of a function's address. Tried where the toolchain is.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, web};

const CODE: &str = r"
export const plain = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.write('twice ');
  await new Promise((resolve) => setTimeout(resolve, 5));
  stream.write(Buffer.from(String(2 * event.n)));
  stream.end();
});
export const page = awslambda.streamifyResponse(async (event, stream) => {
  const answer = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'content-type': 'text/html', 'x-tag': 'red' } });
  answer.end('<p>é</p>');
});
export const fails = awslambda.streamifyResponse(async () => {
  throw new RangeError('too far');
});
export const open = awslambda.streamifyResponse(async () => {});
";

#[test]
fn what_is_written_to_a_stream_is_the_answer() {
    if std::env::var_os("SHARDMILL_TEST_JAVASCRIPT").is_none() {
        return;
    }
    let project = Project::new("version: 1\nstreams: { in: {} }\n");
    let server = project.up();
    for name in ["plain", "page", "fails", "open"] {
        let more = json!({ "Handler": format!("index.{name}") });
        server.create(name, "nodejs22.x", &[("index.mjs", CODE)], &more);
    }
    let invoked = server.lambda(
        "POST /2015-03-31/functions/plain/invocations",
        &[],
        &json!({ "n": 21 }),
    );
    assert_eq!(invoked.body, "twice 42");
    let page = server.invoke("page", &[], &json!({})).payload;
    let expect = json!({
        "statusCode": 201, "headers": { "content-type": "text/html", "x-tag": "red" }, "body": "<p>é</p>", "isBase64Encoded": false,
    });
    assert_eq!(page, expect);
    for (name, kind) in [("fails", "RangeError"), ("open", "NeverSettled")] {
        let failed = server.invoke(name, &[], &json!({}));
        assert_eq!(failed.error.as_deref(), Some("Unhandled"));
        assert_eq!(failed.payload["errorType"], kind);
    }
    let path = "POST /2021-10-31/functions/page/url";
    let made = server.lambda(path, &[], &json!({ "AuthType": "NONE" }));
    assert_eq!(made.status, 201, "{}", made.body);
    let made: Value = serde_json::from_str(&made.body).expect("JSON");
    let url = made["FunctionUrl"].as_str().expect("an address");
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let got = web(&server.address, "GET /", &[("host", host)], b"");
    assert_eq!((got.status, got.body.as_str()), (201, "<p>é</p>"));
    assert_eq!(got.header("x-tag"), Some("red"));
    assert_eq!(server.stop().code, Some(0));
}
