//! `plan` and `deploy`: what another `triggers.yaml` would change about the running server, and changing it.
//!
//! Code is handed over before, by its digest. Functions change what the next attempt of a batch runs; a trigger whose
//! settings change ends what it runs, writes it, and goes on where it stood. Nothing stored is deleted: what the file does
//! not name any more is detached.

mod others;
mod shadows;

use std::{collections::BTreeMap, path::PathBuf};

use bytes::Bytes;
use catalog::{Place, Told};
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
    plan, secrets,
};
use others::Others;

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
    /// Nothing but this function.
    #[serde(default)]
    only: Option<String>,
    /// New versions take this much of what comes, 0 to 1, beside what runs.
    #[serde(default)]
    canary: Option<f64>,
    /// How much more of them may fail than of what runs.
    #[serde(default)]
    roll_back: Option<f64>,
    /// New versions get the batches of what runs, without effects.
    #[serde(default)]
    shadow: bool,
    #[serde(default)]
    retries: bool,
    #[serde(default)]
    dry_run: bool,
}

impl Asked {
    fn told(&self) -> Told {
        let place = match (self.canary, self.shadow) {
            (_, true) => Place::Nowhere,
            (Some(weight), false) => Place::Share(weight),
            (None, false) => Place::Instead,
        };
        Told {
            anyway: true,
            retries: self.retries,
            place,
            roll_back: self.roll_back,
        }
    }
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

/// Keeps a language runtime that code of a deploy will name.
pub(crate) async fn runtime(rooms: &Rooms, bytes: &[u8]) -> Reply {
    let kept = rooms.functions.engine.keep_runtime(bytes).await;
    let digest = kept.map_err(ApiError::failed)?;
    Ok(json!({ "digest": digest.to_string() }))
}

/// Which code is not here yet.
pub(crate) async fn missing_code(rooms: &Rooms, call: &Call<'_>) -> Reply {
    missing(call, |digest| rooms.functions.code.has(digest)).await
}

/// Which language runtimes are not here yet.
pub(crate) async fn missing_runtimes(rooms: &Rooms, call: &Call<'_>) -> Reply {
    missing(call, |digest| rooms.functions.engine.has_runtime(digest)).await
}

/// Of the digests that are asked for, those that are not here.
async fn missing<F>(call: &Call<'_>, is_here: impl Fn(Digest) -> F) -> Reply
where
    F: Future<Output = bool>,
{
    let asked: Vec<String> = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad(&format!("read the digests: {error}")))?;
    let mut missing = Vec::new();
    for text in asked {
        let digest: Digest = text
            .parse()
            .map_err(|error| ApiError::bad(&format!("`{text}`: {error}")))?;
        if !is_here(digest).await {
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
    hold_twice(rooms, &project)?;
    let _turn = rooms.deploying.lock().await;
    if asked.only.is_some() {
        return function(rooms, &project, &asked, &digests).await;
    }
    let others = Others::meant(rooms, &project)?;
    let mut changes = changes(rooms, (&project, &asked), &digests);
    changes.extend(
        others
            .changes(rooms)
            .into_iter()
            .map(|(name, change)| Change {
                what: "trigger",
                name: name.to_string(),
                change,
            }),
    );
    let mut notes = stuck(rooms, &project);
    if let Some(name) = others.opening(rooms).await {
        notes.push(format!(
            "trigger {name}: the listener of routes opens with it"
        ));
    }
    if !asked.dry_run {
        let bound = others.bind(rooms).await?;
        let shadows = apply(rooms, &project, &asked, (&digests, others)).await?;
        notes = stuck(rooms, &project);
        if let Some((web, bound)) = rooms.deployment.web.get().zip(bound) {
            let at = web.serve(bound).await;
            notes.extend(at.map(|at| format!("routes are answered at http://{at} from now on")));
        }
        notes.extend(shadows);
    }
    notes.extend(project.remarks(&rooms.deployment.file));
    let changes: Vec<Value> = changes.iter().map(Change::document).collect();
    Ok(json!({ "changes": changes, "notes": notes, "dry_run": asked.dry_run }))
}

/// One function of the file, and nothing else.
async fn function(
    rooms: &Rooms,
    project: &Project,
    asked: &Asked,
    digests: &BTreeMap<FunctionName, Digest>,
) -> Reply {
    let changes: Vec<Value> = of_functions(rooms, (project, asked), digests)
        .into_iter()
        .map(|(name, change)| json!({ "what": "function", "name": name, "change": change }))
        .collect();
    let mut notes = Vec::new();
    if !asked.dry_run {
        let secrets = secrets::read(&rooms.platform, project, &rooms.deployment.env).await;
        rooms.functions.tell(secrets.map_err(failed)?);
        let declared = declare(rooms, project, asked, digests).await?;
        notes = shadows::cast(rooms, (project, asked.shadow), &declared).await?;
    }
    Ok(json!({ "changes": changes, "notes": notes, "dry_run": asked.dry_run }))
}

/// All functions of the file, and the numbers of those that are new versions.
async fn declare(
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

fn project(rooms: &Rooms, asked: &Asked) -> Result<Project, ApiError> {
    let variables: BTreeMap<String, String> = rooms
        .deployment
        .env
        .clone()
        .into_iter()
        .chain(asked.variables.clone())
        .collect();
    let file = &rooms.deployment.file;
    let mut project = config::read_as(file, &asked.text, &variables, &asked.environment)
        .map_err(|refused| ApiError::bad(&refused.to_string()))?;
    if let Some(only) = &asked.only {
        project.functions.retain(|name, _| name.as_str() == only);
        if project.functions.is_empty() {
            return Err(ApiError::bad(&format!(
                "deploy function {only}: triggers.yaml declares no such function"
            )));
        }
    }
    Ok(project)
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
    (project, asked): (&Project, &Asked),
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
    for (name, change) in of_functions(rooms, (project, asked), digests) {
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
    (project, asked): (&Project, &Asked),
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
            let change = match (asked.canary, asked.shadow) {
                (_, true) => format!("gets other {what} in the shadow of version {main}"),
                (Some(weight), false) => {
                    let share = weight * 100.0;
                    format!("gets other {what} for {share}% of what comes, beside version {main}")
                }
                (None, false) => format!("gets other {what} in place of version {main}"),
            };
            changes.push((name.clone(), change));
        }
    }
    for (name, deployed) in rooms.functions.now().iter() {
        let of_file = deployed.entry.head.origin == catalog::Origin::File;
        if of_file && asked.only.is_none() && !project.functions.contains_key(name) {
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
