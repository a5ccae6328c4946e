//! What a deploy would change, in words, without changing it.
//!
//! In: the file as it is to be. Out: one line for each stream, function and trigger that is not as the file says.

use std::collections::BTreeMap;

use dispatch::TriggerSettings;
use model::{Digest, FunctionName, TriggerName};
use serde_json::{Value, json};

use super::asked::Asked;
use crate::{assemble::Rooms, config::Project, functions, mappings, plan};

/// One thing that is not as the file says.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) what: &'static str,
    pub(super) name: String,
    pub(super) change: String,
}

impl Change {
    pub(super) fn document(&self) -> Value {
        json!({ "what": self.what, "name": self.name, "change": self.change })
    }
}

/// The triggers of the file as the server would run them. A start that was read is not read again.
pub(super) fn triggers(rooms: &Rooms, project: &Project) -> BTreeMap<TriggerName, TriggerSettings> {
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

pub(super) fn changes(
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

pub(super) fn of_functions(
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
pub(super) fn vanished(
    rooms: &Rooms,
    meant: &BTreeMap<TriggerName, TriggerSettings>,
) -> Vec<TriggerName> {
    let running = rooms.triggers.now();
    let of_file = running
        .keys()
        .filter(|name| !mappings::is_stored(rooms.journal.as_ref(), name.as_str()).unwrap_or(true));
    of_file
        .filter(|name| !meant.contains_key(name))
        .cloned()
        .collect()
}
