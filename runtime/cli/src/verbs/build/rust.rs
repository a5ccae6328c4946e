//! Rust functions: cargo makes components of them, for the target of WASI 0.2.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Building;
use super::tools::run;
use crate::failure::Failure;

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Of the profile, while a function is being written.
const QUICK: &[&str] = &[
    "lto=false",
    "incremental=true",
    "codegen-units=16",
    "opt-level=1",
];

pub(super) fn build(building: &Building<'_>, folder: &Path) -> Result<PathBuf, Failure> {
    let manifest = folder.join("Cargo.toml");
    require_target(building, folder)?;
    let failed = |why: String| building.failed(why);
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics");
    if building.quick {
        // Compiled anew at each save: half a second where a release takes three times that.
        for setting in QUICK {
            cargo
                .arg("--config")
                .arg(format!("profile.release.{setting}"));
        }
        let shared = building.place.with_file_name("cargo");
        // The first time takes a minute, and shows why.
        if shared.is_dir() {
            cargo.arg("--quiet");
        }
        cargo.arg("--target-dir").arg(shared);
    }
    let cargo = cargo
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            failed(format!("cargo does not start: {error}"))
                .hint("install Rust from https://rustup.rs")
        })?;
    if !cargo.status.success() {
        return Err(failed("cargo says why above".to_owned()));
    }
    let manifest = manifest.canonicalize().unwrap_or(manifest);
    component_in(&String::from_utf8_lossy(&cargo.stdout), &manifest).ok_or_else(|| {
        failed("cargo made no .wasm file".to_owned())
            .hint("add `[lib]` with `crate-type = [\"cdylib\"]` to its Cargo.toml")
    })
}

/// The last component that cargo's messages name for the package of `manifest`.
fn component_in(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let files = |message: &Value| -> Option<PathBuf> {
        if message.get("reason")?.as_str()? != "compiler-artifact" {
            return None;
        }
        if Path::new(message.get("manifest_path")?.as_str()?) != manifest {
            return None;
        }
        let files = message
            .get("filenames")?
            .as_array()?
            .iter()
            .filter_map(Value::as_str);
        files
            .filter(|file| file.ends_with(".wasm"))
            .map(PathBuf::from)
            .next_back()
    };
    messages
        .lines()
        .filter_map(|line| files(&serde_json::from_str(line).ok()?))
        .next_back()
}

/// A missing target is otherwise told as `can't find crate for core`.
fn require_target(building: &Building<'_>, folder: &Path) -> Result<(), Failure> {
    if target_is_installed(folder) {
        return Ok(());
    }
    if !is_there("rustc") {
        return Err(building
            .failed("Rust is not there")
            .hint("install Rust from https://rustup.rs"));
    }
    let question =
        format!("the Rust target {TARGET} is missing; add it with rustup (about 30 MB)?");
    if is_there("rustup") && building.output.asks(&question) {
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", TARGET]).current_dir(folder);
        return run(&mut rustup, "install Rust from https://rustup.rs");
    }
    Err(
        Failure::failed(format!("build: the Rust target {TARGET} is not installed"))
            .hint(format!("`rustup target add {TARGET}` (about 30 MB)")),
    )
}

fn is_there(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").output();
    asked.is_ok_and(|answer| answer.status.success())
}

pub(crate) fn target_is_installed(folder: &Path) -> bool {
    let asked = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .stderr(Stdio::null())
        .output();
    asked.is_ok_and(|answer| {
        Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_dir()
            && answer.status.success()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_of_the_package_itself() {
        let messages = r#"
{"reason":"compiler-artifact","manifest_path":"/dep/Cargo.toml","filenames":["/t/dep.wasm"]}
{"reason":"compiler-artifact","manifest_path":"/late/Cargo.toml","filenames":["/t/liblate.rlib","/t/late.wasm"]}
{"reason":"build-finished","success":true}
"#;
        let found = |manifest: &str| component_in(messages, Path::new(manifest));
        assert_eq!(
            found("/late/Cargo.toml"),
            Some(PathBuf::from("/t/late.wasm"))
        );
        assert_eq!(found("/other/Cargo.toml"), None);
    }
}
