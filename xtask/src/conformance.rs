//! `cargo xtask conformance`: writes the page of actions and constraints. The test that checks the page makes it.

use anyhow::Result;

use crate::step::{root, run_with};

pub(crate) fn write() -> Result<()> {
    run_with(
        "docs/conformance.md",
        &root(),
        &[("SHARDMILL_WRITE_CONFORMANCE", "1")],
        &[
            "cargo",
            "test",
            "-p",
            "shardmill-wire",
            "--lib",
            "the_page_of_conformance_is_current",
        ],
        "the failing test is named above",
    )
}
