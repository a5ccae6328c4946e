//! Facts about the running invocation, asked of the host when they are needed.
use crate::host::{self, TumblingWindow};
use crate::packed::Record;
use crate::{Action, Error, Result};
use std::str::FromStr;
use std::time::Duration;

/// What a handler may know besides its records. Take it as the last parameter, `ctx: &Context`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'b> {
    record: Option<Record<'b>>,
}

impl<'b> Context<'b> {
    pub(crate) fn of(record: Record<'b>) -> Self {
        Self {
            record: Some(record),
        }
    }

    /// The record being handled, in handlers that get one body at a time: its key, sequence number, arrival.
    #[must_use]
    pub fn record(&self) -> Option<Record<'b>> {
        self.record
    }

    /// A variable that `functions.NAME.env` in `triggers.yaml` gives.
    #[must_use]
    pub fn env(&self, name: &str) -> Option<String> {
        host::env(name)
    }

    /// The same, parsed; `otherwise` where it is not given. A value that does not parse is an error of kind `BadSetting`.
    pub fn setting<T: FromStr>(&self, name: &str, otherwise: T) -> Result<T> {
        let Some(value) = host::env(name) else {
            return Ok(otherwise);
        };
        value.trim().parse().map_err(|_unsaid| {
            let wanted = std::any::type_name::<T>();
            let reason = format!("{name}: `{value}` is not a {wanted}, mend it in triggers.yaml");
            Error::new(Action::Retry, "BadSetting", reason)
        })
    }

    #[must_use]
    pub fn function_name(&self) -> String {
        host::function_name()
    }

    #[must_use]
    pub fn version(&self) -> String {
        host::version()
    }

    /// The trigger that drives this invocation; none when someone invoked the function by hand.
    #[must_use]
    pub fn trigger(&self) -> Option<String> {
        host::trigger()
    }

    #[must_use]
    pub fn stream_name(&self) -> Option<String> {
        host::stream_name()
    }

    #[must_use]
    pub fn shard_id(&self) -> Option<String> {
        host::shard_id()
    }

    /// Stays the same over the attempts of one batch or event.
    #[must_use]
    pub fn request_id(&self) -> String {
        host::request_id()
    }

    /// From 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        host::attempt()
    }

    /// Invocations in all that the trigger allows; none: no limit.
    #[must_use]
    pub fn attempts_max(&self) -> Option<u32> {
        host::attempts_max()
    }

    /// Only comparable, a larger one is newer: a sink that stores it can refuse an old owner.
    #[must_use]
    pub fn fencing_token(&self) -> u64 {
        host::fencing_token()
    }

    /// How far the last record of the batch is behind the tip of the shard.
    #[must_use]
    pub fn behind(&self) -> Duration {
        Duration::from_millis(host::behind_ms())
    }

    /// When the invocation is ended, milliseconds since 1970.
    #[must_use]
    pub fn deadline_ms(&self) -> u64 {
        host::deadline_ms()
    }

    /// Time left until the invocation is ended.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(host::remaining_ms())
    }

    #[must_use]
    pub fn window(&self) -> Option<TumblingWindow> {
        host::window()
    }

    /// What the caller of the Invoke API sent along.
    #[must_use]
    pub fn client_context(&self) -> Option<String> {
        host::client_context()
    }

    /// W3C `traceparent` of whoever caused this: the header of a request, or that member in the JSON of the first record.
    #[must_use]
    pub fn trace_parent(&self) -> Option<String> {
        host::trace_parent()
    }
}
