//! What the environment says about this run.

#![expect(
    clippy::disallowed_methods,
    reason = "the project's own commands are a door of their own"
)]

/// Whether this is a CI run, where a missing tool is a failure.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}
