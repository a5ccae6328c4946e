//! The HTTP shell of the Kinesis door: a request in, an answer with AWS's general headers out.
//!
//! Collects the body within its bound, lets `reception` decide and `actions` act, and adds request ids, date and
//! CORS. Time and randomness come from the platform. The listener belongs to `host`.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts,
};
use hyper::body::Body;
use platform::Platform;
use streams::Streams;

use super::{
    actions::{Carried, carry_out},
    answer::{Answer, Codec},
    encoded::EncodedEvents,
    quotas::Quotas,
    reception::{Access, receive},
    subscription::frames,
};
use crate::{
    body::AnswerBody, calendar::http_date, hosts::AllowedHosts, limits::BODY_BYTES_MAX,
    request_body::whole_body, signature::Keyring,
};

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
    keys: Option<Arc<Keyring>>,
    quotas: Option<Arc<Quotas>>,
    encoded: Arc<EncodedEvents>,
}

impl KinesisDoor {
    /// A door that answers under these host names, and keeps AWS's limits if its streams do.
    #[must_use]
    pub fn new(streams: Streams, platform: Platform, hosts: AllowedHosts) -> Self {
        Self {
            quotas: streams.keeps_aws_limits().then(Arc::default),
            streams,
            platform,
            hosts,
            keys: None,
            encoded: Arc::default(),
        }
    }

    /// From now on only requests that one of these keys has signed are answered.
    #[must_use]
    pub fn with_keys(self, keys: Keyring) -> Self {
        Self {
            keys: Some(Arc::new(keys)),
            ..self
        }
    }

    /// Ends all subscriptions and lets no new ones in, so that a server that stops need not wait for them.
    pub fn end_subscriptions(&self) {
        self.streams.end_subscriptions();
    }

    /// Answers one request. Waits for the body, of which it takes no more than `BODY_BYTES_MAX`, and for what the
    /// action has to make durable. The body of a subscription stays open for as long as that lives.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let carried = match whole_body(&self.platform.clock, body, BODY_BYTES_MAX).await {
            Ok(body) => self.carried(&parts, &body).await,
            Err(refused) => {
                let codec = Codec::of_headers(&parts.headers);
                Carried::Answer(Answer::error(codec, &refused.into()))
            }
        };
        match carried {
            Carried::Answer(answer) => {
                let length = answer.body.len();
                let body = Bytes::from(answer.body);
                let mut response = dressed(answer.status, answer.headers, &parts, self.stamp());
                response
                    .headers_mut()
                    .insert(header::CONTENT_LENGTH, length.into());
                response.map(|()| body.into())
            }
            Carried::Subscription(granted) => {
                let head = Answer::events();
                let response = dressed(head.status, head.headers, &parts, self.stamp());
                let frames = frames(*granted, self.streams.clone(), Arc::clone(&self.encoded));
                response.map(|()| AnswerBody::live(frames))
            }
        }
    }

    async fn carried(&self, parts: &Parts, body: &Bytes) -> Carried {
        let access = Access {
            hosts: &self.hosts,
            keys: self.keys.as_deref(),
            now: self.platform.clock.unshifted_wall(),
            streams: Some(&self.streams),
        };
        let call = match receive(parts, body, access) {
            Ok(call) => call,
            Err(answer) => return Carried::Answer(answer),
        };
        let codec = call.codec;
        let quotas = self.quotas.as_deref();
        let carried = carry_out(&self.streams, &self.platform, quotas, call).await;
        carried.unwrap_or_else(|error| Carried::Answer(Answer::error(codec, &error)))
    }

    /// How many events were encoded for all subscribers together.
    #[cfg(test)]
    pub(super) fn events_encoded(&self) -> u64 {
        self.encoded.encoded()
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

/// The head of an answer with what every one has. A preflight has no `x-amz-id-2`, as on AWS.
fn dressed(
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    parts: &Parts,
    stamp: Stamp,
) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let mut add = |name: HeaderName, value: &str| {
        // Only a value that repeats the request's own header could be unfit, and then it is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    for (name, value) in headers {
        add(name, &value);
    }
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
