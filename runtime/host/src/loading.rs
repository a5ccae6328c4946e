//! From the file of a function to the function: its bytes in, compiled code out, or a sentence on why the file is none.
//!
//! `up` loads what it runs; `check` only wants to know whether that would succeed, and keeps nothing.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use catalog::Told;
use model::{Digest, FunctionName, seams::Journal};
use platform::Platform;
use sandbox::{Engine, EngineSettings, Function, FunctionLimits, GuestLog, LogSink};

use crate::{
    config::{FunctionSource, Project},
    errors::{StartError, Unloaded},
    fitting,
    functions::{self, CodeStore, Functions, Natives},
    options::UpOptions,
    secrets,
};

/// Whether every component that the file names can serve. What is built from code is only looked
/// for: it may not be built yet.
pub async fn inspect(
    platform: &Platform,
    file: &Path,
    project: &Project,
) -> Result<(), StartError> {
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
        fitting::has_slots(name, (file, trigger), now)?;
    }
    Ok(())
}

/// Compiles every function as a server would run it, and its language runtime, into these folders.
pub async fn compile(
    platform: &Platform,
    project: &Project,
    components: &BTreeMap<String, PathBuf>,
    (compiled, runtimes): (&Path, &Path),
) -> Result<(), StartError> {
    let settings = EngineSettings {
        cache_dir: Some(compiled.to_owned()),
        runtimes_dir: Some(runtimes.to_owned()),
        ..EngineSettings::default()
    };
    let engine = Engine::new(platform.clone(), settings, Arc::new(Unheard));
    let engine = engine.map_err(|error| StartError::Other(error.to_string()))?;
    for (name, function) in &project.functions {
        if let Some(path) = components.get(name.as_str()) {
            let limits = functions::limits(&functions::settings(function));
            let loaded = load(platform, &engine, name, path, limits).await?;
            fitting::fits(project, name, path, loaded.kind())?;
        }
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

/// The functions of a server: those that are stored, with those of the file as the file has them now.
pub(crate) async fn deployed(
    platform: &Platform,
    project: &Project,
    options: &UpOptions,
    (engine, journal): (Engine, &Arc<dyn Journal>),
) -> Result<Arc<Functions>, StartError> {
    let code = CodeStore::new(platform.clone(), options.data.join("code"));
    let native = options.data.join("native");
    let code = (code, Natives::of(platform, native, options.allow_native));
    let functions = Functions::open(platform.clone(), engine, Arc::clone(journal), code);
    let functions = Arc::new(functions.map_err(|error| StartError::Other(error.to_string()))?);
    functions.grant_api(&project.server.api_network);
    functions.tell(secrets::read(platform, project, &options.env).await?);
    load_all(platform, project, options, &functions).await?;
    Ok(functions)
}

async fn load_all(
    platform: &Platform,
    project: &Project,
    options: &UpOptions,
    functions: &Functions,
) -> Result<(), StartError> {
    for (name, function) in &project.functions {
        let source = match (&function.source, options.components.get(name.as_str())) {
            (_, Some(built)) => built.clone(),
            (FunctionSource::Component(path), None) => path.clone(),
            (FunctionSource::Folder(path) | FunctionSource::Code { file: path, .. }, None) => {
                return Err(StartError::Function {
                    function: name.to_string(),
                    path: path.clone(),
                    reason: Unloaded::NotBuilt,
                });
            }
        };
        let failed = |reason: Unloaded| StartError::Function {
            function: name.to_string(),
            path: source.clone(),
            reason,
        };
        let bytes = platform.disk.read(&source).await;
        let bytes = bytes.map_err(|error| failed(error.into()))?;
        let settings = functions::settings(function);
        let offered = functions.offer(&bytes, settings).await;
        let offered = offered.map_err(|error| failed(error.into()))?;
        fitting::fits(project, name, &source, offered.kind())?;
        let of_file = (source, function.concurrency);
        functions
            .declare(name, (offered, &bytes), of_file, Told::default())
            .await
            .map_err(|error| StartError::Other(error.to_string()))?;
    }
    functions.clean().await;
    Ok(())
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
