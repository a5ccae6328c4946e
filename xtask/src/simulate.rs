//! `cargo xtask simulate --seeds N [--from S]`: stories full of faults in a simulated world, one a seed. What a failure prints
//! (`--flights`, `--lives`, `--without`) plays less of one.
//!
//! Builds the guests' target and the simulation and hands the rest over; a seed that breaks a promise is a failure.

use anyhow::Result;

use crate::{
    step::{root, run},
    tools,
};

pub(crate) fn run_simulation(arguments: &[String]) -> Result<()> {
    tools::wasm_target()?;
    let mut command = vec![
        "cargo",
        "run",
        "--quiet",
        "-p",
        "shardmill-simulation",
        "--",
    ];
    command.extend(arguments.iter().map(String::as_str));
    run(
        "the simulation",
        &root(),
        &command,
        "the lines above name each seed and the command that plays it again",
    )
}
