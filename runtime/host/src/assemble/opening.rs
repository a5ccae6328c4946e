//! Opens what the rooms stand on: the log with its archive, the lines of functions, the engine; and makes the streams of
//! the file.
//!
//! In: the platform, the file and the options of the start. Out: what is open, or the sentence that stops the start.

use std::sync::Arc;

use leases::LeaseBook;
use log::{ArchiveSettings, Folder, Log, Store, ViewKind};
use model::{NodeId, seams::Journal};
use platform::Platform;
use sandbox::{Engine, EngineSettings};
use streams::{StreamMode, Streams, World};
use tracing::warn;

use super::other;
use crate::{
    bucket::Bucket,
    config::Project,
    destinations::{Credentials, Target},
    errors::StartError,
    limits::{SIMULATED_ARCHIVE_AFTER, SIMULATED_SEGMENT_BYTES},
    logs::LogStore,
    options::UpOptions,
    plan,
};

pub(super) fn lease_book(log: &Log, journal: &Arc<dyn Journal>, node: &NodeId) -> LeaseBook {
    let minting = log.clone();
    let tokens = Arc::new(move || minting.next_fencing_token());
    LeaseBook::open(Arc::clone(journal), node.clone(), tokens)
}

/// Makes the streams of the file. Those that exist keep their shards; where that is not what the file says, it is said.
pub(super) async fn declare(
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

pub(super) async fn open_log(
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
pub(super) async fn open_lines(
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

pub(super) fn stream_settings(project: &Project, options: &UpOptions) -> streams::Settings {
    let settings = streams::Settings::default();
    streams::Settings {
        transition: options.transition.unwrap_or(settings.transition),
        aws_limits: plan::aws_limits(project, options),
        ..settings
    }
}

pub(super) fn engine(
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
