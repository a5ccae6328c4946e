//! Go functions: programs that the ordinary toolchain compiles for preview 1 of WASI.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Building;
use super::tools::run;
use crate::failure::Failure;
use crate::layout::make_folder;

pub(super) fn build(building: &Building<'_>, folder: &Path) -> Result<PathBuf, Failure> {
    make_folder(&building.place)?;
    let program = building.place.join("command.wasm");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(folder)
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm");
    run(&mut go, "install Go 1.21 or later from https://go.dev/dl")
        .map_err(|failure| building.failed(failure.message).hint_of(failure.hint))?;
    Ok(program)
}
