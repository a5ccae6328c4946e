//! JavaScript and TypeScript functions: esbuild makes one file of a handler and all it imports, which is packed for the
//! runtime of JavaScript.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Building;
use super::packing::{Runtime, pack};
use super::source::Project;
use super::tools::{Tool, run};
use crate::failure::Failure;
use crate::layout::make_folder;

const TOOLS: Tool = Tool {
    name: "componentize-qjs-0.4.5-esbuild-0.28.2",
    about: "from npm, about 50 MB",
    install: |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
            .args(["--ignore-scripts", "--no-save", "--prefix"])
            .arg(folder)
            .args(["componentize-qjs@0.4.5", "esbuild@0.28.2"])
            .current_dir(folder);
        npm
    },
    hint: NODE_HINT,
};
const NODE_HINT: &str = "install Node.js 20 or later with npm from https://nodejs.org";

const RUNTIME: Runtime = Runtime {
    language: "javascript",
    sources: &[
        (
            "runtime.js",
            include_str!("../../../../../sdk/javascript/runtime.js"),
        ),
        (
            "node.js",
            include_str!("../../../../../sdk/javascript/node.js"),
        ),
        (
            "event.js",
            include_str!("../../../../../sdk/javascript/event.js"),
        ),
        (
            "fetch.js",
            include_str!("../../../../../sdk/javascript/fetch.js"),
        ),
        (
            "files.js",
            include_str!("../../../../../sdk/javascript/files.js"),
        ),
        (
            "path.js",
            include_str!("../../../../../sdk/javascript/path.js"),
        ),
        (
            "promise.js",
            include_str!("../../../../../sdk/javascript/promise.js"),
        ),
        (
            "random.js",
            include_str!("../../../../../sdk/javascript/random.js"),
        ),
        (
            "handlers.js",
            include_str!("../../../../../sdk/javascript/handlers.js"),
        ),
    ],
    make,
    tool: TOOLS.name,
};

/// The one file that a bundle holds.
const FILE: &str = "index.js";

pub(super) fn build(building: &Building<'_>, project: &Project) -> Result<PathBuf, Failure> {
    let tools = TOOLS.folder(building.output)?;
    make_folder(&building.place)?;
    let file = building.place.join(FILE);
    let mut esbuild = Command::new(tools.join("node_modules/.bin/esbuild"));
    esbuild
        .arg(project.folder.join(&project.file))
        .args([
            "--bundle",
            "--format=cjs",
            "--platform=node",
            "--target=es2022",
        ])
        // Async functions become generators over the runtime's own promises.
        .args([
            "--supported:async-await=false",
            "--supported:async-generator=false",
            "--supported:for-await=false",
        ])
        .args([
            "--external:shardmill",
            "--charset=utf8",
            "--log-level=warning",
        ])
        .arg(format!("--outfile={}", file.display()));
    run(&mut esbuild, NODE_HINT).map_err(|failure| {
        building.failed(failure.message).hint(
            "a package that cannot be resolved comes with `npm install` in the function's folder",
        )
    })?;
    let code = std::fs::read(&file)
        .map_err(|error| building.failed(format!("esbuild made no file: {error}")))?;
    let entry = format!("{FILE}:{}", project.handler);
    pack(building, &RUNTIME, entry, vec![(FILE.to_owned(), code)])
}

fn make(building: &Building<'_>, folder: &Path, component: &Path) -> Result<(), Failure> {
    let tools = TOOLS.folder(building.output)?;
    let mut componentize = Command::new(tools.join("node_modules/.bin/componentize-qjs"));
    componentize
        .arg("--wit")
        .arg(folder.join("wit/function.wit"))
        .args(["--world", "language-runtime", "--sync", "--js"])
        .arg(folder.join("runtime.js"))
        .arg("--output")
        .arg(component)
        .current_dir(folder);
    run(&mut componentize, NODE_HINT)
}
