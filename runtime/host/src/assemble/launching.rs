//! Starts triggers: those of the file, and the mappings of the Lambda API as far as they can be.
//!
//! In: the rooms and the settings of a trigger. Out: its starting positions, decided. A trigger of the file that cannot
//! start stops the start; a mapping stands and says why.

use std::sync::Arc;

use catalog::{Alias, Unchanged};
use dispatch::TriggerSettings;
use model::{
    FunctionName, TriggerName,
    seams::{Handler, LogTail, Source},
};

use super::{Rooms, other};
use crate::{
    errors::StartError,
    faults::Points,
    functions::{Bound, ChangeError},
    mappings,
};

/// Starts the triggers of the file, and the mappings of the Lambda API as far as they can be.
pub(super) async fn start(rooms: &Rooms) -> Result<(), StartError> {
    for settings in rooms.triggers.now().values() {
        launch(rooms, settings).await?;
    }
    mappings::end_deletions(rooms.journal.as_ref())
        .await
        .map_err(other)?;
    let stored = mappings::stored_triggers(rooms.journal.as_ref()).map_err(other)?;
    for settings in stored.into_values() {
        if let Err(error) = launch(rooms, &settings).await {
            rooms
                .runners
                .stands(&settings.name, error.to_string(), None);
        }
        rooms.triggers.put(settings);
    }
    Ok(())
}

/// Starts one trigger; its starting positions are decided when it returns.
pub(crate) async fn launch(rooms: &Rooms, settings: &TriggerSettings) -> Result<(), StartError> {
    if let Some(alias) = &settings.qualifier {
        alias_of(rooms, &settings.name, (&settings.function, alias)).await?;
    }
    if let Some(shadow) = &settings.shadow
        && let Some(alias) = &shadow.qualifier
    {
        alias_of(rooms, &settings.name, (&shadow.function, alias)).await?;
    }
    let functions = Arc::clone(&rooms.functions);
    let seen = rooms
        .shadows
        .begin(&settings.name, settings.shadow.is_some());
    let handler = Arc::new(Bound::new(functions, settings, seen)) as Arc<dyn Handler>;
    let handler = match &rooms.development {
        Some(development) => development.before(handler),
        None => handler,
    };
    let shared = dispatch::Rooms {
        platform: rooms.platform.clone(),
        journal: Arc::clone(&rooms.journal),
        source: Arc::new(rooms.streams.clone()) as Arc<dyn Source>,
        handler: Points::handler(rooms.points.as_ref(), handler),
        leases: Arc::clone(&rooms.leases),
        dead_letters: Arc::clone(&rooms.dead_letters),
        logs: Arc::clone(&rooms.logs) as Arc<dyn LogTail>,
    };
    let started = rooms.runners.start(shared, settings.clone()).await;
    started.map_err(other)?;
    Ok(())
}

/// An alias that a trigger names before anybody made it is made of what the function runs now; a version must be there.
async fn alias_of(
    rooms: &Rooms,
    name: &TriggerName,
    (function, qualifier): (&FunctionName, &str),
) -> Result<(), StartError> {
    let is_number = qualifier.bytes().all(|byte| byte.is_ascii_digit());
    let id = rooms.functions.id();
    let made = rooms.functions.change(function, |entry| {
        if entry.route(Some(qualifier)).is_ok() {
            return Ok(());
        }
        if is_number {
            return Err(Unchanged::NoQualifier(qualifier.to_owned()));
        }
        let route = entry.route(None)?;
        let alias = Alias {
            route,
            description: String::new(),
            id,
        };
        entry.set_alias(qualifier, alias)
    });
    match made.await {
        // A mapping may wait for a function that somebody makes again.
        Ok(()) | Err(ChangeError::NoFunction) => Ok(()),
        Err(error @ (ChangeError::Refused(_) | ChangeError::Catalog(_))) => Err(StartError::Other(
            format!("start trigger `{name}`: function `{function}`: {error}"),
        )),
    }
}
