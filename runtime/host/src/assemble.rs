//! Plugs the rooms together: the log, the streams of the file, the functions, the triggers that bind them.
//!
//! The same assembly runs in production and in simulation; only `platform`, the view and the engine's settings differ.
//! What fails here stops the start with a sentence; nothing is half started.

mod launching;
mod opening;
mod reloading;
mod scheduled;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dispatch::{DeadLetterStore, OwedDocuments, TriggerSettings};
use leases::LeaseBook;
use log::Log;
use model::{
    AccountId, NodeId, StreamKey, Timestamp, TriggerName,
    seams::{Journal, LogTail},
};
use platform::{Platform, StopToken};
use streams::{Autoscale, Streams, World};

use crate::{
    capsules::Capsules,
    config::Project,
    deployment::Deployment,
    destinations::{Deliveries, Names, Sender},
    development::Development,
    encrypted,
    errors::StartError,
    faults::Points,
    forecast::Forecast,
    functions::{Functions, Shadows},
    journal::LogJournal,
    loading::deployed,
    logs::LogStore,
    mappings,
    options::UpOptions,
    plan, renaming,
    routes::{Gate, Routes},
    runners::Runners,
    schedules::Schedules,
    triggers::Triggers,
};
use launching::start;
use opening::{declare, engine, lease_book, open_lines, open_log, stream_settings};
use reloading::reloading;

pub(crate) use launching::launch;
pub(crate) use scheduled::{launch_schedule, new_schedules};

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

fn other(error: impl std::fmt::Display) -> StartError {
    StartError::Other(error.to_string())
}
