//! What came of an invocation, in the shapes in which Lambda hands it over: payloads, errors, the tail of a log. Pure.

use std::{fmt::Write as _, path::Path, time::Duration};

use bytes::Bytes;
use model::{FaultClass, Outcome};
use sandbox::Called;
use serde_json::{Value, json};

use crate::{
    limits::{ANSWER_BYTES_MAX, LOG_TAIL_BYTES_MAX},
    logs::{Level, Line},
    report::BEGINNING,
};

/// An answer, or what stands in its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answering {
    Answered {
        document: Bytes,
    },
    Failed {
        document: Value,
    },
    /// Nobody's fault but ours.
    NotRun(String),
}

/// As the API hands it over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    /// `Unhandled` where the function failed.
    pub(crate) error: Option<&'static str>,
}

pub(crate) fn of(called: &Called, request_id: &str, timeout: Duration) -> Answering {
    match &called.outcome {
        Outcome::Answered(answer) => {
            let document = called.document.clone().map_or_else(
                || {
                    // A function of records says which of them failed.
                    let failed = answer.failures.iter();
                    let failed: Vec<Value> = failed
                        .map(|it| json!({ "itemIdentifier": (it.index + 1).to_string() }))
                        .collect();
                    json!({ "batchItemFailures": failed }).to_string().into()
                },
                |document| {
                    if document.trim_ascii().is_empty() {
                        Bytes::from_static(b"null")
                    } else {
                        document
                    }
                },
            );
            if document.len() > ANSWER_BYTES_MAX {
                let document = json!({
                    "errorType": "Function.ResponseSizeTooLarge",
                    "errorMessage": format!("Response payload size exceeded maximum allowed payload size ({ANSWER_BYTES_MAX} bytes)."),
                });
                return Answering::Failed { document };
            }
            Answering::Answered { document }
        }
        Outcome::Failed(fault) if fault.class == FaultClass::Invoke => {
            Answering::NotRun(format!("{}: {}", fault.kind, fault.message))
        }
        Outcome::Failed(fault) => Answering::Failed {
            document: said_itself(called)
                .unwrap_or_else(|| error((&fault.kind, &fault.message), request_id, timeout)),
        },
    }
}

/// What a function says of its error stands as it is, as on Lambda.
fn said_itself(called: &Called) -> Option<Value> {
    let document = called.error_document.as_ref()?;
    let document: Value = serde_json::from_slice(document).ok()?;
    document.is_object().then_some(document)
}

/// What Lambda calls it when not the handler failed but what runs it; nothing where it was the handler.
pub(crate) fn type_of_runtime(kind: &str) -> Option<&str> {
    match kind {
        "ExitError" | "Trap" | "StackOverflow" => Some("Runtime.ExitError"),
        "OutOfMemory" => Some("Runtime.OutOfMemory"),
        "OutputTooLarge" | "MalformedOutput" => Some("Runtime.MarshalError"),
        _ => kind.starts_with("Runtime.").then_some(kind),
    }
}

fn error((kind, message): (&str, &str), request_id: &str, timeout: Duration) -> Value {
    let named = type_of_runtime(kind).unwrap_or(kind);
    let of_runtime = |kind: &str, what: String| json!({ "errorType": kind, "errorMessage": format!("RequestId: {request_id} Error: {what}") });
    let first = message.lines().next().unwrap_or_default();
    match kind {
        "Timeout" => {
            let seconds = timeout.as_secs_f64();
            let what = format!("Task timed out after {seconds:.2} seconds");
            of_runtime("Sandbox.Timedout", what)
        }
        "ExitError" => {
            let code = first.split("exit code ").nth(1).unwrap_or_default();
            let code: String = code
                .chars()
                .take_while(|c| *c == '-' || c.is_ascii_digit())
                .collect();
            let what = format!("Runtime exited with error: exit status {code}");
            of_runtime(named, what)
        }
        "Trap" | "StackOverflow" | "OutOfMemory" => {
            of_runtime(named, format!("Runtime exited with error: {first}"))
        }
        "OutputTooLarge" | "MalformedOutput" => {
            of_runtime(named, format!("Unable to marshal response: {first}"))
        }
        _ => {
            let (message, place) = taken_apart(message);
            let mut document = json!({
                "errorMessage": message,
                "errorType": kind,
                "requestId": request_id,
            });
            document["stackTrace"] = json!(place.into_iter().collect::<Vec<_>>());
            document
        }
    }
}

/// Language runtimes put the place of an error behind its message, for people: `FILE line LINE in NAME`, the name where
/// there is one. Lambda keeps the two apart, in the form of each language.
fn taken_apart(message: &str) -> (&str, Option<String>) {
    let rest = message.strip_suffix(')');
    let parts = rest.and_then(|rest| rest.rsplit_once(" ("));
    let placed = parts.and_then(|(own, place)| Some((own, shown_place(place)?)));
    placed.map_or((message, None), |(own, place)| (own, Some(place)))
}

