//! General headers of answers, and bodies beyond the bound.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use super::door::{KinesisDoor, Stamp};
use crate::{hosts::AllowedHosts, limits::BODY_BYTES_MAX};

const STAMP: Stamp = Stamp {
    wall_ms: 1_421_889_722_000,
    request_id: 0xabc,
    extended_id: [7; 72],
};

/// The bodies of these tests are there at once, so an answer never waits.
fn answer(request: http::request::Builder, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let request: Request<Full<Bytes>> = request.body(Full::new(body.into())).unwrap();
    let door = KinesisDoor::new(AllowedHosts::default());
    let future = pin!(door.answer(request, STAMP));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response,
        Poll::Pending => panic!("an answer waited although its body was there"),
    }
}

fn heads(response: &Response<Full<Bytes>>) -> String {
    let mut lines: Vec<String> = response
        .headers()
        .iter()
        .filter(|(name, _)| *name != "x-amz-id-2")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    format!("{}\n{}", response.status(), lines.join("\n"))
}

#[test]
fn every_answer_has_ids_date_and_length() {
    let response = answer(Request::get("/"), "");
    assert!(response.headers().contains_key("x-amz-id-2"));
    insta::assert_snapshot!(heads(&response), @r"
    403 Forbidden
    content-length: 130
    date: Thu, 22 Jan 2015 01:22:02 GMT
    x-amzn-requestid: 00000000-0000-0000-0000-000000000abc
    ");
}

#[test]
fn preflights_are_answered_as_aws_does() {
    let request = Request::options("/")
        .header("origin", "http://example.com")
        .header("access-control-request-headers", "a, b, c")
        .header("access-control-request-method", "POST");
    let response = answer(request, "");
    assert!(!response.headers().contains_key("x-amz-id-2"));
    insta::assert_snapshot!(heads(&response), @r"
    200 OK
    access-control-allow-headers: a, b, c
    access-control-allow-methods: POST
    access-control-allow-origin: *
    access-control-expose-headers: x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date
    access-control-max-age: 172800
    content-length: 0
    date: Thu, 22 Jan 2015 01:22:02 GMT
    x-amzn-requestid: 00000000-0000-0000-0000-000000000abc
    ");
}

#[test]
fn a_body_beyond_the_bound_is_refused() {
    for (length, status) in [(BODY_BYTES_MAX, 403), (BODY_BYTES_MAX + 1, 413)] {
        assert_eq!(
            answer(Request::post("/"), vec![b' '; length]).status(),
            status
        );
    }
}
