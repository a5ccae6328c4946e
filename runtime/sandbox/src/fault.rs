//! Why an invocation failed as a whole: wasmtime's errors become faults with a stable kind and a readable message.
//!
//! Pure. A trap names the function, the record it was at where the guest told, the last words on standard error and
//! the guest's backtrace.

use std::fmt::Write as _;

use model::{ByteSize, FaultClass, invocation::StateUnavailable};
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::{
    backtrace::{is_recursion, own_frames},
    limits::FAULT_MESSAGE_BYTES_MAX,
    logs::cut,
};

/// The guest was still running at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline has passed")]
pub(crate) struct DeadlinePassed;

/// What is known about a failed call besides the error.
pub(crate) struct Failed<'a> {
    pub(crate) function: &'a str,
    pub(crate) memory_refused: bool,
    pub(crate) memory_max: ByteSize,
    pub(crate) timeout: std::time::Duration,
    pub(crate) progress: Option<u32>,
    pub(crate) last_error: Option<String>,
}

/// Class, kind and message of a fault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    pub(crate) class: FaultClass,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

pub(crate) fn diagnose(error: &wasmtime::Error, failed: &Failed<'_>) -> Diagnosis {
    let (class, kind, fact) = classify(error, failed);
    let mut message = format!("function {} {fact}", failed.function);
    if let Some(index) = failed.progress {
        let _ = write!(message, ", at record {index} of the batch");
    }
    if let Some(last) = &failed.last_error {
        let words: Vec<&str> = last.lines().map(str::trim).collect();
        let _ = write!(message, "; its last words: {}", words.join(" "));
    }
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for function in own_frames(&backtrace.to_string()) {
            let _ = write!(message, "\n  at {function}");
        }
    }
    message.truncate(cut(&message, FAULT_MESSAGE_BYTES_MAX).len());
    Diagnosis {
        class,
        kind,
        message,
    }
}

fn classify(error: &wasmtime::Error, failed: &Failed<'_>) -> (FaultClass, &'static str, String) {
    let function = FaultClass::Function;
    if let Some(unavailable) = error.downcast_ref::<StateUnavailable>() {
        return (
            FaultClass::Invoke,
            "StateUnavailable",
            format!("could not {unavailable}"),
        );
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return (
            FaultClass::Invoke,
            "NoSandbox",
            format!("could not be started: {error:#}"),
        );
    }
    let trap = error.downcast_ref::<Trap>();
    if error.is::<DeadlinePassed>() || trap == Some(&Trap::OutOfFuel) {
        let fact = format!(
            "did not end within its timeout of {:?}: do less at a time, or raise `timeout` of the function",
            failed.timeout
        );
        return (function, "Timeout", fact);
    }
    if failed.memory_refused {
        let fact = format!(
            "ran out of memory: its limit is {}, raise `memory` of the function",
            failed.memory_max
        );
        return (function, "OutOfMemory", fact);
    }
    let overflow = trap == Some(&Trap::StackOverflow)
        || trap == Some(&Trap::MemoryOutOfBounds)
            && error
                .downcast_ref::<WasmBacktrace>()
                .is_some_and(|backtrace| is_recursion(&backtrace.to_string()));
    if overflow {
        return (
            function,
            "StackOverflow",
            "called itself too deeply: the stack is full".into(),
        );
    }
    if let Some(trap) = trap {
        return (function, "Trap", format!("trapped: {trap}"));
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return (
            function,
            "ExitError",
            format!("ended itself with exit code {}", exit.0),
        );
    }
    let cause = error.root_cause().to_string();
    if cause.contains("fuel allocated for hostcalls") {
        let fact = "handed over more bytes in one call than its output limit".to_owned();
        return (function, "OutputTooLarge", fact);
    }
    (
        function,
        "MalformedOutput",
        format!("broke the rules of its interface: {cause}"),
    )
}
