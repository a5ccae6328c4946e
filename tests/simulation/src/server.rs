//! The server as a process of the simulated world: it is started, it is killed in the middle of anything, it is started again.
//!
//! A kill drops every task where it stands. A server that ends by itself says so in the trace.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use host::UpOptions;
use platform::{Disk, Platform, Stop, Task};

use crate::{compiled, functions::components, trace::Trace};

pub(crate) const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 4566);
const FOLDER: &str = "/project";
pub(crate) const DATA: &str = "/project/.shardmill/dev/data";
const TRIGGERS: &str = include_str!("../../../triggers.yaml");

#[derive(Debug)]
pub(crate) struct Server {
    process: Platform,
    stop: Stop,
    task: Task<()>,
}

impl Server {
    pub(crate) fn start(world: &Platform, trace: &Trace) -> Self {
        let process = world.process();
        let (stop, token) = Stop::new();
        let life = {
            let (process, trace) = (process.clone(), trace.clone());
            async move {
                let ready = |ready: host::Ready| trace.note(&format!("ready on {}", ready.address));
                let ended = host::up(&process, options(), token, ready).await;
                trace.note(&format!("ended: {ended:?}"));
            }
        };
        let task = process.tasks.spawn("server", life);
        Self {
            process,
            stop,
            task,
        }
    }

    pub(crate) async fn kill(self) {
        self.process.tasks.kill().await;
    }

    pub(crate) async fn stop(self) {
        self.stop.stop();
        self.task.await.expect("a server does not panic");
    }
}

/// Puts the project onto the disk, as a person's editor, `build` and earlier runs would.
pub(crate) async fn furnish(
    disk: &Disk,
    compiled: &BTreeMap<String, Bytes>,
) -> std::io::Result<()> {
    let folder = Path::new(FOLDER);
    disk.create_dir_all(folder).await?;
    disk.replace(&folder.join("triggers.yaml"), TRIGGERS.as_bytes())
        .await?;
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
        insecure: false,
        auth: None,
        aws_limits: false,
        tls: None,
        testing: false,
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
