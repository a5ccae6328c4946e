//! Answers that no function gives: a status, one sentence, and what a client may do. Shaped as API Gateway's are.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use model::{ByteSize, Fault, FaultClass};
use sandbox::HttpBody;
use serde_json::json;

use crate::limits::WEB_RETRY_AFTER_SECONDS;

/// Why a request is not answered by its function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this server does not answer to that host name")]
    Host,
    #[error("pages of other origins may not ask here")]
    Origin,
    #[error("this route wants its bearer token")]
    Token,
    #[error("no route takes this path")]
    NoRoute,
    #[error("this path takes {}", .0.join(", "))]
    Method(Vec<String>),
    #[error("the body has more than {0}, which is what this route takes")]
    TooLarge(ByteSize),
    #[error("the body did not come in time")]
    TooSlow,
    #[error("the body was cut off")]
    CutOff,
    #[error("as many requests as this route takes at the same time are in it: ask again")]
    Busy,
    #[error("the server is starting: its functions are being compiled")]
    Starting,
    #[error("this route is paused")]
    Paused,
    #[error("this route is disabled")]
    Disabled,
    /// With the reason, which is for the operator.
    #[error("the function could not be run: ask again")]
    NotRun(String),
    #[error("what the function put out could not be stored: ask again")]
    NotStored(String),
    #[error("the function did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("Internal Server Error")]
    Failed(String),
}

impl Refusal {
    /// What became of an invocation that failed.
    pub(super) fn of(fault: &Fault, timeout: Duration) -> Self {
        let fact = fault.message.lines().next().unwrap_or_default();
        let reason = format!("{}: {fact}", fault.kind);
        match (fault.class, fault.kind.as_str()) {
            (FaultClass::Invoke, _) => Self::NotRun(reason),
            (FaultClass::Function, "Timeout") => Self::TimedOut(timeout),
            (FaultClass::Function, _) => Self::Failed(reason),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::CutOff => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Starting
            | Self::Paused
            | Self::Disabled
            | Self::NotRun(_)
            | Self::NotStored(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Failed(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// What an operator should know beyond the sentence.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NotRun(reason) | Self::NotStored(reason) | Self::Failed(reason) => reason.clone(),
            Self::Host
            | Self::Origin
            | Self::Token
            | Self::NoRoute
            | Self::Method(_)
            | Self::TooLarge(_)
            | Self::TooSlow
            | Self::CutOff
            | Self::Busy
            | Self::Starting
            | Self::Paused
            | Self::Disabled
            | Self::TimedOut(_) => self.to_string(),
        }
    }

    pub(super) fn respond(&self) -> Response<HttpBody> {
        // A failed function is told as Lambda tells it, without its words.
        let (kind, text) = if matches!(self, Self::Failed(_)) {
            ("text/plain", self.to_string())
        } else {
            let document = json!({ "message": self.to_string() });
            ("application/json", document.to_string())
        };
        let mut response = Response::new(whole(text.into()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if matches!(self, Self::Token) {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Self::Method(methods) = self
            && let Ok(methods) = HeaderValue::from_str(&methods.join(", "))
        {
            headers.insert(header::ALLOW, methods);
        }
        if matches!(
            self.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            let seconds = HeaderValue::from_static(WEB_RETRY_AFTER_SECONDS);
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

pub(super) fn whole(body: Bytes) -> HttpBody {
    Full::new(body)
        .map_err(|never| match never {})
        .boxed_unsync()
}
