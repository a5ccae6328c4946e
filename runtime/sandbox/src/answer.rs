//! What a guest answered, as an outcome: records that failed, outputs and state of an invocation that succeeded.
//!
//! A guest is never trusted: an answer that breaks the rules of its interface fails the whole invocation, with the
//! rule that was broken.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use model::{
    Answer, Fault, FaultClass, Outcome, RecordAction, RecordFailure,
    invocation::{ItemFailures, WindowKept},
    outcome::Usage,
};

use crate::{
    bindings::types,
    command,
    context::Call,
    imports::TOO_LARGE,
    item_failures::{self, Said},
    limits::{FAULT_KIND_BYTES_MAX, FAULT_MESSAGE_BYTES_MAX, RETRY_AFTER_MAX},
    logs::cut,
    sandbox::GuestAnswer,
};

const DEFAULT_OUTPUT: &str = "default";

/// Kind and fact of an answer that is not believed.
type Refused = (&'static str, String);

impl Call {
    pub(crate) fn outcome(&mut self, answer: GuestAnswer, usage: Usage) -> Outcome {
        // Lambda's answers have no place to say which record caused what; those of our SDKs do.
        let mut window_state = None;
        let (answered, effects_attributed) = match answer {
            GuestAnswer::Stream(mut response) => {
                window_state = response.window_state.take().map(Bytes::from);
                (self.response(response), true)
            }
            GuestAnswer::Event(document) => {
                window_state = self.window_state(&document);
                let said = self.item_failures(&document);
                self.document = Some(document.into());
                let attributed = said.as_ref().is_ok_and(|said| said.attributed);
                (said.map(|said| said.failures), attributed)
            }
            GuestAnswer::Printed(printed) => {
                let failures = printed
                    .map_err(|bytes| self.too_long(bytes))
                    .and_then(|document| {
                        window_state = self.window_state(&document);
                        self.printed(document)
                    });
                (failures, false)
            }
            GuestAnswer::Served => (Ok(Vec::new()), false),
            GuestAnswer::Fault(fault) => return Outcome::Failed(own_fault(&fault, usage)),
        };
        match answered {
            Ok(failures) => Outcome::Answered(Answer {
                failures,
                outputs: std::mem::take(&mut self.outputs),
                state: std::mem::take(&mut self.state),
                effects_attributed,
                window_state,
                usage,
            }),
            Err((kind, fact)) => Outcome::Failed(Fault {
                class: FaultClass::Function,
                kind: kind.to_owned(),
                message: format!("function {}: {fact}", self.invocation.function),
                retry_after: None,
                usage,
            }),
        }
    }

    fn response(&mut self, response: types::Response) -> Result<Vec<RecordFailure>, Refused> {
        if !response.output.is_empty() {
            self.emit(DEFAULT_OUTPUT, &Bytes::from(response.output))
                .map_err(|refusal| match refusal.code {
                    TOO_LARGE => ("OutputTooLarge", refusal.message),
                    _ => ("MalformedOutput", refusal.message),
                })?;
        }
        let mut failures = BTreeMap::new();
        for failure in response.failed {
            let failure = self
                .failure(&failure)
                .map_err(|fact| ("MalformedOutput", fact))?;
            let index = failure.index;
            if failures.insert(index, failure).is_some() {
                return Err(("MalformedOutput", format!("record {index} failed twice")));
            }
        }
        Ok(failures.into_values().collect())
    }

    fn failure(&self, failure: &types::Failure) -> Result<RecordFailure, String> {
        let index = failure.index;
        if index as usize >= self.invocation.records.len() {
            let batch = self.invocation.records.len();
            return Err(format!(
                "failed record {index} is not in the batch of {batch}"
            ));
        }
        let action = match failure.action {
            0 => RecordAction::Retry,
            1 => RecordAction::DeadLetter,
            2 => RecordAction::Park,
            3 => RecordAction::NotTried,
            4.. => {
                return Err(format!(
                    "record {index}: action {} is unknown",
                    failure.action
                ));
            }
        };
        Ok(RecordFailure {
            index,
            action,
            kind: cut(&failure.kind, FAULT_KIND_BYTES_MAX).to_owned(),
            reason: cut(&failure.reason, FAULT_MESSAGE_BYTES_MAX).to_owned(),
        })
    }

    /// The answer of a command, with the records it carries.
    fn printed(&mut self, document: Bytes) -> Result<Vec<RecordFailure>, Refused> {
        let failures = self.item_failures(&document)?.failures;
        let outputs =
            command::outputs(&document).map_err(|error| ("MalformedOutput", error.to_string()))?;
        for output in outputs {
            self.put_out(output).map_err(|refusal| match refusal.code {
                TOO_LARGE => ("OutputTooLarge", refusal.message),
                _ => ("MalformedOutput", refusal.message),
            })?;
        }
        self.document = Some(document);
        Ok(failures)
    }

    fn too_long(&self, bytes: usize) -> Refused {
        let fact = format!(
            "the answer has {bytes} bytes, at most {} are accepted",
            self.output_bytes_max
        );
        ("OutputTooLarge", fact)
    }

    /// The object `state` of an answer, as it was written; only a window by shard has one (TW-4).
    fn window_state(&self, answer: &[u8]) -> Option<Bytes> {
        #[derive(serde::Deserialize)]
        struct Stated<'a> {
            #[serde(borrow)]
            state: &'a serde_json::value::RawValue,
        }
        let window = self.invocation.window.as_ref()?;
        let by_shard = matches!(window.kept, WindowKept::ByShard(_));
        let stated: Stated<'_> = serde_json::from_slice(answer).ok().filter(|_| by_shard)?;
        let state = stated.state.get();
        state
            .starts_with('{')
            .then(|| Bytes::copy_from_slice(state.as_bytes()))
    }

    fn item_failures(&self, answer: &[u8]) -> Result<Said, Refused> {
        if answer.len() > self.output_bytes_max {
            return Err(self.too_long(answer.len()));
        }
        if self.invocation.records.is_empty() {
            return Ok(Said::default());
        }
        let how = self.invocation.item_failures;
        // Where a window asks for `state`, an answer has another key; one without it fails for that.
        let how = if self.invocation.window.is_some() && how == ItemFailures::Strict {
            ItemFailures::Named
        } else {
            how
        };
        item_failures::read(answer, &self.invocation.records, how)
            .map_err(|error| ("MalformedOutput", error.to_string()))
    }
}

