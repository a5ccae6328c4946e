//! `cargo xtask test`: everything that CI checks, in the order in which it fails fastest.
//!
//! Format, lints, the functions (built for the sandbox and tested as plain Rust), the guests that misbehave on
//! purpose, every test of the workspace, then a few crashes of the real server.

use anyhow::Result;

use crate::{
    clients, crash, report,
    step::{root, run},
    tools,
};

/// What is built for other targets is a workspace of its own.
const WORKSPACES: [(&str, &str); 3] = [
    ("", "."),
    (" of the functions", "functions"),
    (" of the guests", "tests/guests"),
];
const LINT: [&str; 7] = [
    "cargo",
    "clippy",
    "--workspace",
    "--all-targets",
    "--",
    "-D",
    "warnings",
];

/// The test of the workspace builds it, because the binary has tests of its own.
const BINARY: &str = "target/debug/shardmill";

pub(crate) fn run_all() -> Result<()> {
    let root = root();
    tools::wasm_target()?;
    for (title, folder) in WORKSPACES {
        run(
            &format!("format{title}"),
            &root.join(folder),
            &["cargo", "fmt", "--all", "--check"],
            "run `cargo fmt --all` in that folder",
        )?;
    }
    let clients = clients::install()?;
    functions()?;
    for (title, folder) in WORKSPACES {
        run(
            &format!("lints{title}"),
            &root.join(folder),
            &LINT,
            "mend what clippy names above",
        )?;
    }
    let binary = root.join(BINARY);
    let binary = format!("env.SHARDMILL_TEST_BINARY=\"{}\"", binary.display());
    let mut test = vec!["cargo", "--config", &binary];
    test.extend(
        clients
            .settings
            .iter()
            .flat_map(|setting| ["--config", setting]),
    );
    test.extend(["test", "--workspace", "--no-fail-fast"]);
    run(
        "tests",
        &root,
        &test,
        "the failing test is named above; `cargo test -p CRATE NAME` runs it alone",
    )?;
    crash::run_few()?;
    report("all passed");
    for why in &clients.not_run {
        report(why);
    }
    Ok(())
}

/// Builds the example functions and the test guests, and runs the functions' own tests.
pub(crate) fn functions() -> Result<()> {
    let root = root();
    let build = ["cargo", "build", "--release", "--target", "wasm32-wasip2"];
    run(
        "functions for the sandbox",
        &root.join("functions"),
        &build,
        "see the compiler's message",
    )?;
    run(
        "functions as plain Rust",
        &root.join("functions"),
        &["cargo", "test"],
        "see the failing test",
    )?;
    let guests = [
        "cargo",
        "build",
        "--release",
        "--examples",
        "--target",
        "wasm32-wasip2",
    ];
    run(
        "guests that misbehave",
        &root.join("tests/guests"),
        &guests,
        "see the compiler's message",
    )
}
