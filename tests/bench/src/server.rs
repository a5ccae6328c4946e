//! The server that is measured: the release binary in a folder of its own.
//!
//! Dropping a server kills it; what it prints goes to `server.log` beside its data.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{client::Connection, machine};

const START_MAX: Duration = Duration::from_secs(60);
const START_LOOK: Duration = Duration::from_micros(500);

const TRIGGERS: &str = "version: 1
streams:
  puts: { shards: 4 }
  gets: { shards: 1 }
  one: { shards: 1 }
  four: { shards: 4 }
  quick: { shards: 1 }
  ping: { shards: 1 }
  pong: { shards: 1 }
functions:
  empty: { source: empty.wasm }
  echo: { source: echo.wasm }
triggers:
  one: { stream: one, function: empty, batch: { records: 100 } }
  four: { stream: four, function: empty, batch: { records: 100 } }
  quick: { stream: quick, function: empty }
  pingpong: { stream: ping, function: echo, outputs: pong }
";

/// What is measured, and where.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) binary: PathBuf,
    pub(crate) guests: PathBuf,
    pub(crate) folder: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(crate) started_in: Duration,
}

impl Project {
    /// Starts the server with all streams and triggers of the bench, on the data of `name`.
    pub(crate) async fn start(&self, name: &str) -> Result<Server> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        for guest in ["empty.wasm", "echo.wasm"] {
            std::fs::copy(self.guests.join(guest), folder.join(guest))
                .with_context(|| format!("take the guest {guest}"))?;
        }
        std::fs::write(folder.join("triggers.yaml"), TRIGGERS)?;
        Server::start(&self.binary, &folder).await
    }

    /// Starts a server that has no stream and no function.
    pub(crate) async fn start_empty(&self, name: &str) -> Result<Server> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("triggers.yaml"), "version: 1\n")?;
        Server::start(&self.binary, &folder).await
    }
}

impl Server {
    async fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = std::fs::File::create(folder.join("server.log"))?;
        let began = Instant::now();
        let child = Command::new(binary)
            .args(["up", "--port", &address.port().to_string()])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let mut server = Self {
            child,
            address,
            started_in: Duration::ZERO,
        };
        while !server.answers().await {
            if began.elapsed() > START_MAX || server.child.try_wait()?.is_some() {
                let said = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                bail!("the server did not come up:\n{said}");
            }
            tokio::time::sleep(START_LOOK).await;
        }
        server.started_in = began.elapsed();
        Ok(server)
    }

    async fn answers(&self) -> bool {
        match Connection::open(self.address).await {
            Ok(mut connection) => connection.get("/healthz").await.is_ok(),
            Err(_) => false,
        }
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(self.address).await
    }

    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        machine::cpu_seconds(self.child.id())
    }

    pub(crate) fn memory_mib(&self, name: &str) -> Result<f64> {
        machine::memory_mib(self.child.id(), name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
