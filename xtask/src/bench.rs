//! `cargo xtask bench`: a release build of the server, measured on this machine.
//!
//! Builds the binary, the guests and the load generator, and runs it. The table goes to stdout, the same figures to
//! `target/bench.json`. A missed target is shown and is no failure.

mod function_peers;
mod peers;

use anyhow::Result;

use crate::{
    step::{root, run},
    tools,
};

const MESSAGE: &str = "see the compiler's message";
/// What the load generator takes for a lot of data, in GiB, when it is asked for much.
const LARGE_GIB: &str = "10";
const PAGE: &str = "docs/performance.md";

/// `[PART] [--peers] [--large] [--write-docs]`; a part alone is faster.
pub(crate) fn run_bench(arguments: &[String]) -> Result<()> {
    build()?;
    let root = root();
    let path = |place: &str| root.join(place).to_string_lossy().into_owned();
    let mut command = vec![
        path("target/release/shardmill-bench"),
        path("target/release/shardmill"),
        path("tests/guests/target/wasm32-wasip2/release/examples"),
        path("target/function-tools"),
        path("target/tmp"),
        path("target/bench.json"),
    ];
    for argument in arguments {
        match argument.as_str() {
            "--peers" => {
                let installed = peers::install()?.to_string_lossy().into_owned();
                command.extend(["--peers".to_owned(), installed]);
            }
            "--large" => command.extend(["--gib", LARGE_GIB].map(str::to_owned)),
            "--write-docs" => command.extend(["--write-docs".to_owned(), path(PAGE)]),
            other => command.push(other.to_owned()),
        }
    }
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    run(
        "the bench (some minutes, and as many again with peers; leave the machine alone)",
        &root,
        &command,
        "the last line above says what did not answer",
    )
}

fn build() -> Result<()> {
    let root = root();
    tools::wasm_target()?;
    let guests = [
        "cargo",
        "build",
        "--release",
        "--examples",
        "--target",
        "wasm32-wasip2",
    ];
    run("the guests", &root.join("tests/guests"), &guests, MESSAGE)?;
    let release = [
        "cargo",
        "build",
        "--release",
        "-p",
        "shardmill-cli",
        "-p",
        "shardmill-bench",
        "-p",
        "shardmill-simulation",
    ];
    run(
        "the release build (ten minutes the first time)",
        &root,
        &release,
        MESSAGE,
    )
}
