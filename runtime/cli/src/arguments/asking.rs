//! The words of bare verbs that ask a server: put, invoke, logs, why, status and wait.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::running::name;
use crate::moment;

#[derive(Debug, Args)]
pub(crate) struct Put {
    #[arg(value_parser = name)]
    pub(crate) stream: String,
    /// Data of one record each; `-` is standard input, names ending in .ndjson, .jsonl or .csv are files
    #[arg(required = true)]
    pub(crate) records: Vec<String>,
    /// The JSON field or CSV column that is the partition key
    #[arg(long, value_name = "FIELD", conflicts_with = "key")]
    pub(crate) key_field: Option<String>,
    /// The partition key of all records; without either, records spread evenly
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Standard input is CSV with a line of names
    #[arg(long)]
    pub(crate) csv: bool,
    /// Go on where the put of this name ended, storing no record twice
    #[arg(long, value_name = "NAME")]
    pub(crate) resume: Option<String>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("input").required(true))]
pub(crate) struct Invoke {
    #[arg(value_parser = name)]
    pub(crate) function: String,
    /// A file with one JSON event; `-` is standard input
    #[arg(long, group = "input", value_name = "FILE|-")]
    pub(crate) event: Option<PathBuf>,
    /// A file of records, NDJSON or CSV, handed over as one batch; `-` is standard input
    #[arg(long, group = "input", value_name = "FILE|-")]
    pub(crate) records: Option<PathBuf>,
    /// The JSON field or CSV column that is the partition key
    #[arg(long, value_name = "FIELD", conflicts_with = "event")]
    pub(crate) key_field: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Only of this trigger, or of a function of that name where no trigger has it; `invoke` is what functions said when they were invoked
    #[arg(value_parser = name)]
    pub(crate) trigger: Option<String>,
    /// Only of this function, whatever drives it
    #[arg(long, value_parser = name)]
    pub(crate) function: Option<String>,
    /// Wait for more
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Not older than this: 15m, 2h
    #[arg(long, value_parser = moment::parse_duration)]
    pub(crate) since: Option<Duration>,
    /// This level and what is worse
    #[arg(long, value_parser = ["trace", "debug", "info", "warn", "error"])]
    pub(crate) level: Option<String>,
    /// Only of this shard, by its number or full id
    #[arg(long, value_parser = name)]
    pub(crate) shard: Option<String>,
    /// Only of this invocation, as the lines name it
    #[arg(long, value_parser = name)]
    pub(crate) invocation: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    #[arg(value_parser = name)]
    pub(crate) trigger: Option<String>,
    /// By its number or full id
    #[arg(value_parser = name)]
    pub(crate) shard: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Show it again every second
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Only this trigger, and those whose outputs reach it
    #[arg(value_parser = name)]
    pub(crate) trigger: Option<String>,
    /// Exit 5 when it takes longer
    #[arg(long, default_value = "30s", value_parser = moment::parse_duration)]
    pub(crate) timeout: Duration,
}
