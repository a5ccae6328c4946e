//! Programs that building needs: run with their own messages on standard error, and where they come from a package
//! registry, installed once for this user in the cache, each version in a folder of its own.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::cache;
use crate::failure::Failure;
use crate::layout::make_folder;
use crate::limits::TOOL_PAUSE;
use crate::output::{Format, Output};

/// A tool from a registry: the command installs it into the folder it is given.
pub(super) struct Tool {
    /// `componentize-py-0.25.1`: what is in the folder of this name never changes.
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) install: fn(&Path) -> Command,
    /// For a machine on which the installer does not start.
    pub(super) hint: &'static str,
}

impl Tool {
    /// Its folder, after installing it where it is not there yet.
    pub(super) fn folder(&self, output: Output) -> Result<PathBuf, Failure> {
        let place = cached("tools")?.join(self.name);
        if place.is_dir() {
            return Ok(place);
        }
        output.note(&format!("tools    {} ({}, once)", self.name, self.about));
        // Made aside and renamed, so that a folder of this name is always whole.
        let aside = place.with_file_name(format!("{}.{}", self.name, std::process::id()));
        make_folder(&aside)?;
        let installed = run(&mut (self.install)(&aside), self.hint).map_err(|failure| {
            let message = format!("install {}: {}", self.name, failure.message);
            Failure::failed(message).hint_of(failure.hint)
        });
        if installed.is_ok() && std::fs::rename(&aside, &place).is_ok() {
            return Ok(place);
        }
        drop(std::fs::remove_dir_all(&aside));
        // Another build may have been first.
        installed.map(|()| place)
    }
}

/// A folder of the user's cache.
pub(super) fn cached(name: &str) -> Result<PathBuf, Failure> {
    let cache = cache::folder().ok_or_else(|| {
        Failure::failed("keep tools: there is no home folder")
            .hint("name a folder for them in the variable SHARDMILL_CACHE")
    })?;
    let folder = cache.join(name);
    make_folder(&folder)?;
    Ok(folder)
}

/// pip, told to install below `folder`; what is to be installed is still to be said.
pub(super) fn install_wheel(folder: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore"])
        .args(["--no-compile", "--target"])
        .arg(folder);
    pip
}

/// Runs a program to its end. What it prints goes to standard error, so that it is seen and is no data of ours.
pub(super) fn run(command: &mut Command, missing: &str) -> Result<(), Failure> {
    let name = name_of(command);
    let started = started(command.stderr(Stdio::inherit()), missing)?;
    ended(end_of(started, &name), &name)
}

/// The same, with what it said of its errors where it failed: for hints about them.
pub(super) fn run_heard(command: &mut Command, missing: &str) -> Result<(), (Failure, String)> {
    let name = name_of(command);
    let mut program = started(command.stderr(Stdio::piped()), missing)
        .map_err(|failure| (failure, String::new()))?;
    let mut said = Vec::new();
    if let Some(mut errors) = program.stderr.take() {
        // What is cut off by an error of the pipe is still shown as far as it came.
        drop(errors.read_to_end(&mut said));
    }
    drop(std::io::stderr().write_all(&said));
    ended(end_of(program, &name), &name)
        .map_err(|failure| (failure, String::from_utf8_lossy(&said).into_owned()))
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn started(command: &mut Command, missing: &str) -> Result<Child, Failure> {
    let name = name_of(command);
    let command = command.stdin(Stdio::null()).stdout(std::io::stderr());
    command
        .spawn()
        .map_err(|error| Failure::failed(format!("{name} does not start: {error}")).hint(missing))
}

fn ended(ended: std::io::Result<ExitStatus>, name: &str) -> Result<(), Failure> {
    let ended = ended.map_err(|error| Failure::failed(format!("{name} is lost: {error}")))?;
    if ended.success() {
        return Ok(());
    }
    Err(Failure::failed(format!("{name} failed and says why above")))
}

/// Waits for a program; one that takes long and says nothing is seen to run.
fn end_of(mut program: Child, name: &str) -> std::io::Result<ExitStatus> {
    let (send, ended) = channel();
    std::thread::spawn(move || send.send(program.wait()));
    let output = Output {
        format: Format::Table,
    };
    let mut waited = Duration::ZERO;
    loop {
        match ended.recv_timeout(TOOL_PAUSE) {
            Ok(ended) => return ended,
            Err(RecvTimeoutError::Timeout) => {
                waited += TOOL_PAUSE;
                output.note(&format!("         {name} runs, {} s", waited.as_secs()));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(std::io::Error::other("nobody waits for it"));
            }
        }
    }
}
