//! The words of `up`, and those that name a project wherever one is needed.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;

use crate::moment;

#[derive(Debug, Args)]
pub(crate) struct Project {
    #[arg(long, default_value = "triggers.yaml")]
    pub(crate) file: PathBuf,
    /// The environment of the file; `dev` is the file as it is
    #[arg(long, default_value = "dev", value_name = "NAME", value_parser = name)]
    pub(crate) env: String,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// A bundle of `build --release -o DIR`, which is run as it is; or the folder of a project
    #[arg(value_name = "BUNDLE", conflicts_with = "file")]
    pub(crate) place: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) project: Project,
    /// 0 picks a free port and says which
    #[arg(long, default_value_t = 4566)]
    pub(crate) port: u16,
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    #[command(flatten)]
    pub(crate) web: Box<crate::web_arguments::Web>,
    /// Where everything is stored; else .shardmill/dev/data beside the file
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Answer only requests signed by keys of this file (as AWS's shared credentials); `dev` makes one
    #[arg(long, value_name = "FILE|dev")]
    pub(crate) auth: Option<String>,
    /// Serve TLS with this certificate (PEM, with its chain); else one for localhost is made beside the data
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Let tests forget all streams and move the clock: POST /_shardmill/reset and /_shardmill/clock
    #[arg(long)]
    pub(crate) testing: bool,
    /// What goes wrong, and when: throttled, split and merged shards, workers that crash, freeze and are slow
    #[arg(long, value_name = "FILE", requires = "testing")]
    pub(crate) faults: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) crash: crate::crash_arguments::Crash,
    /// Stands for every choice that the faults leave open; else one is drawn and shown
    #[arg(long, value_name = "N", requires = "faults")]
    pub(crate) seed: Option<u64>,
    /// Keep AWS's limits: what shards take and give, how often accounts may call
    #[arg(long, value_name = "aws", value_parser = ["aws"])]
    pub(crate) limits: Option<String>,
    /// What opens encrypted streams; made when the first one is encrypted, else in master.key beside the data
    #[arg(long, value_name = "PATH")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// How long a stream is CREATING, UPDATING or DELETING; 0s for tests that do not wait
    #[arg(long, value_name = "DURATION", value_parser = moment::parse_duration)]
    pub(crate) transition: Option<Duration>,
    /// Send traces of batches to this collector, in OTLP over HTTP with JSON: http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// Run Lambda packages with programs for this machine as processes: in no sandbox, with all this user may do
    #[arg(long)]
    pub(crate) allow_native: bool,
    /// Listen on an address that others can reach, without credentials
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// An empty name would mean all of a kind in an address.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("it is empty, write a name");
    }
    Ok(text.to_owned())
}
