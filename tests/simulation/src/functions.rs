//! The components of the example functions and of some guests, built on first use: the only real files that a simulation reads.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use bytes::Bytes;

/// A workspace of functions: its folder, what of it is built, and each function with the file that cargo leaves.
struct Workspace {
    folder: &'static str,
    what: &'static [&'static str],
    built: &'static [(&'static str, &'static str)],
}

/// The functions of the project's own `triggers.yaml`, those with tumbling windows, and one that parcels wait for.
const WORKSPACES: [Workspace; 2] = [
    Workspace {
        folder: "../../functions",
        what: &[],
        built: &[
            ("departures", "departures.wasm"),
            ("airport-board", "airport_board.wasm"),
            ("quake-alerts", "quake_alerts.wasm"),
        ],
    },
    Workspace {
        folder: "../guests",
        what: &[
            "--example",
            "tallies",
            "--example",
            "sums",
            "--example",
            "parcels",
        ],
        built: &[
            ("tallies", "examples/tallies.wasm"),
            ("sums", "examples/sums.wasm"),
            ("parcels", "examples/parcels.wasm"),
        ],
    },
];

/// The bytes of each function, by its name in `triggers.yaml`.
pub(crate) fn components() -> &'static BTreeMap<&'static str, Bytes> {
    static BUILT: OnceLock<BTreeMap<&'static str, Bytes>> = OnceLock::new();
    BUILT.get_or_init(|| WORKSPACES.iter().flat_map(build).collect())
}

fn build(of: &Workspace) -> Vec<(&'static str, Bytes)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(of.folder);
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2"])
        .args(["--target-dir", "target"])
        .args(of.what)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the functions do not build");
    let built = folder.join("target/wasm32-wasip2/release");
    of.built
        .iter()
        .map(|(name, file)| {
            let bytes = std::fs::read(built.join(file)).expect("cargo left the component");
            (*name, Bytes::from(bytes))
        })
        .collect()
}
