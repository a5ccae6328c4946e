//! The server that is crashed: the real binary, always at the same address, so that producers find it again.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{http, manner::Manner, place::Place};

const START_MAX: Duration = Duration::from_secs(60);
const START_LOOK: Duration = Duration::from_millis(5);
const GUESTS: [&str; 2] = ["echo.wasm", "counter.wasm"];

/// One trigger copies each record, the other counts each key in state.
const TRIGGERS: &str = "version: 1
streams: { put: { shards: 4 }, copied: { shards: 2 }, counts: {} }
functions: { copy: { source: echo.wasm }, count: { source: counter.wasm } }
triggers:
  copy: { stream: put, function: copy, outputs: copied, retry: { attempts: forever } }
  count: { stream: put, function: count, outputs: counts, state: {}, retry: { attempts: forever } }
";

/// How to start it.
#[derive(Debug)]
pub(crate) struct Setup {
    binary: PathBuf,
    manner: Manner,
    pub(crate) address: SocketAddr,
}

/// Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Setup {
    pub(crate) fn new(binary: &Path, guests: &Path, folder: &Path, manner: Manner) -> Result<Self> {
        for guest in GUESTS {
            std::fs::copy(guests.join(guest), folder.join(guest))
                .with_context(|| format!("take the guest {guest}"))?;
        }
        let triggers = format!("{TRIGGERS}{}", manner.settings());
        std::fs::write(folder.join("triggers.yaml"), triggers)?;
        Ok(Self {
            binary: std::path::absolute(binary)?,
            manner,
            address: TcpListener::bind("127.0.0.1:0")?.local_addr()?,
        })
    }

    /// Waits until it is ready.
    pub(crate) fn start(&self, place: &Place) -> Result<Server> {
        let log_path = place.folder().join("server.log");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)?;
        let child = Command::new(&self.binary)
            .args(["up", "--port", &self.address.port().to_string(), "--data"])
            .arg(place.data())
            .args(self.manner.arguments())
            .current_dir(place.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        let mut server = Server { child };
        let began = Instant::now();
        while !http::is_ready(self.address) {
            if began.elapsed() > START_MAX || server.child.try_wait()?.is_some() {
                let said = std::fs::read_to_string(&log_path).unwrap_or_default();
                bail!("the server did not come up:\n{said}");
            }
            std::thread::sleep(START_LOOK);
        }
        Ok(server)
    }
}

impl Server {
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill().context("kill the server")?;
        self.child.wait().context("wait for its end").map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
