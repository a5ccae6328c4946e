//! `cargo xtask crash --rounds N|--seconds T [--seed S] [--only enumerate|flips|kill|ext4|xfs] [--flights FILE] [--fetch]`:
//! crashes logs and servers, again and again, and accounts for every record.
//!
//! First the proofs without a server, one trace of each; then the real server under load. Builds the binary, the guests
//! and the program that ends it, and hands the rest over. The rounds that stop a file system need root and loop devices;
//! elsewhere a line says that they were not run. The tools of XFS are installed in CI, or when `--fetch` asks for them. A
//! record that is lost, doubled or different is a failure.

use anyhow::{Context as _, Result, ensure};

use crate::{
    environment::in_ci,
    proofs::Proof,
    step::{root, run},
    tools, xfs,
};

/// Installs what the rounds lack, where root says so.
const FETCH: &str = "--fetch";
const SEED: &str = "--seed";
const ONLY: &str = "--only";
/// So many of each kind are part of every test run.
const ROUNDS_OF_A_TEST: &str = "2";
/// All kinds together, where CI runs the tests.
const SECONDS_OF_CI: &str = "180";
/// What half of the producers put unless a file is named.
const FLIGHTS: &str = "functions/samples/flights-2013-01-week1.ndjson";

pub(crate) fn run_rounds(arguments: &[String]) -> Result<()> {
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let drawn = std::process::id().to_string();
    let seed = value_of(&arguments, SEED).map(str::to_owned);
    if seed.is_none() {
        // The whole run has one seed.
        arguments.extend([SEED, &drawn]);
    }
    let seed = seed.unwrap_or_else(|| drawn.clone());
    let seed: u64 = seed.parse().context("read --seed")?;
    let only = value_of(&arguments, ONLY);
    known(&arguments)?;
    let traces = match value_of(&arguments, "--rounds").filter(|_| only.is_some()) {
        Some(rounds) => rounds.parse::<u64>().context("read --rounds")?,
        None => 1,
    };
    for proof in Proof::ALL {
        if only.is_none_or(|only| only == proof.word()) {
            for trace in 0..traces {
                proof.run(seed + trace)?;
            }
        }
    }
    if Proof::ALL.iter().any(|proof| only == Some(proof.word())) {
        return Ok(());
    }
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
    let asked = arguments.contains(&FETCH);
    let arguments = arguments.iter().copied().filter(|word| *word != FETCH);
    let arguments: Vec<&str> = arguments.collect();
    if stops_xfs(&arguments) {
        xfs::tools(asked)?;
    }
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

/// Unless it is told to do only something else.
fn stops_xfs(arguments: &[&str]) -> bool {
    value_of(arguments, ONLY).is_none_or(|only| only == "xfs")
}

/// Said before anything is built or run: the program behind this looks at them last.
fn known(arguments: &[&str]) -> Result<()> {
    const VALUED: [&str; 5] = ["--rounds", "--seconds", SEED, ONLY, "--flights"];
    const KINDS: [&str; 5] = ["enumerate", "flips", "kill", "ext4", "xfs"];
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        if VALUED.contains(name) {
            let value = rest
                .next()
                .with_context(|| format!("{name} wants a value"))?;
            ensure!(
                *name != ONLY || KINDS.contains(value),
                "{ONLY} {value}: it is one of {}",
                KINDS.join(", ")
            );
        } else {
            ensure!(
                *name == FETCH,
                "{name} is no argument of `cargo xtask crash`: {}",
                VALUED.join(", ")
            );
        }
    }
    let counted = ["--rounds", "--seconds"].map(|name| value_of(arguments, name).is_some());
    ensure!(
        counted.contains(&true),
        "`cargo xtask crash` wants `--rounds N` or `--seconds T`"
    );
    Ok(())
}

fn value_of<'a>(arguments: &[&'a str], name: &str) -> Option<&'a str> {
    let mut pairs = arguments.windows(2);
    pairs.find(|pair| pair[0] == name).map(|pair| pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xfs_is_needed_unless_something_else_is_wanted() {
        for (arguments, needed) in [
            (&["--rounds", "2"][..], true),
            (&["--rounds", "2", "--only", "xfs"], true),
            (&["--only", "ext4", "--rounds", "2"], false),
            (&["--rounds", "2", "--only", "kill"], false),
        ] {
            assert_eq!(stops_xfs(arguments), needed, "{arguments:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said_before_anything_runs() {
        for (arguments, accepted) in [
            (&["--rounds", "2", "--only", "flips", "--fetch"][..], true),
            (&["--seconds", "60", "--seed", "7"], true),
            (&["--rounds", "2", "--only", "flip"], false),
            (&["--rounds", "2", "--help"], false),
            (&["--rounds"], false),
            (&["--seed", "7"], false),
        ] {
            assert_eq!(known(arguments).is_ok(), accepted, "{arguments:?}");
        }
    }
}
