//! `doctor`: what of the machine, the tools and the server would stand in the way, with the command that helps. It
//! changes nothing. A finding that stops `up` is exit 7; a server that does not run is only said.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::build::{TARGET, target_is_installed};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::server::Address;

struct Finding {
    about: &'static str,
    good: bool,
    /// Nothing works without it.
    needed: bool,
    fact: String,
    hint: Option<String>,
}

pub(crate) async fn doctor(output: Output, address: Address, folder: &Path) -> Result<(), Failure> {
    let findings = [
        cargo(),
        target(folder),
        project(folder),
        writable(folder),
        server(address).await,
    ];
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

fn cargo() -> Finding {
    let answer = Command::new("cargo")
        .arg("--version")
        .stderr(Stdio::null())
        .output();
    let version = answer
        .ok()
        .filter(|answer| answer.status.success())
        .map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned());
    Finding {
        about: "cargo",
        good: version.is_some(),
        needed: true,
        hint: version
            .is_none()
            .then(|| "install Rust from https://rustup.rs".to_owned()),
        fact: version.unwrap_or_else(|| "not found; needed to build functions".to_owned()),
    }
}

fn target(folder: &Path) -> Finding {
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
        needed: true,
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
    let hint = (!good).then(|| "go to your project, or name it with `--file`".to_owned());
    Finding {
        about: "triggers.yaml",
        good,
        needed: false,
        fact: fact.to_owned(),
        hint,
    }
}

fn writable(folder: &Path) -> Finding {
    let store = folder.join(".shardmill");
    let place = if store.is_dir() {
        store
    } else {
        folder.to_owned()
    };
    let readonly = std::fs::metadata(&place).map_or(true, |facts| facts.permissions().readonly());
    let (place, good) = (place.display(), !readonly);
    let fact = if good {
        format!("{place} is writable")
    } else {
        format!("{place} is read-only")
    };
    let hint = readonly.then(|| "name another place with `shardmill up --data DIR`".to_owned());
    Finding {
        about: "data folder",
        good,
        needed: true,
        fact,
        hint,
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
