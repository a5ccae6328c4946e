//! One stream and one function are bound once, by the file or by the Lambda API: who binds a pair of the other is refused,
//! and told of both places. Two triggers of the file may share a pair.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use model::{
    FunctionName, StreamKey, TriggerName,
    seams::{CommitError, Journal},
};
use streams::World;
use wire::lambda::{LambdaError, Mapping, refuse_twice, twin};

use super::{Inner, store};
use crate::{assemble::Rooms, config::Project, plan};

/// A trigger of the file binds what a mapping binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    pub trigger: TriggerName,
    pub file: PathBuf,
    pub line: usize,
    pub mapping: String,
}

impl Twice {
    /// What helps where a server runs.
    pub(crate) const HINT: &str = "keep one: `aws lambda delete-event-source-mapping --uuid UUID`, or leave the trigger out of the file";
}

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trigger,
            file,
            line,
            mapping,
        } = self;
        let file = file.display();
        write!(
            f,
            "trigger `{trigger}` at {file}:{line} binds the same stream and function as event source mapping {mapping} of the Lambda API"
        )
    }
}

/// Qualified where a version or an alias is named.
pub(super) fn function_arn(
    stream: &StreamKey,
    function: &FunctionName,
    qualifier: Option<&str>,
) -> String {
    function.arn(&stream.region, &stream.account, qualifier)
}

/// The first trigger of a file whose pair is that of a stored mapping.
pub(crate) fn twice(
    journal: &dyn Journal,
    world: &World,
    (project, file): (&Project, &Path),
) -> Result<Option<Twice>, CommitError> {
    let stored = store::all(journal)?;
    for (name, trigger) in &project.triggers {
        let stream = plan::stream_key(world, &trigger.stream);
        let function = function_arn(&stream, &trigger.function, trigger.qualifier.as_deref());
        let source = stream.arn();
        let same = |mapping: &&Mapping| {
            mapping.event_source_arn == source && mapping.function_arn == function
        };
        let kept = stored.values().filter(|row| !row.deleting);
        if let Some(mapping) = kept.map(|row| &row.mapping).find(same) {
            return Ok(Some(Twice {
                trigger: name.clone(),
                file: file.to_owned(),
                line: trigger.line,
                mapping: mapping.uuid.clone(),
            }));
        }
    }
    Ok(None)
}

/// Where the file declares a trigger that runs.
pub(super) fn place(rooms: &Rooms, trigger: &TriggerName) -> String {
    let file = rooms.deployment.file.display();
    match rooms.triggers.line(trigger) {
        Some(line) => format!("{file}:{line}"),
        None => file.to_string(),
    }
}

impl Inner {
    /// The caller of the API, with where the file says it where it does.
    pub(super) fn refuse_twice(&self, mapping: &Mapping) -> Result<(), LambdaError> {
        let all = self.list()?;
        let Err(refused) = refuse_twice(&all, mapping) else {
            return Ok(());
        };
        let named = self.all()?;
        let other = twin(&all, mapping).and_then(|other| named.get(&other.uuid));
        let of_file = |name: &&TriggerName| self.rooms.triggers.line(name).is_some();
        Err(match other.map(|(_, name)| name).filter(of_file) {
            Some(name) => refused.with_hint(format!(
                "that is trigger {name} at {}",
                place(&self.rooms, name)
            )),
            None => refused,
        })
    }
}
