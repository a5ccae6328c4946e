//! What a start is told: where the file, the data and the built functions are, and on which address to answer.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use streams::MasterKeys;

use crate::{development::Development, faults::Faults, functions::Packer};

/// Everything `up` hands in; nothing else is read from the environment.
#[derive(Debug, Clone)]
pub struct UpOptions {
    pub file: PathBuf,
    /// Of the file; `dev` is the file as it is.
    pub environment: String,
    /// For `${NAME}` in the file.
    pub env: BTreeMap<String, String>,
    pub data: PathBuf,
    pub listen: IpAddr,
    /// 0 picks a free one.
    pub port: u16,
    /// The component of each function, by name, as `build` left it.
    pub components: BTreeMap<String, PathBuf>,
    /// Where language runtimes are kept, for functions whose code is data.
    pub runtimes: Option<PathBuf>,
    /// Makes functions of handler files that come through the Lambda API; without it they are refused.
    pub packer: Option<Packer>,
    /// The collector of traces, by its address, where there is one.
    pub otlp: Option<String>,
    /// Programs for this machine may be functions, in no sandbox.
    pub allow_native: bool,
    /// Allows an address beyond loopback without credentials.
    pub insecure: bool,
    /// Only requests that are signed by known keys are answered.
    pub auth: Option<Auth>,
    /// With which clients are served that ask for TLS; absent where none are.
    pub tls: Option<Certificate>,
    /// Tests may reset the server and move its clock.
    pub testing: bool,
    /// How large the pieces of the log are, so that tests see many; absent for the log's own size.
    pub segment_bytes: Option<u64>,
    /// What is to go wrong in a test.
    pub faults: Option<Faults>,
    /// Shards and accounts take and give no more than AWS lets them, whatever the file says.
    pub aws_limits: bool,
    /// How long streams and consumers are shown as CREATING, UPDATING or DELETING; absent for AWS's moment.
    pub transition: Option<Duration>,
    /// Written once the port is open, removed on a clean stop, so that verbs in this folder find the server.
    pub server_json: Option<PathBuf>,
    /// What opens encrypted streams.
    pub master: MasterKeys,
    /// Where routes are answered, if the file has any.
    pub web: WebOptions,
    /// The loop that develops the functions, where there is one.
    pub development: Option<Development>,
}

/// Where requests of the web are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOptions {
    pub listen: IpAddr,
    /// 0 picks a free one.
    pub port: u16,
    /// Names, besides those of this machine, under which it is asked.
    pub hosts: Vec<String>,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            listen: Ipv4Addr::LOCALHOST.into(),
            port: 8787,
            hosts: Vec::new(),
        }
    }
}

impl WebOptions {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.listen, self.port)
    }
}

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// In a file in the form of AWS's shared credentials.
    File(PathBuf),
    /// In such a file, which is made with one key if it is not there.
    Made(PathBuf),
}

/// Where the certificate of the server is, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// Both in PEM; further certificates of the chain stand behind the first.
    Own { certificate: PathBuf, key: PathBuf },
    /// In this folder, where they are made if they are not there.
    Made(PathBuf),
}

impl UpOptions {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.listen, self.port)
    }
}
