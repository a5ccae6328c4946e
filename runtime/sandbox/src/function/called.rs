//! What comes of one call of a function: its outcome, with what only some callers ask for.
//!
//! In: a reason why a function could not be run. Out: the call that this is; what did run is put together by `invocation`.

use std::time::Duration;

use bytes::Bytes;
use model::{Fault, FaultClass, Outcome, outcome::Usage};

use crate::capsule::Capsule;

/// What came of one call.
#[derive(Debug)]
pub struct Called {
    pub outcome: Outcome,
    /// What an event function or a command answered, as it is.
    pub document: Option<Bytes>,
    /// What it says itself of the error that it failed with: a JSON object.
    pub error_document: Option<Bytes>,
    /// How long the making of its sandbox took, where one was made.
    pub init: Option<Duration>,
    /// What it was told, and what came of it, where somebody asked for that.
    pub capsule: Option<Box<Capsule>>,
}

impl Called {
    /// The function could not be run, which is not its fault.
    #[must_use]
    pub fn not_run(message: String) -> Self {
        not_run("FunctionNotThere", message)
    }
}

pub(crate) fn not_run(kind: &str, message: String) -> Called {
    let fault = Fault {
        class: FaultClass::Invoke,
        kind: kind.to_owned(),
        message,
        retry_after: None,
        usage: Usage::default(),
    };
    Called {
        outcome: Outcome::Failed(fault),
        document: None,
        error_document: None,
        init: None,
        capsule: None,
    }
}
