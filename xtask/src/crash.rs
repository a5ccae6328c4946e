//! `cargo xtask crash --rounds N|--seconds T [--seed S] [--only kill|ext4|xfs] [--flights FILE]`: ends the real server
//! under load, again and again, and accounts for every record.
//!
//! Builds the binary, the guests and the program that does it, and hands the rest over. The rounds that stop a file
//! system need root and loop devices; elsewhere a line says that they were not run. A record that is lost, doubled or
//! different is a failure.

use anyhow::Result;

use crate::{
    environment::in_ci,
    step::{root, run},
    tools,
};

/// So many of each kind are part of every test run.
const ROUNDS_OF_A_TEST: &str = "2";
/// All kinds together, where CI runs the tests.
const SECONDS_OF_CI: &str = "180";
/// What half of the producers put unless a file is named.
const FLIGHTS: &str = "functions/samples/flights-2013-01-week1.ndjson";

pub(crate) fn run_rounds(arguments: &[String]) -> Result<()> {
    tools::wasm_target()?;
    let guests = [
        "cargo",
        "build",
        "--release",
        "--examples",
        "--target",
        "wasm32-wasip2",
    ];
    let hint = "see the compiler's message";
    run("the guests", &root().join("tests/guests"), &guests, hint)?;
    let build = [
        "cargo",
        "build",
        "-p",
        "shardmill-cli",
        "-p",
        "shardmill-crash",
    ];
    run("the binary", &root(), &build, hint)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    crash(&arguments)
}

/// A few rounds of each kind, or some minutes of them in CI. The guests and both programs are built already, by the tests.
pub(crate) fn run_few() -> Result<()> {
    if in_ci() {
        crash(&["--seconds", SECONDS_OF_CI])
    } else {
        crash(&["--rounds", ROUNDS_OF_A_TEST])
    }
}

fn crash(arguments: &[&str]) -> Result<()> {
    let root = root();
    let path = |place: &str| root.join(place).to_string_lossy().into_owned();
    let places = [
        path("target/debug/shardmill-crash"),
        path("target/debug/shardmill"),
        path("tests/guests/target/wasm32-wasip2/release/examples"),
        path("target/tmp"),
    ];
    let flights = path(FLIGHTS);
    let mut command: Vec<&str> = places.iter().map(String::as_str).collect();
    // A file that is named behind it comes to be the one that is taken.
    command.extend(["--flights", &flights]);
    command.extend(arguments);
    run(
        "crashes of the real server",
        &root,
        &command,
        "the lines above name what is wrong, and the folder where the data was kept",
    )
}
