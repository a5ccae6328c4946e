//! From the file of a function to the function: its bytes in, compiled code out, or a sentence on why the file is none.
//!
//! `up` loads what it runs; `check` only wants to know whether that would succeed, and keeps nothing.

use std::{io, path::Path, sync::Arc};

use model::{Digest, FunctionName};
use platform::Platform;
use sandbox::{Engine, EngineSettings, Function, FunctionLimits, GuestLog, LogSink};

use crate::{
    config::{FunctionSource, Project},
    errors::{StartError, Unloaded},
    fitting, functions,
};

/// Whether every component that the file names can serve. What is built from code is only looked
/// for: it may not be built yet.
pub async fn inspect(platform: &Platform, project: &Project) -> Result<(), StartError> {
    let engine = Engine::new(
        platform.clone(),
        EngineSettings::default(),
        Arc::new(Unheard),
    )
    .map_err(|error| StartError::Other(error.to_string()))?;
    for (name, function) in &project.functions {
        match &function.source {
            FunctionSource::Folder(path) | FunctionSource::Code { file: path, .. } => {
                if !platform.disk.exists(path).await {
                    let missing = io::Error::new(io::ErrorKind::NotFound, "it is not there");
                    return Err(StartError::Function {
                        function: name.to_string(),
                        path: path.clone(),
                        reason: missing.into(),
                    });
                }
            }
            FunctionSource::Component(path) => {
                let limits = functions::limits(&functions::settings(function));
                let loaded = load(platform, &engine, name, path, limits).await?;
                fitting::fits(project, name, path, loaded.kind())?;
            }
        }
    }
    let now = platform.clock.wall();
    for (name, trigger) in &project.schedules {
        fitting::has_slots(name, trigger, now)?;
    }
    Ok(())
}

pub(crate) async fn load(
    platform: &Platform,
    engine: &Engine,
    name: &FunctionName,
    path: &Path,
    limits: FunctionLimits,
) -> Result<Function, StartError> {
    let failed = |reason: Unloaded| StartError::Function {
        function: name.to_string(),
        path: path.to_owned(),
        reason,
    };
    let bytes = platform.disk.read(path).await;
    let bytes = bytes.map_err(|error| failed(error.into()))?;
    let loaded = engine.load(&bytes, limits).await;
    loaded.map_err(|error| failed(error.into()))
}

/// Nothing that is only looked at ever runs, so nobody listens.
#[derive(Debug)]
struct Unheard;

impl LogSink for Unheard {
    fn log(&self, _line: GuestLog) {}
}

/// The digest under which bytes are known.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    sandbox::digest_of(bytes)
}
