//! `triggers.yaml`, the one file a user edits. Its text and the variables it may mention come in; a `Project` with every
//! default filled in goes out, or everything that is wrong with the file, each fact at its place. It reads no disk, no
//! environment and no clock: `cli` hands in what it needs. A refused file changes nothing.
//!
//! Text becomes a tree with places (`tree`), the tree is read key by key against the table of keys (`reader`,
//! `defaults`), and what the keys say about each other is checked where it is read (`server`, `functions`, `triggers`).

mod archive;
mod canary;
mod canary_keys;
mod defaults;
mod destinations;
mod diagnostic;
mod environments;
mod event_keys;
mod fault_keys;
mod faults;
mod filter;
mod function_keys;
mod functions;
mod guide;
mod interpolate;
mod keys;
mod lanes;
mod limits;
mod names;
mod project;
mod reader;
mod retry_keys;
mod route_keys;
mod routes;
mod schedule_keys;
mod schedules;
mod schema;
mod secret_keys;
mod secrets;
mod server;
mod server_keys;
mod spelling;
mod start;
mod stream_keys;
mod tree;
mod triggers;
mod tumbling;
mod tumbling_keys;
mod units;

#[cfg(test)]
mod driver_tests;
#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::{path::Path, time::Duration};

pub use diagnostic::{Diagnostic, Refused};
pub use faults::read_faults;
pub use guide::{fault_keys_as_markdown, keys_as_markdown};
pub use names::AppName;
pub use schema::schema;
pub(crate) use spelling::did_you_mean;
pub(crate) use start::parse as parse_start;

/// What `retention` of a stream may be, however it is said.
pub(crate) const RETENTION_MIN: Duration = RETENTION.min;
pub(crate) const RETENTION_MAX: Duration = RETENTION.max;
pub use project::{
    Attempts, Autoscale, Backoff, Batch, Capacity, Cors, DeadLetters, Durability, Function,
    FunctionSource, HttpTrigger, Limits, Logs, Project, Promise, Retry, SandboxPolicy,
    ScheduleRetry, ScheduleTrigger, SecretSource, Server, Start, State, Stream, Then, Trigger,
    WhenFull,
};

use defaults::ROOT;
use diagnostic::{At, Source};
use reader::{Reader, Section};
use stream_keys::RETENTION;

/// Reads the text of the file at `path`, which diagnostics repeat as it is given and to which the paths in the file are
/// relative. `variables` is all that `${NAME}` can stand for.
pub fn read(
    path: &Path,
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<Project, Refused> {
    read_as(path, text, variables, environments::DEV)
}

/// The same, as an environment of the file has it.
pub fn read_as(
    path: &Path,
    text: &str,
    variables: &BTreeMap<String, String>,
    environment: &str,
) -> Result<Project, Refused> {
    let shown = path.display().to_string();
    let source = Source { path: &shown, text };
    let root = tree::parse(source).map_err(Refused::one)?;
    let root = environments::overlaid(source, root, environment).map_err(Refused::one)?;
    let mut reader = Reader {
        source,
        variables,
        diagnostics: Vec::new(),
    };
    let mut root = reader.section(&ROOT, "the file", At::START, root);

    version(&mut reader, &mut root);
    let app = server::app(&mut reader, &mut root);
    let folder = path.parent().unwrap_or(Path::new(""));
    let server = server::server(&mut reader, &mut root, folder);
    let streams = server::streams(&mut reader, &mut root);
    let secrets = secrets::secrets(&mut reader, &mut root, folder);
    let functions = functions::functions(&mut reader, &mut root, (folder, &secrets));
    let destinations = destinations::destinations(&mut reader, &mut root, &streams, folder);
    let known = (&streams, &functions, &destinations);
    let triggers = triggers::triggers(&mut reader, &mut root, known, &secrets);
    let triggers::Triggers {
        streams: on_streams,
        schedules,
        routes,
    } = triggers;

    match (app, server) {
        (Some(app), Some(server)) if reader.diagnostics.is_empty() => Ok(Project {
            app,
            server,
            streams,
            destinations,
            secrets: secrets.into_iter().map(|(name, at)| (name.0, at)).collect(),
            functions,
            triggers: on_streams,
            schedules,
            routes,
        }),
        _ => Err(Refused::new(reader.diagnostics)),
    }
}

/// What `config show` prints: the file as an environment has it, with the line each value came from.
pub fn show(path: &Path, text: &str, environment: &str) -> Result<String, Refused> {
    let shown = path.display().to_string();
    let source = Source { path: &shown, text };
    let root = tree::parse(source).map_err(Refused::one)?;
    let root = environments::overlaid(source, root, environment).map_err(Refused::one)?;
    Ok(environments::shown(&root))
}

fn version(reader: &mut Reader<'_>, root: &mut Section) {
    let Some((_, node)) = root.take("version") else {
        let hint = "begin it with `version: 1`";
        reader.absent(root, "version", "does not say its version", hint);
        return;
    };
    let at = node.at;
    let text = reader.scalar("the file", "version", node);
    if let Some(text) = text.filter(|text| text != "1") {
        let hint = "this shardmill reads `version: 1`";
        reader.note(
            at,
            format!("version `{text}` of the file is not known"),
            hint,
        );
    }
}
