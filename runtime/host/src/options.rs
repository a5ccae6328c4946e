//! What a start is told: where the file, the data and the built functions are, and on which address to answer.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// Everything `up` hands in; nothing else is read from the environment.
#[derive(Debug, Clone)]
pub struct UpOptions {
    pub file: PathBuf,
    /// For `${NAME}` in the file.
    pub env: BTreeMap<String, String>,
    pub data: PathBuf,
    pub listen: IpAddr,
    /// 0 picks a free one.
    pub port: u16,
    /// The component of each function, by name, as `build` left it.
    pub components: BTreeMap<String, PathBuf>,
    /// Allows an address beyond loopback without credentials.
    pub insecure: bool,
    /// Written once the port is open, removed on a clean stop, so that verbs in this folder find the server.
    pub server_json: Option<PathBuf>,
}

impl UpOptions {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.listen, self.port)
    }
}
