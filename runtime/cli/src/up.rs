//! `up`: reads the project, builds its functions and runs the server in the foreground until it is told to stop. Logs
//! go to standard error; the address goes there too, since `up` has no data of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use host::config::Project;
use host::{Auth, Certificate, Faults, MasterKeys, Ready, Shown, StartError, UpOptions};
use platform::{Platform, Stop};
use tokio::signal::unix::{SignalKind, signal};

use clap::Parser as _;

use crate::arguments::{Arguments, Command, Here, Up};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::verbs::build;
use crate::{bundles, cache, project, server};

/// Seeds that nobody named are below this.
const SEEDS_DRAWN_MAX: u64 = 1_000_000;

pub(crate) async fn up(output: Output, mut arguments: Up) -> Result<(), Failure> {
    let bundle = placed(&mut arguments)?;
    let arguments = &arguments;
    let file = &arguments.project.file;
    let project = project::read_as(file, &arguments.project.env)?;
    project::warn(output, file, &project);
    let platform = arguments.crash.platform();
    let faults = faults(&platform, arguments, &project)?;
    // What a server of a bundle keeps is not part of the bundle.
    let beside = file.parent().filter(|_| bundle.is_none());
    let places = Places::of(arguments, beside.unwrap_or_else(|| Path::new("")))?;
    let server_json = free_note(output, &places).await?;
    let built = match &bundle {
        Some(bundle) => {
            bundle.hand_over(&places.data)?;
            bundle.functions.clone()
        }
        None => build::build(
            output,
            &project::builds(file),
            &project::sources(&project, None)?,
        )?,
    };
    let options = UpOptions {
        packer: Some(build::packer(output)),
        faults,
        ..options(arguments, built, &places, server_json)
    };
    let data = places.data.display();
    if arguments.auth.as_deref() == Some("dev") {
        let credentials = places.credentials.display();
        output.note(&format!(
            "keys     AWS_SHARED_CREDENTIALS_FILE={credentials}"
        ));
    }
    for line in announced(options.faults.as_ref()) {
        output.note(&line);
    }
    let (stop, token) = Stop::new();
    let server = host::up(&platform, options, token, |Ready { address, web, tls }| {
        output.note(&format!(
            "ready    http://{address}  data {data}  nothing leaves this machine"
        ));
        if let Some(web) = web {
            output.note(&format!("routes   http://{web}"));
        }
        if let Some(tls) = tls {
            output.note(&shown(&address, &tls));
        }
        if arguments.allow_native {
            output.note("native   --allow-native: programs of this machine run as functions, as this user and without a sandbox");
        }
        if arguments.testing {
            output.note("testing  POST /_shardmill/reset forgets streams, POST /_shardmill/clock moves the clock");
        }
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

/// The bundle that was named, if it is one; the folder of a project leads to its file.
fn placed(arguments: &mut Up) -> Result<Option<bundles::Opened>, Failure> {
    let Some(place) = &arguments.place else {
        return Ok(None);
    };
    let bundle = match bundles::is_one(place) {
        true => Some(bundles::open(place)?),
        false => None,
    };
    arguments.project.file = bundle
        .as_ref()
        .map_or_else(|| place.join("triggers.yaml"), |bundle| bundle.file.clone());
    Ok(bundle)
}

/// What `up` would be told to run the server of this file.
pub(crate) fn settings(file: &Path, port: u16, data: Option<&Path>) -> Result<Up, Failure> {
    let port = port.to_string();
    let mut words: Vec<&OsStr> = ["shardmill", "up", "--port", &port, "--file"]
        .map(OsStr::new)
        .to_vec();
    words.push(file.as_os_str());
    if let Some(data) = data {
        words.extend([OsStr::new("--data"), data.as_os_str()]);
    }
    match Arguments::try_parse_from(words).map(|arguments| arguments.command) {
        Ok(Command::Here(Here::Up(up))) => Ok(*up),
        Ok(_) => Err(Failure::usage(
            "run the server: these are no settings of it",
        )),
        Err(error) => Err(Failure::usage(format!("run the server: {error}"))),
    }
}

/// The same for a server that somebody else runs, from functions that are built.
pub(crate) async fn options_of(
    output: Output,
    arguments: &Up,
    built: Vec<build::BuiltFunction>,
) -> Result<UpOptions, Failure> {
    let beside = arguments.project.file.parent();
    let places = Places::of(arguments, beside.unwrap_or_else(|| Path::new("")))?;
    let server_json = free_note(output, &places).await?;
    Ok(UpOptions {
        packer: Some(build::packer(output)),
        ..options(arguments, built, &places, server_json)
    })
}

/// How a server that ran as a task has ended.
pub(crate) fn ended(
    ended: Result<Result<(), StartError>, platform::TaskFailed>,
) -> Result<(), Failure> {
    match ended {
        Ok(ended) => ended.map_err(|error| failure(&error)),
        Err(error) => Err(Failure::failed(format!("run the server: {error}"))),
    }
}

/// What the file of faults comes to; seeds that are drawn are small enough to be typed.
fn faults(
    platform: &Platform,
    arguments: &Up,
    project: &Project,
) -> Result<Option<Faults>, Failure> {
    let Some(file) = &arguments.faults else {
        return Ok(None);
    };
    let seed = arguments
        .seed
        .unwrap_or_else(|| platform.rng.below(SEEDS_DRAWN_MAX));
    project::faults(file, project, seed).map(Some)
}

/// The seed and every fault, so that a run can be understood and repeated.
fn announced(faults: Option<&Faults>) -> Vec<String> {
    let Some(faults) = faults else {
        return Vec::new();
    };
    let mut lines = vec![format!("faults   --seed {}", faults.seed)];
    lines.extend(faults.list.iter().map(|fault| format!("fault    {fault}")));
    lines
}

/// How a client comes to trust the server.
fn shown(address: &SocketAddr, tls: &Shown) -> String {
    let (certificate, fingerprint) = (tls.certificate.display(), &tls.fingerprint);
    format!("tls      https://{address}  AWS_CA_BUNDLE={certificate}  SHA-256 {fingerprint}")
}

/// What of the disk is this server's.
struct Places {
    data: PathBuf,
    /// By which verbs in the folder find it.
    note: PathBuf,
    /// Where `--auth dev` keeps its key.
    credentials: PathBuf,
    /// Where the master key is.
    master: PathBuf,
}

impl Places {
    /// In full, so that they mean the same in every folder.
    fn of(arguments: &Up, folder: &Path) -> Result<Self, Failure> {
        let store = folder.join(".shardmill").join(&arguments.project.env);
        let data = arguments.data.clone().unwrap_or_else(|| store.join("data"));
        let absolute = |path: PathBuf| {
            std::path::absolute(&path)
                .map_err(|error| Failure::failed(format!("find {}: {error}", path.display())))
        };
        let master = arguments.master_key_file.clone();
        let master = master.unwrap_or_else(|| data.join("master.key"));
        Ok(Self {
            master: absolute(master)?,
            data: absolute(data)?,
            note: absolute(store.join("server.json"))?,
            credentials: absolute(store.join("credentials"))?,
        })
    }
}

/// Where to leave a note, unless another server of this folder has left one and still runs.
async fn free_note(output: Output, places: &Places) -> Result<Option<PathBuf>, Failure> {
    let Some((address, data)) = server::running(&places.note).await else {
        return Ok(Some(places.note.clone()));
    };
    if Path::new(&data) == places.data {
        let message = format!("start: this folder's server runs already, at http://{address}");
        return Err(Failure::new(Exit::Conflict, message)
            .hint("use that one: verbs in this folder find it; or stop it first"));
    }
    output.note(&format!(
        "note: verbs in this folder go on asking http://{address}, which runs for it already; name this server with `--server`"
    ));
    Ok(None)
}

fn options(
    arguments: &Up,
    built: Vec<build::BuiltFunction>,
    places: &Places,
    server_json: Option<PathBuf>,
) -> UpOptions {
    let components: BTreeMap<String, PathBuf> = built
        .into_iter()
        .map(|function| (function.name, function.path))
        .collect();
    UpOptions {
        development: None,
        data: places.data.clone(),
        server_json,
        master: MasterKeys {
            file: places.master.clone(),
            passphrase: passphrase("SHARDMILL_MASTER_PASSPHRASE"),
            passphrase_before: passphrase("SHARDMILL_MASTER_PASSPHRASE_BEFORE"),
        },
        file: arguments.project.file.clone(),
        env: project::environment(),
        listen: arguments.listen,
        port: arguments.port,
        web: arguments.web.options(arguments.port),
        components,
        environment: arguments.project.env.clone(),
        packer: None,
        otlp: arguments.otlp.clone(),
        allow_native: arguments.allow_native,
        insecure: arguments.insecure,
        aws_limits: arguments.limits.is_some(),
        transition: arguments.transition,
        testing: arguments.testing,
        segment_bytes: arguments.crash.segment_bytes,
        faults: None,
        tls: Some(match (&arguments.tls_cert, &arguments.tls_key) {
            (Some(certificate), Some(key)) => Certificate::Own {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            (None, _) | (_, None) => Certificate::Made(places.data.join("tls")),
        }),
        runtimes: cache::folder().map(|cache| cache.join("runtimes")),
        auth: arguments.auth.as_deref().map(|auth| match auth {
            "dev" => Auth::Made(places.credentials.clone()),
            file => Auth::File(PathBuf::from(file)),
        }),
    }
}

/// One that is empty is none.
fn passphrase(name: &str) -> Option<String> {
    project::environment()
        .remove(name)
        .filter(|given| !given.is_empty())
}

/// Ctrl-C at a terminal, SIGTERM from a supervisor: both end the server cleanly.
pub(crate) async fn asked_to_stop() -> Result<(), Failure> {
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
