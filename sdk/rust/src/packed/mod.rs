//! The packed bytes of `function.wit`: a batch comes in, outputs go out, each one buffer with an index inside.
//!
//! Everything here is arithmetic on byte slices: no record is copied, nothing is trusted. Offsets of a batch are checked
//! once, before the first record is handed out; bytes that do not add up are a [`Malformed`], never a panic and never
//! another record's data. Failing here means that host and guest disagree about the format.
#![deny(clippy::indexing_slicing)]

mod batch;
mod layout;
mod output;
mod writer;

#[cfg(test)]
#[expect(
    clippy::indexing_slicing,
    reason = "damages bytes at places inside the buffer"
)]
mod tests;

pub use batch::{Batch, Record, Records};
pub use layout::{NO_SOURCE, Sequence};
pub use output::{OutputEntry, OutputView, OutputWriter};
pub use writer::{BatchWriter, NewRecord};

/// Bytes that are not a packed batch or packed output, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed packed bytes: {}", self.0)
    }
}

impl std::error::Error for Malformed {}
