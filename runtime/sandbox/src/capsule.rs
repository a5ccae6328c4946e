//! Capsules: an invocation that failed, with everything it was told and what came of it, so that it can be run again.
//!
//! In: an invocation, what its guest was told, its outcome. Out: a document that stands for itself, and back: a line of JSON
//! with the records behind it as bytes, or all of it as JSON for who wants to read it. A capsule is run without effects: what
//! comes of it is compared with what came of it then. Whoever keeps capsules implements `CapsuleSink`.

mod base64;
mod document;
mod encoding;
mod facts;
mod listed;
mod records;
mod result;
mod told;

use std::{borrow::Cow, fmt};

use model::{Invocation, TriggerName};
use serde_json::Value;

use crate::world::Told;

pub use encoding::CapsuleError;
pub use facts::Facts;
pub(crate) use result::has_failed;
pub use result::result;

/// Keeps the capsules of invocations that failed. Called where the function ran, so it never waits.
pub trait CapsuleSink: Send + Sync + fmt::Debug {
    fn keep(&self, capsule: &Capsule);
}

#[derive(Debug, Clone, PartialEq)]
pub struct Capsule {
    pub invocation: Facts,
    pub told: Told,
    /// What came of it, as `result` writes it.
    pub result: Value,
}

/// Stands in the place of a trigger's name in the log of a repeated run.
const REPLAY: &str = "replay";

/// Whose words the log takes down: what is said in a repeated run is not said by its trigger.
pub(crate) fn heard(invocation: &Invocation, is_replay: bool) -> Cow<'_, Invocation> {
    if !is_replay {
        return Cow::Borrowed(invocation);
    }
    let mut heard = invocation.clone();
    heard.request_id = format!("replay/{}", heard.request_id);
    heard.trigger = TriggerName::parse(REPLAY).unwrap_or(heard.trigger);
    Cow::Owned(heard)
}

impl Capsule {
    /// Of its first record: of a dead letter that came of it, that is the name too. Where there are no records, of the
    /// window that closed, or of the request.
    #[must_use]
    pub fn id(&self) -> String {
        let facts = &self.invocation;
        let (trigger, shard) = (&facts.trigger, facts.shard.0);
        let first = facts.records.first().map(|record| record.position);
        match (first, &facts.window) {
            (Some(first), _) => format!("{trigger}/{shard}-{first}"),
            (None, Some(window)) => {
                format!("{trigger}/{shard}-window-{}", window.start.as_millis())
            }
            (None, None) => format!("{trigger}/{}", self.request()),
        }
    }

    /// The request as a part of a name.
    fn request(&self) -> String {
        let facts = &self.invocation;
        let own = format!("{}/", facts.trigger);
        let request = facts.request_id.strip_prefix(&own);
        let request = request.unwrap_or(&facts.request_id);
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        request.chars().map(plain).collect()
    }
}
