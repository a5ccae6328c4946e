//! The servers that are measured: the release binary in a folder of its own, or a peer with its own program.
//!
//! Each part of the bench has a server of its own, so that none pays for what another left behind. Dropping a server
//! kills it; what it prints goes to `server.log` beside its data.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use crate::{client::Connection, load::Subject, machine};

/// A thousand functions are compiled within it.
const START_MAX: Duration = Duration::from_secs(300);
const START_LOOK: Duration = Duration::from_micros(500);
/// A server rests that uses less than so much processor time between two looks.
const REST_LOOK: Duration = Duration::from_millis(100);
const REST_SECONDS_MAX: f64 = 0.002;
const REST_WAIT_MAX: Duration = Duration::from_secs(60);
const GUESTS: [&str; 6] = [
    "empty.wasm",
    "echo.wasm",
    "poisoned.wasm",
    "trips.wasm",
    "event_echo.wasm",
    "greets.wasm",
];

/// What is measured, and where.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) binary: PathBuf,
    pub(crate) guests: PathBuf,
    pub(crate) folder: PathBuf,
    /// Where compilers and language runtimes are kept from one run to the next.
    pub(crate) tools: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Where routes are answered, if there are any.
    pub(crate) routes: SocketAddr,
    /// From the start of the process to the first answer that says it is ready.
    pub(crate) started_in: Duration,
}

/// How a server says that it is ready.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ready {
    Path(&'static str),
    /// An action of Kinesis that needs nothing.
    Action(&'static str),
    /// It speaks first, as NATS does.
    Greeting(&'static [u8]),
}

impl Project {
    /// Starts the server on the data of `name`, with `file` as its `triggers.yaml`.
    pub(crate) async fn start(&self, name: &str, file: &str) -> Result<Server> {
        self.start_with(name, file, &[]).await
    }

    /// With more options than that.
    pub(crate) async fn start_with(
        &self,
        name: &str,
        file: &str,
        options: &[&str],
    ) -> Result<Server> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        for guest in GUESTS {
            std::fs::copy(self.guests.join(guest), folder.join(guest))
                .with_context(|| format!("take the guest {guest}"))?;
        }
        std::fs::write(folder.join("triggers.yaml"), file)?;
        let (address, routes) = (free_address()?, free_address()?);
        let mut command = Command::new(&self.binary);
        command
            .args(["up", "--port", &address.port().to_string()])
            .args(["--http-port", &routes.port().to_string()])
            .args(options)
            .env("SHARDMILL_CACHE", &self.tools);
        let mut server = Server::start(command, &folder, address, Ready::Path("/readyz")).await?;
        server.routes = routes;
        Ok(server)
    }

    /// Puts a file beside the `triggers.yaml` of the server that will be started as `name`.
    pub(crate) fn write(&self, name: &str, file: &str, bytes: &[u8]) -> Result<()> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(file), bytes).with_context(|| format!("write {file}"))
    }

    /// Where a server that was started as `name` keeps its data.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.folder.join(name).join(".shardmill/dev/data")
    }
}

impl Server {
    /// Starts a program in `folder` and waits until it is ready at `address`.
    pub(crate) async fn start(
        mut command: Command,
        folder: &Path,
        address: SocketAddr,
        ready: Ready,
    ) -> Result<Self> {
        let log = std::fs::File::create(folder.join("server.log"))?;
        let began = Instant::now();
        let child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let mut server = Self {
            child,
            address,
            routes: address,
            started_in: Duration::ZERO,
        };
        while !server.is_ready(ready).await {
            if began.elapsed() > START_MAX || server.child.try_wait()?.is_some() {
                let said = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                bail!("the server did not come up:\n{said}");
            }
            tokio::time::sleep(START_LOOK).await;
        }
        server.started_in = began.elapsed();
        Ok(server)
    }

    async fn is_ready(&self, ready: Ready) -> bool {
        if let Ready::Greeting(expected) = ready {
            return self.greets(expected).await.is_ok_and(|greets| greets);
        }
        let Ok(mut connection) = self.connect().await else {
            return false;
        };
        let answer = match ready {
            Ready::Path(path) => connection.get(path).await,
            Ready::Action(action) => connection.kinesis(action, Bytes::from_static(b"{}")).await,
            Ready::Greeting(_) => return false,
        };
        answer.is_ok()
    }

    async fn greets(&self, expected: &[u8]) -> Result<bool> {
        let mut stream = tokio::net::TcpStream::connect(self.address).await?;
        let mut said = vec![0; expected.len()];
        stream.read_exact(&mut said).await?;
        Ok(said == expected)
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(self.address).await
    }

    /// SIGKILL, as a crash would.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill().context("kill the server")?;
        self.child.wait().context("wait for its end").map(drop)
    }

    /// Waits until what it was asked before is over, also behind the answers: the log makes segments ready after a load.
    pub(crate) async fn rest(&self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < REST_WAIT_MAX {
            let before = self.idle_cpu_seconds()?;
            tokio::time::sleep(REST_LOOK).await;
            if self.idle_cpu_seconds()? - before < REST_SECONDS_MAX {
                return Ok(());
            }
        }
        bail!("the server does not come to rest")
    }

    /// Processor time in nanoseconds of the kernel's own count, for spans in which next to nothing happens.
    pub(crate) fn idle_cpu_seconds(&self) -> Result<f64> {
        machine::living_threads_cpu_seconds(&self.child.id().to_string(), None)
    }

    /// The same of all threads but those that run functions.
    pub(crate) fn host_cpu_seconds(&self) -> Result<f64> {
        Ok(self.idle_cpu_seconds()? - self.handlers_cpu_seconds()?)
    }

    /// Of the threads that run functions.
    pub(crate) fn handlers_cpu_seconds(&self) -> Result<f64> {
        let process = self.child.id().to_string();
        machine::living_threads_cpu_seconds(&process, Some(machine::HANDLERS))
    }

    /// What it has made dirty in the page cache since its start.
    pub(crate) fn file_bytes_written(&self) -> Result<f64> {
        machine::file_bytes_written(&self.child.id().to_string())
    }

    pub(crate) fn memory_mib(&self, name: &str) -> Result<f64> {
        machine::memory_mib(self.child.id(), name)
    }
}

impl Subject for Server {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn cpu_seconds(&self) -> Result<f64> {
        machine::cpu_seconds(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
