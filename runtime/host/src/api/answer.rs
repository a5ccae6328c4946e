//! The shapes that every answer of the JSON API shares: queries, documents, errors.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use model::lambda::web::percent_decoded;
use serde_json::{Value, json};

use crate::limits::{API_ROWS_MAX, API_WAIT_MAX};

/// The part of an address behind `?`.
#[derive(Debug, Default)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (form(name), form(value)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.get(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| ApiError::bad(&format!("`{name}` must be a whole number")))
            })
            .transpose()
    }

    /// Rows of a page: what was asked for, within the limit.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let asked = self
            .number("limit")?
            .and_then(|limit| usize::try_from(limit).ok());
        Ok(asked.unwrap_or(API_ROWS_MAX).clamp(1, API_ROWS_MAX))
    }

    pub(crate) fn wait(&self) -> Result<Duration, ApiError> {
        let asked = Duration::from_millis(self.number("wait_ms")?.unwrap_or(0));
        Ok(asked.min(API_WAIT_MAX))
    }
}

/// The parts of a path; a part may hold a `/` of its own as `%2F`.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(percent_decoded).collect()
}

/// Names and values of a query, where `+` is a space.
fn form(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

/// Takes `%XX` apart; what is not valid stays as it is.
/// Why a verb was not carried out, in words, with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    error: String,
    hint: Option<Cow<'static, str>>,
}

impl ApiError {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            hint: None,
        }
    }

    pub(crate) fn bad(error: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} does not exist"))
    }

    pub(crate) fn conflict(error: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, error)
    }

    pub(crate) fn timed_out(error: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, error)
    }

    pub(crate) fn refused(error: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, error)
    }

    pub(crate) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the server stops")
            .with_hint("everything acknowledged is kept; ask again once it runs")
    }

    pub(crate) fn failed(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn sentence(&self) -> &str {
        &self.error
    }

    pub(crate) fn respond(&self) -> Response<Full<Bytes>> {
        json(
            self.status,
            &json!({ "error": self.error, "hint": self.hint }),
        )
    }
}

pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let query = Query::parse("from=time%3A5&key=a+b&empty=&odd=%zz");
        assert_eq!(query.get("from"), Some("time:5"));
        assert_eq!(query.get("key"), Some("a b"));
        assert_eq!(query.get("empty"), None);
        assert_eq!(query.get("odd"), Some("%zz"));
        assert!(Query::parse("limit=x").limit().is_err());
        assert_eq!(Query::parse("limit=0").limit(), Ok(1));
    }

    #[test]
    fn a_part_of_a_path_may_hold_a_slash() {
        assert_eq!(
            segments("state/board//a%2Fb+c"),
            ["state", "board", "a/b+c"]
        );
    }
}
