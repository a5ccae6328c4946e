//! The host of native tests: it keeps in memory what a real one would keep in the log, one per thread.
//!
//! [`crate::Bench`] lends its host to the thread for the length of one invocation. Outside of that the facts have plain
//! defaults, log lines go nowhere, and there is no state.
use super::{Refusal, TumblingWindow};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A line that a handler logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub level: crate::log::Level,
    pub message: String,
}

/// What the functions below say about the running invocation.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) attempt: u32,
    pub(crate) attempts_max: Option<u32>,
    pub(crate) fencing_token: u64,
    pub(crate) remaining_ms: u64,
    pub(crate) tracing: bool,
    pub(crate) window: Option<TumblingWindow>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            attempt: 1,
            attempts_max: None,
            fencing_token: 1,
            remaining_ms: 3_000,
            tracing: false,
            window: None,
        }
    }
}

/// A write of the running invocation: the source, the name and the value, or none for a delete.
pub(crate) type StateWrite = (u32, String, Option<Vec<u8>>);

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) facts: Facts,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) logs: Vec<LogLine>,
    /// The outputs that the trigger has; none given: every name will do.
    pub(crate) outputs_allowed: Option<Vec<String>>,
    /// By key of the input record and name.
    pub(crate) states: BTreeMap<(String, String), Vec<u8>>,
    /// Keys of the records of the running invocation.
    pub(crate) keys: Vec<String>,
    pub(crate) emitted: Vec<(String, Vec<u8>)>,
    pub(crate) writes: Vec<StateWrite>,
    pub(crate) progress: Vec<u32>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Runs `body` with `memory` as the host of this thread, and hands it back afterwards even when `body` panics.
pub(crate) fn lend<T>(memory: &mut Memory, body: impl FnOnce() -> T) -> T {
    struct Return<'m>(&'m mut Memory);
    impl Drop for Return<'_> {
        fn drop(&mut self) {
            MEMORY.with_borrow_mut(|lent| std::mem::swap(lent, self.0));
        }
    }
    MEMORY.with_borrow_mut(|lent| std::mem::swap(lent, memory));
    let _return = Return(memory);
    body()
}

fn with<T>(body: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(body)
}

pub(crate) fn emit(output: &str, chunk: &[u8]) -> Result<(), Refusal> {
    with(|memory| {
        memory.check_output(output)?;
        memory.emitted.push((output.to_owned(), chunk.to_vec()));
        Ok(())
    })
}

pub(crate) fn log(level: u32, message: &str) {
    let level = crate::log::Level::from_code(level);
    with(|memory| {
        memory.logs.push(LogLine {
            level,
            message: message.to_owned(),
        })
    });
}

pub(crate) fn progress(index: u32) {
    with(|memory| memory.progress.push(index));
}

pub(crate) fn state_get(source: u32, name: &str) -> Result<Option<Vec<u8>>, Refusal> {
    with(|memory| {
        let key = memory.key_of(source)?;
        Ok(memory.states.get(&(key, name.to_owned())).cloned())
    })
}

pub(crate) fn state_set(source: u32, name: &str, value: &[u8]) -> Result<(), Refusal> {
    with(|memory| {
        memory.key_of(source)?;
        memory
            .writes
            .push((source, name.to_owned(), Some(value.to_vec())));
        Ok(())
    })
}

pub(crate) fn state_delete(source: u32, name: &str) -> Result<(), Refusal> {
    with(|memory| {
        memory.key_of(source)?;
        memory.writes.push((source, name.to_owned(), None));
        Ok(())
    })
}

pub(crate) fn env(name: &str) -> Option<String> {
    with(|memory| memory.env.get(name).cloned())
}

impl Memory {
    pub(crate) fn key_of(&self, source: u32) -> Result<String, Refusal> {
        let index = usize::try_from(source).unwrap_or(usize::MAX);
        let message = "no record of this batch has that index".to_owned();
        self.keys
            .get(index)
            .cloned()
            .ok_or(Refusal { code: 5, message })
    }

    pub(crate) fn check_output(&self, output: &str) -> Result<(), Refusal> {
        match &self.outputs_allowed {
            Some(allowed) if allowed.iter().all(|name| name != output) => {
                let message = format!("the trigger has no output `{output}`");
                Err(Refusal { code: 2, message })
            }
            Some(_) | None => Ok(()),
        }
    }
}

macro_rules! facts {
    ($($name:ident -> $type:ty: $value:expr;)*) => {$(
        pub(crate) fn $name() -> $type {
            with(|memory| { let answer: fn(&Facts) -> $type = $value; answer(&memory.facts) })
        }
    )*};
}

facts! {
    function_name -> String: |_| "bench".to_owned();
    version -> String: |_| "1".to_owned();
    trigger -> Option<String>: |_| Some("bench".to_owned());
    stream_name -> Option<String>: |_| Some("bench".to_owned());
    shard_id -> Option<String>: |_| Some("shardId-000000000000".to_owned());
    request_id -> String: |_| "00000000-0000-7000-8000-000000000000".to_owned();
    client_context -> Option<String>: |_| None;
    trace_parent -> Option<String>: |_| None;
    behind_ms -> u64: |_| 0;
    deadline_ms -> u64: |facts| facts.remaining_ms;
    attempt -> u32: |facts| facts.attempt;
    attempts_max -> Option<u32>: |facts| facts.attempts_max;
    fencing_token -> u64: |facts| facts.fencing_token;
    remaining_ms -> u64: |facts| facts.remaining_ms;
    is_tracing -> bool: |facts| facts.tracing;
    window -> Option<TumblingWindow>: |facts| facts.window.clone();
}
