//! Why a server does not start: each a sentence with what to do, which `cli` turns into text and exit code.

use std::net::SocketAddr;

use crate::config::Refused;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Configuration(#[from] Refused),
    #[error("start on {address}: the port is taken by another process")]
    PortTaken { address: SocketAddr },
    #[error("start on {address}: {reason}")]
    Listen { address: SocketAddr, reason: String },
    #[error(
        "start on {address}: addresses beyond this machine need credentials, which this server cannot check yet"
    )]
    Exposed { address: SocketAddr },
    #[error(transparent)]
    Log(#[from] log::OpenError),
    #[error("load function `{function}`: {reason}")]
    Function { function: String, reason: String },
    #[error("{0}")]
    Other(String),
}

impl StartError {
    /// One command that helps, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PortTaken { .. } => Some(
                "`shardmill up --port 0` picks a free one; put and tail in this folder will find it",
            ),
            Self::Exposed { .. } => {
                Some("listen on 127.0.0.1, or say `--insecure` when the network is trusted")
            }
            Self::Function { .. } => Some("mark a function with #[handler] and build again"),
            Self::Configuration(_) | Self::Listen { .. } | Self::Log(_) | Self::Other(_) => None,
        }
    }
}
