//! The server of the demo: the binary that was just built, on a folder and a port of its own, which can be killed and started again.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::step::root;

const START_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Server {
    binary: PathBuf,
    data: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Server {
    pub(crate) fn new(binary: PathBuf, data: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self {
            binary,
            data: data.to_owned(),
            port,
            child: None,
        })
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(&mut self) -> Result<()> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.data.with_extension("log"))?;
        let mut child = Command::new(&self.binary)
            .args(["up", "--port", &self.port.to_string(), "--data"])
            .arg(&self.data)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("start the server")?;
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "the server ended at once ({status})\nhint: see {}",
                    self.data.with_extension("log").display()
                );
            }
            if began.elapsed() > START_MAX {
                bail!("the server did not come up in {START_MAX:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
        Ok(())
    }

    /// SIGKILL: the process gets no chance to finish anything.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().context("kill the server")?;
            child.wait()?;
        }
        Ok(())
    }

    /// A verb of the command line, against this server.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["--server", &self.address()])
            .args(arguments)
            // The producer keeps its place in the folder where it runs.
            .current_dir(self.data.parent().unwrap_or(&self.data))
            .stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end and returns the JSON that it prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let Output {
            status,
            stdout,
            stderr,
        } = self.verb(arguments).args(["-o", "json"]).output()?;
        if !status.success() {
            bail!(
                "`shardmill {}` failed: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&stderr).trim()
            );
        }
        serde_json::from_slice(&stdout)
            .with_context(|| format!("read the answer of {}", arguments.join(" ")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.kill());
    }
}
