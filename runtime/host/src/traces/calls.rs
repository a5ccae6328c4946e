//! The span of a call that its caller traces: a request to a route or an address of a function, or Invoke. Pure.

use model::{Invocation, Timestamp, TraceParent};
use serde_json::{Value, json};

use super::spans::{ERROR, nanos, number, text};

const SERVER: u8 = 2;

#[derive(Debug, Clone)]
pub(super) struct Call {
    parent: TraceParent,
    began: Timestamp,
    trigger: String,
    function: String,
    version: String,
    request_id: String,
    attempt: u32,
}

impl Call {
    /// None where nobody traces it, or whoever does keeps nothing.
    pub(super) fn of(invocation: &Invocation, began: Timestamp) -> Option<Self> {
        let parent = invocation.trace_parent.clone();
        Some(Self {
            parent: parent.filter(TraceParent::is_sampled)?,
            began,
            trigger: invocation.trigger.to_string(),
            function: invocation.function.to_string(),
            version: invocation.version.to_string(),
            request_id: invocation.request_id.clone(),
            attempt: invocation.attempt,
        })
    }

    /// `failure` is what the function failed with, if it did.
    pub(super) fn span(&self, failure: Option<&str>, ended: Timestamp) -> Value {
        // An event that is tried again has a span for each attempt.
        let id = format!("call\0{}\0{}", self.request_id, self.attempt);
        let id = sandbox::digest_of(id.as_bytes()).to_string();
        let mut span = json!({
            "traceId": self.parent.trace_id(), "spanId": id.get(..16), "parentSpanId": self.parent.span_id(),
            "kind": SERVER, "name": format!("invoke {}", self.function),
            "startTimeUnixNano": nanos(self.began), "endTimeUnixNano": nanos(ended),
            "attributes": [text("shardmill.trigger", &self.trigger), text("faas.name", &self.function),
                text("faas.version", &self.version), text("faas.invocation_id", &self.request_id),
                number("shardmill.attempt", self.attempt.into())],
        });
        if let Some(failure) = failure {
            span["status"] = json!({ "code": ERROR, "message": failure });
        }
        span
    }
}
