//! Inputs as the actions want them: members by type, streams by name, tokens opened.
//!
//! In: an object that fits its shape (`reception` saw to that). Out: typed members. A member that is absent, null
//! or (which cannot be) of another type is simply not there.

use serde_json::{Map, Value};

use super::{error::AwsError, validate::integer};
use crate::credentials::Caller;

/// The members of an object by name.
#[derive(Clone, Copy)]
pub(super) struct Members<'a>(pub(super) &'a Map<String, Value>);

/// How a request names its stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamFields {
    pub(super) name: Option<String>,
    pub(super) arn: Option<String>,
}

/// The stream a request is about: its name, and in whose world it is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addressed {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
}

impl<'a> Members<'a> {
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn count(self, name: &str) -> Option<usize> {
        usize::try_from(self.whole(name)?).ok()
    }

    /// A number as AWS's 32-bit integers take it.
    pub(super) fn whole(self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Number(number) => Some(integer(number)),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        }
    }

    pub(super) fn flag(self, name: &str) -> bool {
        self.0
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or_default()
    }

    /// A point in time, in milliseconds since 1970. What lies before counts as 1970.
    pub(super) fn moment_ms(self, name: &str) -> Option<u64> {
        let seconds = self.0.get(name)?.as_f64()?;
        let ms = (seconds * 1000.0).round().clamp(0.0, 9e15);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and within 0 and 9e15"
        )]
        let ms = ms as u64;
        Some(ms)
    }

    pub(super) fn inside(self, name: &str) -> Option<Self> {
        self.0.get(name)?.as_object().map(Self)
    }

    pub(super) fn stream(self) -> StreamFields {
        let owned = |name: &str| self.text(name).map(str::to_owned);
        StreamFields {
            name: owned("StreamName"),
            arn: owned("StreamARN"),
        }
    }
}

impl StreamFields {
    /// An ARN says more than the name beside it, so it decides; they must agree on the name.
    pub(super) fn addressed(self, caller: &Caller) -> Result<Addressed, AwsError> {
        let Some(arn) = &self.arn else {
            return Ok(Addressed {
                account: caller.account.clone(),
                region: caller.region.clone(),
                name: self.name.unwrap_or_default(),
            });
        };
        // arn:aws:kinesis:REGION:ACCOUNT:stream/NAME
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, _, region, account, resource] = parts.as_slice() else {
            return Err(AwsError::arn_unreadable(arn));
        };
        let Some(name) = resource
            .strip_prefix("stream/")
            .filter(|name| is_stream_name(name))
        else {
            return Err(AwsError::arn_unreadable(arn));
        };
        if self.name.as_ref().is_some_and(|given| given != name) {
            return Err(AwsError::arn_of_other_stream(arn));
        }
        Ok(Addressed {
            account: (*account).to_owned(),
            region: (*region).to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Whether a text is a stream's name: 1 to 128 letters, digits, `_`, `.` and `-`.
pub(super) fn is_stream_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}
