//! `doctor`: what of the machine, the tools and the server would stand in the way, with the command that helps. It
//! changes nothing. A finding that stops `up` is exit 7; a server that does not run is only said.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use host::config::Durability;
use platform::Platform;
use serde_json::{Value, json};

use super::build::{self, TARGET, target_is_installed};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::limits::{CLOCK_MIN_S, OPEN_FILES_WANTED};
use crate::output::Output;
use crate::server::{Address, DEFAULT_ADDRESS};
use crate::waiting;

struct Finding {
    about: &'static str,
    good: bool,
    /// Nothing works without it.
    needed: bool,
    fact: String,
    hint: Option<String>,
}

pub(crate) async fn doctor(output: Output, address: Address, folder: &Path) -> Result<(), Failure> {
    let used = languages(folder);
    let mut findings: Vec<Finding> = TOOLS.iter().map(|tool| tool.finding(&used)).collect();
    findings.extend([
        target(folder, used.contains("Rust")),
        project(folder),
        writable(folder),
        log(folder),
        open_files(),
        port(),
        clock(),
        tls(folder),
        server(address).await,
    ]);
    let items: Vec<Value> = findings.iter().map(item).collect();
    let columns = [
        ("CHECK", "/check"),
        ("RESULT", "/result"),
        ("FACT", "/fact"),
        ("HINT", "/hint"),
    ];
    output.list(&items, &columns)?;
    let missing = findings
        .iter()
        .filter(|finding| finding.needed && !finding.good)
        .count();
    if missing == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::CheckFailed,
        format!("doctor: {missing} things are missing"),
    ))
}

fn item(finding: &Finding) -> Value {
    let result = match (finding.good, finding.needed) {
        (true, _) => "good",
        (false, true) => "missing",
        (false, false) => "note",
    };
    json!({"check": finding.about, "result": result, "fact": finding.fact, "hint": finding.hint})
}

/// The languages in which functions of the project here are written.
fn languages(folder: &Path) -> BTreeSet<&'static str> {
    let project = crate::project::read(&folder.join("triggers.yaml"));
    let sources = project.and_then(|project| crate::project::sources(&project, None));
    let sources = sources.unwrap_or_default();
    sources.iter().filter_map(build::language).collect()
}

/// A program that builds functions, how it is asked for its version, for whom, and where to get it.
struct Tool {
    about: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    languages: &'static [&'static str],
    hint: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        about: "cargo",
        program: "cargo",
        arguments: &["--version"],
        languages: &["Rust"],
        hint: "install Rust from https://rustup.rs",
    },
    Tool {
        about: "python3",
        program: "python3",
        arguments: &["--version"],
        languages: &["Python", "C"],
        hint: "install Python 3, with pip: it fetches what builds Python and C functions",
    },
    Tool {
        about: "pip",
        program: "python3",
        arguments: &["-m", "pip", "--version"],
        languages: &["Python", "C"],
        hint: "`python3 -m ensurepip`, or the package python3-pip",
    },
    Tool {
        about: "node",
        program: "node",
        arguments: &["--version"],
        languages: &["JavaScript"],
        hint: "install Node.js from https://nodejs.org",
    },
    Tool {
        about: "npm",
        program: "npm",
        arguments: &["--version"],
        languages: &["JavaScript"],
        hint: "install npm: it fetches what builds JavaScript functions",
    },
    Tool {
        about: "go",
        program: "go",
        arguments: &["version"],
        languages: &["Go"],
        hint: "install Go from https://go.dev/dl",
    },
];

impl Tool {
    /// Needed where a function of the project is in its language.
    fn finding(&self, used: &BTreeSet<&'static str>) -> Finding {
        let needed = self
            .languages
            .iter()
            .any(|language| used.contains(language));
        let answer = Command::new(self.program)
            .args(self.arguments)
            .stderr(Stdio::null())
            .output();
        let version = answer
            .ok()
            .filter(|answer| answer.status.success())
            .map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned());
        let missing = format!(
            "not found; needed to build functions in {}",
            self.languages.join(" and ")
        );
        Finding {
            about: self.about,
            good: version.is_some(),
            needed,
            hint: version.is_none().then(|| self.hint.to_owned()),
            fact: version.unwrap_or(missing),
        }
    }
}

fn target(folder: &Path, needed: bool) -> Finding {
    let good = target_is_installed(folder);
    let fact = if good {
        "installed"
    } else {
        "not installed; functions cannot be built"
    };
    let hint = (!good).then(|| format!("`rustup target add {TARGET}`"));
    Finding {
        about: TARGET,
        good,
        needed,
        fact: fact.to_owned(),
        hint,
    }
}

fn project(folder: &Path) -> Finding {
    let good = folder.join("triggers.yaml").is_file();
    let fact = if good {
        "found in this folder"
    } else {
        "not in this folder"
    };
    let hint = (!good).then(|| "go to the folder of your project".to_owned());
    Finding {
        about: "triggers.yaml",
        good,
        needed: false,
        fact: fact.to_owned(),
        hint,
    }
}

