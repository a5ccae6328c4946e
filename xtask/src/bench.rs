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

pub(crate) fn run_bench() -> Result<()> {
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
    run(
        "the bench (about two minutes; leave the machine alone)",
        &root,
        &[&bench, &binary, &guests, &scratch, &json],
        "the last line above says what did not answer",
    )
}
