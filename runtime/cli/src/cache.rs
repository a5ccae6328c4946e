//! The folder in which this user's tools and language runtimes are kept, shared by all projects. What is in it can be
//! made again, so that deleting it costs time and nothing else.

use std::path::PathBuf;

/// `SHARDMILL_CACHE`, else `shardmill` below `XDG_CACHE_HOME` or `~/.cache`; none where there is no home either.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where the environment is read"
)]
pub(crate) fn folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(own) = variable("SHARDMILL_CACHE") {
        return std::path::absolute(own).ok();
    }
    let caches = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let caches = caches.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))?;
    Some(caches.join("shardmill"))
}
