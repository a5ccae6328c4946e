//! Bundles: what `build --release -o DIR` leaves and `up DIR` runs without building or compiling anything.
//!
//! A bundle is the file, the functions in a layout of OCI, the language runtimes they need and all of it compiled for this
//! version of the program. `bundle.json` names every file with its digest; one that differs is refused before anything
//! runs. What is compiled is machine code: a bundle is trusted as the program itself is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use host::{Bundle, Digest, digest_of};
use platform::Platform;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
use crate::layout::{Layout, make_folder, write};
use crate::output::Output;
use crate::verbs::build::BuiltFunction;
use crate::{cache, project};

const LIST: &str = "bundle.json";
const FILE: &str = "triggers.yaml";
const COMPILED: &str = "compiled";
const RUNTIMES: &str = "runtimes";
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    version: u32,
    made_by: String,
    environment: String,
    /// The digest of the manifest of each function.
    functions: BTreeMap<String, String>,
    /// The digest of every other file.
    files: BTreeMap<String, String>,
}

/// A bundle all of whose files are as they were written.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: PathBuf,
    pub(crate) functions: Vec<BuiltFunction>,
    folder: PathBuf,
    files: Vec<String>,
}

/// Writes one of functions that are built.
pub(crate) async fn make(
    output: Output,
    (file, env): (&Path, &str),
    folder: &Path,
    built: &[BuiltFunction],
) -> Result<(), Failure> {
    if folder.join(FILE).exists() && !folder.join(LIST).exists() {
        let message = format!("write a bundle to {}: it holds a project", folder.display());
        return Err(Failure::new(Exit::Conflict, message).hint("name an empty folder"));
    }
    let mut functions = Vec::new();
    for function in built {
        functions.push((function.name.clone(), read(&function.path)?));
    }
    let layout = Layout::make(folder)?;
    let written = layout.write(&functions)?;
    write(&folder.join(FILE), project::text_of(file)?.as_bytes())?;
    let mut files = vec![FILE.to_owned()];
    files.extend(runtimes(folder, &functions)?);
    files.extend(compiled(output, (file, env), folder, built).await?);
    let mut digests = BTreeMap::new();
    for name in files {
        let digest = digest_of(&read(&folder.join(&name))?).to_string();
        digests.insert(name, digest);
    }
    let names = functions.iter().map(|(name, _)| name.clone());
    let listed = Listed {
        version: VERSION,
        made_by: format!("shardmill {}", env!("CARGO_PKG_VERSION")),
        environment: env.to_owned(),
        functions: names
            .zip(written.into_iter().map(|found| found.manifest))
            .collect(),
        files: digests,
    };
    let text = serde_json::to_vec_pretty(&listed)
        .map_err(|error| Failure::failed(format!("write {LIST}: {error}")))?;
    write(&folder.join(LIST), &text)?;
    output.note(&format!(
        "bundle   {}   {} functions; `shardmill up {}` runs it",
        folder.display(),
        functions.len(),
        folder.display()
    ));
    Ok(())
}

/// The language runtime that code needs which is data, and the name of the language.
pub(crate) fn runtime_of(code: &[u8]) -> Result<Option<(Digest, String)>, Failure> {
    if !Bundle::is_one(code) {
        return Ok(None);
    }
    let bundle = Bundle::decode(code)
        .map_err(|error| Failure::failed(format!("read code of a language runtime: {error}")))?;
    Ok(Some((bundle.runtime, bundle.language)))
}

/// The runtimes of functions that are data, from the cache into the bundle.
fn runtimes(folder: &Path, functions: &[(String, Vec<u8>)]) -> Result<Vec<String>, Failure> {
    let mut needed = BTreeSet::new();
    for (_, bytes) in functions {
        needed.extend(runtime_of(bytes)?.map(|(digest, _)| digest));
    }
    let mut files = Vec::new();
    for digest in needed {
        let name = format!("{RUNTIMES}/{digest}.wasm");
        let from = cached_runtimes()?.join(format!("{digest}.wasm"));
        copy(&from, &folder.join(&name))?;
        files.push(name);
    }
    Ok(files)
}

