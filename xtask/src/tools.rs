//! What the commands need besides Rust itself, installed on first use: the wasm target, in rustup's folder.

use std::path::PathBuf;

use anyhow::Result;

use crate::step::{output, root, run};

const WASM_TARGET: &str = "wasm32-wasip2";

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
