//! Why a verb did not do what was asked: one sentence, perhaps a hint, and the exit code that scripts see. Every error
//! of this crate ends here; nothing is printed here.

use std::fmt;
use std::process::ExitCode;

/// The exit codes that scripts may rely on. Numbers never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Whoever read our output left: nobody is there to be told of a failure.
    ReaderLeft,
    Failed,
    Usage,
    NotFound,
    Refused,
    TimedOut,
    Conflict,
    CheckFailed,
    Interrupted,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::ReaderLeft => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::TimedOut => 5,
            Self::Conflict => 6,
            Self::CheckFailed => 7,
            Self::Interrupted => 130,
        }
    }

    /// What an HTTP status of the server means for a script.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            400 => Self::Usage,
            401 | 403 => Self::Refused,
            404 => Self::NotFound,
            408 => Self::TimedOut,
            409 => Self::Conflict,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// A lowercase fragment without a full stop; empty when there is nothing to say.
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A hint that may not be there.
    pub(crate) fn hint_of(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_exit_code_of_its_meaning() {
        let table = [
            (400, 2),
            (401, 4),
            (403, 4),
            (404, 3),
            (408, 5),
            (409, 6),
            (500, 1),
            (503, 1),
        ];
        for (status, code) in table {
            assert_eq!(Exit::of_status(status).code(), code, "HTTP {status}");
        }
    }
}
