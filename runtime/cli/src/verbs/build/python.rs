//! Python functions: their files, and those of the packages in `requirements.txt`, packed for the runtime of Python.
//!
//! Packages must be Python all through: what is compiled for this machine does not run in a sandbox and is named.

use std::path::{Path, PathBuf};
use std::process::Command;

use host::digest_of;

use super::Building;
use super::packing::{Runtime, pack};
use super::source::Project;
use super::tools::{Tool, make_folder, run};
use crate::failure::Failure;

const COMPONENTIZE: Tool = Tool {
    name: "componentize-py-0.25.1",
    about: "from PyPI, about 60 MB",
    install: |folder| {
        let mut pip = pip(folder);
        pip.arg("componentize-py==0.25.1");
        pip
    },
    hint: PYTHON_HINT,
};
const PYTHON_HINT: &str =
    "install python3 with pip, for example with `apt-get install python3-pip`";

const RUNTIME: Runtime = Runtime {
    language: "python",
    sources: &[
        (
            "runtime.py",
            include_str!("../../../../../sdk/python/runtime.py"),
        ),
        (
            "shardmill.py",
            include_str!("../../../../../sdk/python/shardmill.py"),
        ),
    ],
    make,
    tool: COMPONENTIZE.name,
};

pub(super) fn build(building: &Building<'_>, project: &Project) -> Result<PathBuf, Failure> {
    let folder = &project.folder;
    let mut files = Vec::new();
    if project.is_file {
        siblings(folder, &mut files)?;
    } else {
        collect(folder, Path::new(""), &mut files)?;
    }
    let requirements = folder.join("requirements.txt");
    if let Ok(wanted) = std::fs::read(&requirements)
        && wanted.iter().any(|byte| !byte.is_ascii_whitespace())
    {
        let packages = installed(building, &requirements, &wanted)?;
        collect(&packages, Path::new(""), &mut files)?;
    }
    if let Some((native, _)) = files.iter().find(|(path, _)| path.ends_with(".so")) {
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
        .arg("-o")
        .arg(component)
        .env("PYTHONPATH", tool)
        .current_dir(folder);
    run(&mut python, PYTHON_HINT)
}

fn pip(folder: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(["--no-compile", "--target"])
    .arg(folder);
    pip
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
    drop(std::fs::remove_dir_all(&aside));
    make_folder(&aside)?;
    let mut pip = pip(&aside);
    pip.arg("-r").arg(requirements);
    run(&mut pip, PYTHON_HINT)
        .map_err(|failure| building.failed(failure.message).hint_of(failure.hint))?;
    std::fs::rename(&aside, &place)
        .map_err(|error| building.failed(format!("keep its packages: {error}")))?;
    Ok(place)
}

/// Of a folder that may hold anything: its modules and packages.
fn siblings(folder: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
    for name in names(folder)? {
        let path = folder.join(&name);
        if name.ends_with(".py") {
            files.push((name, read(&path)?));
        } else if path.join("__init__.py").is_file() {
            collect(folder, Path::new(&name), files)?;
        }
    }
    Ok(())
}

/// All below a folder, but for what tools leave there.
fn collect(root: &Path, below: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
    for name in names(&root.join(below))? {
        let is_left = name.starts_with('.') || name.ends_with(".dist-info");
        if is_left || ["__pycache__", "node_modules", "venv", "bin"].contains(&name.as_str()) {
            continue;
        }
        let relative = below.join(&name);
        let path = root.join(&relative);
        if path.is_dir() {
            collect(root, &relative, files)?;
        } else {
            files.push((relative.to_string_lossy().into_owned(), read(&path)?));
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |error| Failure::failed(format!("read {}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        names.extend(name.into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::failed(format!("read {}: {error}", path.display())))
}
