//! The servers that the bench is compared with: installed once into `target/peers/` from their public registries.
//!
//! Versions are fixed here. Out comes a file that says for each peer how it is started, or why it is not there; a peer
//! that cannot be had is no failure, because the bench of our own server does not need it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::function_peers::function_peers;
use crate::{
    report,
    step::{root, run, succeeds},
};

const FERROKINESIS: &str = "0.7.0";
const KINESALITE: &str = "3.3.3";
const MINISTACK: &str = "1.5.33";
const NATS: &str = "2.11.4";

/// A peer's program, or why there is none.
pub(super) type Place = std::result::Result<PathBuf, String>;

/// Returns the file that the load generator reads.
pub(crate) fn install() -> Result<PathBuf> {
    let folder = root().join("target/peers");
    std::fs::create_dir_all(&folder).context("create target/peers")?;
    let mut peers = Vec::new();
    peers.extend(ferrokinesis(&folder));
    peers.extend(kinesalite(&folder));
    let ministack = ministack(&folder);
    peers.push(ministack.clone());
    peers.push(nats(&folder)?);
    peers.extend(function_peers(&folder, &ministack)?);
    let file = folder.join("peers.json");
    std::fs::write(&file, format!("{:#}\n", Value::from(peers)))
        .with_context(|| format!("write {}", file.display()))?;
    Ok(file)
}

/// In memory, and with the log that it syncs at every request.
fn ferrokinesis(folder: &Path) -> [Value; 2] {
    let place = folder.join("ferrokinesis");
    let program = place.join("bin/ferrokinesis");
    let root = text(&place);
    let own_target = text(&folder.join("build"));
    let install = [
        "cargo",
        "install",
        "--locked",
        "--version",
        FERROKINESIS,
        "--root",
        &root,
        "--target-dir",
        &own_target,
        "ferrokinesis",
    ];
    let found = installed(
        "ferrokinesis (built from source, some minutes, once)",
        program,
        &["cargo", "--version"],
        &[&install],
    );
    let name = format!("ferrokinesis {FERROKINESIS}");
    [
        peer(&format!("{name} in memory"), &found, &[], &[]),
        peer(
            &format!("{name} durable"),
            &found,
            &[],
            // It writes a snapshot of everything at intervals; the default is kept.
            &[("FERROKINESIS_STATE_DIR", "{data}")],
        ),
    ]
    .map(|peer| with_environment(peer, &[("FERROKINESIS_PORT", "{port}")]))
}

/// In memory, and with LevelDB, which it does not ask to sync.
fn kinesalite(folder: &Path) -> [Value; 2] {
    let place = folder.join("kinesalite");
    let found = of_npm(
        "kinesalite (about 20 MB, once)",
        &place,
        &format!("kinesalite@{KINESALITE}"),
        "kinesalite/cli.js",
    );
    let name = format!("kinesalite {KINESALITE}");
    let at_port = ["--port", "{port}", "--createStreamMs", "0"];
    let on_disk = [&at_port[..], &["--path", "{data}"]].concat();
    [
        peer(&format!("{name} in memory"), &found, &at_port, &[]),
        peer(
            &format!("{name} on disk, not synced"),
            &found,
            &on_disk,
            &[],
        ),
    ]
}

fn ministack(folder: &Path) -> Value {
    let place = folder.join("ministack");
    let program = place.join("bin/ministack");
    let (environment, pip) = (text(&place), text(&place.join("bin/pip")));
    let package = format!("ministack=={MINISTACK}");
    let create = ["python3", "-m", "venv", "--clear", &environment];
    let install = [
        pip.as_str(),
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &package,
    ];
    let found = installed(
        "ministack (about 40 MB, once)",
        program,
        &["python3", "-c", "import venv, ensurepip"],
        &[&create, &install],
    );
    let environment = [
        ("GATEWAY_PORT", "{port}"),
        ("BIND_HOST", "127.0.0.1"),
        ("LOG_LEVEL", "WARNING"),
    ];
    peer(
        &format!("ministack {MINISTACK} in memory"),
        &found,
        &[],
        &environment,
    )
}

/// With every message synced before it is acknowledged, which only a file of settings can ask for.
fn nats(folder: &Path) -> Result<Value> {
    let place = folder.join("nats");
    std::fs::create_dir_all(&place).context("create the folder of NATS")?;
    let settings = place.join("always.conf");
    std::fs::write(&settings, "jetstream { sync_interval: always }\n")
        .context("write the settings of NATS")?;
    let program = place.join("bin/nats-server");
    let binaries = format!("GOBIN={}", text(&place.join("bin")));
    let package = format!("github.com/nats-io/nats-server/v2@v{NATS}");
    let install = ["env", &binaries, "go", "install", &package];
    let found = installed(
        "nats-server (built from source, once)",
        program,
        &["go", "version"],
        &[&install],
    );
    let settings = text(&settings);
    let arguments = [
        "-c",
        &settings,
        "-a",
        "127.0.0.1",
        "-p",
        "{port}",
        "-js",
        "-sd",
        "{data}",
    ];
    let name = format!("NATS JetStream {NATS} with sync always");
    let mut peer = peer(&name, &found, &arguments, &[]);
    if found.is_ok()
        && let Some(fields) = peer.as_object_mut()
    {
        fields.insert("protocol".to_owned(), Value::from("nats"));
    }
    Ok(peer)
}

/// A package and the program in it; its scripts are not run.
pub(super) fn of_npm(name: &str, place: &Path, package: &str, program: &str) -> Place {
    let prefix = text(place);
    let install = [
        "npm",
        "install",
        "--prefix",
        &prefix,
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
        package,
    ];
    let program = place.join("node_modules").join(program);
    installed(name, program, &["npm", "--version"], &[&install])
}

/// Runs the steps unless the program is there; `tool` is a command that succeeds where they can be run.
pub(super) fn installed(name: &str, program: PathBuf, tool: &[&str], steps: &[&[&str]]) -> Place {
    if program.is_file() {
        return Ok(program);
    }
    if !succeeds(tool) {
        return Err(format!("`{}` does not succeed here", tool.join(" ")));
    }
    let hint = "the bench goes on without it";
    for step in steps {
        if let Err(error) = run(name, &root(), step, hint) {
            report(&format!("{error:#}"));
            return Err(format!("`{}` failed", step.join(" ")));
        }
    }
    if program.is_file() {
        Ok(program)
    } else {
        Err(format!("installing it left no {}", program.display()))
    }
}

pub(super) fn peer(
    name: &str,
    found: &Place,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Value {
    match found {
        Ok(program) => {
            let program = text(program);
            let command = [&[program.as_str()][..], arguments].concat();
            let peer = json!({"name": name, "command": command, "environment": {}});
            with_environment(peer, environment)
        }
        Err(why) => absent(name, why),
    }
}

fn with_environment(mut peer: Value, environment: &[(&str, &str)]) -> Value {
    if let Some(variables) = peer["environment"].as_object_mut() {
        for (name, value) in environment {
            variables.insert((*name).to_owned(), Value::from(*value));
        }
    }
    peer
}

pub(super) fn absent(name: &str, why: &str) -> Value {
    json!({"name": name, "not_run": why})
}

pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
