//! The words of the command line as clap reads them: noun then verb for what is stored, bare verbs for the project and
//! for data. Nouns are singular and their plurals are accepted; a bare noun lists. Nothing is decided here.

mod asking;
mod data;
mod deploying;
mod orders;
mod running;
mod servers;
mod streams;
mod tail;
mod writing;

use std::{ffi::OsString, io::IsTerminal as _};

use clap::{Args, Parser, Subcommand, ValueEnum as _};

use crate::output::Format;

pub(crate) use asking::{Invoke, Logs, Put, Status, Wait, Why};
pub(crate) use data::{DataNoun, DataPlace, DataVerb};
pub(crate) use deploying::{ConfigNoun, ConfigVerb, Deploy, FunctionNoun, FunctionVerb};
pub(crate) use orders::{
    AuditNoun, BookmarkNoun, BookmarkVerb, Chosen, DeadLetterNoun, DeadLetterVerb, KeyNoun,
    KeyVerb, Replay, Seek, StateNoun, StateVerb, TriggerNoun, TriggerVerb,
};
pub(crate) use running::{Project, Up};
pub(crate) use servers::{ServerNoun, ServerVerb};
pub(crate) use streams::{StreamChange, StreamNoun, StreamVerb};
pub(crate) use tail::Tail;
pub(crate) use writing::{Build, Dev, Init, Test};

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

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
