//! The HTTP shell of the Lambda door: a request in, an answer with AWS's general headers out.
//!
//! Collects the body within its bound, lets `call` decide who is let in, hands the call to the room that its path names,
//! and adds the request id. Time and randomness come from the platform. The listener belongs to `host`.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
use model::lambda::web::WebSigner;
use platform::Platform;
use serde_json::Value;

use super::{
    call::{Access, Call},
    constraints,
    error::LambdaError,
    functions::{self, Functions, UrlCall},
    mappings::{self, Mappings},
};
use crate::{
    body::AnswerBody,
    calendar::http_date,
    credentials,
    hosts::AllowedHosts,
    limits::LAMBDA_BODY_BYTES_MAX,
    signature::{Keyring, Service, verify_for},
};

const HINT: &str = "x-shardmill-hint";

/// The answer to a call that succeeded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// Nothing for an answer without a body.
    pub(super) document: Option<Value>,
    /// What a function answered, in place of a document.
    pub(super) payload: Option<Bytes>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Of the invocation, where there was one.
    pub(super) request_id: Option<String>,
}

impl Reply {
    pub(super) fn of(status: StatusCode, document: Value) -> Self {
        Self {
            status,
            document: Some(document),
            ..Self::default()
        }
    }

    /// Beyond AWS's answer, for the `x-shardmill-hint` header.
    pub(super) fn with_hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        let all = hints.into_iter().collect::<Vec<_>>().join("; ");
        self.headers
            .extend((!all.is_empty()).then_some((HINT, all)));
        self
    }

    fn body(&self) -> Bytes {
        let document = || self.document.as_ref().map(ToString::to_string);
        let payload = self.payload.clone();
        payload.unwrap_or_else(|| document().unwrap_or_default().into())
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// The door of the service.
#[derive(Clone, Debug)]
pub struct LambdaDoor {
    platform: Platform,
    hosts: AllowedHosts,
    keys: Option<Arc<Keyring>>,
    mappings: Arc<dyn Mappings>,
    functions: Arc<dyn Functions>,
}

impl LambdaDoor {
    /// A door that answers under these host names.
    #[must_use]
    pub fn new(
        platform: Platform,
        hosts: AllowedHosts,
        mappings: Arc<dyn Mappings>,
        functions: Arc<dyn Functions>,
    ) -> Self {
        Self {
            platform,
            hosts,
            keys: None,
            mappings,
            functions,
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

    /// Whether a request is one of this API: its paths begin with the date of their version, as no other's do.
    #[must_use]
    pub fn serves(path: &str) -> bool {
        let version = path.trim_start_matches('/').split('/').next();
        version.is_some_and(|version| {
            let digit = |(place, byte): (usize, u8)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            };
            version.len() == 10 && version.bytes().enumerate().all(digit)
        })
    }

    /// Answers one request. Waits for the body, and for what the call has to make durable.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let replied = match Limited::new(body, LAMBDA_BODY_BYTES_MAX).collect().await {
            Ok(collected) => self.replied(&parts, collected.to_bytes()).await,
            Err(error) if error.is::<LengthLimitError>() => Err(LambdaError::too_large()),
            // The client went away in the middle of its request.
            Err(_) => Err(LambdaError::unreadable_body()),
        };
        self.respond(&replied)
    }

    /// Who has signed a request to a function's address; none where no signature of it holds.
    #[must_use]
    pub fn signer(&self, parts: &Parts, body: &Bytes) -> Option<WebSigner> {
        let query = parts.uri.query().unwrap_or_default();
        let claim = credentials::identify(&parts.headers, query).ok()?;
        let mut account = claim.caller.account.clone();
        if let Some(keys) = &self.keys {
            let now = self.platform.clock.unshifted_wall();
            let key = verify_for(Service::Lambda, parts, body, &claim, keys, now).ok()?;
            if let Some(own) = &key.account {
                own.as_str().clone_into(&mut account);
            }
        }
        Some(WebSigner {
            account,
            key: claim.key_id.clone(),
        })
    }

    /// Whether somebody may call the address of a function. Where no signature is verified nobody is who he says he is, and
    /// permissions bind nobody.
    #[must_use]
    pub fn permits(&self, call: &UrlCall<'_>) -> bool {
        self.keys.is_none() || call.is_permitted()
    }

    async fn replied(&self, parts: &Parts, body: Bytes) -> Result<Reply, LambdaError> {
        let access = Access {
            hosts: &self.hosts,
            keys: self.keys.as_deref(),
            now: self.platform.clock.unshifted_wall(),
        };
        let call = Call::receive(parts, body, access)?;
        constraints::hold(&call)?;
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["2015-03-31", "event-source-mappings", ..] => {
                let rest = call.path.get(2..).unwrap_or_default();
                mappings::mapping(&*self.mappings, &self.platform, &call, rest).await
            }
            ["2017-03-31", "tags", resource] if resource.contains(":event-source-mapping:") => {
                mappings::tags(&*self.mappings, &call, resource).await
            }
            _ => functions::call(&*self.functions, &self.platform, &call, &path).await,
        }
    }

    fn respond(&self, replied: &Result<Reply, LambdaError>) -> Response<AnswerBody> {
        let (status, body) = match replied {
            Ok(reply) => (reply.status, reply.body()),
            Err(error) => (error.status, Bytes::from(error.body().to_string())),
        };
        let mut head = Response::new(());
        *head.status_mut() = status;
        let mut add = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(&in_ascii(value)) {
                head.headers_mut().insert(name, value);
            }
        };
        add(header::CONTENT_TYPE, "application/json");
        add(header::CONTENT_LENGTH, &body.len().to_string());
        add(
            header::DATE,
            &http_date(self.platform.clock.wall().as_millis()),
        );
        let known = replied.as_ref().ok().and_then(|it| it.request_id.clone());
        let id = known.unwrap_or_else(|| uuid(&self.platform));
        for (name, value) in replied.iter().flat_map(|reply| &reply.headers) {
            add(HeaderName::from_static(name), value);
        }
        add(HeaderName::from_static("x-amzn-requestid"), &id);
        if let Err(error) = replied {
            add(HeaderName::from_static("x-amzn-errortype"), error.kind);
            if let Some(hint) = &error.hint {
                add(HeaderName::from_static(HINT), hint);
            }
        }
        head.map(|()| AnswerBody::from(body))
    }
}

/// Clients read headers as Latin-1: what is beyond ASCII is escaped, so that all of them read the same.
fn in_ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let escaped = text.chars().map(|c| match c.is_ascii() {
        true => c.to_string(),
        false => c.escape_unicode().to_string(),
    });
    escaped.collect::<String>().into()
}

/// A random one, as request ids and mappings have it.
pub(super) fn uuid(platform: &Platform) -> String {
    let mut bytes = [0; 16];
    platform.rng.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = format!("{:032x}", u128::from_be_bytes(bytes));
    for place in [20, 16, 12, 8] {
        text.insert(place, '-');
    }
    text
}
