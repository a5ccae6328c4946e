//! What came of a run, as a value that two runs can be compared by.
//!
//! In: an outcome. Out: JSON without times and without memory, and whether the outcome is a failure that is worth a capsule.

use model::{Answer, FaultClass, Outcome};
use serde_json::{Value, json};

use super::base64::base64;

/// Whether any of its records will be delivered again, or given up. What could not be run at all says nothing.
pub(crate) fn has_failed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered(answer) => !answer.failures.is_empty(),
        Outcome::Failed(fault) => fault.class == FaultClass::Function,
    }
}

/// What came of a run, in a form that two runs can be compared by: neither times nor memory are in it.
#[must_use]
pub fn result(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Failed(fault) => json!({
            "came": "failed",
            "kind": fault.kind,
            "message": fault.message,
        }),
        Outcome::Answered(answer) => answered(answer),
    }
}

fn answered(answer: &Answer) -> Value {
    let failures = answer.failures.iter().map(|failure| {
        json!({
            "index": failure.index,
            "action": format!("{:?}", failure.action),
            "kind": failure.kind,
            "reason": failure.reason,
        })
    });
    let outputs = answer.outputs.iter().map(|record| {
        json!({
            "output": record.output,
            "key": base64(&record.partition_key),
            "hash_key": record.explicit_hash_key.map(|key| key.0.to_string()),
            "data": base64(&record.data),
            "source": record.source,
        })
    });
    let state = answer.state.iter().map(|write| {
        json!({
            "source": write.source,
            "name": write.name,
            "value": write.value.as_ref().map(base64),
        })
    });
    json!({
        "came": "answered",
        "failures": failures.collect::<Value>(),
        "outputs": outputs.collect::<Value>(),
        "state": state.collect::<Value>(),
    })
}
