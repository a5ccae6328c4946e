//! Plugs the rooms together: the log, the streams of the file, the functions, the triggers that bind them.
//!
//! The same assembly runs in production and in simulation; only `platform`, the view and the engine's settings differ.
//! What fails here stops the start with a sentence; nothing is half started.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use catalog::{Alias, Told, Unchanged};
use dispatch::{DeadLetterStore, OwedDocuments, TriggerSettings};
use leases::LeaseBook;
use log::{ArchiveSettings, Folder, Log, Store, ViewKind};
use model::{
    AccountId, FunctionName, FunctionVersion, Invocation, NodeId, StreamKey, Timestamp,
    TriggerName,
    seams::{BoxFuture, Handler, Journal, LogTail, Source},
};
use platform::{Clock, Platform, StopToken};
use sandbox::{Called, Engine, EngineSettings};
use streams::{Autoscale, StreamMode, Streams, World};
use tracing::warn;

use crate::{
    bucket::Bucket,
    capsules::Capsules,
    config::Project,
    deployment::Deployment,
    destinations::{Credentials, Deliveries, Names, Sender, Target},
    development::{Development, Reload, Reloaded},
    encrypted,
    errors::{StartError, Unloaded},
    faults::Points,
    fitting,
    forecast::Forecast,
    functions::{self, Bound, ChangeError, Functions, Shadows},
    journal::LogJournal,
    limits::{SIMULATED_ARCHIVE_AFTER, SIMULATED_SEGMENT_BYTES},
    loading::deployed,
    logs::LogStore,
    mappings,
    options::UpOptions,
    plan, renaming,
    report::Report,
    routes::{Gate, Routes},
    runners::Runners,
    schedules::{self, Row, Runs, ScheduleHandle, ScheduleSettings, Schedules},
    triggers::Triggers,
};

/// Everything that answers need, once the server is put together.
#[derive(Debug)]
pub(crate) struct Rooms {
    pub(crate) platform: Platform,
    pub(crate) world: World,
    /// Of streams that do not say.
    pub(crate) retention: Duration,
    pub(crate) node: NodeId,
    pub(crate) address: SocketAddr,
    pub(crate) data: PathBuf,
    pub(crate) deployment: Deployment,
    /// One deploy at a time.
    pub(crate) deploying: tokio::sync::Mutex<()>,
    pub(crate) log: Log,
    pub(crate) streams: Streams,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) functions: Arc<Functions>,
    /// What runs beside functions.
    pub(crate) shadows: Shadows,
    pub(crate) triggers: Triggers,
    pub(crate) leases: Arc<LeaseBook>,
    pub(crate) runners: Arc<Runners>,
    pub(crate) schedules: Schedules,
    pub(crate) routes: Routes,
    pub(crate) dead_letters: Arc<DeadLetterStore>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) logs: Arc<LogStore>,
    pub(crate) capsules: Arc<Capsules>,
    pub(crate) forecast: Forecast,
    /// Provisioned streams that scale by themselves.
    pub(crate) autoscaled: BTreeMap<StreamKey, Autoscale>,
    /// Where what is stored is not what the file says, a sentence each.
    pub(crate) drift: Vec<String>,
    /// Where something may happen to workers, in a test.
    pub(crate) points: Option<Arc<Points>>,
    /// Ends what waits for news.
    pub(crate) stop: StopToken,
    /// The loop that develops the functions, where there is one.
    pub(crate) development: Option<Development>,
}

const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const ACCOUNT: &str = "000000000000";

pub(crate) async fn assemble(
    platform: &Platform,
    project: &Project,
    options: &UpOptions,
    address: SocketAddr,
    stop: StopToken,
) -> Result<Rooms, StartError> {
    let log = open_log(platform, project, options).await?;
    let settings = stream_settings(project, options);
    let streams = encrypted::open(platform, &log, settings, options).await?;
    let opened = (log.clone(), streams);
    let assembled = assemble_on(platform, project, options, (address, stop), opened).await;
    assembled.map_err(|error| error.or_of_disk(&log))
}

