//! Changes the running server to what the file says.
//!
//! In: the file, and code that was handed over. Out: versions that are deployed and triggers that go on where they stood.
//! Every function is loaded before anything changes.

use std::{collections::BTreeMap, path::PathBuf};

use bytes::Bytes;
use model::{Digest, FunctionName, FunctionVersion};

use super::{
    asked::Asked,
    changes::{triggers, vanished},
    failed,
    others::Others,
    shadows,
};
use crate::{
    api::ApiError,
    assemble::{Rooms, launch},
    config::Project,
    fitting,
    functions::{self, Offered},
    plan, secrets,
};

/// All functions of the file, and the numbers of those that are new versions.
pub(super) async fn declare(
    rooms: &Rooms,
    project: &Project,
    asked: &Asked,
    digests: &BTreeMap<FunctionName, Digest>,
) -> Result<Vec<(FunctionName, FunctionVersion)>, ApiError> {
    let ready = ready(rooms, project, asked, digests).await?;
    let mut others = Vec::new();
    for (name, offered, bytes, of_file) in ready {
        let ran = rooms.functions.get(name).map(|deployed| deployed.main());
        let functions = &rooms.functions;
        let declared = functions.declare(name, (offered, &bytes), of_file, asked.told());
        let version = declared.await.map_err(ApiError::failed)?;
        if ran != Some(version) {
            others.push((name.clone(), version));
        }
    }
    Ok(others)
}

type Ready<'a> = (&'a FunctionName, Offered, Bytes, (PathBuf, u32));

/// Every function loaded, before anything changes.
async fn ready<'a>(
    rooms: &Rooms,
    project: &'a Project,
    asked: &Asked,
    digests: &BTreeMap<FunctionName, Digest>,
) -> Result<Vec<Ready<'a>>, ApiError> {
    let mut ready = Vec::new();
    for (name, function) in &project.functions {
        let Some(digest) = digests.get(name) else {
            continue;
        };
        let not_loaded = |why: String| failed(format!("deploy function {name}: {why}"));
        let bytes = rooms.functions.code.get(*digest).await;
        let bytes = bytes.map_err(not_loaded)?;
        let settings = functions::settings(function);
        let offered = rooms.functions.offer(&bytes, settings).await;
        let offered = offered.map_err(|error| not_loaded(error.to_string()))?;
        let source = asked.functions.get(name.as_str());
        let source = source.map_or_else(PathBuf::new, |code| PathBuf::from(&code.source));
        fitting::fits(project, name, &source, offered.kind()).map_err(failed)?;
        ready.push((name, offered, bytes, (source, function.concurrency)));
    }
    Ok(ready)
}

pub(super) async fn apply(
    rooms: &Rooms,
    project: &Project,
    asked: &Asked,
    (digests, others): (&BTreeMap<FunctionName, Digest>, Others),
) -> Result<Vec<String>, ApiError> {
    let secrets = secrets::read(&rooms.platform, project, &rooms.deployment.env).await;
    rooms.functions.tell(secrets.map_err(failed)?);
    for (name, stream) in &project.streams {
        let key = plan::stream_key(&rooms.world, name);
        let made = rooms.streams.declare(key, plan::declared(stream));
        made.await.map_err(failed)?;
    }
    let declared = declare(rooms, project, asked, digests).await?;
    others.end(rooms).await;
    let meant = triggers(rooms, project);
    rooms.triggers.note_lines(project);
    for name in vanished(rooms, &meant) {
        rooms.runners.end(&name).await;
        rooms.triggers.remove(&name);
    }
    let running = rooms.triggers.now();
    for (name, settings) in meant {
        if running.get(&name) == Some(&settings) {
            continue;
        }
        let start = Box::pin(launch(rooms, &settings));
        let started = rooms.runners.end_for_a_change(&name, start).await;
        rooms.triggers.put(settings);
        started.map_err(failed)?;
    }
    others.begin(rooms)?;
    for (name, deployed) in rooms.functions.now().iter() {
        let of_file = deployed.entry.head.origin == catalog::Origin::File;
        if of_file && !project.functions.contains_key(name) {
            rooms.functions.withdraw(name).await;
        }
    }
    shadows::cast(rooms, (project, asked.shadow), &declared).await
}
