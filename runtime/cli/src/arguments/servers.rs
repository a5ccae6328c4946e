//! The words of `server`: names for servers, and what AWS's tools need to find one.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::running::name;

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
