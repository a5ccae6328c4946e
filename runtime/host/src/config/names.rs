//! Reading names: what the file may call a stream, a function, a trigger or itself. Text goes in, a checked name goes
//! out; the checks themselves are the model's. A failure is a character or a length that AWS would refuse too.

use std::fmt;

use model::{FunctionName, Region, StreamName, TriggerName};

/// A name that a reader may ask for.
pub(super) trait Name: Sized + Ord + Clone + fmt::Display {
    /// What a diagnostic calls it.
    const KIND: &'static str;

    fn parse(text: &str) -> Option<Self>;
}

/// The project as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName(TriggerName);

impl AppName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Name for AppName {
    const KIND: &'static str = "an app";

    fn parse(text: &str) -> Option<Self> {
        TriggerName::parse(text).ok().map(Self)
    }
}

impl Name for StreamName {
    const KIND: &'static str = "a stream";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Name for FunctionName {
    const KIND: &'static str = "a function";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Name for TriggerName {
    const KIND: &'static str = "a trigger";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Name for Region {
    const KIND: &'static str = "a region";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

/// What all of them accept, for hints.
pub(super) const NAME_ACCEPTED: &str = "1 to 128 letters, digits, `.`, `-` and `_`";
