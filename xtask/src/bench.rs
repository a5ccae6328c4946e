//! `cargo xtask bench`: a release build of the server, measured on this machine.
//!
//! Builds the binary, the guests and the load generator, and runs it. The table goes to stdout, the same figures to
//! `target/bench.json`. A missed target is shown and is no failure.

use anyhow::Result;

use crate::{
    step::{root, run},
    tools,
};

const MESSAGE: &str = "see the compiler's message";

/// `part` runs one part of it: rest, streams, latency, triggers or sandboxes.
pub(crate) fn run_bench(part: &[String]) -> Result<()> {
    let root = root();
    tools::wasm_target()?;
    let guests = root.join("tests/guests");
    let build = [
        "cargo",
        "build",
        "--release",
        "--examples",
        "--target",
        "wasm32-wasip2",
    ];
    run("the guests", &guests, &build, MESSAGE)?;
    let build = [
        "cargo",
        "build",
        "--release",
        "-p",
        "shardmill-cli",
        "-p",
        "shardmill-bench",
    ];
    run(
        "the release build (ten minutes the first time)",
        &root,
        &build,
        MESSAGE,
    )?;
    let path = |place: &str| root.join(place).to_string_lossy().into_owned();
    let bench = path("target/release/shardmill-bench");
    let binary = path("target/release/shardmill");
    let guests = path("tests/guests/target/wasm32-wasip2/release/examples");
    let (scratch, json) = (path("target/tmp"), path("target/bench.json"));
    let mut command = vec![
        bench.as_str(),
        binary.as_str(),
        guests.as_str(),
        scratch.as_str(),
        json.as_str(),
    ];
    command.extend(part.iter().map(String::as_str));
    run(
        "the bench (about two minutes; leave the machine alone)",
        &root,
        &command,
        "the last line above says what did not answer",
    )
}
