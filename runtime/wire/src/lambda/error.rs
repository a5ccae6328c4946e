//! What a caller of Lambda is told when a request fails: the name in `x-amzn-ErrorType`, the text in the body.
//!
//! In: facts found by the rooms of this door. Out: one value, which `door` writes. Lambda's own refusals have a `Type`
//! and spell the text twice; those of the layer in front of it (signatures, constraints) have the text alone.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{credentials::UnreadableSignature, signature::Unsigned};

const NO_FUNCTION: &str = "Function not found";

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct LambdaError {
    pub(super) status: StatusCode,
    /// AWS's name of it.
    pub(super) kind: &'static str,
    pub(super) message: String,
    /// Beyond AWS's text, for the `x-shardmill-hint` header.
    pub(super) hint: Option<String>,
    /// Of being throttled.
    pub(super) reason: Option<&'static str>,
    /// What is wrong with a filter, of which AWS's text says nothing; a member of its own in the body.
    pub(super) precisely: Option<String>,
}

impl LambdaError {
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            hint: None,
            reason: None,
            precisely: None,
        }
    }

    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    #[must_use]
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        let kind = "InvalidParameterValueException";
        Self::new(StatusCode::BAD_REQUEST, kind, message)
    }

    /// A pattern that cannot be meant (ESM-E8). AWS's text says no more; `why` is an extra member of the body, and the hint.
    #[must_use]
    pub fn invalid_filter(why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            precisely: Some(why.clone()),
            ..Self::invalid_parameter("Invalid filter pattern definition.").with_hint(why)
        }
    }

    /// A constraint of the API's model that the request does not meet.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationException", message)
    }

    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        let kind = "ResourceNotFoundException";
        Self::new(StatusCode::NOT_FOUND, kind, message)
    }

    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        let kind = "ResourceConflictException";
        Self::new(StatusCode::CONFLICT, kind, message)
    }

    #[must_use]
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ResourceInUseException", message)
    }

    /// Something of ours went wrong; what it was stands in the hint.
    #[must_use]
    pub fn service(cause: impl std::fmt::Display) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(
            status,
            "ServiceException",
            "An error occurred and the request cannot be processed.",
        )
        .with_hint(cause.to_string())
    }

    /// More calls than may run at once.
    #[must_use]
    pub fn throttled(reason: &'static str) -> Self {
        let kind = "TooManyRequestsException";
        Self {
            reason: Some(reason),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, kind, "Rate Exceeded.")
        }
    }

    /// There is no function, version or alias of the name that was given; the door knows how it was written.
    #[must_use]
    pub fn no_function() -> Self {
        Self::not_found(NO_FUNCTION)
    }

    pub(super) fn is_no_function(&self) -> bool {
        self.message == NO_FUNCTION
    }

    #[must_use]
    pub fn precondition() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        )
    }

    #[must_use]
    pub fn request_too_large(bytes_max: usize, operation: &str) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            format!("Request must be smaller than {bytes_max} bytes for the {operation} operation"),
        )
    }

    pub(super) fn unreadable_payload(why: impl std::fmt::Display) -> Self {
        let kind = "InvalidRequestContentException";
        let message = format!("Could not parse request body into json: {why}");
        Self::new(StatusCode::BAD_REQUEST, kind, message)
    }

    pub(super) fn unreadable_body() -> Self {
        let kind = "InvalidRequestContentException";
        let message = "Could not parse request body into json: the body is not a JSON object";
        Self::new(StatusCode::BAD_REQUEST, kind, message)
    }

    pub(super) fn too_large() -> Self {
        let message =
            "Request must be smaller than 69905067 bytes for the InvokeFunction operation";
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            message,
        )
    }

    pub(super) fn unknown_operation() -> Self {
        Self::new(StatusCode::NOT_FOUND, "UnknownOperationException", "")
    }

    pub(super) fn origin_refused() -> Self {
        let message =
            "Requests of web pages are answered only by a server that verifies signatures.";
        Self::new(StatusCode::FORBIDDEN, "AccessDeniedException", message)
    }

    pub(super) fn host_refused() -> Self {
        let message = "Unable to determine service/operation name to be authorized";
        Self::new(StatusCode::FORBIDDEN, "AccessDeniedException", message).with_hint(
            "this server answers on loopback names only: use localhost or 127.0.0.1 as host",
        )
    }

    pub(super) fn body(&self) -> Value {
        match self.kind {
            "UnknownOperationException" => json!({}),
            "ValidationException" | "MissingAuthenticationTokenException" => {
                json!({ "message": self.message })
            }
            "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "UnrecognizedClientException"
            | "AccessDeniedException" => {
                json!({ "message": self.message })
            }
            _ if self.reason.is_some() => json!({
                "Type": self.fault(),
                "Reason": self.reason,
                "Message": self.message,
                "message": self.message,
            }),
            _ => {
                let mut body = json!({ "Type": self.fault(), "Message": self.message, "message": self.message });
                if let Some(why) = &self.precisely {
                    body["reason"] = json!(why);
                }
                body
            }
        }
    }

    /// Whose fault it is.
    fn fault(&self) -> &'static str {
        if self.status.is_server_error() {
            "Service"
        } else {
            "User"
        }
    }
}

impl From<UnreadableSignature> for LambdaError {
    fn from(error: UnreadableSignature) -> Self {
        let kind = match error {
            UnreadableSignature::Missing => "MissingAuthenticationTokenException",
            UnreadableSignature::Twice => "InvalidSignatureException",
            UnreadableSignature::Incomplete(_) => "IncompleteSignatureException",
        };
        Self::new(StatusCode::FORBIDDEN, kind, error.to_string())
    }
}

impl From<Unsigned> for LambdaError {
    fn from(error: Unsigned) -> Self {
        let kind = match error {
            Unsigned::UnknownKey => "UnrecognizedClientException",
            Unsigned::Algorithm(_) => "IncompleteSignatureException",
            Unsigned::Mismatch
            | Unsigned::Date(_)
            | Unsigned::Expired { .. }
            | Unsigned::NotYet { .. }
            | Unsigned::Scope(_)
            | Unsigned::HeaderLeftOut(_) => "InvalidSignatureException",
        };
        Self::new(StatusCode::FORBIDDEN, kind, error.to_string())
    }
}