fn shown_place(place: &str) -> Option<String> {
    let (file, rest) = place.split_once(" line ")?;
    let (line, name) = match rest.split_once(" in ") {
        Some((line, name)) => (line, Some(name)),
        None => (rest, None),
    };
    let line: u32 = line.parse().ok()?;
    let python = Path::new(file).extension().is_some_and(|it| it == "py");
    Some(match (python, name) {
        (true, Some(name)) => format!("  File \"/var/task/{file}\", line {line}, in {name}\n"),
        (true, None) => format!("  File \"/var/task/{file}\", line {line}\n"),
        (false, Some(name)) => format!("    at {name} (/var/task/{file}:{line})"),
        (false, None) => format!("    at /var/task/{file}:{line}"),
    })
}

impl Answering {
    pub(crate) fn payload(self) -> Result<Payload, String> {
        match self {
            Self::Answered { document, .. } => Ok(Payload {
                bytes: document,
                error: None,
            }),
            Self::Failed { document, .. } => Ok(Payload {
                bytes: document.to_string().into(),
                error: Some("Unhandled"),
            }),
            Self::NotRun(why) => Err(why),
        }
    }

    /// START, what the function said, END and REPORT, as far as the end of it goes.
    pub(crate) fn log_tail(
        &self,
        (request_id, version): (&str, &str),
        lines: &[Line],
        report: &str,
    ) -> Vec<u8> {
        let mut log = format!("START RequestId: {request_id} Version: {version}\n");
        let said = lines.iter();
        for line in said.filter(|line| !line.message.starts_with(BEGINNING)) {
            let level = match line.level {
                Level::Error | Level::Warn => format!("[{}] ", line.level.name().to_uppercase()),
                Level::Info | Level::Debug | Level::Trace => String::new(),
            };
            // Writing to a text cannot fail.
            let _ = writeln!(log, "{level}{}", line.message);
        }
        if let Self::Failed { document, .. } = self
            && document["errorType"] == "Sandbox.Timedout"
            && let Some(said) = document["errorMessage"].as_str()
        {
            let _ = writeln!(log, "{said}");
        }
        let _ = writeln!(log, "END RequestId: {request_id}\n{report}");
        let surplus = log.len().saturating_sub(LOG_TAIL_BYTES_MAX);
        log.into_bytes().split_off(surplus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str, message: &str) -> String {
        error((kind, message), "r", Duration::from_secs(1)).to_string()
    }

    #[test]
    fn errors_have_lambdas_shapes() {
        for (kind, message, expect) in [
            (
                "Timeout",
                "function f did not end",
                r#"{"errorMessage":"RequestId: r Error: Task timed out after 1.00 seconds","errorType":"Sandbox.Timedout"}"#,
            ),
            (
                "ExitError",
                "function f ended itself with exit code 7; its last words: x",
                r#"{"errorMessage":"RequestId: r Error: Runtime exited with error: exit status 7","errorType":"Runtime.ExitError"}"#,
            ),
            (
                "KeyError",
                "'delay' (app.py line 7 in handler)",
                r#"{"errorMessage":"'delay'","errorType":"KeyError","requestId":"r","stackTrace":["  File \"/var/task/app.py\", line 7, in handler\n"]}"#,
            ),
            (
                "Error",
                "no (index.js line 3 in new Page)",
                r#"{"errorMessage":"no","errorType":"Error","requestId":"r","stackTrace":["    at new Page (/var/task/index.js:3)"]}"#,
            ),
            (
                "RangeError",
                "too much (index.js line 4)",
                r#"{"errorMessage":"too much","errorType":"RangeError","requestId":"r","stackTrace":["    at /var/task/index.js:4"]}"#,
            ),
            (
                "SyntaxError",
                "expected ':' (app.py line 1)",
                r#"{"errorMessage":"expected ':'","errorType":"SyntaxError","requestId":"r","stackTrace":["  File \"/var/task/app.py\", line 1\n"]}"#,
            ),
            (
                "Error",
                "a (b)",
                r#"{"errorMessage":"a (b)","errorType":"Error","requestId":"r","stackTrace":[]}"#,
            ),
        ] {
            assert_eq!(told(kind, message), expect);
        }
    }

    #[test]
    fn a_log_tail_is_the_end_of_what_lambda_prints() {
        let answered = Answering::Answered {
            document: Bytes::new(),
        };
        let line = |message: &str| Line {
            id: 1,
            at_ms: 0,
            level: Level::Warn,
            trigger: "invoke".to_owned(),
            function: "f".to_owned(),
            version: 1,
            shard: String::new(),
            invocation: "r".to_owned(),
            attempt: 1,
            message: message.to_owned(),
        };
        let lines = [line("careful"), line("REPORT RequestId: r\t")];
        let tail = answered.log_tail(("r", "$LATEST"), &lines, "REPORT RequestId: r\tInit");
        insta::assert_snapshot!(String::from_utf8(tail).unwrap(), @r"
        START RequestId: r Version: $LATEST
        [WARN] careful
        END RequestId: r
        REPORT RequestId: r	Init
        ");
    }
}
