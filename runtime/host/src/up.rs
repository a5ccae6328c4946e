//! `up`: from the file to a server that answers, and back down when it is asked to stop.
//!
//! The port is bound before anything else, so that a taken port costs nothing, and served at once; the doors open once
//! every function is loaded and every trigger runs. On a stop the doors close first, then triggers release their leases,
//! then the log writes what is left.

mod web;

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use platform::{Listener, Platform, Stop, StopToken, Task};
use tracing::debug;
use wire::{AllowedHosts, Keyring, Signer, kinesis::KinesisDoor, lambda::LambdaDoor};

pub(crate) use web::{BoundWeb, WebListener};

use crate::{
    api::Api,
    assemble::{Rooms, assemble},
    config::{self, Project},
    destinations::{Address, Names},
    errors::StartError,
    faults,
    functions::{Events, HostFunctions},
    housekeeping::Housekeeping,
    keys,
    listener::{Doors, Entrance, serve},
    mappings::HostMappings,
    options::UpOptions,
    routes::Urls,
    tls::{Shown, Tls},
    traces::Traces,
};

/// A server that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub address: SocketAddr,
    /// Where routes are answered, if there are any.
    pub web: Option<SocketAddr>,
    pub tls: Option<Shown>,
}

/// Runs until `stop`, or until the disk fails under its log: that is the end of the process, for only a start reads anew
/// what the disk really holds. `ready` is called once, when the server answers.
pub async fn up(
    platform: &Platform,
    options: UpOptions,
    asked: StopToken,
    ready: impl FnOnce(Ready),
) -> Result<(), StartError> {
    // Each segment of the log takes one, and each connection.
    let files = platform.disk.allow_open_files();
    debug!(files, "may be open at once");
    let (end, stop) = Stop::new();
    let end = Arc::new(end);
    let asking = {
        let end = Arc::clone(&end);
        let asked = async move {
            asked.stopped().await;
            end.stop();
        };
        platform.tasks.spawn("stop", asked)
    };
    let ended = run(platform, options, &end, stop, ready).await;
    asking.abort();
    ended
}

