//! Code as data: the files of a function and the language runtime that runs them become one bundle.
//!
//! A runtime is made once for each version of its sources, which are part of this program, and kept in the user's cache
//! under the digest of its component.

use std::path::{Path, PathBuf};

use host::{Bundle, Digest, digest_of};

use super::Building;
use super::tools::cached;
use crate::failure::Failure;
use crate::layout::{make_folder, write as place};

/// Of a language, with all that its component is made from.
pub(super) struct Runtime {
    pub(super) language: &'static str,
    /// Name and text of each source.
    pub(super) sources: &'static [(&'static str, &'static str)],
    /// Makes the component from a folder that holds the sources and `function.wit`.
    pub(super) make: fn(&Building<'_>, folder: &Path, component: &Path) -> Result<(), Failure>,
    /// What it is made with, in its version.
    pub(super) tool: &'static str,
}

const WIT: &str = include_str!("../../../../../sdk/wit/function.wit");

impl Runtime {
    /// The digest of its component, which is then in the cache.
    pub(super) fn digest(&self, building: &Building<'_>) -> Result<Digest, Failure> {
        let runtimes = cached("runtimes")?;
        let texts = self.sources.iter().flat_map(|(name, text)| [*name, *text]);
        let all: Vec<&str> = texts.chain([WIT, self.tool]).collect();
        let wanted = digest_of(all.join("\0").as_bytes());
        let note = runtimes.join(format!("{}-{wanted}", self.language));
        let known = std::fs::read_to_string(&note).ok();
        if let Some(digest) = known.and_then(|text| text.trim().parse::<Digest>().ok())
            && runtimes.join(format!("{digest}.wasm")).is_file()
        {
            return Ok(digest);
        }
        let aside = runtimes.join(format!("{}-{}", self.language, std::process::id()));
        let made = self.made(building, &aside);
        let digest = made.and_then(|component| {
            let digest = digest_of(&component);
            place(&runtimes.join(format!("{digest}.wasm")), &component)?;
            place(&note, digest.to_string().as_bytes())?;
            Ok(digest)
        });
        drop(std::fs::remove_dir_all(&aside));
        let digest = digest?;
        building.output.note(&format!(
            "runtime  {} made, once for all functions",
            self.language
        ));
        Ok(digest)
    }

    fn made(&self, building: &Building<'_>, folder: &Path) -> Result<Vec<u8>, Failure> {
        let wit = folder.join("wit");
        make_folder(&wit)?;
        place(&wit.join("function.wit"), WIT.as_bytes())?;
        for (name, text) in self.sources {
            let path = folder.join(name);
            make_folder(path.parent().unwrap_or(folder))?;
            place(&path, text.as_bytes())?;
        }
        let component = folder.join("runtime.wasm");
        (self.make)(building, folder, &component)?;
        std::fs::read(&component)
            .map_err(|error| building.failed(format!("its runtime was not made: {error}")))
    }
}

/// Writes the bundle of a function and returns its path.
pub(super) fn pack(
    building: &Building<'_>,
    runtime: &Runtime,
    entry: String,
    mut files: Vec<(String, Vec<u8>)>,
) -> Result<PathBuf, Failure> {
    files.sort();
    let bundle = Bundle {
        runtime: runtime.digest(building)?,
        language: runtime.language.to_owned(),
        entry,
        files,
    };
    let bytes = bundle.encode().map_err(|error| {
        building
            .failed(error)
            .hint("leave out what it does not need: tests, data that a stream could bring; a source that names the handler's file takes of what lies beside it only what the code names")
    })?;
    make_folder(&building.place)?;
    let path = building.place.join("function.bundle");
    place(&path, &bytes)?;
    Ok(path)
}