async fn assemble_on(
    platform: &Platform,
    project: &Project,
    options: &UpOptions,
    (address, stop): (SocketAddr, StopToken),
    (log, streams): (Log, Streams),
) -> Result<Rooms, StartError> {
    let world = World {
        account: AccountId::parse(ACCOUNT).map_err(other)?,
        region: project.server.region.clone(),
    };
    let drift = declare(&streams, &world, project).await?;
    let autoscaled = plan::autoscaled(&world, project);
    let points = Points::of(platform, options.faults.as_ref(), &stop);
    let journal = LogJournal::new(log.clone(), streams.clone());
    let journal = Points::journal(points.as_ref(), journal);
    bound_once(journal.as_ref(), &world, (project, &options.file))?;
    let drift = renaming::of_file(journal.as_ref(), project, drift).await?;
    let logs = open_lines(platform, project, options).await?;
    let engine = engine(platform, options, &logs)?;
    let capsules = Capsules::of(platform, &options.data, &engine, (&log, &streams));
    let functions = deployed(platform, project, options, (engine, &journal)).await?;
    functions.report_to(&logs);
    let node = NodeId::parse(&format!("host-{:012x}", platform.rng.u64() >> 16)).map_err(other)?;
    let triggers = on_streams(&world, project, platform.clock.wall());
    let runners = Arc::new(Runners::new(Arc::clone(&journal)));
    functions.deploy_to(&runners);
    let routes = gates(&world, project, &runners)?;
    let policy = plan::dead_letters(&project.server.dead_letters);
    let dead_letters = Arc::new(DeadLetterStore::new(Arc::clone(&journal), policy));
    let rooms_of_deliveries = (&journal, &dead_letters, &functions);
    let deliveries = deliveries(platform, project, options, rooms_of_deliveries);
    let leases = lease_book(&log, &journal, &node);
    let rooms = Rooms {
        platform: platform.clone(),
        world,
        retention: RETENTION,
        node,
        address,
        data: options.data.clone(),
        deployment: Deployment::of(options),
        deploying: tokio::sync::Mutex::default(),
        log,
        streams,
        journal,
        functions,
        shadows: Shadows::default(),
        triggers: Triggers::new(triggers),
        leases: Arc::new(leases),
        runners,
        schedules: Schedules::default(),
        routes,
        dead_letters,
        deliveries,
        logs,
        capsules,
        forecast: Forecast::default(),
        autoscaled,
        drift,
        points,
        stop,
        development: options.development.clone(),
    };
    rooms.triggers.note_lines(project);
    let schedules = new_schedules(&rooms, project)?;
    if let Some(development) = &rooms.development {
        let reload = reloading(&rooms, project);
        let logs = Arc::clone(&rooms.logs) as Arc<dyn LogTail>;
        development.attach(platform, logs, reload, rooms.stop.clone());
    }
    start(&rooms).await?;
    for settings in schedules {
        launch_schedule(&rooms, settings)?;
    }
    Ok(rooms)
}

/// The file binds nothing that a stored mapping binds.
fn bound_once(
    journal: &dyn Journal,
    world: &World,
    file: (&Project, &Path),
) -> Result<(), StartError> {
    let twice = mappings::twice(journal, world, file).map_err(other)?;
    twice.map_or(Ok(()), |twice| Err(StartError::Twice(twice)))
}

/// What failure destinations are owed, and who sends it.
fn deliveries(
    platform: &Platform,
    project: &Project,
    options: &UpOptions,
    (journal, dead_letters, functions): (&Arc<dyn Journal>, &Arc<DeadLetterStore>, &Arc<Functions>),
) -> Arc<Deliveries> {
    let names = Names {
        app: project.app.to_string(),
        region: project.server.region.clone(),
    };
    Arc::new(Deliveries::new(
        platform.clone(),
        OwedDocuments::new(Arc::clone(journal)),
        Arc::clone(dead_letters),
        project.destinations.clone(),
        Sender::new(
            platform.clone(),
            (names, Arc::clone(functions)),
            &options.env,
        ),
    ))
}

fn on_streams(
    world: &World,
    project: &Project,
    now: Timestamp,
) -> BTreeMap<TriggerName, TriggerSettings> {
    let triggers = project.triggers.iter();
    triggers
        .map(|(name, trigger)| (name.clone(), plan::trigger(world, name, trigger, now)))
        .collect()
}

fn gates(world: &World, project: &Project, runners: &Runners) -> Result<Routes, StartError> {
    let gate = |(name, trigger)| {
        let paused = runners.is_paused(name).map_err(other)?;
        Ok(Gate::new(plan::route(world, name, trigger), paused))
    };
    let gates: Result<Vec<Gate>, StartError> = project.routes.iter().map(gate).collect();
    Ok(Routes::new(gates?.into_iter()))
}

