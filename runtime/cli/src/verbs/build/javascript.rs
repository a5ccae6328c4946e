//! JavaScript and TypeScript functions: esbuild makes one file of a handler and all it imports, which is packed for the
//! runtime of JavaScript.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Building;
use super::packing::{Runtime, pack};
use super::source::Project;
use super::tools::{Tool, run, run_heard};
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

/// A file of the SDK by its name, with its text.
macro_rules! sdk {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../../../sdk/javascript/", $name)),
        )
    };
}

const RUNTIME: Runtime = Runtime {
    language: "javascript",
    sources: &[
        sdk!("runtime.js"),
        sdk!("node.js"),
        sdk!("buffer.js"),
        sdk!("coding.js"),
        sdk!("crypto.js"),
        sdk!("event.js"),
        sdk!("events.js"),
        sdk!("fetch.js"),
        sdk!("files.js"),
        sdk!("handlers.js"),
        sdk!("http.js"),
        sdk!("inflate.js"),
        sdk!("path.js"),
        sdk!("places.js"),
        sdk!("promise.js"),
        sdk!("random.js"),
        sdk!("url.js"),
        sdk!("util.js"),
        sdk!("zlib.js"),
    ],
    make,
    tool: TOOLS.name,
};

/// The one file of code that a bundle holds, and its source map.
const FILE: &str = "index.js";
const MAP: &str = "index.js.map";

pub(super) fn build(building: &Building<'_>, project: &Project) -> Result<PathBuf, Failure> {
    let tools = TOOLS.folder(building.output)?;
    make_folder(&building.place)?;
    let file = building.place.join(FILE);
    let mut esbuild = Command::new(esbuild_of(&tools));
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
        // Says where what fails was written; read then only.
        .args(["--sourcemap=external", "--sources-content=false"])
        .arg(format!("--outfile={}", file.display()));
    run_heard(&mut esbuild, NODE_HINT).map_err(|(failure, said)| {
        let failed = building.failed(failure.message);
        match hint_of(&said) {
            Some(hint) => failed.hint(hint),
            None => failed.hint_of(failure.hint),
        }
    })?;
    let made = [FILE, MAP].map(|name| {
        let bytes = std::fs::read(building.place.join(name))
            .map_err(|error| building.failed(format!("esbuild made no {name}: {error}")))?;
        Ok((name.to_owned(), bytes))
    });
    let entry = format!("{FILE}:{}", project.handler);
    let files: Result<Vec<_>, Failure> = made.into_iter().collect();
    pack(building, &RUNTIME, entry, files?)
}

/// The program itself where it is there: the script around it prints a trace of its own behind what esbuild says.
fn esbuild_of(tools: &Path) -> PathBuf {
    let modules = tools.join("node_modules");
    let platforms = std::fs::read_dir(modules.join("@esbuild"));
    let found = platforms.into_iter().flatten().flatten();
    let mut programs = found.map(|entry| entry.path().join("bin/esbuild"));
    programs
        .find(|path| path.is_file())
        .unwrap_or_else(|| modules.join(".bin/esbuild"))
}

/// What to do about an error of esbuild.
fn hint_of(said: &str) -> Option<&'static str> {
    let of_aws = ["\"aws-sdk", "\"@aws-sdk/"].map(|name| format!("Could not resolve {name}"));
    if of_aws.iter().any(|words| said.contains(words)) {
        return Some(
            "Lambda brings AWS's SDK along and a sandbox has none: `emit` of \"shardmill\" puts records to streams, \
             and `fetch` asks servers that `network` grants",
        );
    }
    if said.contains("Could not resolve") {
        return Some(
            "a package that cannot be resolved comes with `npm install` in the function's folder",
        );
    }
    said.contains("Top-level await").then_some(
        "await inside of the handler, or keep the promise in a variable and await that there",
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_esbuild_have_their_own_hints() {
        let check = |said: &str, expect: &str| {
            let hint = hint_of(said).expect("a hint");
            assert!(hint.contains(expect), "{hint}");
        };
        check("Could not resolve \"aws-sdk\"", "AWS's SDK");
        check(
            "Could not resolve \"@aws-sdk/client-dynamodb\"",
            "AWS's SDK",
        );
        check("Could not resolve \"./helper\"", "npm install");
        check(
            "Top-level await is not available in the configured target environment",
            "inside of the handler",
        );
        assert_eq!(hint_of("Expected \";\" but found \"}\""), None);
    }
}
