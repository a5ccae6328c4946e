//! `build`: folders of Rust functions become WebAssembly components. cargo does the work and speaks on standard error;
//! out come names and paths. Sources that are WebAssembly already are taken as they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Where a function comes from, as the project's file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// A folder with a `Cargo.toml`, or a component.
    pub(crate) path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuiltFunction {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// Builds all `sources`, one after the other; the first that fails ends it.
pub(crate) fn build(output: Output, sources: &[Source]) -> Result<Vec<BuiltFunction>, Failure> {
    let mut built = Vec::new();
    for source in sources {
        let path = if source.path.is_dir() {
            component_of(output, source)?
        } else {
            // `check` and a start would say the same.
            std::fs::metadata(&source.path).map_err(|error| {
                let (name, path) = (&source.name, source.path.display());
                Failure::failed(format!(
                    "load function `{name}` from {path}: it cannot be read: {error}"
                ))
                .hint("`source` of the function must lead to its .wasm file or folder")
            })?;
            source.path.clone()
        };
        built.push(BuiltFunction {
            name: source.name.clone(),
            path,
        });
    }
    Ok(built)
}

/// What was built, as data.
pub(crate) fn show(output: Output, built: &[BuiltFunction]) -> Result<(), Failure> {
    let items: Vec<Value> = built
        .iter()
        .map(|function| json!({"function": function.name, "path": function.path}))
        .collect();
    output.list(&items, &[("FUNCTION", "/function"), ("COMPONENT", "/path")])
}

fn component_of(output: Output, source: &Source) -> Result<PathBuf, Failure> {
    let Source { name, path: folder } = source;
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        let message = format!(
            "build function `{name}`: {} has no Cargo.toml",
            folder.display()
        );
        return Err(Failure::failed(message)
            .hint("a source is a folder of a Rust function, or the path of a .wasm file"));
    }
    require_target(folder)?;
    output.note(&format!("build    {name}"));
    let failed = |why: String| Failure::failed(format!("build function `{name}`: {why}"));
    let cargo = Command::new("cargo")
        .args(["build", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
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
fn require_target(folder: &Path) -> Result<(), Failure> {
    if target_is_installed(folder) {
        return Ok(());
    }
    Err(
        Failure::failed(format!("build: the Rust target {TARGET} is not installed"))
            .hint(format!("`rustup target add {TARGET}` (about 30 MB)")),
    )
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
    use crate::output::Format;

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

    #[test]
    fn what_is_built_already_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("late.wasm");
        std::fs::write(&component, b"\0asm").unwrap();
        let output = Output {
            format: Format::Table,
        };
        let source = |path: &Path| Source {
            name: "late".to_owned(),
            path: path.to_owned(),
        };
        let built = build(output, &[source(&component)]).unwrap();
        assert_eq!(
            built,
            [BuiltFunction {
                name: "late".to_owned(),
                path: component
            }]
        );
        let missing = build(output, &[source(&folder.path().join("none.wasm"))]).unwrap_err();
        assert!(
            missing.message.contains("none.wasm: it cannot be read"),
            "{missing}"
        );
        let failure = build(output, &[source(folder.path())]).unwrap_err();
        assert!(failure.message.ends_with("has no Cargo.toml"), "{failure}");
    }
}
