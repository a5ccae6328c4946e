//! Compiled functions as files, by digest, engine version and configuration: compiled once, opened at every later start.
//!
//! A file that cannot be opened is compiled again; a folder that cannot be written costs time, never the function.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::Digest;
use wasmtime::{Module, component::Component};

use crate::{adapt::Form, engine::Shared};

const ENDING: &str = ".cwasm";

/// What wasmtime makes of a file.
#[derive(Clone)]
pub(crate) enum Code {
    Component(Component),
    /// A program of preview 1, which is run as it is.
    Module(Module),
}

impl Code {
    fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        match self {
            Self::Component(component) => component.serialize(),
            Self::Module(module) => module.serialize(),
        }
    }
}

/// The folder, where there is one, and the names of the files that were needed in this run.
#[derive(Debug)]
pub(crate) struct Compiled {
    dir: Option<PathBuf>,
    needed: Mutex<BTreeSet<String>>,
}

impl Compiled {
    pub(crate) fn new(dir: Option<PathBuf>) -> Self {
        Self {
            dir,
            needed: Mutex::default(),
        }
    }

    pub(crate) async fn open(&self, shared: &Shared, digest: Digest, form: Form) -> Option<Code> {
        let name = name(&shared.wasmtime, digest);
        let path = self.dir.as_ref()?.join(&name);
        self.needed().insert(name);
        if !shared.platform.disk.exists(&path).await {
            return None;
        }
        match deserialize(shared, &path, form).await {
            Ok(code) => Some(code),
            Err(error) => {
                tracing::warn!(%digest, error = %error, "compiled function not usable");
                None
            }
        }
    }

    pub(crate) async fn keep(&self, shared: &Shared, digest: Digest, code: &Code) {
        let Some(dir) = &self.dir else {
            return;
        };
        let path = dir.join(name(&shared.wasmtime, digest));
        let written = match code.serialize() {
            Ok(code) => write(shared, dir, &path, &code)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(format!("{error:#}")),
        };
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), error, "compiled function not kept");
        }
    }

    /// Old versions of functions, and what an older engine compiled.
    pub(crate) async fn remove_unused(&self, shared: &Shared, used: &BTreeSet<Digest>) {
        let Some(dir) = &self.dir else {
            return;
        };
        let disk = &shared.platform.disk;
        // A folder that is not there holds nothing.
        let mut names = disk.list(dir).await.unwrap_or_default();
        let is_used = |name: &String| {
            let of = |digest: &Digest| *name == self::name(&shared.wasmtime, *digest);
            self.needed().contains(name) || used.iter().any(of)
        };
        names.retain(|name| name.ends_with(ENDING) && !is_used(name));
        for name in names {
            if let Err(error) = disk.remove_file(&dir.join(&name)).await {
                tracing::warn!(name, %error, "unused compiled function not removed");
            }
        }
    }

    fn needed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.needed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(engine: &wasmtime::Engine, digest: Digest) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}{ENDING}", hasher.finish())
}

#[expect(
    unsafe_code,
    reason = "compiled code is mapped as it is, which only its origin makes safe"
)]
async fn deserialize(shared: &Shared, path: &Path, form: Form) -> wasmtime::Result<Code> {
    let (engine, disk) = (&shared.wasmtime, &shared.platform.disk);
    let simulated = match disk.is_simulated() {
        true => Some(disk.read(path).await?),
        false => None,
    };
    // SAFETY: the file was written whole by `keep` into a folder that only this host writes; its name holds the
    // digest of the source and the engine's configuration, and wasmtime checks its version before it runs it.
    Ok(match (form, simulated) {
        (Form::Component, Some(code)) => {
            Code::Component(unsafe { Component::deserialize(engine, code) }?)
        }
        (Form::Component, None) => {
            Code::Component(unsafe { Component::deserialize_file(engine, path) }?)
        }
        (Form::Program, Some(code)) => Code::Module(unsafe { Module::deserialize(engine, code) }?),
        (Form::Program, None) => Code::Module(unsafe { Module::deserialize_file(engine, path) }?),
    })
}

async fn write(shared: &Shared, dir: &Path, path: &Path, code: &[u8]) -> std::io::Result<()> {
    shared.platform.disk.create_dir_all(dir).await?;
    shared.platform.disk.replace(path, code).await
}
