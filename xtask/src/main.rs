//! The project's own commands: `cargo xtask COMMAND [ARGUMENTS]`.
//!
//! This file only picks the command; each command is a module of its own. A failure ends the process with
//! code 1 and one line that says what went wrong.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the project's own commands run real programs"
)]

mod bench;
mod clients;
mod codegen;
mod conformance;
mod crash;
mod demo;
mod environment;
mod proofs;
mod reload;
mod simulate;
mod step;
mod test;
mod tools;
mod xfs;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask COMMAND

commands:
  demo                   real flights through real functions, with a crash in the middle
  test                   check everything that CI checks; installs what it needs
  bench [PART] [--peers] [--large] [--write-docs]
                         measure a release build on this machine; a table, and target/bench.json
  crash --rounds N|--seconds T [--seed S] [--only enumerate|flips|kill|ext4|xfs] [--flights FILE] [--fetch]
                         stop a log at every operation of a simulated disk, flip its bits, and end the real
                         server under load; every acknowledged record is accounted for;
                         --fetch installs the tools of XFS, as CI does
  simulate --seeds N [--from S]
                         stories full of faults in a simulated world; every promise is checked
  reload [--debug]       from a saved file to the new version handling a record, in each language; a table
  conformance            write docs/conformance.md: actions and constraints, each with what shows it
  codegen --model PATH   write the tables of a door from botocore's service-2.json(.gz)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        bail!("no command given\n{USAGE}");
    };
    match command.as_str() {
        "demo" => demo::run_demo(),
        "test" => test::run_all(),
        "bench" => bench::run_bench(rest),
        "crash" => crash::run_rounds(rest),
        "simulate" => simulate::run_simulation(rest),
        "codegen" => codegen::run(rest),
        "reload" => reload::run_reload(rest),
        "conformance" => conformance::write(),
        "help" | "--help" => {
            report(USAGE);
            Ok(())
        }
        other => bail!("unknown command {other}\n{USAGE}"),
    }
}

/// Says something to the person at the terminal, on stderr: stdout is kept for data.
fn report(text: &str) {
    use std::io::Write as _;
    // A closed terminal is no reason to fail a command that did its work.
    drop(writeln!(std::io::stderr(), "{text}"));
}