async fn run(
    platform: &Platform,
    options: UpOptions,
    end: &Arc<Stop>,
    stop: StopToken,
    ready: impl FnOnce(Ready),
) -> Result<(), StartError> {
    let project = project(platform, &options).await?;
    let verbs = keys::signer(&platform.rng, "verbs");
    let keys = match &options.auth {
        Some(auth) => Some(keys::keyring(platform, auth, &verbs).await?),
        None => None,
    };
    let listener = listen(platform, &options).await?;
    let address = bound(&listener)?;
    let web = BoundWeb::bind(platform, &options, &project).await?;
    let tls = match &options.tls {
        Some(from) => Tls::open(platform, from, options.listen).await.map(Some),
        None => Ok(None),
    };
    let entrance = Arc::new(Entrance::with(tls.as_ref().ok().cloned().flatten()));
    let serving = serve(
        platform.clone(),
        listener,
        Arc::clone(&entrance),
        stop.clone(),
    );
    let serving = platform.tasks.spawn("doors", serving);
    let web = web.serve(platform, tls.as_ref().ok().cloned().flatten(), &stop);
    let assembled = assemble(platform, &project, &options, address, stop.clone()).await;
    let rooms = match assembled {
        Ok(rooms) => Arc::new(rooms),
        Err(error) => {
            serving.abort();
            web.abort();
            return Err(error);
        }
    };
    // What keeps a certificate from being written may keep the log from it too, which has said it better by now.
    let (web_address, web_tls) = (web.address(), tls.as_ref().ok().cloned().flatten());
    let tls = tls?.map(|tls| tls.shown);
    let tracing = traced(platform, &options, &rooms, &stop)?;
    let (events, running) = events(platform, &rooms, &stop);
    let background = Background::start(platform, &rooms, end, stop);
    let (app, region) = (project.app.to_string(), project.server.region.clone());
    let names = Names { app, region };
    // Before the doors, so that no deploy finds nobody to open routes.
    let web = web.open(platform, options.web.clone(), web_tls, &rooms);
    let _once = rooms.deployment.web.set(Arc::clone(&web));
    entrance.open(doors(platform, &options, (&rooms, events), keys, names));
    let verbs = options.auth.is_some().then_some(&verbs);
    let note = note(&options, (address, web_address), verbs, tls.as_ref());
    announce(platform, &options, &note).await?;
    ready(Ready {
        address,
        web: web_address,
        tls,
    });
    ended(serving, "the doors closed early").await;
    web.ended().await;
    ended(background.housekeeping, "housekeeping ended early").await;
    ended(running, "events ended early; they are kept").await;
    let given_up = "failure documents were given up early; they are kept";
    ended(background.deliveries, given_up).await;
    background.capsules.await.unwrap_or_default();
    if let Some(tracing) = tracing {
        ended(tracing, "the newest traces may not be sent").await;
    }
    down(platform, &options, &rooms, &note).await;
    background.quiet.stop();
    ended(background.logs, "the newest log lines may not be written").await;
    match background.failure.await {
        Ok(Some(reason)) => Err(StartError::DiskFailed(reason)),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// What runs beside the doors.
struct Background {
    /// Of the disk, which ends the server.
    failure: Task<Option<String>>,
    deliveries: Task<()>,
    capsules: Task<()>,
    housekeeping: Task<()>,
    logs: Task<()>,
    /// Ends the logs, after everything that may say something.
    quiet: Stop,
}

impl Background {
    fn start(platform: &Platform, rooms: &Arc<Rooms>, end: &Arc<Stop>, stop: StopToken) -> Self {
        let failure = watch_disk(platform, rooms, Arc::clone(end), stop.clone());
        let deliveries = Arc::clone(&rooms.deliveries).run(stop.clone());
        let deliveries = platform.tasks.spawn("deliveries", deliveries);
        if let Some(points) = &rooms.points {
            let faults = faults::run(Arc::clone(rooms), Arc::clone(points), stop.clone());
            drop(platform.tasks.spawn("faults", faults));
        }
        let capsules = Arc::clone(&rooms.capsules).run(stop.clone());
        let capsules = platform.tasks.spawn("capsules", capsules);
        let housekeeping = Housekeeping::new(Arc::clone(rooms)).run(stop);
        let housekeeping = platform.tasks.spawn("housekeeping", housekeeping);
        let (quiet, silence) = Stop::new();
        let logs = Arc::clone(&rooms.logs);
        let logs = async move { logs.run(&silence).await };
        Self {
            failure,
            deliveries,
            capsules,
            housekeeping,
            logs: platform.tasks.spawn("logs", logs),
            quiet,
        }
    }
}

/// Ends everything when the log has stopped although nobody asked for it, and says why.
fn watch_disk(
    platform: &Platform,
    rooms: &Rooms,
    end: Arc<Stop>,
    stop: StopToken,
) -> Task<Option<String>> {
    let log = rooms.log.clone();
    platform.tasks.spawn("watch of the log", async move {
        tokio::select! {
            biased;
            () = stop.stopped() => None,
            log::Stopped(reason) = log.stopped() => {
                end.stop();
                Some(reason)
            }
        }
    })
}

fn events(platform: &Platform, rooms: &Arc<Rooms>, stop: &StopToken) -> (Arc<Events>, Task<()>) {
    let events = Events::new(Arc::clone(rooms));
    let running = Arc::clone(&events).run(stop.clone());
    (events, platform.tasks.spawn("events", running))
}

/// Begins to trace where a collector is named.
fn traced(
    platform: &Platform,
    options: &UpOptions,
    rooms: &Rooms,
    stop: &StopToken,
) -> Result<Option<Task<()>>, StartError> {
    let Some(collector) = &options.otlp else {
        return Ok(None);
    };
    let address = Address::parse(collector).ok_or_else(|| {
        StartError::Other(format!(
            "trace to {collector}: that is no address of http or https"
        ))
    })?;
    let (traces, sending) = Traces::start(platform, &address, stop.clone());
    rooms.functions.trace_to(traces);
    Ok(Some(sending))
}

async fn ended(task: Task<()>, early: &'static str) {
    if let Err(error) = task.await {
        tracing::warn!(%error, "{early}");
    }
}

fn bound(listener: &Listener) -> Result<SocketAddr, StartError> {
    let address = listener.local_addr();
    address.map_err(|error| StartError::Other(error.to_string()))
}

async fn project(platform: &Platform, options: &UpOptions) -> Result<Project, StartError> {
    let file = &options.file;
    let text = platform.disk.read(file).await;
    let text =
        text.map_err(|error| StartError::Other(format!("read {}: {error}", file.display())))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let environment = &options.environment;
    Ok(config::read_as(file, &text, &options.env, environment)?)
}

fn doors(
    platform: &Platform,
    options: &UpOptions,
    (rooms, events): (&Arc<Rooms>, Arc<Events>),
    keys: Option<Keyring>,
    names: Names,
) -> Doors {
    let guarded = options.insecure || options.auth.is_some();
    let kinesis = KinesisDoor::new(rooms.streams.clone(), platform.clone(), hosts(guarded));
    let mappings = Arc::new(HostMappings::new(Arc::clone(rooms), names));
    let functions = Arc::new(HostFunctions {
        rooms: Arc::clone(rooms),
        packer: options.packer.clone(),
        events,
    });
    let lambda = LambdaDoor::new(platform.clone(), hosts(guarded), mappings, functions);
    let (kinesis, lambda) = match keys {
        Some(keys) => (kinesis.with_keys(keys.clone()), lambda.with_keys(keys)),
        None => (kinesis, lambda),
    };
    Doors {
        kinesis,
        lambda,
        urls: Urls {
            rooms: Arc::clone(rooms),
            hosts: hosts(guarded),
        },
        api: Api::new(Arc::clone(rooms), hosts(options.insecure), options.testing),
        verbs_from_afar: options.insecure,
    }
}

async fn listen(platform: &Platform, options: &UpOptions) -> Result<Listener, StartError> {
    let address = options.address();
    let guarded = options.insecure || options.auth.is_some();
    if !address.ip().is_loopback() && !guarded {
        return Err(StartError::Exposed { address });
    }
    platform.net.listen(address).await.map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            return StartError::PortTaken { address };
        }
        let reason = error.to_string();
        StartError::Listen { address, reason }
    })
}

