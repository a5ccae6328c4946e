//! The words of `stream`: how streams are made, looked at, changed and deleted.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::{Sure, running::name};
use crate::moment;

#[derive(Debug, Args)]
pub(crate) struct StreamNoun {
    #[command(subcommand)]
    pub(crate) verb: Option<StreamVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StreamVerb {
    /// All streams
    List {
        /// The largest first, each with what it stores
        #[arg(long)]
        by_size: bool,
    },
    /// One stream
    Show {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Make a stream that the file does not name
    Create {
        #[arg(value_parser = name)]
        name: String,
        #[arg(long, default_value_t = 1)]
        shards: u32,
        /// How long records are kept, 1d to 365d; else 7d
        #[arg(long, value_parser = moment::parse_duration)]
        retention: Option<Duration>,
    },
    /// Delete a stream and all its records
    Delete {
        #[arg(value_parser = name)]
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Say what would be deleted
        #[arg(long)]
        dry_run: bool,
    },
    /// Write all records of a stream into a file, with keys and times, in the order of each shard
    Export {
        #[arg(value_parser = name)]
        name: String,
        /// NDJSON; it must not be there yet. `-` is standard output
        file: PathBuf,
        /// Smaller and under checksums, instead of NDJSON
        #[arg(long)]
        binary: bool,
    },
    /// Put the records of an exported file into a stream, each once however often it is repeated
    Import {
        #[arg(value_parser = name)]
        name: String,
        /// NDJSON or binary, as it was exported
        file: PathBuf,
    },
    /// The shards of a stream with their ranges
    Shards {
        #[arg(value_parser = name)]
        name: String,
        /// What each takes, its hot keys, and the split that would help
        #[arg(long)]
        hot: bool,
    },
    #[command(flatten)]
    Change(StreamChange),
}

/// What changes a stream that is there.
#[derive(Debug, Subcommand)]
pub(crate) enum StreamChange {
    /// Close a shard and open two for its range
    Split {
        #[arg(value_parser = name)]
        name: String,
        /// By its number or full id
        #[arg(value_parser = name)]
        shard: String,
        /// The hash key at which the upper one begins; else where the traffic falls into two halves
        #[arg(long, value_name = "HASH KEY")]
        at: Option<String>,
        #[command(flatten)]
        sure: Sure,
    },
    /// Close two neighbouring shards and open one for both ranges
    Merge {
        #[arg(value_parser = name)]
        name: String,
        /// By their numbers or full ids
        #[arg(value_parser = name, num_args = 2, required = true)]
        shards: Vec<String>,
        #[command(flatten)]
        sure: Sure,
    },
    /// Give a stream so many shards of equal size: at most twice, at least half as many
    Scale {
        #[arg(value_parser = name)]
        name: String,
        shards: u32,
        #[command(flatten)]
        sure: Sure,
    },
    /// Keep records longer or shorter, 1d to 365d
    Retention {
        #[arg(value_parser = name)]
        name: String,
        #[arg(value_parser = moment::parse_duration)]
        keep: Duration,
        #[command(flatten)]
        sure: Sure,
    },
    /// Let a stream scale by itself, or no more
    Mode {
        #[arg(value_parser = name)]
        name: String,
        #[arg(value_parser = ["provisioned", "on-demand"])]
        mode: String,
    },
    /// Registered fan-out consumers: listed, added, removed
    Consumers {
        #[arg(value_parser = name)]
        name: String,
        /// Register one
        #[arg(long, value_name = "CONSUMER", value_parser = name, conflicts_with = "remove")]
        add: Option<String>,
        /// Deregister one
        #[arg(long, value_name = "CONSUMER", value_parser = name)]
        remove: Option<String>,
        #[command(flatten)]
        sure: Sure,
    },
}
