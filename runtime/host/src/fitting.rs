//! Whether a function can serve what drives its triggers, and whether a schedule has anything left to do. Pure: the kind of a
//! file and the triggers of the file go in, a sentence comes out.

use std::path::Path;

use model::{FunctionName, Timestamp, TriggerName};
use sandbox::Kind;

use crate::{
    config::{Project, ScheduleTrigger},
    errors::StartError,
};

const EVENTS_HINT: &str = "write a handler file (`app.py`, `index.mjs`), a program, or export event-handler, and build again";

pub(crate) fn fits(
    project: &Project,
    name: &FunctionName,
    path: &Path,
    kind: Kind,
) -> Result<(), StartError> {
    let misfit = |trigger: &TriggerName, needs, hint| StartError::Misfit {
        function: name.to_string(),
        trigger: trigger.to_string(),
        path: path.to_owned(),
        exports: kind.export(),
        needs,
        hint,
    };
    let on_streams = project.triggers.iter().find(|(_, it)| {
        let shadow = it.shadow.as_ref();
        it.function == *name || shadow.is_some_and(|shadow| shadow.function == *name)
    });
    if let (Some((trigger, _)), Kind::Http) = (on_streams, kind) {
        let needs = "a stream needs stream-handler, event-handler or a WASI command";
        let hint = "give it an http trigger, or mark a function with #[handler] and build again";
        return Err(misfit(trigger, needs, hint));
    }
    let on_schedules = project
        .schedules
        .iter()
        .find(|(_, it)| it.function == *name);
    if let (Some((trigger, _)), Kind::Stream | Kind::Http) = (on_schedules, kind) {
        let needs = "a schedule needs event-handler or a WASI command";
        return Err(misfit(trigger, needs, EVENTS_HINT));
    }
    let on_routes = project.routes.iter().find(|(_, it)| it.function == *name);
    if let (Some((trigger, _)), Kind::Stream) = (on_routes, kind) {
        let needs = "a route needs wasi:http/incoming-handler, event-handler or a WASI command";
        return Err(misfit(trigger, needs, EVENTS_HINT));
    }
    Ok(())
}

/// Refuses a schedule all of whose slots have passed.
pub(crate) fn has_slots(
    name: &TriggerName,
    (file, trigger): (&Path, &ScheduleTrigger),
    now: Timestamp,
) -> Result<(), StartError> {
    let schedule = &trigger.schedule;
    if schedule.first_after(now, now).is_some() {
        return Ok(());
    }
    let last = schedule.last_until(Timestamp::default(), now);
    let last = last.map(|last| schedule.shown(last)).unwrap_or_default();
    let (line, column) = trigger.expression_at;
    Err(StartError::NeverFires {
        place: format!("{}:{line}:{column}", file.display()),
        trigger: name.to_string(),
        expression: schedule.expression.to_string(),
        fact: format!("its last moment was {last}"),
    })
}
