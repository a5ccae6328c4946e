//! What the end of a guest means: an answer or a fault, with no secret in what is said of it.
//!
//! In: what the guest returned, or how it ended. Out: an outcome. What a guest does is never an error of the host.

use bytes::Bytes;
use model::{Fault, Outcome, outcome::Usage};

use super::Inner;
use crate::{
    context::Context,
    fault::{Failed, diagnose},
    sandbox::{GuestAnswer, Sandbox},
};

impl Inner {
    pub(super) fn outcome(
        &self,
        sandbox: &mut Sandbox,
        result: wasmtime::Result<GuestAnswer>,
        usage: Usage,
    ) -> Outcome {
        let context = sandbox.store.data_mut();
        match result {
            Ok(answer) => self.hidden(context.call.outcome(answer, usage)),
            Err(error) => {
                // Whatever it was about to say is not what ended it.
                context.call.error_document = None;
                self.hidden(Outcome::Failed(self.fault(context, &error, usage)))
            }
        }
    }

    /// What is said of a failure is kept and shown, so it must hold no secret.
    pub(crate) fn hidden(&self, mut outcome: Outcome) -> Outcome {
        let secrets = &self.limits.secrets;
        match &mut outcome {
            Outcome::Failed(fault) => fault.message = secrets.hidden(&fault.message).into_owned(),
            Outcome::Answered(answer) => {
                for failure in &mut answer.failures {
                    failure.reason = secrets.hidden(&failure.reason).into_owned();
                }
            }
        }
        outcome
    }

    pub(crate) fn hidden_document(&self, document: Option<Bytes>) -> Option<Bytes> {
        let text = String::from_utf8(document?.into()).ok()?;
        Some(self.limits.secrets.hidden(&text).into_owned().into())
    }

    fn fault(&self, context: &Context, error: &wasmtime::Error, usage: Usage) -> Fault {
        context.log.finish();
        let failed = Failed {
            function: context.call.invocation.function.as_str(),
            memory_refused: context.memory.refused,
            memory_max: self.limits.memory,
            timeout: self.limits.timeout,
            progress: context.call.progress,
            last_error: context.log.last_error(),
        };
        let diagnosis = diagnose(error, &failed);
        Fault {
            class: diagnosis.class,
            kind: diagnosis.kind.to_owned(),
            message: diagnosis.message,
            retry_after: None,
            usage,
        }
    }
}