/// Where nothing else keeps web pages out, the name under which the server is asked does.
fn hosts(any: bool) -> AllowedHosts {
    if any {
        AllowedHosts::any()
    } else {
        AllowedHosts::loopback_and(Vec::new())
    }
}

/// What verbs in this folder find the server by.
fn note(
    options: &UpOptions,
    (address, web): (SocketAddr, Option<SocketAddr>),
    verbs: Option<&Signer>,
    tls: Option<&Shown>,
) -> String {
    let mut note = serde_json::json!({
        "address": address.to_string(),
        "pid": std::process::id(),
        "data": options.data.display().to_string(),
    });
    if let Some(web) = web {
        note["http"] = web.to_string().into();
    }
    if let Some(Signer { id, secret }) = verbs {
        note["key"] = serde_json::json!({ "id": id, "secret": secret });
    }
    if let Some(Shown {
        certificate,
        fingerprint,
    }) = tls
    {
        let certificate = certificate.display().to_string();
        note["tls"] = serde_json::json!({ "certificate": certificate, "fingerprint": fingerprint });
    }
    note.to_string()
}

async fn announce(platform: &Platform, options: &UpOptions, note: &str) -> Result<(), StartError> {
    let Some(path) = &options.server_json else {
        return Ok(());
    };
    let written = async {
        if let Some(folder) = path.parent() {
            platform.disk.create_dir_all(folder).await?;
        }
        // It may hold the key of the verbs.
        platform.disk.replace_private(path, note.as_bytes()).await
    };
    written
        .await
        .map_err(|error| StartError::Other(format!("write {}: {error}", path.display())))
}

async fn down(platform: &Platform, options: &UpOptions, rooms: &Rooms, note: &str) {
    rooms.schedules.stop().await;
    rooms.runners.stop().await;
    rooms.log.stop().await;
    if let Some(path) = &options.server_json {
        take_back(platform, path, note).await;
    }
}

/// Removes the note, unless another server has put its own in its place.
async fn take_back(platform: &Platform, path: &Path, note: &str) {
    let found = platform.disk.read(path).await;
    if found.is_ok_and(|found| found == note.as_bytes()) {
        drop(platform.disk.remove_file(path).await);
    }
}
