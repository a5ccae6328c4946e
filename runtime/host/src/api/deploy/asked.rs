//! What a deploy asks for, read strictly.
//!
//! In: the body of the request. Out: the file as this server reads it, with the digest of each function's code; what does
//! not fit is refused before anything changes.

use std::collections::BTreeMap;

use catalog::{Place, Told};
use model::{Digest, FunctionName};
use serde::Deserialize;

use crate::{
    api::ApiError,
    assemble::Rooms,
    config::{self, Project},
    mappings::{self, Twice},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Of the file.
    pub(super) text: String,
    /// What `${NAME}` in it stands for, where the caller knows.
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    pub(super) environment: String,
    /// The digest of each function's code.
    pub(super) functions: BTreeMap<String, Code>,
    /// Nothing but this function.
    #[serde(default)]
    pub(super) only: Option<String>,
    /// New versions take this much of what comes, 0 to 1, beside what runs.
    #[serde(default)]
    pub(super) canary: Option<f64>,
    /// How much more of them may fail than of what runs.
    #[serde(default)]
    pub(super) roll_back: Option<f64>,
    /// New versions get the batches of what runs, without effects.
    #[serde(default)]
    pub(super) shadow: bool,
    #[serde(default)]
    pub(super) retries: bool,
    #[serde(default)]
    pub(super) dry_run: bool,
}

impl Asked {
    pub(super) fn told(&self) -> Told {
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
pub(super) struct Code {
    pub(super) digest: String,
    pub(super) source: String,
}

pub(super) fn project(rooms: &Rooms, asked: &Asked) -> Result<Project, ApiError> {
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
pub(super) fn hold_twice(rooms: &Rooms, project: &Project) -> Result<(), ApiError> {
    let file = (project, rooms.deployment.file.as_path());
    let twice = mappings::twice(rooms.journal.as_ref(), &rooms.world, file);
    match twice.map_err(ApiError::failed)? {
        None => Ok(()),
        Some(twice) => Err(ApiError::conflict(format!("deploy: {twice}")).with_hint(Twice::HINT)),
    }
}

pub(super) fn digests(
    asked: &Asked,
    project: &Project,
) -> Result<BTreeMap<FunctionName, Digest>, ApiError> {
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
