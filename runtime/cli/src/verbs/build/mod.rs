//! `build`: what a function's source says becomes a file that a server loads. Rust, Go and C become WebAssembly by their own
//! compilers; the code of Python and JavaScript is packed as data for a language runtime. Sources that are WebAssembly
//! already are taken as they are. Compilers speak on standard error; out come names and paths.

mod go;
mod javascript;
mod packing;
mod python;
mod rust;
mod source;
mod tools;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;
pub(crate) use rust::{TARGET, target_is_installed};
use source::{Language, Project};

/// Where a function comes from, as the project's file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// A folder of a language that is known, one of its files, or WebAssembly.
    pub(crate) path: PathBuf,
    /// The function in that file that handles events, where it is said.
    pub(crate) handler: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuiltFunction {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// What building one function is given.
struct Building<'a> {
    output: Output,
    name: &'a str,
    /// Where what is built may be left; it is made on first use.
    place: PathBuf,
}

impl Building<'_> {
    fn failed(&self, why: impl std::fmt::Display) -> Failure {
        Failure::failed(format!("build function `{}`: {why}", self.name))
    }
}

/// Builds all `sources`, one after the other, below `place`; the first that fails ends it.
pub(crate) fn build(
    output: Output,
    place: &Path,
    sources: &[Source],
) -> Result<Vec<BuiltFunction>, Failure> {
    let mut built = Vec::new();
    for source in sources {
        let building = Building {
            output,
            name: &source.name,
            place: place.join(&source.name),
        };
        built.push(BuiltFunction {
            name: source.name.clone(),
            path: one(&building, source)?,
        });
    }
    Ok(built)
}

fn one(building: &Building<'_>, source: &Source) -> Result<PathBuf, Failure> {
    // `check` and a start would say the same.
    std::fs::metadata(&source.path).map_err(|error| {
        let (name, path) = (&source.name, source.path.display());
        let message = format!("load function `{name}` from {path}: it cannot be read: {error}");
        Failure::failed(message).hint("`source` of the function must lead to its folder or file")
    })?;
    let Some(project) = Project::of(source).map_err(|unknown| {
        building.failed(unknown).hint(
            "a source is a folder with Cargo.toml, go.mod, package.json or a handler file (app.py, index.mjs), such a file, or a .wasm file",
        )
    })?
    else {
        return Ok(source.path.clone());
    };
    building.output.note(&format!(
        "build    {} ({})",
        building.name,
        project.language.name()
    ));
    match project.language {
        Language::Rust => rust::build(building, &project.folder),
        Language::Go => go::build(building, &project.folder),
        Language::Python => python::build(building, &project),
        Language::JavaScript => javascript::build(building, &project),
    }
}

/// What was built, as data.
pub(crate) fn show(output: Output, built: &[BuiltFunction]) -> Result<(), Failure> {
    let items: Vec<Value> = built
        .iter()
        .map(|function| json!({"function": function.name, "path": function.path}))
        .collect();
    output.list(&items, &[("FUNCTION", "/function"), ("COMPONENT", "/path")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

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
            handler: None,
        };
        let build = |path: &Path| build(output, folder.path(), &[source(path)]);
        let built = build(&component).unwrap();
        assert_eq!(
            built,
            [BuiltFunction {
                name: "late".to_owned(),
                path: component
            }]
        );
        let missing = build(&folder.path().join("none.wasm")).unwrap_err();
        assert!(
            missing.message.contains("none.wasm: it cannot be read"),
            "{missing}"
        );
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        let failure = build(&empty).unwrap_err();
        assert!(
            failure
                .message
                .ends_with("empty holds no function of a language that is known"),
            "{failure}"
        );
    }
}
