//! C functions: clang for WebAssembly, which comes with its libc in a wheel from PyPI. All `.c` files of the folder are
//! compiled together, those of tests aside; the header of the SDK is given along.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Building;
use super::python::PYTHON_HINT;
use super::tools::{Tool, cached, install_wheel, run};
use crate::failure::Failure;
use crate::layout::make_folder;

const ZIG: Tool = Tool {
    name: "ziglang-0.17.0",
    about: "clang with a libc, from PyPI, about 100 MB",
    install: |folder| {
        let mut pip = install_wheel(folder);
        pip.arg("ziglang==0.17.0");
        pip
    },
    hint: PYTHON_HINT,
};

const HEADER: &str = include_str!("../../../../../sdk/c/shardmill.h");

pub(super) fn build(building: &Building<'_>, folder: &Path) -> Result<PathBuf, Failure> {
    let tool = ZIG.folder(building.output)?;
    let include = building.place.join("include");
    make_folder(&include)?;
    std::fs::write(include.join("shardmill.h"), HEADER)
        .map_err(|error| building.failed(format!("write its header: {error}")))?;
    let module = building.place.join("function.wasm");
    let libraries = cached("zig")?;
    if !libraries.join("o").is_dir() {
        building
            .output
            .note("tools    C's library for WebAssembly is compiled, once");
    }
    let mut clang = Command::new("python3");
    clang
        .args(["-m", "ziglang", "cc", "--target=wasm32-wasi"])
        .args(["-mexec-model=reactor", "-Oz", "-std=gnu11"])
        .args(["-Wall", "-Wextra", "-Wno-unused-function"])
        .args(["-Wl,--strip-debug", "-I"])
        .arg(&include)
        .args(sources(folder))
        .arg("-o")
        .arg(&module)
        .env("PYTHONPATH", tool)
        .env("ZIG_GLOBAL_CACHE_DIR", &libraries)
        .env("ZIG_LOCAL_CACHE_DIR", building.place.join("objects"))
        .current_dir(folder);
    run(&mut clang, PYTHON_HINT).map_err(|_| building.failed("the C compiler says why above"))?;
    Ok(module)
}

/// What belongs to the function, in the order of names.
pub(super) fn sources(folder: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(folder).into_iter().flatten();
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<PathBuf> = names
        .filter(|name| {
            let stem = name.strip_suffix(".c");
            stem.is_some_and(|stem| !stem.ends_with("_test") && !stem.starts_with("test_"))
        })
        .map(PathBuf::from)
        .collect();
    found.sort();
    found
}
