//! The Lambda service model as tables: what `cargo xtask codegen` wrote, and nothing written by hand.

mod operations;
mod shapes;

pub(super) use operations::{OPERATIONS, RUNTIMES};
