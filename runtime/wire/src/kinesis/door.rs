//! The HTTP shell of the Kinesis door: a request in, an answer with AWS's general headers out.
//!
//! Collects the body within its bound, lets `reception` decide and `actions` act, and adds request ids, date and
//! CORS. Time and randomness come from the platform. The listener belongs to `host`.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts,
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body;
use platform::Platform;
use streams::Streams;

use super::{actions::carry_out, answer::Answer, reception::receive};
use crate::{calendar::http_date, hosts::AllowedHosts, limits::BODY_BYTES_MAX};

const EXPOSED_HEADERS: &str =
    "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";

/// What an answer takes from the outside world.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    /// Milliseconds since 1970.
    wall_ms: u64,
    /// Becomes the request id.
    request_id: [u8; 16],
    /// Becomes `x-amz-id-2`.
    extended_id: [u8; 72],
}

/// The door of the service. Clones answer for the same streams.
#[derive(Clone, Debug)]
pub struct KinesisDoor {
    streams: Streams,
    platform: Platform,
    hosts: AllowedHosts,
}

impl KinesisDoor {
    /// A door that answers under these host names.
    #[must_use]
    pub fn new(streams: Streams, platform: Platform, hosts: AllowedHosts) -> Self {
        Self {
            streams,
            platform,
            hosts,
        }
    }

    /// Answers one request. Waits for the body, of which it takes no more than `BODY_BYTES_MAX`, and for what the
    /// action has to make durable.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let answer = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(collected) => self.answer_collected(&parts, &collected.to_bytes()).await,
            Err(error) if error.is::<LengthLimitError>() => Answer {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                ..Answer::default()
            },
            // The client went away in the middle of its request.
            Err(_) => Answer {
                status: StatusCode::BAD_REQUEST,
                ..Answer::default()
            },
        };
        dressed(answer, &parts, self.stamp())
    }

    async fn answer_collected(&self, parts: &Parts, body: &Bytes) -> Answer {
        let call = match receive(parts, body, &self.hosts) {
            Ok(call) => call,
            Err(answer) => return answer,
        };
        let codec = call.codec;
        let carried = carry_out(&self.streams, &self.platform, call).await;
        carried.unwrap_or_else(|error| Answer::error(codec, &error))
    }

    fn stamp(&self) -> Stamp {
        let mut stamp = Stamp {
            wall_ms: self.platform.clock.wall().as_millis(),
            request_id: [0; 16],
            extended_id: [0; 72],
        };
        self.platform.rng.fill(&mut stamp.request_id);
        self.platform.rng.fill(&mut stamp.extended_id);
        stamp
    }
}

/// Adds the headers that every answer has. A preflight has no `x-amz-id-2`, as on AWS.
fn dressed(answer: Answer, parts: &Parts, stamp: Stamp) -> Response<Full<Bytes>> {
    let length = answer.body.len();
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let mut add = |name: HeaderName, value: &str| {
        // Only a value that repeats the request's own header could be unfit, and then it is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    for (name, value) in answer.headers {
        add(name, &value);
    }
    add(header::CONTENT_LENGTH, &length.to_string());
    add(header::DATE, &http_date(stamp.wall_ms));
    add(
        HeaderName::from_static("x-amzn-requestid"),
        &request_id(stamp.request_id),
    );
    let from_page = parts.headers.contains_key(header::ORIGIN);
    let preflight = from_page && parts.method == Method::OPTIONS;
    if !preflight {
        let extended = base64_simd::STANDARD.encode_to_string(stamp.extended_id);
        add(HeaderName::from_static("x-amz-id-2"), &extended);
    }
    if from_page {
        add(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        add(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
    response
}

/// Five groups of hexadecimal digits, as of a UUID.
fn request_id(id: [u8; 16]) -> String {
    let mut text = format!("{:032x}", u128::from_be_bytes(id));
    for place in [20, 16, 12, 8] {
        text.insert(place, '-');
    }
    text
}
