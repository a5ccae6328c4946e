//! Handler files that a server is handed through the Lambda API: unpacked into a folder of their own, built as a project's
//! are, and their bundle read back. The folder goes when that is done.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use host::{HandlerFiles, Packer, digest_of};

use super::{Building, Source, one};
use crate::failure::Failure;
use crate::output::Output;

/// So that two packages with the same names have folders of their own.
static UNPACKED: AtomicU64 = AtomicU64::new(0);

/// What a server makes functions of handler files with.
pub(crate) fn packer(output: Output) -> Packer {
    Packer::new(move |files| packed(output, &files))
}

fn packed(output: Output, received: &HandlerFiles) -> Result<Vec<u8>, String> {
    let names = received.files.iter().map(|(name, _)| name.as_bytes());
    let names: Vec<&[u8]> = names.collect();
    let id = digest_of(&names.concat()).to_string();
    let id = id.get(..16).unwrap_or_default();
    let number = UNPACKED.fetch_add(1, Ordering::Relaxed);
    let own = format!("shardmill-{id}-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(own);
    drop(std::fs::remove_dir_all(&folder));
    let bundle = unpack(&folder, received)
        .map_err(|error| format!("unpack it: {error}"))
        .and_then(|code| {
            let built = build(output, &folder, &code, received);
            built.map_err(|failure| failure.to_string())
        })
        .and_then(|path| std::fs::read(path).map_err(|error| error.to_string()));
    drop(std::fs::remove_dir_all(&folder));
    bundle
}

/// Names are known to lead nowhere else.
fn unpack(folder: &Path, received: &HandlerFiles) -> io::Result<PathBuf> {
    let code = folder.join("code");
    for (name, contents) in &received.files {
        let path = code.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, contents)?;
    }
    Ok(code)
}

fn build(
    output: Output,
    folder: &Path,
    code: &Path,
    received: &HandlerFiles,
) -> Result<PathBuf, Failure> {
    let building = Building {
        output,
        name: "function",
        place: folder.join("build"),
        quick: false,
    };
    let source = Source {
        name: "function".to_owned(),
        path: code.to_owned(),
        handler: Some(received.handler.clone()),
    };
    one_of(&building, &source, received)
}

/// The whole folder belongs to the function; its handler is where the package says.
fn one_of(
    building: &Building<'_>,
    source: &Source,
    received: &HandlerFiles,
) -> Result<PathBuf, Failure> {
    let mut project = super::source::Project::of(&Source {
        path: source.path.join(&received.file),
        ..source.clone()
    })
    .map_err(|unknown| building.failed(unknown))?
    .ok_or_else(|| building.failed("it is no handler file"))?;
    project.folder.clone_from(&source.path);
    project.file = PathBuf::from(&received.file);
    project.is_file = false;
    // What a package holds was installed when it was made.
    drop(std::fs::remove_file(source.path.join("requirements.txt")));
    super::sdks(building, &project)?;
    match project.language {
        super::source::Language::Python => super::python::build(building, &project),
        super::source::Language::JavaScript => super::javascript::build(building, &project),
        super::source::Language::Rust
        | super::source::Language::Go
        | super::source::Language::C => one(building, source),
    }
}
