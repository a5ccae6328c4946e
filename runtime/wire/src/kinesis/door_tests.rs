//! General headers of answers, and bodies beyond the bound.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use super::actions_tests::Client;
use crate::{AnswerBody, limits::BODY_BYTES_MAX};

async fn answer(request: http::request::Builder, body: impl Into<Bytes>) -> Response<AnswerBody> {
    let request: Request<Full<Bytes>> = request.body(Full::new(body.into())).unwrap();
    Client::new().await.door.answer(request).await
}

fn heads(response: &Response<AnswerBody>) -> String {
    let mut lines: Vec<String> = response
        .headers()
        .iter()
        .filter(|(name, _)| !["x-amz-id-2", "x-amzn-requestid", "date"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    format!("{}\n{}", response.status(), lines.join("\n"))
}

#[tokio::test(start_paused = true)]
async fn every_answer_has_ids_date_and_length() {
    let response = answer(Request::get("/"), "").await;
    for name in ["x-amz-id-2", "date"] {
        assert!(response.headers().contains_key(name), "{name}");
    }
    let id = &response.headers()["x-amzn-requestid"];
    let groups: Vec<usize> = id.to_str().unwrap().split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    insta::assert_snapshot!(heads(&response), @r"
    403 Forbidden
    content-length: 130
    ");
}

#[tokio::test(start_paused = true)]
async fn preflights_are_answered_as_aws_does() {
    let request = Request::options("/")
        .header("origin", "http://example.com")
        .header("access-control-request-headers", "a, b, c")
        .header("access-control-request-method", "POST");
    let response = answer(request, "").await;
    assert!(!response.headers().contains_key("x-amz-id-2"));
    insta::assert_snapshot!(heads(&response), @r"
    200 OK
    access-control-allow-headers: a, b, c
    access-control-allow-methods: POST
    access-control-allow-origin: *
    access-control-expose-headers: x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date
    access-control-max-age: 172800
    content-length: 0
    ");
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_bound_is_refused() {
    for (length, status) in [(BODY_BYTES_MAX, 403), (BODY_BYTES_MAX + 1, 413)] {
        let response = answer(Request::post("/"), vec![b' '; length]).await;
        assert_eq!(response.status(), status);
    }
}