/// Everything compiled as this version of the program runs it.
async fn compiled(
    output: Output,
    (file, env): (&Path, &str),
    folder: &Path,
    built: &[BuiltFunction],
) -> Result<Vec<String>, Failure> {
    let project = project::read_as(file, env)?;
    let components: BTreeMap<String, PathBuf> = built
        .iter()
        .map(|function| (function.name.clone(), function.path.clone()))
        .collect();
    let place = folder.join(COMPILED);
    make_folder(&place)?;
    let runtimes = folder.join(RUNTIMES);
    output.note("compile  for this version of the program");
    host::compile(
        &Platform::real(),
        &project,
        &components,
        (&*place, &*runtimes),
    )
    .await
    .map_err(|error| Failure {
        exit: Exit::Failed,
        message: error.to_string(),
        hint: error.hint().map(str::to_owned),
    })?;
    let mut files = Vec::new();
    for part in [COMPILED.to_owned(), format!("{RUNTIMES}/{COMPILED}")] {
        for entry in std::fs::read_dir(folder.join(&part))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".cwasm") {
                files.push(format!("{part}/{name}"));
            }
        }
    }
    Ok(files)
}

/// Whether a folder is one.
pub(crate) fn is_one(folder: &Path) -> bool {
    folder.join(LIST).is_file()
}

/// Reads a bundle and compares all of it with its digests.
pub(crate) fn open(folder: &Path) -> Result<Opened, Failure> {
    let damaged = |why: String| {
        let message = format!("open the bundle {}: {why}", folder.display());
        Failure::new(Exit::CheckFailed, message)
            .hint("make it again: `shardmill build --release -o DIR`")
    };
    let listed = read(&folder.join(LIST))?;
    let listed: Listed =
        serde_json::from_slice(&listed).map_err(|error| damaged(error.to_string()))?;
    if listed.version != VERSION {
        return Err(damaged(format!(
            "it has version {}, known is {VERSION}",
            listed.version
        )));
    }
    for (name, digest) in &listed.files {
        let is_inside = !name.starts_with('/') && name.split('/').all(|part| part != "..");
        if !is_inside || digest_of(&read(&folder.join(name))?).to_string() != *digest {
            return Err(damaged(format!("{name} is not as it was written")));
        }
    }
    let layout = Layout::open(folder);
    let mut functions = Vec::new();
    for (name, manifest) in &listed.functions {
        let found = layout.find(manifest).map_err(damaged)?;
        functions.push(BuiltFunction {
            name: name.clone(),
            path: found.code,
        });
    }
    Ok(Opened {
        file: folder.join(FILE),
        functions,
        folder: folder.to_owned(),
        files: listed.files.into_keys().collect(),
    })
}

impl Opened {
    /// Where the language runtimes of its functions are.
    pub(crate) fn runtimes(&self) -> PathBuf {
        self.folder.join(RUNTIMES)
    }

    /// Puts what is compiled, and the runtimes, where a server that keeps its data in `data` looks for them.
    pub(crate) fn hand_over(&self, data: &Path) -> Result<(), Failure> {
        let functions = data.join("functions");
        for name in &self.files {
            let to = match name.split('/').collect::<Vec<_>>().as_slice() {
                [COMPILED, file] => functions.join(file),
                [RUNTIMES, rest @ ..] => cached_runtimes()?.join(rest.join("/")),
                _ => continue,
            };
            if !to.is_file() {
                copy(&self.folder.join(name), &to)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn cached_runtimes() -> Result<PathBuf, Failure> {
    let folder = cache::folder();
    let folder = folder.ok_or_else(|| {
        Failure::failed("find the user's cache: there is no home").hint("set SHARDMILL_CACHE")
    })?;
    Ok(folder.join("runtimes"))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::failed(format!("read {}: {error}", path.display())))
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    write(to, &read(from)?)
}
