//! Why a server does not start: each a sentence with what to do, which `cli` turns into text and exit code.

use std::{io, net::SocketAddr, path::PathBuf};

use log::{Log, OpenError};
use sandbox::LoadError;

use crate::{config::Refused, mappings::Twice};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Configuration(#[from] Refused),
    #[error("start on {address}: the port is taken by another process")]
    PortTaken { address: SocketAddr },
    #[error("answer routes on {address}: the port is taken by another process")]
    WebPortTaken { address: SocketAddr },
    #[error(
        "function `{function}` cannot serve trigger `{trigger}`: {} exports {exports}, {needs}", path.display()
    )]
    Misfit {
        function: String,
        trigger: String,
        path: PathBuf,
        exports: &'static str,
        /// What drives the trigger, and what that needs.
        needs: &'static str,
        hint: &'static str,
    },
    #[error("{place}: schedule `{expression}` of trigger `{trigger}` never fires: {fact}")]
    NeverFires {
        /// File, line and column.
        place: String,
        trigger: String,
        expression: String,
        fact: String,
    },
    #[error("start on {address}: {reason}")]
    Listen { address: SocketAddr, reason: String },
    #[error("start on {address}: addresses beyond this machine need credentials")]
    Exposed { address: SocketAddr },
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error("load function `{function}` from {}: {reason}", path.display())]
    Function {
        function: String,
        path: PathBuf,
        reason: Unloaded,
    },
    #[error("start: {0}")]
    Twice(Twice),
    #[error("serve TLS with {0}")]
    Certificate(String),
    #[error("start: the disk failed: {0}")]
    DiskFailedAtStart(String),
    /// It was up, and the disk under its log failed.
    #[error("the server ended because its disk failed: {0}")]
    DiskFailed(String),
    #[error("{0}")]
    Other(String),
}

/// Why the file of a function does not become one.
#[derive(Debug, thiserror::Error)]
pub enum Unloaded {
    #[error("it was not built")]
    NotBuilt,
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    Unfit(#[from] LoadError),
}

const DISK: &str = "look at the disk, then start again: what it really holds is read anew, and everything acknowledged is there";

impl StartError {
    /// The disk, where that is what stopped the log: without it nothing else can be done, and it says why.
    #[must_use]
    pub(crate) fn or_of_disk(self, log: &Log) -> Self {
        let failed = log.status().poisoned;
        failed.map_or(self, Self::DiskFailedAtStart)
    }

    /// Another process or a mapping of the API stands in the way; everything else is ours or the caller's to mend.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::PortTaken { .. }
            | Self::WebPortTaken { .. }
            | Self::Twice(_)
            | Self::Log(OpenError::Locked { .. }) => true,
            Self::Configuration(_)
            | Self::Listen { .. }
            | Self::Exposed { .. }
            | Self::Log(_)
            | Self::Function { .. }
            | Self::Misfit { .. }
            | Self::NeverFires { .. }
            | Self::Certificate(_)
            | Self::DiskFailedAtStart(_)
            | Self::DiskFailed(_)
            | Self::Other(_) => false,
        }
    }

    /// One command that helps, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PortTaken { .. } => Some(
                "`shardmill up --port 0` picks a free one; put and tail in this folder will find it",
            ),
            Self::WebPortTaken { .. } => {
                Some("`shardmill up --http-port 0` picks a free one and says which")
            }
            Self::Misfit { hint, .. } => Some(hint),
            Self::NeverFires { .. } => {
                Some("give it a moment that is still to come, or remove the trigger")
            }
            Self::Twice(_) => Some(
                "leave the trigger out of the file and start again; the mapping can then be deleted by the Lambda API",
            ),
            Self::Exposed { .. } => Some(
                "say `--auth dev` or `--auth FILE`, or `--insecure` when the network is trusted",
            ),
            Self::Function { reason, .. } => Some(reason.hint()),
            Self::Log(error) => data_hint(error),
            Self::Certificate(_) => Some(
                "`--tls-cert` and `--tls-key` take PEM files that belong together; without them one is made",
            ),
            Self::DiskFailedAtStart(_) | Self::DiskFailed(_) => Some(DISK),
            Self::Configuration(_) | Self::Listen { .. } | Self::Other(_) => None,
        }
    }
}

impl Unloaded {
    fn hint(&self) -> &'static str {
        match self {
            Self::NotBuilt => "`shardmill build` makes its component",
            Self::Unreadable(_) => "`source` of the function must lead to its folder or file",
            Self::Unfit(LoadError::NotWebAssembly) => {
                "a Rust function becomes one with `cargo build --release --target wasm32-wasip2`"
            }
            Self::Unfit(LoadError::NoHandler { .. }) => {
                "mark a function with #[handler] and build again"
            }
            Self::Unfit(LoadError::NoRuntime { .. } | LoadError::NoUse { .. }) => {
                "`shardmill build` makes it again; `up` on a project's folder does so by itself"
            }
            Self::Unfit(LoadError::TooLarge { .. } | LoadError::Bundle(_)) => {
                "leave out what it does not need: debug information, tests, data that a stream could bring"
            }
            Self::Unfit(LoadError::NoNetworkInProgram) => {
                "Rust: `cargo build --release --target wasm32-wasip2`; JavaScript and Python have a network too"
            }
            Self::Unfit(LoadError::TooMuch { .. }) => {
                "link it with less memory to begin with; it may grow up to `memory` of the function"
            }
            Self::Unfit(LoadError::Invalid(_) | LoadError::Import(_) | LoadError::Unfit(_)) => {
                "build it again with the SDK of this version"
            }
        }
    }
}

fn data_hint(error: &OpenError) -> Option<&'static str> {
    match error {
        OpenError::Locked { .. } => {
            Some("use that server, or start this one with another folder: `--data DIR`")
        }
        OpenError::Newer { .. } => {
            Some("to try this version beside it, give it another folder: `--data DIR`")
        }
        OpenError::Damaged { .. } => Some(
            "`shardmill data check` says what is damaged, `shardmill data repair --dry-run` what could be saved; or restore a backup",
        ),
        OpenError::Unwritable { .. } => {
            Some("give this user the right to write there, or take another folder: `--data DIR`")
        }
        OpenError::Full { .. } => Some("free some space and start again"),
        OpenError::OutOfFiles => Some(
            "`ulimit -n 65536` before the start; for a service LimitNOFILE, for a container --ulimit",
        ),
        OpenError::View(_) | OpenError::Io(_) => Some(DISK),
        OpenError::Archive(_) => Some(
            "look at the place that `server.archive` names, or else at the disk, then start again",
        ),
    }
}
