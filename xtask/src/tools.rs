//! What the commands need besides Rust itself, installed on first use: the wasm target, a Python environment.
//!
//! Everything lands in rustup's folder or in `target/`; nothing else on the machine is touched.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::{
    report,
    step::{output, root, run, succeeds},
};

const WASM_TARGET: &str = "wasm32-wasip2";
/// What the end-to-end tests drive the server with.
const PYTHON_PACKAGES: [&str; 2] = ["boto3==1.44.3", "awscli==1.46.3"];

/// Makes sure that guests can be compiled.
pub(crate) fn wasm_target() -> Result<()> {
    if output(&["rustc", "--print", "target-libdir", "--target", WASM_TARGET])
        .is_ok_and(|path| PathBuf::from(path.trim()).exists())
    {
        return Ok(());
    }
    run(
        "Rust target wasm32-wasip2 (about 30 MB, once)",
        &root(),
        &["rustup", "target", "add", WASM_TARGET],
        "the functions need it; with a Rust that rustup does not manage, install the target by its own means",
    )
}

/// The interpreter of an environment that has boto3 and the AWS CLI; made on first use.
pub(crate) fn python() -> Result<Option<PathBuf>> {
    let directory = root().join("target/python");
    let interpreter = directory.join("bin/python");
    let marker = directory.join("ready");
    let wanted = PYTHON_PACKAGES.join(" ");
    if std::fs::read_to_string(&marker).is_ok_and(|ready| ready == wanted) {
        return Ok(Some(interpreter));
    }
    if !succeeds(&["python3", "-c", "import venv, ensurepip"]) {
        return missing("python3 with venv", "boto3 and the AWS CLI");
    }
    let text = directory.to_string_lossy().into_owned();
    let hint = "the tests with boto3 need PyPI once; run again when the network is there";
    run(
        "Python environment",
        &root(),
        &["python3", "-m", "venv", "--clear", &text],
        hint,
    )?;
    let pip = directory.join("bin/pip").to_string_lossy().into_owned();
    let mut install = vec![
        pip.as_str(),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    install.extend(PYTHON_PACKAGES);
    run(
        "boto3 and the AWS CLI (about 30 MB, once)",
        &root(),
        &install,
        hint,
    )?;
    std::fs::write(&marker, wanted).context("note that the Python environment is ready")?;
    Ok(Some(interpreter))
}

/// A tool that a machine lacks is said and left out; in CI that is a failure, so that no client goes untested in silence.
fn missing<T>(tool: &str, what: &str) -> Result<Option<T>> {
    if crate::environment::in_ci() {
        bail!("{tool} is missing and CI=true: {what} must be tested\nhint: install {tool}");
    }
    report(&format!("not run: {what}, because {tool} is missing"));
    Ok(None)
}
