//! One step of a command: says its name, runs a program, shows how long it took.
//!
//! A program's own output goes through to the terminal. A step that fails names the program and what to do next;
//! no later step runs.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::report;

/// The root of the repository, found from this crate's place in it.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Runs `program` in `directory` and fails with `hint` when it does not succeed.
pub(crate) fn run(name: &str, directory: &Path, program: &[&str], hint: &str) -> Result<()> {
    run_with(name, directory, &[], program, hint)
}

/// The same, with variables for the program's environment.
pub(crate) fn run_with(
    name: &str,
    directory: &Path,
    environment: &[(&str, &str)],
    program: &[&str],
    hint: &str,
) -> Result<()> {
    report(&format!("==> {name}"));
    let status = command(directory, program)?
        .envs(environment.iter().copied())
        .status()
        .with_context(|| format!("start {}", program.join(" ")))?;
    if !status.success() {
        bail!(
            "{name}: `{}` failed ({status})\nhint: {hint}",
            program.join(" ")
        );
    }
    Ok(())
}

/// Whether `program` can be started and succeeds; its output is thrown away.
pub(crate) fn succeeds(program: &[&str]) -> bool {
    command(&root(), program).is_ok_and(|mut command| {
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

/// What `program` prints.
pub(crate) fn output(program: &[&str]) -> Result<String> {
    let output = command(&root(), program)?
        .output()
        .with_context(|| program.join(" "))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", program.join(" "), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `program` prints, which a step that fails shows; its stderr goes through.
pub(crate) fn output_with(
    name: &str,
    directory: &Path,
    environment: &[(&str, &str)],
    program: &[&str],
    hint: &str,
) -> Result<String> {
    report(&format!("==> {name}"));
    let output = command(directory, program)?
        .envs(environment.iter().copied())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("start {}", program.join(" ")))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        report(&printed);
        let status = output.status;
        bail!(
            "{name}: `{}` failed ({status})\nhint: {hint}",
            program.join(" ")
        );
    }
    Ok(printed)
}

fn command(directory: &Path, program: &[&str]) -> Result<Command> {
    let Some((name, arguments)) = program.split_first() else {
        bail!("an empty command");
    };
    let mut command = Command::new(name);
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null());
    Ok(command)
}
