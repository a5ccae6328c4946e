//! `up`: reads the project, builds its functions and runs the server in the foreground until it is told to stop. Logs
//! go to standard error; the address goes there too, since `up` has no data of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host::{StartError, UpOptions};
use platform::{Platform, Stop};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Up;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::project;
use crate::verbs::build;

pub(crate) async fn up(output: Output, arguments: &Up) -> Result<(), Failure> {
    let file = &arguments.project.file;
    let sources = project::sources(&project::read(file)?, None)?;
    let built = build::build(output, &sources)?;
    let options = options(arguments, built);
    let data = options.data.display().to_string();
    let (stop, token) = Stop::new();
    let platform = Platform::real();
    let server = host::up(&platform, options, token, |address| {
        output.note(&format!(
            "ready    http://{address}  data {data}  nothing leaves this machine"
        ));
    });
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended.map_err(|error| failure(&error)),
        asked = asked_to_stop() => asked?,
    }
    output.note("stopping");
    stop.stop();
    server.await.map_err(|error| failure(&error))
}

fn options(arguments: &Up, built: Vec<build::BuiltFunction>) -> UpOptions {
    let file = arguments.project.file.clone();
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let store = folder.join(".shardmill/dev");
    let components: BTreeMap<String, PathBuf> = built
        .into_iter()
        .map(|function| (function.name, function.path))
        .collect();
    UpOptions {
        data: arguments.data.clone().unwrap_or_else(|| store.join("data")),
        server_json: Some(store.join("server.json")),
        file,
        env: project::environment(),
        listen: arguments.listen,
        port: arguments.port,
        components,
        insecure: arguments.insecure,
    }
}

/// Ctrl-C at a terminal, SIGTERM from a supervisor: both end the server cleanly.
async fn asked_to_stop() -> Result<(), Failure> {
    let unheard = |error: std::io::Error| Failure::failed(format!("listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(unheard),
        _ = terminate.recv() => Ok(()),
    }
}

/// The server's own sentence, with the command that helps.
fn failure(error: &StartError) -> Failure {
    let hint = error.hint().map(str::to_owned);
    let exit = if error.is_conflict() {
        Exit::Conflict
    } else {
        Exit::Failed
    };
    Failure {
        exit,
        message: error.to_string(),
        hint,
    }
}
