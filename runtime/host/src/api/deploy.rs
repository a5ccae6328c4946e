//! `plan` and `deploy`: what another `triggers.yaml` would change about the running server, and changing it.
//!
//! Code is handed over before, by its digest. Functions change what the next attempt of a batch runs; a trigger whose
//! settings change ends what it runs, writes it, and goes on where it stood. Nothing stored is deleted: what the file does
//! not name any more is detached.

mod applying;
mod asked;
mod changes;
mod code;
mod others;
mod shadows;

use std::collections::BTreeMap;

use model::{Digest, FunctionName, FunctionVersion};
use serde_json::{Value, json};

use super::{ApiError, Call, Reply};
use crate::{assemble::Rooms, config::Project, secrets};
use applying::{apply, declare};
use asked::{Asked, digests, hold_twice, project};
use changes::{Change, changes, of_functions};
use others::Others;

pub(crate) use code::{code, missing_code, missing_runtimes, runtime};

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

fn failed(error: impl std::fmt::Display) -> ApiError {
    ApiError::bad(&error.to_string())
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