/// How a server of this folder stores what it acknowledges.
fn log(folder: &Path) -> Finding {
    let disk = Platform::real().disk;
    let file = folder.join("triggers.yaml");
    let project = file.is_file().then(|| crate::project::read(&file).ok());
    let durability = match project.flatten().map(|project| project.server.durability) {
        None | Some(Durability::Sync) => "sync",
        Some(Durability::Interval) => "interval",
        Some(Durability::None) => "none",
    };
    let network = disk.network_file_system(folder);
    let place = network.map_or_else(String::new, |kind| format!(", on {kind}"));
    Finding {
        about: "log",
        good: network.is_none(),
        needed: false,
        fact: format!(
            "format {}, commits through {}, durability {durability}{place}",
            host::data::FORMAT,
            disk.sync_method()
        ),
        hint: network.map(|_| {
            "a network file system may lose what it acknowledged: use a disk of this machine with `--data DIR`".to_owned()
        }),
    }
}

fn writable(folder: &Path) -> Finding {
    let store = folder.join(".shardmill");
    let place = if store.is_dir() {
        store
    } else {
        folder.to_owned()
    };
    let good = Platform::real().disk.is_writable(&place);
    let place = place.display();
    let fact = if good {
        format!("{place} is writable")
    } else {
        format!("{place} may not be written by this user")
    };
    let hint = (!good).then(|| "name another place with `shardmill up --data DIR`".to_owned());
    Finding {
        about: "data folder",
        good,
        needed: true,
        fact,
        hint,
    }
}

/// Each connection and each segment of the log takes one.
fn open_files() -> Finding {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    // The server asks for all that it may have.
    let hard = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap_or("unknown");
    let good = hard
        .parse()
        .map_or(true, |files: u64| files >= OPEN_FILES_WANTED);
    Finding {
        about: "open files",
        good,
        needed: false,
        fact: format!("{hard} at once"),
        hint: (!good).then(|| format!("`ulimit -Hn {OPEN_FILES_WANTED}` before `shardmill up`")),
    }
}

fn port() -> Finding {
    let bound = TcpListener::bind(DEFAULT_ADDRESS);
    let fact = match &bound {
        Ok(_) => format!("{DEFAULT_ADDRESS} is free"),
        Err(error) => format!("{DEFAULT_ADDRESS}: {error}"),
    };
    Finding {
        about: "port",
        good: bound.is_ok(),
        needed: false,
        fact,
        hint: bound.is_err().then(|| {
            "a server may run there already; else `shardmill up --port 0` picks another".to_owned()
        }),
    }
}

/// Records are stamped with it, and retention goes by it.
fn clock() -> Finding {
    let now = waiting::now();
    let good = now.as_second() > CLOCK_MIN_S;
    Finding {
        about: "clock",
        good,
        needed: true,
        fact: format!("{now:.0}"),
        hint: (!good).then(|| "set the clock: records would expire by it".to_owned()),
    }
}

/// What clients are told to trust, as the server of this folder has left it.
fn tls(folder: &Path) -> Finding {
    let shown = crate::server::tls(folder);
    let fact = shown.as_ref().map_or_else(
        || "no server of this folder runs; `shardmill up` makes a certificate".to_owned(),
        |(certificate, fingerprint)| format!("{certificate}, SHA-256 {fingerprint}"),
    );
    Finding {
        about: "tls",
        good: shown.is_some(),
        needed: false,
        fact,
        hint: shown
            .map(|(certificate, _)| format!("clients trust it by AWS_CA_BUNDLE={certificate}")),
    }
}

async fn server(address: Address) -> Finding {
    let named = address.to_string();
    let (fact, hint) = match Client::connect(address).await {
        Ok(_) => (format!("answers at {named}"), None),
        Err(failure) => (failure.message, failure.hint),
    };
    Finding {
        about: "server",
        good: hint.is_none(),
        needed: false,
        fact,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_needed_where_a_function_is_in_its_language() {
        let folder = tempfile::tempdir().unwrap();
        let file = "version: 1\nfunctions: { a: { source: app.py }, b: { source: b.wasm }, c: { source: c } }\n";
        std::fs::write(folder.path().join("triggers.yaml"), file).unwrap();
        std::fs::write(
            folder.path().join("app.py"),
            "def handler(event, context): pass\n",
        )
        .unwrap();
        std::fs::create_dir(folder.path().join("c")).unwrap();
        std::fs::write(folder.path().join("c/go.mod"), "module c\n").unwrap();
        let used = languages(folder.path());
        assert_eq!(used.iter().copied().collect::<Vec<_>>(), ["Go", "Python"]);
        let nowhere = Tool {
            about: "go",
            program: "no-such-program-here",
            arguments: &[],
            languages: &["Go"],
            hint: "get it",
        };
        let found = nowhere.finding(&used);
        assert_eq!((found.good, found.needed), (false, true));
        assert_eq!(found.hint.as_deref(), Some("get it"));
        assert!(!nowhere.finding(&BTreeSet::new()).needed);
    }

    #[test]
    fn only_what_is_needed_is_missing() {
        let result = |good, needed| {
            let finding = Finding {
                about: "x",
                good,
                needed,
                fact: String::new(),
                hint: None,
            };
            item(&finding)["result"].as_str().unwrap().to_owned()
        };
        assert_eq!(result(true, true), "good");
        assert_eq!(result(false, true), "missing");
        assert_eq!(result(false, false), "note");
    }
}
