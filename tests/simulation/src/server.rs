//! The server as a process of the simulated world: it is started, it is killed in the middle of anything, it is started again.
//!
//! A kill drops every task where it stands. A server that ends by itself says so in the trace.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use host::{Faults, StartError, UpOptions};
use platform::{Disk, Platform, Stop, Task};

use crate::{compiled, functions::components, trace::Trace};

pub(crate) const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 4566);
const FOLDER: &str = "/project";
/// Where the failure documents of `departures` go.
pub(crate) const FAILED: &str = "/project/failed/departures";
pub(crate) const DATA: &str = "/project/.shardmill/dev/data";
const TRIGGERS: &str = include_str!("../../../triggers.yaml");
/// The functions whose triggers may have lanes: what their outputs are compared by is the order of a key.
const IN_LANES: [&str; 3] = ["departures", "airport-board", "parcels"];

#[derive(Debug)]
pub(crate) struct Server {
    process: Platform,
    stop: Stop,
    task: Task<Result<(), StartError>>,
}

impl Server {
    pub(crate) fn start(world: &Platform, trace: &Trace, faults: Option<Faults>) -> Self {
        let process = world.process();
        let (stop, token) = Stop::new();
        let life = {
            let (process, trace) = (process.clone(), trace.clone());
            async move {
                let ready = |ready: host::Ready| trace.note(&format!("ready on {}", ready.address));
                let options = UpOptions {
                    faults,
                    ..options()
                };
                let ended = host::up(&process, options, token, ready).await;
                trace.note(&format!("ended: {ended:?}"));
                ended
            }
        };
        let task = process.tasks.spawn("server", life);
        Self {
            process,
            stop,
            task,
        }
    }

    /// Resolves when the server ends itself on purpose; whoever waits kills it.
    pub(crate) async fn dying(&self) {
        self.process.tasks.dying().await;
    }

    pub(crate) fn freeze(&self) {
        self.process.tasks.freeze();
    }

    pub(crate) fn thaw(&self) {
        self.process.tasks.thaw();
    }

    pub(crate) async fn kill(self) {
        self.process.tasks.kill().await;
    }

    pub(crate) async fn stop(self) {
        self.stop.stop();
        // A disk that failed before is in the trace.
        drop(self.task.await.expect("a server does not panic"));
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> Result<(), StartError> {
        (&mut self.task).await.expect("a server does not panic")
    }
}

/// Puts the project onto the disk, as a person's editor, `build` and earlier runs would.
pub(crate) async fn furnish(
    disk: &Disk,
    compiled: &BTreeMap<String, Bytes>,
) -> std::io::Result<()> {
    let folder = Path::new(FOLDER);
    disk.create_dir_all(folder).await?;
    write_triggers(disk, || None).await?;
    for (name, bytes) in components() {
        disk.replace(&component(name), bytes).await?;
    }
    let kept = Path::new(DATA).join(compiled::FOLDER);
    disk.create_dir_all(&kept).await?;
    for (name, code) in compiled {
        disk.replace(&kept.join(name), code).await?;
    }
    Ok(())
}

/// Only the streams that producers put to, so that a look at them changes nothing.
pub(crate) async fn write_streams(disk: &Disk) -> std::io::Result<()> {
    let path = Path::new(FOLDER).join("triggers.yaml");
    let text = "version: 1\nstreams: { flights: { shards: 4 } }\n";
    disk.replace(&path, text.as_bytes()).await
}

/// More readers of the flights: one that an operator moves back, whose outputs are counted and not ordered, and two that count in
/// tumbling windows, by key and by shard. And two readers of parcels: one parks the key of what customs hold, the other wants
/// heavy ones only and gives up what is held.
const MORE: [(&str, &str); 5] = [
    (
        "app: examples\n",
        "destinations: { failed: { directory: failed } }\n",
    ),
    (
        "  departures:\n    stream: flights\n",
        "    on_failure: failed\n",
    ),
    (
        "streams:\n",
        "  replays: { shards: 1 }
  tallies: { shards: 1 }
  sums: { shards: 1 }
  parcels: { shards: 2 }
  sent: { shards: 1 }
  heavy: { shards: 1 }
",
    ),
    (
        "functions:\n",
        "  tallies: { source: tallies.wasm }
  sums: { source: sums.wasm }
  parcels: { source: parcels.wasm }
",
    ),
    (
        "triggers:\n",
        "  replays:
    stream: flights
    function: departures
    outputs: { default: replays, late: replays }
  tallies:
    stream: flights
    function: tallies
    outputs: tallies
    tumbling: { every: 1s, by: key }
    state: { max: 1GiB }
  sums:
    stream: flights
    function: sums
    outputs: sums
    tumbling: { every: 1s }
  customs:
    stream: parcels
    function: parcels
    outputs: sent
    retry: { attempts: 2, backoff: { first: 20ms, max: 100ms }, then: park }
  heavy:
    stream: parcels
    function: parcels
    outputs: heavy
    filter:
      - data: { weight: [ { numeric: [\">\", 50] } ] }
    retry: { attempts: 2, backoff: { first: 20ms, max: 100ms }, then: dead-letter }
",
    ),
];

/// The project's own triggers, those that may with the lanes that are given for each in turn.
pub(crate) async fn write_triggers(
    disk: &Disk,
    lanes: impl Fn() -> Option<String>,
) -> std::io::Result<()> {
    let mut text = TRIGGERS.to_owned();
    for (head, more) in MORE {
        assert!(text.contains(head), "the file has no {head}");
        text = text.replacen(head, &format!("{head}{more}"), 1);
    }
    for function in IN_LANES {
        if let Some(lanes) = lanes() {
            let line = format!("    function: {function}\n");
            assert!(text.contains(&line), "no trigger runs {function}");
            text = text.replace(&line, &format!("{line}    lanes: {lanes}\n"));
        }
    }
    let path = Path::new(FOLDER).join("triggers.yaml");
    disk.replace(&path, text.as_bytes()).await
}

fn options() -> UpOptions {
    let components: BTreeMap<String, PathBuf> = components()
        .keys()
        .map(|name| ((*name).to_owned(), component(name)))
        .collect();
    UpOptions {
        development: None,
        file: Path::new(FOLDER).join("triggers.yaml"),
        env: BTreeMap::new(),
        data: PathBuf::from(DATA),
        listen: IpAddr::V4(ADDRESS.0),
        port: ADDRESS.1,
        web: host::WebOptions::default(),
        components,
        environment: "dev".to_owned(),
        packer: None,
        otlp: None,
        allow_native: false,
        insecure: false,
        auth: None,
        aws_limits: false,
        tls: None,
        testing: false,
        segment_bytes: None,
        faults: None,
        transition: None,
        runtimes: None,
        server_json: None,
        master: host::MasterKeys {
            file: "/data/master.key".into(),
            ..host::MasterKeys::default()
        },
    }
}

fn component(name: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.wasm"))
}
