//! `build`: what a function's source says becomes a file that a server loads. Rust, Go and C become WebAssembly by their own
//! compilers; the code of Python and JavaScript is packed as data for a language runtime. Sources that are WebAssembly
//! already are taken as they are. Compilers speak on standard error; out come names and paths.

mod beside;
mod c;
mod go;
mod javascript;
mod packing;
mod python;
mod received;
mod rust;
mod source;
mod tools;

use std::path::{Path, PathBuf};
use std::time::Duration;

use platform::Platform;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::layout::{Layout, make_folder, write};
use crate::output::Output;
use crate::sdk;
pub(crate) use received::packer;
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
    /// For one who waits: built fast rather than small.
    quick: bool,
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
        let (function, note) = build_one(output, place, source, false)?;
        output.note(&note);
        built.push(function);
    }
    Ok(built)
}

/// Builds one function; with what was built comes the line that says so.
pub(crate) fn build_one(
    output: Output,
    place: &Path,
    source: &Source,
    quick: bool,
) -> Result<(BuiltFunction, String), Failure> {
    let building = Building {
        output,
        name: &source.name,
        place: place.join(&source.name),
        quick,
    };
    let clock = Platform::real().clock;
    let began = clock.monotonic();
    let path = one(&building, source)?;
    let took = clock.monotonic().0.saturating_sub(began.0);
    let bytes = std::fs::metadata(&path).map_or(0, |facts| facts.len());
    let note = line(&source.name, took, bytes);
    let function = BuiltFunction {
        name: source.name.clone(),
        path,
    };
    Ok((function, note))
}

fn line(name: &str, took: Duration, bytes: u64) -> String {
    let tenths = took.as_millis() / 100;
    let size = bytes.div_ceil(1024);
    format!(
        "build    {name}   {}.{} s, {size} KiB",
        tenths / 10,
        tenths % 10
    )
}

fn one(building: &Building<'_>, source: &Source) -> Result<PathBuf, Failure> {
    // `check` and a start would say the same.
    std::fs::metadata(&source.path).map_err(|error| {
        let (name, path) = (&source.name, source.path.display());
        let message = format!("load function `{name}` from {path}: it cannot be read: {error}");
        Failure::failed(message).hint("`source` of the function must lead to its folder or file")
    })?;
    if let (true, Some(reference)) = (source.path.is_dir(), &source.handler)
        && (Layout::is_one(&source.path) || reference.starts_with("sha256:"))
    {
        return of_layout(building, &source.path, reference);
    }
    let Some(project) = Project::of(source).map_err(|unknown| {
        building.failed(unknown).hint(
            "a source is a folder with Cargo.toml, go.mod, a handler file (app.py, index.mjs) or C files, such a handler file, or a .wasm file",
        )
    })?
    else {
        return Ok(source.path.clone());
    };
    if !building.quick {
        building.output.note(&format!(
            "build    {} ({})",
            building.name,
            project.language.name()
        ));
    }
    sdks(building, &project)?;
    match project.language {
        Language::Rust => rust::build(building, &project.folder),
        Language::Go => go::build(building, &project.folder),
        Language::C => c::build(building, &project.folder),
        Language::Python => python::build(building, &project),
        Language::JavaScript => javascript::build(building, &project),
    }
}

/// Keeps the schema of this program beside the build, and its SDKs, where the function leads there.
fn sdks(building: &Building<'_>, project: &Project) -> Result<(), Failure> {
    let Some(store) = building.place.parent().and_then(Path::parent) else {
        return Ok(());
    };
    sdk::place_schema(store)?;
    if !sdk::is_wanted(&project.folder) {
        return Ok(());
    }
    let place = store.join("sdk");
    sdk::place(&place)?;
    if project.language == Language::JavaScript {
        sdk::link_module(&project.folder, &place)?;
    }
    Ok(())
}

/// What was built, as data.
/// Code of a layout, under the ending that says what it is.
fn of_layout(building: &Building<'_>, folder: &Path, reference: &str) -> Result<PathBuf, Failure> {
    if !Layout::is_one(folder) {
        let why = format!("{} holds no layout of OCI", folder.display());
        return Err(building.failed(why).hint(
            "registries are asked by their own tools: `skopeo copy docker://REPO oci:DIR` or `oras copy --to-oci-layout REPO DIR` brings one here",
        ));
    }
    let found = Layout::open(folder).find(reference);
    let found = found.map_err(|why| building.failed(why))?;
    let name = match host::Bundle::is_one(&found.bytes) {
        true => "function.bundle",
        false => "function.wasm",
    };
    make_folder(&building.place)?;
    let path = building.place.join(name);
    write(&path, &found.bytes)?;
    Ok(path)
}

/// The language of a source that has to be built; none for what is built already, or not there.
pub(crate) fn language(source: &Source) -> Option<&'static str> {
    let project = Project::of(source).ok().flatten();
    project.map(|project| project.language.name())
}

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
