//! What a trigger calls: a function by name and qualifier, whatever is deployed under them at the moment of each attempt.
//!
//! A deploy changes what the next attempt runs; the one that runs ends with what it began with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use model::{
    Fault, FaultClass, FunctionName, FunctionVersion, Invocation, Outcome, StreamKey, UserRecord,
    outcome::Usage,
    seams::{BoxFuture, Handler},
};

use super::{Functions, Gate};

#[derive(Debug)]
pub(crate) struct Bound {
    functions: Arc<Functions>,
    name: FunctionName,
    qualifier: Option<String>,
    /// Of the trigger, beside that of the function.
    gate: Arc<Gate>,
    /// Whether the version chosen last takes packed batches: asked for every record.
    packed: AtomicBool,
}

impl Bound {
    pub(crate) fn new(
        functions: Arc<Functions>,
        name: FunctionName,
        qualifier: Option<String>,
        concurrency: Option<u32>,
    ) -> Self {
        let bound = Self {
            functions,
            name,
            qualifier,
            gate: Gate::new(concurrency),
            packed: AtomicBool::new(false),
        };
        bound.version(None, 0.0);
        bound
    }
}

impl Handler for Bound {
    fn version(&self, before: Option<FunctionVersion>, fraction: f64) -> FunctionVersion {
        let Some(deployed) = self.functions.get(&self.name) else {
            return before.unwrap_or_default();
        };
        let entry = &deployed.entry;
        let chosen = entry.of_attempt(self.qualifier.as_deref(), before, fraction);
        let chosen = chosen.unwrap_or(before.unwrap_or_default());
        let revision = entry.revision(chosen);
        let packed = revision.is_some_and(|it| it.code.kind == sandbox::Kind::Stream.name());
        self.packed.store(packed, Ordering::Relaxed);
        chosen
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let Some(deployed) = self.functions.get(&self.name) else {
                let name = &self.name;
                return not_run(format!(
                    "function {name} was deleted; its trigger waits for it"
                ));
            };
            let _of_trigger = self.gate.enter().await;
            let _of_function = deployed.gate.enter().await;
            match self.functions.load(&deployed, invocation.version).await {
                Ok(function) => function.call(invocation, None).await.outcome,
                Err(why) => not_run(why),
            }
        })
    }

    fn encoded_len(&self, stream: &StreamKey, record: &UserRecord) -> usize {
        sandbox::encoded_len(self.packed.load(Ordering::Relaxed), stream, record)
    }

    fn marks(&self) -> bool {
        self.packed.load(Ordering::Relaxed)
    }
}

/// No attempt is used: the function is not to blame.
fn not_run(message: String) -> Outcome {
    Outcome::Failed(Fault {
        class: FaultClass::Invoke,
        kind: "FunctionNotThere".to_owned(),
        message,
        retry_after: None,
        usage: Usage::default(),
    })
}
