//! Why a record failed and what shall happen to it: an [`Error`] has an [`Action`], a kind and a reason.
//!
//! Any error of another library becomes one through `?`, with the action [`Action::Retry`]: the trigger's retry policy.
//! [`OrFail`] chooses another action on the way. The kind is what `retry.classes` in `triggers.yaml` is matched with.
use crate::limits::REASON_BYTES_MAX;
use std::fmt::Display;
use std::time::Duration;

/// What a handler returns; `Result` alone is `Result<()>`.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// What shall happen to a record that failed. The numbers are those of `function.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Action {
    /// The trigger's retry policy.
    Retry = 0,
    /// To the dead-letter store at once.
    DeadLetter = 1,
    /// Set aside together with the later records of its key.
    Park = 2,
    /// It was not run, since an earlier record of its key failed. No attempt is used.
    NotTried = 3,
}

impl Action {
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Retry => 0,
            Self::DeadLetter => 1,
            Self::Park => 2,
            Self::NotTried => 3,
        }
    }
}

/// A failure with a decision. It is not a `std::error::Error`, so that every such error converts into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    action: Action,
    kind: String,
    reason: String,
    retry_after: Option<Duration>,
}

impl Error {
    /// The trigger's retry policy decides.
    pub fn retry(reason: impl Display) -> Self {
        Self::new(Action::Retry, "Retry", reason)
    }

    /// The record is at fault: it goes to the dead-letter store at once.
    pub fn dead_letter(reason: impl Display) -> Self {
        Self::new(Action::DeadLetter, "DeadLetter", reason)
    }

    /// The key is set aside until someone has looked at it.
    pub fn park(reason: impl Display) -> Self {
        Self::new(Action::Park, "Park", reason)
    }

    /// The kind that `retry.classes` is matched with, such as `Throttled`.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Asks for a pause when the whole invocation fails.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    #[must_use]
    pub fn kind_name(&self) -> &str {
        &self.kind
    }

    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn new(action: Action, kind: &str, reason: impl Display) -> Self {
        let mut reason = reason.to_string();
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        Self {
            action,
            kind: kind.to_owned(),
            reason,
            retry_after: None,
        }
    }

    pub(crate) fn bad_json(error: &serde_json::Error) -> Self {
        Self::new(Action::DeadLetter, "BadJson", error)
    }

    pub(crate) fn not_tried() -> Self {
        Self::new(
            Action::NotTried,
            "NotTried",
            "an earlier record of the same key failed",
        )
    }

    pub(crate) fn with_action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// The pause asked for with [`Error::retry_after`].
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        self.retry_after
    }

    fn with_context(mut self, context: &str) -> Self {
        let reason = format!("{context}: {}", self.reason);
        self.reason = reason;
        self
    }
}

impl<E: std::error::Error> From<E> for Error {
    /// The kind is the name of the error's type, such as `ParseIntError`.
    fn from(error: E) -> Self {
        let path = std::any::type_name::<E>();
        let name = path.split('<').next().unwrap_or(path);
        Self::new(
            Action::Retry,
            name.rsplit("::").next().unwrap_or(name),
            error,
        )
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.reason)
    }
}

/// Decides what a missing value or a failed step means for the record.
///
/// ```
/// use shardmill::prelude::*;
/// let zone: Option<&str> = None;
/// let error = zone.or_dead_letter("unknown airport").unwrap_err();
/// assert_eq!(error.action(), Action::DeadLetter);
/// assert_eq!(error.to_string(), "Missing: unknown airport");
/// ```
pub trait OrFail<T>: Sized {
    /// Fails with `action` and this reason; the cause, where there is one, is added to it.
    fn or_fail(self, action: Action, reason: &str) -> Result<T>;

    fn or_dead_letter(self, reason: &str) -> Result<T> {
        self.or_fail(Action::DeadLetter, reason)
    }

    fn or_retry(self, reason: &str) -> Result<T> {
        self.or_fail(Action::Retry, reason)
    }

    fn or_park(self, reason: &str) -> Result<T> {
        self.or_fail(Action::Park, reason)
    }
}

impl<T> OrFail<T> for Option<T> {
    fn or_fail(self, action: Action, reason: &str) -> Result<T> {
        self.ok_or_else(|| Error::new(action, "Missing", reason))
    }
}

impl<T, E: Into<Error>> OrFail<T> for std::result::Result<T, E> {
    fn or_fail(self, action: Action, reason: &str) -> Result<T> {
        self.map_err(|error| error.into().with_action(action).with_context(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_means_the_retry_policy_and_names_its_type() {
        let error = Error::from("x".parse::<u32>().unwrap_err());
        assert_eq!(error.action(), Action::Retry);
        assert_eq!(
            error.to_string(),
            "ParseIntError: invalid digit found in string"
        );
    }

    #[test]
    fn a_choice_keeps_the_cause() {
        let error = "x".parse::<u32>().or_park("the altitude").unwrap_err();
        assert_eq!(error.action(), Action::Park);
        assert_eq!(
            error.reason(),
            "the altitude: invalid digit found in string"
        );
        assert_eq!(error.kind("BadAltitude").kind_name(), "BadAltitude");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let error = Error::retry("ü".repeat(REASON_BYTES_MAX));
        assert_eq!(error.reason().len(), REASON_BYTES_MAX);
    }
}