/// The schedules of the file. One that is new and has no slot to come is refused.
pub(crate) fn new_schedules(
    rooms: &Rooms,
    project: &Project,
) -> Result<Vec<ScheduleSettings>, StartError> {
    let now = rooms.platform.clock.wall();
    let mut all = Vec::with_capacity(project.schedules.len());
    for (name, trigger) in &project.schedules {
        let stored = Row::read(rooms.journal.as_ref(), name).map_err(other)?;
        if stored.is_none() {
            fitting::has_slots(name, (&rooms.deployment.file, trigger), now)?;
        }
        all.push(plan::schedule(&rooms.world, name, trigger));
    }
    Ok(all)
}

/// Starts one schedule; what it is to do is decided by its own task.
pub(crate) fn launch_schedule(rooms: &Rooms, settings: ScheduleSettings) -> Result<(), StartError> {
    let parts = schedules::Parts {
        platform: rooms.platform.clone(),
        journal: Arc::clone(&rooms.journal),
        leases: Arc::clone(&rooms.leases),
        dead_letters: Arc::clone(&rooms.dead_letters),
        logs: Arc::clone(&rooms.logs) as Arc<dyn LogTail>,
        runs: Arc::new(Named {
            functions: Arc::clone(&rooms.functions),
            name: settings.function.clone(),
            logs: Arc::clone(&rooms.logs),
            clock: rooms.platform.clock.clone(),
        }),
        account: rooms.world.account.clone(),
        region: rooms.world.region.clone(),
    };
    let paused = rooms.runners.is_paused(&settings.name).map_err(other)?;
    rooms
        .schedules
        .add(ScheduleHandle::start(parts, settings, paused));
    Ok(())
}

/// A function that schedules run: what is deployed under its name when a run begins.
#[derive(Debug)]
struct Named {
    functions: Arc<Functions>,
    name: FunctionName,
    logs: Arc<LogStore>,
    clock: Clock,
}

impl Runs for Named {
    fn version(&self) -> FunctionVersion {
        let deployed = self.functions.get(&self.name);
        deployed.map_or(FunctionVersion::LATEST, |deployed| deployed.main())
    }

    fn run(&self, invocation: Invocation, event: Vec<u8>) -> BoxFuture<'_, Called> {
        Box::pin(async move {
            let Some(deployed) = self.functions.get(&self.name) else {
                return Called::not_run(format!("function {} is not there", self.name));
            };
            let _pass = deployed.gate.enter().await;
            let function = match self.functions.load(&deployed, invocation.version).await {
                Ok(function) => function,
                Err(why) => return Called::not_run(why),
            };
            let report = Report::of(&invocation);
            let memory = function.limits().memory_told;
            let called = function.call(invocation, Some(event)).await;
            report.say(&self.logs, &called, memory, self.clock.wall());
            called
        })
    }
}

fn lease_book(log: &Log, journal: &Arc<dyn Journal>, node: &NodeId) -> LeaseBook {
    let minting = log.clone();
    let tokens = Arc::new(move || minting.next_fencing_token());
    LeaseBook::open(Arc::clone(journal), node.clone(), tokens)
}

/// Makes the streams of the file. Those that exist keep their shards; where that is not what the file says, it is said.
async fn declare(
    streams: &Streams,
    world: &World,
    project: &Project,
) -> Result<Vec<String>, StartError> {
    let mut drift = Vec::new();
    for (name, stream) in &project.streams {
        let key = plan::stream_key(world, name);
        let declared = plan::declared(stream);
        let made = streams.declare(key.clone(), declared);
        made.await.map_err(other)?;
        let Ok(facts) = streams.describe(&key) else {
            continue;
        };
        let asked = usize::try_from(stream.shards).unwrap_or(usize::MAX);
        let scales = stream.autoscale.is_some() || facts.mode == StreamMode::OnDemand;
        if facts.open_shards != asked && !scales {
            let note = format!(
                "stream {name} has {} shards, triggers.yaml says {asked}: the file never reshards, UpdateShardCount does",
                facts.open_shards
            );
            warn!("{note}");
            drift.push(note);
        }
    }
    Ok(drift)
}

