//! The host as a component sees it: each function is one import of `function.wit`.
use super::{Refusal, TumblingWindow};
use crate::component::shardmill::function::{host, invocation, state};

impl From<host::Refusal> for Refusal {
    fn from(refusal: host::Refusal) -> Self {
        Self {
            code: refusal.code,
            message: refusal.message,
        }
    }
}

pub(crate) fn emit(output: &str, chunk: &[u8]) -> Result<(), Refusal> {
    host::emit(output, chunk).map_err(Refusal::from)
}

pub(crate) fn log(level: u32, message: &str) {
    host::log(level, message);
}

pub(crate) fn progress(index: u32) {
    host::progress(index);
}

pub(crate) fn state_get(source: u32, name: &str) -> Result<Option<Vec<u8>>, Refusal> {
    state::get(source, name).map_err(Refusal::from)
}

pub(crate) fn state_set(source: u32, name: &str, value: &[u8]) -> Result<(), Refusal> {
    state::set(source, name, value).map_err(Refusal::from)
}

pub(crate) fn state_delete(source: u32, name: &str) -> Result<(), Refusal> {
    state::delete(source, name).map_err(Refusal::from)
}

/// The environment that `functions.NAME.env` grants.
#[expect(
    clippy::disallowed_methods,
    reason = "a component's environment is what was granted to it"
)]
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(crate) fn window() -> Option<TumblingWindow> {
    invocation::current_window().map(|window| TumblingWindow {
        start_ms: window.start_ms,
        end_ms: window.end_ms,
        is_final: window.is_final,
        is_early: window.is_early,
        state: window.state,
    })
}

pub(crate) use invocation::{
    attempt, attempts_max, behind_ms, client_context, deadline_ms, fencing_token, function_name,
    is_tracing, remaining_ms, request_id, shard_id, stream_name, trace_parent, trigger, version,
};
