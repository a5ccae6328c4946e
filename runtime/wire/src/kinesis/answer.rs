//! Answers before they become HTTP: status, body and content type.
//!
//! In: a result or an error, and the codec of the request. Out: an answer, whose general headers (request ids,
//! date, CORS) `door` adds. The choice of a codec is made here and nowhere else: answers mirror requests.

use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use super::{
    cbor::{push_text, push_value},
    error::AwsError,
};
use crate::event_stream;

pub(super) const JSON: &str = "application/x-amz-json-1.1";
pub(super) const CBOR: &str = "application/x-amz-cbor-1.1";
pub(super) const OLD_JSON: &str = "application/json";

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Json,
    Cbor,
}

/// An answer on its way out.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(header::HeaderName, String)>,
    pub(super) body: Vec<u8>,
}

impl Codec {
    /// Of an answer to a request of which no more than its head is known. AWS falls back to CBOR.
    pub(super) fn of_headers(headers: &HeaderMap) -> Self {
        let given = headers.get(header::CONTENT_TYPE);
        let given = given
            .and_then(|given| given.to_str().ok())
            .unwrap_or_default();
        if given.split(';').next().unwrap_or_default().trim() == JSON {
            Self::Json
        } else {
            Self::Cbor
        }
    }

    /// Of what is inside of an event.
    pub(super) fn event_content_type(self) -> &'static str {
        match self {
            Self::Json => OLD_JSON,
            Self::Cbor => CBOR,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Cbor => CBOR,
        }
    }
}

impl Answer {
    /// A success.
    pub(super) fn success(codec: Codec, body: Vec<u8>) -> Self {
        Self::with_type(StatusCode::OK, codec.content_type(), body)
    }

    /// A success without a result, which has no body.
    pub(super) fn done(codec: Codec) -> Self {
        Self::success(codec, Vec::new())
    }

    /// A success with a result that serde knows how to write.
    pub(super) fn document(codec: Codec, document: &impl Serialize) -> Result<Self, AwsError> {
        let body = match codec {
            Codec::Json => serde_json::to_vec(document).map_err(AwsError::internal)?,
            Codec::Cbor => {
                let value = serde_json::to_value(document).map_err(AwsError::internal)?;
                let mut body = Vec::new();
                push_value(&mut body, &value);
                body
            }
        };
        Ok(Self::success(codec, body))
    }

    pub(super) fn error(codec: Codec, error: &AwsError) -> Self {
        let body = match codec {
            Codec::Json => error_as_json(error),
            Codec::Cbor => error_as_cbor(error),
        };
        let mut answer = Self::with_type(error.kind.status(), codec.content_type(), body);
        if let Some(hint) = error.hint {
            answer = answer.with_hint(hint);
        }
        answer
    }

    /// Adds what to know or to do beyond AWS's answer.
    pub(super) fn with_hint(mut self, hint: &str) -> Self {
        let name = header::HeaderName::from_static("x-shardmill-hint");
        self.headers.push((name, hint.to_owned()));
        self
    }

    /// The form in which AWS answers requests it cannot assign to an operation.
    pub(super) fn access_denied_xml() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            body: b"<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                    authorized</Message>\n</AccessDeniedException>\n"
                .to_vec(),
            headers: Vec::new(),
        }
    }

    pub(super) fn host_refused() -> Self {
        let hint = "this server answers on loopback names only: use localhost or 127.0.0.1 as host";
        Self::access_denied_xml().with_hint(hint)
    }

    pub(super) fn unknown_operation_xml() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            body: b"<UnknownOperationException/>\n".to_vec(),
            headers: Vec::new(),
        }
    }

    /// The form in which AWS answers `application/json`, which it does not serve.
    pub(super) fn old_json(status: StatusCode, name: &str) -> Self {
        let body = format!(
            r#"{{"Output":{{"__type":"com.amazon.coral.service#{name}"}},"Version":"1.0"}}"#
        );
        Self::with_type(status, OLD_JSON, body.into_bytes())
    }

    /// The answer to a browser that asks whether it may send a request.
    pub(super) fn preflight(asked_headers: Option<String>, asked_methods: Option<String>) -> Self {
        let mut answer = Self::default();
        answer.headers.extend([
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
            (header::ACCESS_CONTROL_MAX_AGE, "172800".to_owned()),
        ]);
        let asked = [
            (header::ACCESS_CONTROL_ALLOW_HEADERS, asked_headers),
            (header::ACCESS_CONTROL_ALLOW_METHODS, asked_methods),
        ];
        for (name, value) in asked {
            answer.headers.extend(value.map(|value| (name, value)));
        }
        answer
    }

    /// The head of a stream of events, whose body comes apart from it.
    pub(super) fn events() -> Self {
        Self::with_type(StatusCode::OK, event_stream::CONTENT_TYPE, Vec::new())
    }

    fn with_type(status: StatusCode, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![(header::CONTENT_TYPE, content_type.to_owned())],
            body,
        }
    }
}

/// Appends a text as a JSON string.
pub(super) fn push_json_text(body: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        body.push(b'"');
        body.extend_from_slice(text.as_bytes());
        body.push(b'"');
    } else {
        body.extend_from_slice(Value::from(text).to_string().as_bytes());
    }
}

fn error_as_json(error: &AwsError) -> Vec<u8> {
    let mut body = br#"{"__type":"#.to_vec();
    push_json_text(&mut body, error.kind.name());
    if let Some(message) = &error.message {
        body.push(b',');
        push_json_text(&mut body, error.kind.message_member());
        body.push(b':');
        push_json_text(&mut body, message);
    }
    body.push(b'}');
    body
}

/// A map of indefinite length with text keys and values, byte by byte what AWS sends.
fn error_as_cbor(error: &AwsError) -> Vec<u8> {
    let mut body = vec![0xbf];
    push_text(&mut body, "__type");
    push_text(&mut body, error.kind.name());
    if let Some(message) = &error.message {
        push_text(&mut body, error.kind.message_member());
        push_text(&mut body, message);
    }
    body.push(0xff);
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::error::Kind, *};

    #[test]
    fn cbor_errors_are_byte_by_byte_those_of_aws() {
        let answer = Answer::error(Codec::Cbor, &AwsError::bare(Kind::UnknownOperation));
        let mut expected = b"\xbf\x66__type\x78\x19".to_vec();
        expected.extend_from_slice(b"UnknownOperationException\xff");
        assert_eq!(answer.body, expected);
        let answer = Answer::error(Codec::Cbor, &AwsError::bare(Kind::Serialization));
        assert_eq!(answer.body, b"\xbf\x66__type\x76SerializationException\xff");
    }

    proptest! {
        #[test]
        fn texts_survive_json(text: String) {
            let mut body = Vec::new();
            push_json_text(&mut body, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&body).unwrap(), text);
        }
    }
}
