//! The components of the example functions, built on first use: the only real files that a simulation reads.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use bytes::Bytes;

/// The functions of the project's own `triggers.yaml`, with the files that cargo leaves.
const FUNCTIONS: [(&str, &str); 3] = [
    ("departures", "departures.wasm"),
    ("airport-board", "airport_board.wasm"),
    ("quake-alerts", "quake_alerts.wasm"),
];

/// The bytes of each function, by its name in `triggers.yaml`.
pub(crate) fn components() -> &'static BTreeMap<&'static str, Bytes> {
    static BUILT: OnceLock<BTreeMap<&'static str, Bytes>> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn build() -> BTreeMap<&'static str, Bytes> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2"])
        .args(["--target-dir", "target"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the functions do not build");
    let built = folder.join("target/wasm32-wasip2/release");
    FUNCTIONS
        .iter()
        .map(|(name, file)| {
            let bytes = std::fs::read(built.join(file)).expect("cargo left the component");
            (*name, Bytes::from(bytes))
        })
        .collect()
}
