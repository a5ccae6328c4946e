//! What a handler can ask of the host, as plain functions.
//!
//! In a component they are the imports of `function.wit`. Everywhere else they reach an in-memory host of the same shape,
//! one per thread, which [`crate::Bench`] fills and reads. A refusal carries the host's own words.
use crate::{Action, Error};

#[cfg(target_family = "wasm")]
mod wasm;
#[cfg(target_family = "wasm")]
pub(crate) use wasm::*;

#[cfg(not(target_family = "wasm"))]
pub(crate) mod memory;
#[cfg(not(target_family = "wasm"))]
pub(crate) use memory::*;

/// The host said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u32,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn into_error(self, what: &str) -> Error {
        let kind = match self.code {
            1 => "NotGranted",
            2 => "NoSuchOutput",
            3 => "TooLarge",
            4 => "Malformed",
            5 => "NoKey",
            _ => "Refused",
        };
        Error::new(Action::Retry, kind, format!("{what}: {}", self.message))
    }
}

/// The tumbling window that the batch belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TumblingWindow {
    pub start_ms: u64,
    pub end_ms: u64,
    pub is_final: bool,
    pub is_early: bool,
    /// What the previous batch of the window left.
    pub state: Vec<u8>,
}
