//! `plan` and `deploy`: what another `triggers.yaml` would change about the running server, and changing it.
//!
//! Code is handed over before, by its digest. Functions change what the next attempt of a batch runs; a trigger whose
//! settings change ends what it runs, writes it, and goes on where it stood. Nothing stored is deleted: what the file does
//! not name any more is detached.

use std::{collections::BTreeMap, path::PathBuf};

use bytes::Bytes;
use catalog::Told;
use dispatch::TriggerSettings;
use model::{Digest, FunctionName, FunctionVersion, TriggerName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Call, Reply};
use crate::{
    assemble::{Rooms, launch},
    config::{self, Project},
    fitting,
    functions::{self, Offered},
    mappings::{self, Twice},
    plan,
    routes::RouteSettings,
    secrets,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Of the file.
    text: String,
    /// What `${NAME}` in it stands for, where the caller knows.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    environment: String,
    /// The digest of each function's code.
    functions: BTreeMap<String, Code>,
    #[serde(default)]
    retries: bool,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    digest: String,
    source: String,
}

/// One thing that is not as the file says.
#[derive(Debug)]
struct Change {
    what: &'static str,
    name: String,
    change: String,
}

impl Change {
    fn document(&self) -> Value {
        json!({ "what": self.what, "name": self.name, "change": self.change })
    }
}

/// Keeps code that a deploy will name.
pub(crate) async fn code(rooms: &Rooms, bytes: &[u8]) -> Reply {
    let digest = sandbox::digest_of(bytes);
    let kept = rooms.functions.code.put(digest, bytes).await;
    kept.map_err(ApiError::failed)?;
    Ok(json!({ "digest": digest.to_string() }))
}

/// Which of these digests are not here yet.
pub(crate) async fn missing(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let asked: Vec<String> = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read the digests: {error}")))?;
    let mut missing = Vec::new();
    for text in asked {
        let digest: Digest = text
            .parse()
            .map_err(|error| ApiError::bad(&format!("`{text}`: {error}")))?;
        if !rooms.functions.code.has(digest).await {
            missing.push(text);
        }
    }
    Ok(json!(missing))
}

pub(crate) async fn deploy(rooms: &Rooms, call: &Call<'_>) -> Reply {
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read what to deploy: {error}")))?;
    let project = project(rooms, &asked)?;
    let digests = digests(&asked, &project)?;
    hold_others(rooms, &project)?;
    hold_twice(rooms, &project)?;
    let _turn = rooms.deploying.lock().await;
    let changes = changes(rooms, &project, &digests);
    if !asked.dry_run {
        apply(rooms, &project, &asked, &digests).await?;
    }
    let mut notes = stuck(rooms, &project);
    notes.extend(project.remarks(&rooms.deployment.file));
    let changes: Vec<Value> = changes.iter().map(Change::document).collect();
    Ok(json!({ "changes": changes, "notes": notes, "dry_run": asked.dry_run }))
}

fn project(rooms: &Rooms, asked: &Asked) -> Result<Project, ApiError> {
    let variables: BTreeMap<String, String> = rooms
        .deployment
        .env
        .clone()
        .into_iter()
        .chain(asked.variables.clone())
        .collect();
    let file = &rooms.deployment.file;
    config::read_as(file, &asked.text, &variables, &asked.environment)
        .map_err(|refused| ApiError::bad(&refused.to_string()))
}

/// Schedules and routes begin with the server; a file that changes them is not half deployed.
fn hold_others(rooms: &Rooms, project: &Project) -> Result<(), ApiError> {
    let running = rooms.schedules.all();
    let running: BTreeMap<_, _> = running
        .into_iter()
        .map(|(settings, _)| (settings.name.clone(), (*settings).clone()))
        .collect();
    let meant = project.schedules.iter();
    let meant: BTreeMap<_, _> = meant
        .map(|(name, it)| (name.clone(), plan::schedule(&rooms.world, name, it)))
        .collect();
    // Where it stands in the file is no difference.
    let bare = |mut settings: RouteSettings| {
        settings.trigger.line = 0;
        (settings.name.clone(), settings)
    };
    let routes = rooms.routes.all();
    let routes: BTreeMap<_, _> = routes.map(|gate| bare(gate.settings.clone())).collect();
    let paths = project.routes.iter();
    let paths: BTreeMap<_, _> = paths
        .map(|(name, it)| bare(plan::route(&rooms.world, name, it)))
        .collect();
    if running == meant && routes == paths {
        return Ok(());
    }
    Err(ApiError::conflict(
        "deploy: triggers with a schedule or a route differ from those that run",
    )
    .with_hint(
        "those change at a start: stop the server and start it again; nothing is lost by it",
    ))
}

/// What a mapping of the Lambda API binds, the file does not bind too.
fn hold_twice(rooms: &Rooms, project: &Project) -> Result<(), ApiError> {
    let file = (project, rooms.deployment.file.as_path());
    let twice = mappings::twice(rooms.journal.as_ref(), &rooms.world, file);
    match twice.map_err(ApiError::failed)? {
        None => Ok(()),
        Some(twice) => Err(ApiError::conflict(format!("deploy: {twice}")).with_hint(Twice::HINT)),
    }
}

fn digests(asked: &Asked, project: &Project) -> Result<BTreeMap<FunctionName, Digest>, ApiError> {
    let mut digests = BTreeMap::new();
    for name in project.functions.keys() {
        let code = asked.functions.get(name.as_str());
        let digest = code.and_then(|code| code.digest.parse().ok());
        let digest = digest.ok_or_else(|| {
            ApiError::bad(&format!(
                "deploy function {name}: its code was not handed over"
            ))
        })?;
        digests.insert(name.clone(), digest);
    }
    Ok(digests)
}

