//! Python functions: their files, whatever they are, and those of the packages in `requirements.txt`, packed for the runtime of Python.
//!
//! Packages must be Python all through: what is compiled for this machine does not run in a sandbox and is named.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use host::digest_of;

use super::Building;
use super::beside::{Files, collect, named, names, read};
use super::packing::{Runtime, pack};
use super::source::Project;
use super::tools::{Tool, install_wheel, run};
use crate::failure::Failure;
use crate::layout::make_folder;

const COMPONENTIZE: Tool = Tool {
    name: "componentize-py-0.25.1-tzdata-2025.2",
    about: "from PyPI, about 60 MB",
    install: |folder| {
        let mut pip = install_wheel(folder);
        pip.args(["componentize-py==0.25.1", "tzdata==2025.2"]);
        pip
    },
    hint: PYTHON_HINT,
};
pub(super) const PYTHON_HINT: &str =
    "install python3 with pip, for example with `apt-get install python3-pip`";

const RUNTIME: Runtime = Runtime {
    language: "python",
    sources: &[
        (
            "runtime.py",
            include_str!("../../../../../sdk/python/runtime.py"),
        ),
        (
            "asking.py",
            include_str!("../../../../../sdk/python/asking.py"),
        ),
        (
            "event_loop.py",
            include_str!("../../../../../sdk/python/event_loop.py"),
        ),
        (
            "library.py",
            include_str!("../../../../../sdk/python/library.py"),
        ),
        (
            "secure.py",
            include_str!("../../../../../sdk/python/secure.py"),
        ),
        (
            "zones.py",
            include_str!("../../../../../sdk/python/zones.py"),
        ),
        (
            "lambda_event.py",
            include_str!("../../../../../sdk/python/lambda_event.py"),
        ),
        (
            "threads.py",
            include_str!("../../../../../sdk/python/threads.py"),
        ),
        (
            "shardmill/__init__.py",
            include_str!("../../../../../sdk/python/shardmill/__init__.py"),
        ),
        (
            "shardmill/host.py",
            include_str!("../../../../../sdk/python/shardmill/host.py"),
        ),
        (
            "shardmill/memory.py",
            include_str!("../../../../../sdk/python/shardmill/memory.py"),
        ),
        (
            "shardmill/handlers.py",
            include_str!("../../../../../sdk/python/shardmill/handlers.py"),
        ),
    ],
    make,
    tool: COMPONENTIZE.name,
};

pub(super) fn build(building: &Building<'_>, project: &Project) -> Result<PathBuf, Failure> {
    let folder = &project.folder;
    let mut files = Files::new();
    if project.is_file {
        siblings(folder, &mut files)?;
    } else {
        collect(folder, Path::new(""), &is_kept, &mut files)?;
    }
    let requirements = folder.join("requirements.txt");
    if let Ok(wanted) = std::fs::read(&requirements)
        && wanted.iter().any(|byte| !byte.is_ascii_whitespace())
    {
        let packages = installed(building, &requirements, &wanted)?;
        collect(&packages, Path::new(""), &is_kept, &mut files)?;
    }
    let is_compiled = |path: &str| Path::new(path).extension().is_some_and(|it| it == "so");
    let spare: Vec<String> = files
        .iter()
        .map(|(path, _)| path.clone())
        .filter(|path| is_compiled(path) && is_spare(path, &files))
        .collect();
    files.retain(|(path, _)| !spare.contains(path));
    if let Some((native, _)) = files.iter().find(|(path, _)| is_compiled(path)) {
        let message =
            format!("{native} is compiled for this machine, and a sandbox runs Python alone");
        return Err(building.failed(message).hint(
            "take a package that is Python all through, or write this function in Rust or Go",
        ));
    }
    let entry = format!("{}:{}", project.file.display(), project.handler);
    pack(building, &RUNTIME, entry, files)
}

fn make(building: &Building<'_>, folder: &Path, component: &Path) -> Result<(), Failure> {
    let tool = COMPONENTIZE.folder(building.output)?;
    let mut python = Command::new("python3");
    python
        .args([
            "-c",
            "from componentize_py import script; script()",
            "-q",
            "-d",
        ])
        .arg(folder.join("wit"))
        .args(["-w", "language-runtime", "componentize", "runtime", "-p"])
        .arg(folder)
        .arg("-p")
        .arg(&tool)
        .arg("-o")
        .arg(component)
        .env("PYTHONPATH", tool)
        .current_dir(folder);
    run(&mut python, PYTHON_HINT)
}

/// What makes pip take packages that are Python all through, for the interpreter of the runtime.
const PURE: &[&str] = &[
    "--only-binary=:all:",
    "--platform=any",
    "--implementation=py",
    "--abi=none",
    "--python-version=3.14",
];
/// Compiled parts that their packages do without, slower.
const SPARE: &[&str] = &[
    "yaml/_yaml.",
    "markupsafe/_speedups.",
    "simplejson/_speedups.",
];

/// Whether a package does without this compiled file: the same module is there as Python too, or it is known to.
fn is_spare(path: &str, files: &Files) -> bool {
    let stem = path.split('.').next().unwrap_or_default();
    let twin = format!("{stem}.py");
    SPARE.iter().any(|known| path.starts_with(known))
        || path.contains("__mypyc.")
        || files.iter().any(|(other, _)| *other == twin)
}

/// The packages of `requirements.txt`, installed again when its text changes.
fn installed(
    building: &Building<'_>,
    requirements: &Path,
    wanted: &[u8],
) -> Result<PathBuf, Failure> {
    let place = building
        .place
        .join(format!("packages-{}", digest_of(wanted)));
    if place.is_dir() {
        return Ok(place);
    }
    building
        .output
        .note("tools    packages of requirements.txt");
    let aside = building.place.join("packages.new");
    let fresh = || {
        drop(std::fs::remove_dir_all(&aside));
        make_folder(&aside)
    };
    fresh()?;
    // Many packages come with compiled parts and without: without them, where all do.
    let mut pip = install_wheel(&aside);
    pip.args(PURE).arg("-r").arg(requirements);
    pip.stdout(Stdio::null()).stderr(Stdio::null());
    if !pip.status().is_ok_and(|status| status.success()) {
        fresh()?;
        let mut pip = install_wheel(&aside);
        pip.arg("-r").arg(requirements);
        run(&mut pip, PYTHON_HINT)
            .map_err(|failure| building.failed(failure.message).hint_of(failure.hint))?;
    }
    std::fs::rename(&aside, &place)
        .map_err(|error| building.failed(format!("keep its packages: {error}")))?;
    Ok(place)
}

/// Of a folder that may hold anything: its modules and packages, and what they name.
fn siblings(folder: &Path, files: &mut Files) -> Result<(), Failure> {
    for name in names(folder)? {
        let path = folder.join(&name);
        if name.ends_with(".py") && is_kept(&name) {
            files.push((name, read(&path)?));
        } else if path.join("__init__.py").is_file() {
            collect(folder, Path::new(&name), &is_kept, files)?;
        }
    }
    let is_code = |(path, _): &&(String, Vec<u8>)| path.ends_with(".py");
    let texts = files.iter().filter(is_code);
    let texts: Vec<String> = texts
        .map(|(_, text)| String::from_utf8_lossy(text).into_owned())
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut beside = Files::new();
    named(folder, &texts, &is_kept, &mut beside)?;
    beside.retain(|(path, _)| files.iter().all(|(known, _)| known != path));
    files.extend(beside);
    Ok(())
}

/// But for tests.
fn is_kept(name: &str) -> bool {
    !(name.starts_with("test_") && name.ends_with(".py"))
}
