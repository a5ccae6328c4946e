//! General headers of answers, and bodies that are too large, too slow or cut off.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::{Value, json};

use super::{actions_tests::Client, cbor::push_text};
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

/// A body that does not come as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// It says so before a byte of it comes.
    TooLarge,
    /// Nothing comes for ever.
    Stalled,
    CutOff,
}

impl Body for Broken {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match *self {
            Self::TooLarge | Self::Stalled => Poll::Pending,
            Self::CutOff => Poll::Ready(Some(Err("the client went away"))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::TooLarge => SizeHint::with_exact(u64::MAX),
            Self::Stalled | Self::CutOff => SizeHint::default(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_as_a_whole_is_refused_in_the_codec_of_the_request() {
    let door = Client::new().await.door;
    for (broken, status, kind, member, message) in [
        (
            Broken::TooLarge,
            413,
            "RequestEntityTooLargeException",
            "message",
            "The body of a request may have 15728640 bytes.",
        ),
        (
            Broken::Stalled,
            408,
            "RequestTimeoutException",
            "message",
            "The body of the request did not come in time.",
        ),
        (
            Broken::CutOff,
            400,
            "SerializationException",
            "Message",
            "The request ended before its body was complete.",
        ),
    ] {
        let ask = async |content_type: &'static str| {
            let request = Request::post("/").header("content-type", content_type);
            let response = door.answer(request.body(broken).unwrap()).await;
            assert_eq!(response.status(), status, "{broken:?}");
            let answered = response.headers()["content-type"].clone();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (answered, body)
        };
        let (answered, body) = ask("application/x-amz-json-1.1; charset=utf-8").await;
        assert_eq!(answered, "application/x-amz-json-1.1");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({"__type": kind, member: message}));
        let mut expected = vec![0xbf];
        for text in ["__type", kind, member, message] {
            push_text(&mut expected, text);
        }
        expected.push(0xff);
        for content_type in ["application/x-amz-cbor-1.1", "text/plain"] {
            let (answered, body) = ask(content_type).await;
            assert_eq!(answered, "application/x-amz-cbor-1.1");
            assert_eq!(body, expected, "{broken:?}");
        }
    }
}