async fn open_log(
    platform: &Platform,
    project: &Project,
    options: &UpOptions,
) -> Result<Log, StartError> {
    let simulated = platform.disk.is_simulated();
    // Small segments end in every story, and what a crash leaves of the view is a file like any other.
    let (view, segment_bytes) = if simulated {
        (ViewKind::File, SIMULATED_SEGMENT_BYTES)
    } else {
        let usual = log::Settings::default().segment_bytes;
        (ViewKind::Sled, options.segment_bytes.unwrap_or(usual))
    };
    let settings = log::Settings {
        view,
        segment_bytes,
        durability: plan::durability(project.server.durability).in_log(),
        archive: archive(platform, project, options),
    };
    Ok(Log::open(platform, &options.data, settings).await?)
}

/// Where records go that outlive the log.
fn archive(platform: &Platform, project: &Project, options: &UpOptions) -> ArchiveSettings {
    let said = &project.server.archive;
    let after = if platform.disk.is_simulated() {
        // Stories are short, and each is to read what it archived.
        SIMULATED_ARCHIVE_AFTER
    } else {
        said.after
    };
    let elsewhere = said.to.as_ref().and_then(|to| match &to.target {
        Target::Directory(dir) => {
            let store: Arc<dyn Store> = Arc::new(Folder::new(&platform.disk, dir));
            Some(store)
        }
        Target::Bucket { bucket, prefix } => {
            let store: Arc<dyn Store> = Arc::new(Bucket {
                platform: platform.clone(),
                calls: platform.tasks.here(),
                credentials: Credentials::of(&options.env),
                endpoint: to.endpoint.clone(),
                region: project.server.region.as_str().to_owned(),
                name: bucket.clone(),
                prefix: prefix.clone(),
            });
            Some(store)
        }
        Target::Queue { .. } | Target::Topic { .. } | Target::Http(_) | Target::Stream(_) => None,
    });
    ArchiveSettings { after, elsewhere }
}

/// What functions say.
async fn open_lines(
    platform: &Platform,
    project: &Project,
    options: &UpOptions,
) -> Result<Arc<LogStore>, StartError> {
    let folder = options.data.join("logs");
    let opened = LogStore::open(platform, &folder, &project.server.logs).await;
    opened.map(Arc::new).map_err(|error| {
        StartError::Other(format!(
            "open the log lines in {}: {error}",
            folder.display()
        ))
    })
}

fn stream_settings(project: &Project, options: &UpOptions) -> streams::Settings {
    let settings = streams::Settings::default();
    streams::Settings {
        transition: options.transition.unwrap_or(settings.transition),
        aws_limits: plan::aws_limits(project, options),
        ..settings
    }
}

fn engine(
    platform: &Platform,
    options: &UpOptions,
    logs: &Arc<LogStore>,
) -> Result<Engine, StartError> {
    let simulation = platform.disk.is_simulated();
    let settings = EngineSettings {
        simulation,
        quick: options.development.is_some(),
        cache_dir: Some(options.data.join("functions")),
        runtimes_dir: options.runtimes.clone(),
    };
    Engine::new(platform.clone(), settings, Arc::clone(logs) as _).map_err(other)
}

/// How a function that was built again is put in place.
fn reloading(rooms: &Rooms, project: &Project) -> Arc<Reload> {
    let (platform, deployed) = (rooms.platform.clone(), Arc::clone(&rooms.functions));
    let known = project.functions.clone();
    Arc::new(move |name, built| {
        let (platform, deployed) = (platform.clone(), Arc::clone(&deployed));
        let function = known.get(&name).cloned();
        Box::pin(async move {
            let function =
                function.ok_or_else(|| format!("triggers.yaml has no function `{name}`"))?;
            let failed = |reason: Unloaded| {
                let error = StartError::Function {
                    function: name.to_string(),
                    path: built.clone(),
                    reason,
                };
                error.to_string()
            };
            let bytes = platform.disk.read(&built).await;
            let bytes = bytes.map_err(|error| failed(error.into()))?;
            let settings = functions::settings(&function);
            let offered = deployed.offer(&bytes, settings).await;
            let offered = offered.map_err(|error| failed(error.into()))?;
            let handler = offered.handler();
            let told = Told {
                anyway: true,
                retries: true,
                ..Told::default()
            };
            let of_file = (built.clone(), function.concurrency);
            let version = deployed
                .declare(&name, (offered, &bytes), of_file, told)
                .await;
            Ok(Reloaded {
                version: version.map_err(|error| error.to_string())?,
                handler,
            })
        })
    })
}

/// Starts the triggers of the file, and the mappings of the Lambda API as far as they can be.
async fn start(rooms: &Rooms) -> Result<(), StartError> {
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

fn other(error: impl std::fmt::Display) -> StartError {
    StartError::Other(error.to_string())
}
