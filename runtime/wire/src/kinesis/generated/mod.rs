//! The Kinesis service model as tables: what `cargo xtask codegen` wrote, and nothing written by hand.

mod actions;
mod inputs;
mod shapes;

pub(super) use actions::{ACTIONS, Action, TARGET_PREFIX};