/// A fault the handler chose itself, with its own kind.
fn own_fault(fault: &types::Fault, usage: Usage) -> Fault {
    let retry_after = fault.retry_after_ms.map(Duration::from_millis);
    Fault {
        class: FaultClass::Function,
        kind: cut(&fault.kind, FAULT_KIND_BYTES_MAX).to_owned(),
        message: cut(&fault.message, FAULT_MESSAGE_BYTES_MAX).to_owned(),
        retry_after: retry_after.map(|pause| pause.min(RETRY_AFTER_MAX)),
        usage,
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use platform::Monotonic;

    use super::*;
    use crate::tests::invocation;

    fn outcome(answer: GuestAnswer) -> Outcome {
        let never = Monotonic(Duration::MAX);
        let invocation = invocation(&["default"]);
        let mut call = Call::new(invocation, never, (never, Timestamp::default()), 1_000);
        call.outcome(answer, Usage::default())
    }

    #[test]
    fn a_handler_may_ask_for_a_pause_of_an_hour_at_most() {
        let hour = Duration::from_secs(3_600);
        let cases = [
            (None, None),
            (Some(250), Some(Duration::from_millis(250))),
            (Some(3_600_001), Some(hour)),
            (Some(u64::MAX), Some(hour)),
        ];
        for (retry_after_ms, expect) in cases {
            let fault = types::Fault {
                kind: "Throttled".to_owned(),
                message: String::new(),
                retry_after_ms,
            };
            match outcome(GuestAnswer::Fault(fault)) {
                Outcome::Failed(fault) => assert_eq!(fault.retry_after, expect),
                Outcome::Answered(answer) => panic!("answered {answer:?}"),
            }
        }
    }

    #[test]
    fn stream_functions_and_answers_of_our_sdks_say_which_record_caused_what() {
        let response = types::Response {
            failed: Vec::new(),
            output: Vec::new(),
            window_state: None,
        };
        let cases = [
            (GuestAnswer::Stream(response), true),
            (GuestAnswer::Event(b"{}".to_vec()), false),
            (
                GuestAnswer::Event(br#"{"batchItemFailures":[],"effects":"attributed"}"#.to_vec()),
                true,
            ),
        ];
        for (answer, expect) in cases {
            match outcome(answer) {
                Outcome::Answered(answer) => assert_eq!(answer.effects_attributed, expect),
                Outcome::Failed(fault) => panic!("failed {fault:?}"),
            }
        }
    }
}
