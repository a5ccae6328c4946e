//! A running server of a project: ready when `start` returns, killed as a crash would when it is dropped.

use std::process::Command;

use crate::{
    Answer, Project, http,
    process::{Running, Said, run},
    root,
};

#[derive(Debug)]
pub struct Server {
    running: Running,
    /// `HOST:PORT`.
    pub address: String,
    /// The same of the listener for routes; empty where there are none.
    pub routes: String,
    /// Where clients of AWS take it to be.
    pub region: &'static str,
}

impl Server {
    pub(crate) fn start(project: &Project, port: u16, settings: &[&str]) -> Self {
        let port = port.to_string();
        let arguments = [&["up", "--port", &port], settings].concat();
        Self::start_by(project, project.command(&arguments))
    }

    pub(crate) fn start_by(project: &Project, mut command: Command) -> Self {
        // Language runtimes are made once for all tests.
        command.env("SHARDMILL_CACHE", root().join("target/function-tools"));
        let mut running = Running::of_errors(&mut command);
        let ready = running.line(|line| line.starts_with("ready "));
        let address = ready
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap_or_else(|| panic!("no address in {ready:?}"))
            .to_owned();
        let note = std::fs::read_to_string(project.folder().join(".shardmill/dev/server.json"));
        let note: serde_json::Value = note
            .ok()
            .and_then(|note| serde_json::from_str(&note).ok())
            .unwrap_or_default();
        let routes = note["http"].as_str().unwrap_or_default().to_owned();
        Self {
            running,
            address,
            routes,
            region: "us-east-1",
        }
    }

    /// Waits until the server has said something on standard error.
    pub fn says(&mut self, wanted: &str) -> String {
        self.running.line(|line| line.contains(wanted))
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        let port = self.address.rsplit_once(':').map(|(_, port)| port);
        port.and_then(|port| port.parse().ok())
            .expect("the address has a port")
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// SIGKILL, as a crash would, and a new start of the same project on the same port.
    #[must_use]
    pub fn crash_and_restart(self, project: &Project) -> Self {
        let port = self.port();
        drop(self.running);
        Self::start(project, port, &[])
    }

    /// Waits until the process ends by itself.
    #[must_use]
    pub fn ended(self) -> Said {
        self.running.end()
    }

    /// SIGTERM, as a supervisor would, and what the process says to that.
    #[must_use]
    pub fn stop(self) -> Said {
        let asked = run(Command::new("kill").arg(self.id().to_string()));
        assert_eq!(asked.code, Some(0), "{}", asked.err);
        self.running.end()
    }

    /// An action of the Kinesis door, its body sent as it is.
    #[must_use]
    pub fn kinesis(&self, action: &str, body: &str) -> Answer {
        http::post(&self.address, action, body)
    }

    /// The same, from a client that goes away in the middle of the body.
    pub fn kinesis_cut_off(&self, action: &str, body: &str) {
        http::post_half(&self.address, action, body);
    }

    /// A request to the server itself.
    #[must_use]
    pub fn verb(&self, path: &str, body: &str) -> Answer {
        http::post_verb(&self.address, path, body)
    }

    /// Lets a client of AWS find this server and nothing else.
    pub fn for_aws<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ACCESS_KEY_ID", "dev")
            .env("AWS_SECRET_ACCESS_KEY", "dev")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_PAGER", "")
    }
}