/// The triggers of the file as the server would run them. A start that was read is not read again.
fn triggers(rooms: &Rooms, project: &Project) -> BTreeMap<TriggerName, TriggerSettings> {
    let now = rooms.platform.clock.wall();
    let running = rooms.triggers.now();
    let meant = project.triggers.iter().map(|(name, trigger)| {
        let mut settings = plan::trigger(&rooms.world, name, trigger, now);
        if let Some(known) = running.get(name)
            && known.start_word == settings.start_word
        {
            settings.start = known.start;
        }
        (name.clone(), settings)
    });
    meant.collect()
}

fn changes(
    rooms: &Rooms,
    project: &Project,
    digests: &BTreeMap<FunctionName, Digest>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut say = |what, name: &dyn std::fmt::Display, change: String| {
        let name = name.to_string();
        changes.push(Change { what, name, change });
    };
    for name in project.streams.keys() {
        if rooms
            .streams
            .describe(&plan::stream_key(&rooms.world, name))
            .is_err()
        {
            say("stream", name, "is made".to_owned());
        }
    }
    for (name, change) in of_functions(rooms, project, digests) {
        say("function", &name, change);
    }
    let running = rooms.triggers.now();
    let meant = triggers(rooms, project);
    for (name, settings) in &meant {
        match running.get(name) {
            None => say("trigger", name, "is new".to_owned()),
            Some(known) if known != settings => {
                say("trigger", name, "gets other settings".to_owned());
            }
            Some(_) => {}
        }
    }
    for name in vanished(rooms, &meant) {
        say(
            "trigger",
            &name,
            "is detached: what it keeps stays".to_owned(),
        );
    }
    changes
}

fn of_functions(
    rooms: &Rooms,
    project: &Project,
    digests: &BTreeMap<FunctionName, Digest>,
) -> Vec<(FunctionName, String)> {
    let mut changes = Vec::new();
    for (name, function) in &project.functions {
        let Some(deployed) = rooms.functions.get(name) else {
            changes.push((name.clone(), "is new".to_owned()));
            continue;
        };
        let main = deployed.main();
        let revision = deployed.entry.revision(main);
        let code = revision.is_some_and(|it| Some(&it.code.digest) == digests.get(name));
        let settings = functions::settings(function);
        let same = revision.is_some_and(|it| it.settings == settings);
        if !code || !same {
            let what = if code { "settings" } else { "code" };
            let change = format!("gets other {what} in place of version {main}");
            changes.push((name.clone(), change));
        }
    }
    for (name, deployed) in rooms.functions.now().iter() {
        let of_file = deployed.entry.head.origin == catalog::Origin::File;
        if of_file && !project.functions.contains_key(name) {
            changes.push((name.clone(), "is not in the file any more".to_owned()));
        }
    }
    changes
}

/// Triggers of the file before that this one does not name.
fn vanished(rooms: &Rooms, meant: &BTreeMap<TriggerName, TriggerSettings>) -> Vec<TriggerName> {
    let running = rooms.triggers.now();
    let of_file = running
        .keys()
        .filter(|name| !mappings::is_stored(rooms.journal.as_ref(), name.as_str()).unwrap_or(true));
    of_file
        .filter(|name| !meant.contains_key(name))
        .cloned()
        .collect()
}

type Ready<'a> = (&'a FunctionName, Offered, Bytes, (PathBuf, u32));

fn failed(error: impl std::fmt::Display) -> ApiError {
    ApiError::bad(&error.to_string())
}

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

async fn apply(
    rooms: &Rooms,
    project: &Project,
    asked: &Asked,
    digests: &BTreeMap<FunctionName, Digest>,
) -> Result<(), ApiError> {
    let secrets = secrets::read(&rooms.platform, project, &rooms.deployment.env).await;
    rooms.functions.tell(secrets.map_err(failed)?);
    let ready = ready(rooms, project, asked, digests).await?;
    for (name, stream) in &project.streams {
        let key = plan::stream_key(&rooms.world, name);
        let made = rooms.streams.declare(key, plan::declared(stream));
        made.await.map_err(failed)?;
    }
    let told = Told {
        anyway: true,
        retries: asked.retries,
    };
    for (name, offered, bytes, of_file) in ready {
        let declared = rooms
            .functions
            .declare(name, (offered, &bytes), of_file, told);
        declared.await.map_err(ApiError::failed)?;
    }
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
    for (name, deployed) in rooms.functions.now().iter() {
        let of_file = deployed.entry.head.origin == catalog::Origin::File;
        if of_file && !project.functions.contains_key(name) {
            rooms.functions.withdraw(name).await;
        }
    }
    Ok(())
}

/// Where batches go on with versions that were deployed before.
fn stuck(rooms: &Rooms, project: &Project) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, trigger) in &project.triggers {
        let waiting = rooms
            .runners
            .status(name)
            .iter()
            .filter(|status| matches!(status.state, dispatch::ShardState::BackingOff { .. }))
            .count();
        if waiting > 0 {
            let runs = rooms.functions.get(&trigger.function);
            let version = runs.map_or(FunctionVersion::LATEST, |deployed| deployed.main());
            notes.push(format!(
                "trigger {name}: {waiting} shards try a batch again with the version that failed; `shardmill deploy --retries` tries it with version {version}"
            ));
        }
    }
    notes
}
