//! A running server for tests: the real binary, a folder of its own, a free port.
//!
//! `Server::start` returns once the binary says that it is ready; dropping it kills the process. Every wait has a
//! deadline, and a server that does not come up fails the test with what it printed.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "tests drive real processes"
)]

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

const START_MAX: Duration = Duration::from_secs(60);
const CLIENT_MAX: Duration = Duration::from_secs(120);

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository is there")
}

/// The binary under test, built on first use.
#[must_use]
pub fn binary() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "shardmill-cli"])
        .current_dir(root())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the binary does not build");
    root().join("target/debug/shardmill")
}

#[derive(Debug)]
pub struct Server {
    child: Child,
    directory: PathBuf,
    pub address: String,
}

impl Server {
    /// Starts the server of `directory/triggers.yaml` on a free port, with its data below `directory`.
    #[must_use]
    pub fn start(directory: &Path) -> Self {
        let state = directory.join(".shardmill/dev/server.json");
        drop(std::fs::remove_file(&state));
        let child = Command::new(binary())
            .args(["up", "--port", "0"])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut server = Self {
            child,
            directory: directory.to_owned(),
            address: String::new(),
        };
        let began = Instant::now();
        while server.address.is_empty() {
            if server
                .child
                .try_wait()
                .expect("the server can be asked")
                .is_some()
                || began.elapsed() > START_MAX
            {
                server.fail();
            }
            server.address = std::fs::read_to_string(&state)
                .ok()
                .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
                .and_then(|value| value["address"].as_str().map(str::to_owned))
                .unwrap_or_default();
            std::thread::yield_now();
        }
        server
    }

    fn fail(&mut self) -> ! {
        drop(self.child.kill());
        let mut said = String::new();
        if let Some(stderr) = self.child.stderr.as_mut() {
            drop(stderr.read_to_string(&mut said));
        }
        panic!("the server did not come up:\n{said}");
    }

    /// SIGKILL, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server ends");
    }

    /// Runs a verb of the command line in the server's folder.
    #[must_use]
    pub fn verb(&self, arguments: &[&str]) -> Output {
        finish(
            Command::new(binary())
                .args(arguments)
                .current_dir(&self.directory),
        )
    }

    /// Runs a Python program of `tests/end_to_end/python` against the server; `None` where there is no Python.
    #[must_use]
    pub fn python(&self, script: &str) -> Option<Output> {
        let interpreter = std::env::var("SHARDMILL_TEST_PYTHON")
            .ok()
            .filter(|path| !path.is_empty())?;
        let script = root().join("tests/end_to_end/python").join(script);
        let mut command = Command::new(interpreter);
        command
            .arg(script)
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ACCESS_KEY_ID", "dev")
            .env("AWS_SECRET_ACCESS_KEY", "dev")
            .env("AWS_DEFAULT_REGION", "us-east-1");
        Some(finish(&mut command))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs to the end; a program that hangs fails the test.
fn finish(command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let began = Instant::now();
    while child
        .try_wait()
        .expect("the program can be asked")
        .is_none()
    {
        assert!(began.elapsed() < CLIENT_MAX, "{command:?} did not end");
        std::thread::yield_now();
    }
    child.wait_with_output().expect("the program's output")
}
