//! The words of the command line as clap reads them: noun then verb for what is stored, bare verbs for the project and
//! for data. Nouns are singular and their plurals are accepted; a bare noun lists. Nothing is decided here.

mod data;
mod deploying;
mod tail;
mod writing;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum as _};

use crate::moment;
use crate::output::Format;
pub(crate) use data::{DataNoun, DataPlace, DataVerb};
pub(crate) use deploying::{ConfigNoun, ConfigVerb, Deploy, FunctionNoun, FunctionVerb};
pub(crate) use writing::{Build, Dev, Init, Test};

mod orders;

pub(crate) use orders::{
    AuditNoun, BookmarkNoun, BookmarkVerb, Chosen, DeadLetterNoun, DeadLetterVerb, KeyNoun,
    KeyVerb, Replay, Seek, StateNoun, StateVerb, TriggerNoun, TriggerVerb,
};

pub(crate) use tail::Tail;

/// Streams, triggers and sandboxed functions on your own machine.
#[derive(Debug, Parser)]
#[command(name = "shardmill", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// The server, by its address or name; else SHARDMILL_SERVER, `server use`, the one of this folder or above, or 127.0.0.1:4566
    #[arg(long, global = true, value_name = "HOST:PORT|NAME")]
    pub(crate) server: Option<String>,
    /// How data is written
    #[arg(long, short, global = true, value_enum, default_value = "table")]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Here(Here),
    #[command(flatten)]
    Asking(Asking),
}

/// Verbs that work without a server, or are one.
#[derive(Debug, Subcommand)]
pub(crate) enum Here {
    /// Make a project from a template, or around code that is there
    Init(Init),
    /// Run the server, build functions again at each save, and show each batch
    Dev(Dev),
    /// Build the functions and run the server in the foreground
    Up(Box<Up>),
    /// Read triggers.yaml and say what is wrong with it, offline
    Check(Project),
    /// What triggers.yaml says, as an environment has it
    Config(ConfigNoun),
    /// Build the functions of triggers.yaml
    Build(Build),
    /// Give a function the same records in other ways, and see whether it comes to the same
    Test(Test),
    /// Look at the machine, the tools and the server
    Doctor,
    /// What the server stores: check, repair, backup, restore
    Data(DataNoun),
    /// Names for servers, and what AWS's tools need to find one
    #[command(alias = "servers")]
    Server(ServerNoun),
    /// Print what a shell needs to complete these verbs
    Completions { shell: clap_complete::Shell },
    /// Print the manual page of all, or of one verb
    Man {
        #[arg(value_name = "VERB")]
        verb: Vec<String>,
    },
    /// Print the version
    Version,
}

/// Verbs that ask a running server.
#[derive(Debug, Subcommand)]
pub(crate) enum Asking {
    /// Put records into a stream
    Put(Put),
    /// Say what `deploy` would change; exit 7 when something would
    Plan(Project),
    /// Build the project and put it into a running server; nothing stops
    Deploy(Deploy),
    /// Show the records of a stream
    Tail(Tail),
    /// Run a function once; nothing is stored
    Invoke(Invoke),
    /// Show what functions and the server logged
    Logs(Logs),
    /// Say why shards do not move, one sentence each
    Why(Why),
    /// Run a failed invocation again as it was, without effects
    Replay(Replay),
    /// One screen: triggers, lag and reasons
    Status(Status),
    /// Wait until all that was put so far is settled
    Wait(Wait),
    /// Streams and their shards
    #[command(alias = "streams")]
    Stream(StreamNoun),
    /// Functions and their versions
    #[command(alias = "functions")]
    Function(FunctionNoun),
    /// Triggers: which function reads which stream
    #[command(alias = "triggers")]
    Trigger(TriggerNoun),
    /// Partition keys that wait, parked by a failure or an operator
    #[command(alias = "keys")]
    Key(KeyNoun),
    /// Places of triggers to go back to; each seek makes one
    #[command(alias = "bookmarks")]
    Bookmark(BookmarkNoun),
    /// What operators ordered, and what it did
    Audit(AuditNoun),
    /// Values that triggers keep, by partition key
    #[command(alias = "states")]
    State(StateNoun),
    /// Records that were given up, kept to be looked at
    #[command(alias = "dead-letters")]
    DeadLetter(DeadLetterNoun),
}

/// `-o` is the format of data everywhere but behind `build`, where a folder is named with it.
pub(crate) fn spelled(mut words: Vec<OsString>) -> Vec<OsString> {
    let is_build = words.iter().skip(1).any(|word| word == "build");
    let is_format = |word: &OsString| {
        let word = word.to_string_lossy();
        Format::from_str(&word, true).is_ok()
    };
    let formats: Vec<bool> = words.iter().skip(1).map(is_format).collect();
    for (word, next_is_format) in words.iter_mut().zip(formats) {
        if is_build && *word == "-o" && !next_is_format {
            *word = "--out".into();
        }
    }
    words
}

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

#[derive(Debug, Args)]
pub(crate) struct ServerNoun {
    #[command(subcommand)]
    pub(crate) verb: Option<ServerVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServerVerb {
    /// All servers that have a name
    List,
    /// Name a server, for `--server NAME`
    Add {
        #[arg(value_parser = name)]
        name: String,
        /// HOST:PORT
        address: String,
        /// A file in the form of AWS's shared credentials, whose first key signs what is put
        #[arg(long, value_name = "FILE")]
        credentials: Option<PathBuf>,
    },
    /// Ask this one from now on, in every folder
    Use {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Forget a name
    Remove {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Lines for `eval` that lead AWS's tools to the server
    Env,
}

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

/// Of a verb that loses something.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Sure {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Sure {
    /// Of a verb that loses nothing: scripts are believed, and a person is asked.
    pub(crate) fn is_to_be_asked(self) -> bool {
        !self.yes && !self.dry_run && std::io::stdin().is_terminal()
    }
}

/// An empty name would mean all of a kind in an address.
fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("it is empty, write a name");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
