//! What end-to-end tests are made of: a project in a folder of its own, the real binary, a server on a free port.
//!
//! `Project` holds a `triggers.yaml` and runs verbs; `Project::up` returns a `Server` once the binary says that it is
//! ready, and dropping that kills it. Nothing polls: every wait is for a line or for the end of a program, and has a
//! deadline after which the test fails with what was printed.

mod http;
mod lambda;
mod process;
mod server;
pub mod stand_in;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;
use tempfile::TempDir;

pub use http::{Answer, begin_web, get, web};
pub use lambda::{Invoked, zip};
pub use process::{Running, Said, run};
pub use server::Server;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository is there")
}

/// The binary under test: the one of `SHARDMILL_TEST_BINARY`, or built on first use.
///
/// `cargo xtask test` names the one that its own build has made. Another build of the binary alone would take
/// dependencies with other features, and so compile each of them again.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "`cargo xtask test` hands it over"
        )]
        if let Ok(built) = std::env::var("SHARDMILL_TEST_BINARY") {
            return PathBuf::from(built);
        }
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "shardmill-cli"])
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the binary does not build");
        root().join("target/debug/shardmill")
    });
    &BINARY
}

/// The component of a guest of `tests/guests`, as `cargo xtask test` builds it.
#[must_use]
pub fn guest(name: &str) -> String {
    let path = root().join(format!(
        "tests/guests/target/wasm32-wasip2/release/examples/{name}.wasm"
    ));
    assert!(
        path.is_file(),
        "{} is missing: tests/guests/README.md says how the guests are built",
        path.display()
    );
    path.to_string_lossy().into_owned()
}

/// The items of a list that a verb gave.
#[must_use]
pub fn items(list: &Value) -> &[Value] {
    list.as_array().expect("a list")
}

/// A folder with a `triggers.yaml`, removed at the end of the test.
#[derive(Debug)]
pub struct Project {
    directory: TempDir,
}

impl Project {
    /// A project whose file is `triggers`.
    #[must_use]
    pub fn new(triggers: &str) -> Self {
        let project = Self {
            directory: tempfile::tempdir().expect("a temporary folder"),
        };
        project.write("triggers.yaml", triggers);
        project
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).expect("the folder can be written");
    }

    /// `shardmill ARGUMENTS` in the project's folder, to be run or started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(binary());
        command.args(arguments);
        command
    }

    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder())
            .env("NO_COLOR", "1")
            .env("XDG_CONFIG_HOME", self.folder().join("config"))
            .env_remove("SHARDMILL_SERVER");
        command
    }

    /// Runs a verb to its end.
    #[must_use]
    pub fn verb(&self, arguments: &[&str]) -> Said {
        run(&mut self.command(arguments))
    }

    /// Runs a verb that must succeed and returns what it says on standard output.
    pub fn done(&self, arguments: &[&str]) -> String {
        let said = self.verb(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?} failed:\n{}", said.err);
        said.out
    }

    /// Runs a verb that must succeed and reads its answer.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let out = self.done(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    /// The same, for a verb that answers line by line.
    #[must_use]
    pub fn ndjson(&self, arguments: &[&str]) -> Vec<Value> {
        let out = self.done(&[arguments, &["-o", "ndjson"]].concat());
        out.lines()
            .map(|line| serde_json::from_str(line).expect("one document a line"))
            .collect()
    }

    /// The records of a stream from the oldest on, as documents.
    #[must_use]
    pub fn records(&self, stream: &str) -> Vec<Value> {
        self.ndjson(&["tail", stream, "--decode"])
    }

    /// What the records of a stream carry, from the oldest on.
    #[must_use]
    pub fn data(&self, stream: &str) -> Vec<Value> {
        let records = self.records(stream).into_iter();
        records.map(|mut record| record["data"].take()).collect()
    }

    /// Starts the server on a free port.
    #[must_use]
    pub fn up(&self) -> Server {
        Server::start(self, 0, &[])
    }

    /// The same through the words of another program and a script of the shell, which begins the server with `exec "$@"`.
    #[must_use]
    pub fn up_through(&self, within: &[&str], script: &str) -> Server {
        Server::start_by(self, self.command_through(within, script))
    }

    /// What `up_through` starts.
    #[must_use]
    pub fn command_through(&self, within: &[&str], script: &str) -> Command {
        let words = [within, &["sh", "-c", script, "sh"]].concat();
        let mut command = self.program(words[0].as_ref());
        command
            .args(&words[1..])
            .arg(binary())
            .args(["up", "--port", "0"]);
        command
    }

    /// The same with further arguments of `up`.
    #[must_use]
    pub fn up_with(&self, settings: &[&str]) -> Server {
        Server::start(self, 0, settings)
    }
}
