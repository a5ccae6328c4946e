//! JavaScript and TypeScript functions: esbuild makes one file of a handler and all it imports, which is packed for the
//! runtime of JavaScript with what lies beside the code and is none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::Building;
use super::beside::{Files, collect, named, package_of};
use super::packing::{Runtime, pack};
use super::source::Project;
use super::tools::{Tool, run, run_heard};
use crate::failure::Failure;
use crate::layout::{make_folder, write as place};

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
        sdk!("absent.js"),
        sdk!("buffer.js"),
        sdk!("coding.js"),
        sdk!("console.js"),
        sdk!("crypto.js"),
        sdk!("decoder.js"),
        sdk!("errors.js"),
        sdk!("event.js"),
        sdk!("events.js"),
        sdk!("fetch.js"),
        sdk!("files.js"),
        sdk!("following.js"),
        sdk!("forms.js"),
        sdk!("handlers.js"),
        sdk!("http.js"),
        sdk!("http2.js"),
        sdk!("inflate.js"),
        sdk!("intl.js"),
        sdk!("lines.js"),
        sdk!("node.js"),
        sdk!("open_files.js"),
        sdk!("path.js"),
        sdk!("pipelines.js"),
        sdk!("places.js"),
        sdk!("promise.js"),
        sdk!("random.js"),
        sdk!("readable.js"),
        sdk!("replies.js"),
        sdk!("signatures.js"),
        sdk!("stream_base.js"),
        sdk!("streaming.js"),
        sdk!("streams.js"),
        sdk!("timers.js"),
        sdk!("writable.js"),
        sdk!("url.js"),
        sdk!("util.js"),
        sdk!("web.js"),
        sdk!("zlib.js"),
    ],
    make,
    tool: TOOLS.name,
};

/// Makes one file of many.
const BUNDLER: &str = include_str!("bundle.mjs");
/// What of a folder is code, which is in that file, or is about code.
const CODE: &[&str] = &[
    "js",
    "mjs",
    "cjs",
    "jsx",
    "ts",
    "mts",
    "cts",
    "tsx",
    "map",
    "tsbuildinfo",
];

/// Paths of modules below the function's folder.
#[derive(Debug, Deserialize)]
struct Modules {
    modules: Vec<String>,
    /// Of these, those that ask where they are.
    asking: Vec<String>,
}

pub(super) fn build(building: &Building<'_>, project: &Project) -> Result<PathBuf, Failure> {
    let tools = TOOLS.folder(building.output)?;
    make_folder(&building.place)?;
    let bundler = building.place.join("bundle.mjs");
    place(&bundler, BUNDLER.as_bytes())?;
    let mut node = Command::new("node");
    node.arg(&bundler)
        .arg(tools)
        .arg(&project.folder)
        .arg(&project.file)
        .arg(&building.place);
    run_heard(&mut node, NODE_HINT).map_err(|(failure, said)| {
        let failed = building.failed(failure.message.replace("node failed", "esbuild failed"));
        match hint_of(&said) {
            Some(hint) => failed.hint(hint),
            None => failed.hint_of(failure.hint),
        }
    })?;
    let made = |name: &str| {
        std::fs::read(building.place.join(name))
            .map_err(|error| building.failed(format!("esbuild made no {name}: {error}")))
    };
    let file = project.file.with_extension("js");
    let file = file.to_string_lossy().into_owned();
    let modules = serde_json::from_slice(&made("modules.json")?)
        .map_err(|error| building.failed(format!("esbuild made no list of modules: {error}")))?;
    let mut files = beside(project, &modules)?;
    files.push((file.clone(), made("index.js")?));
    files.push((format!("{file}.map"), made("index.js.map")?));
    let entry = format!("{file}:{}", project.handler);
    pack(building, &RUNTIME, entry, files)
}

/// What the modules may read where they lie: files of the function, and of the packages that ask for their place.
fn beside(project: &Project, modules: &Modules) -> Result<Files, Failure> {
    let folder = &project.folder;
    let mut files = Files::new();
    if project.is_file {
        let own = modules.modules.iter();
        let own = own.filter(|path| package_of(path).is_none() && !path.starts_with("../"));
        // What is no text, or gone meanwhile, names nothing.
        let texts: Vec<String> = own
            .filter_map(|path| std::fs::read_to_string(folder.join(path)).ok())
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        named(folder, &texts, &is_data, &mut files)?;
    } else {
        collect(folder, Path::new(""), &is_data, &mut files)?;
    }
    let packages = modules.asking.iter().filter_map(|path| package_of(path));
    let packages: BTreeSet<PathBuf> = packages.collect();
    for package in packages {
        if folder.join(&package).is_dir() {
            collect(folder, &package, &is_data, &mut files)?;
        }
    }
    Ok(files)
}

fn is_data(name: &str) -> bool {
    let ending = Path::new(name).extension();
    let ending = ending.and_then(|ending| ending.to_str());
    !ending.is_some_and(|ending| CODE.contains(&ending))
}

/// What to do about an error of esbuild.
fn hint_of(said: &str) -> Option<&'static str> {
    let of_aws = ["\"aws-sdk", "\"@aws-sdk/"].map(|name| format!("Could not resolve {name}"));
    if of_aws.iter().any(|words| said.contains(words)) {
        return Some(
            "Lambda brings AWS's SDK along and a sandbox has none: `npm install` of it in the function's folder packs it, \
             and it asks the servers that `network` grants; to put records to streams, `emit` of \"shardmill\" needs neither",
        );
    }
    said.contains("Could not resolve").then_some(
        "a package that cannot be resolved comes with `npm install` in the function's folder",
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
        assert_eq!(hint_of("Expected \";\" but found \"}\""), None);
    }
}
