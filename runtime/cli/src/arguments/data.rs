//! The words of `data`: what the server stores, checked, repaired, backed up and restored.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct DataNoun {
    #[command(subcommand)]
    pub(crate) verb: DataVerb,
}

#[derive(Debug, Args)]
pub(crate) struct DataPlace {
    /// Where everything is stored; else .shardmill/dev/data
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataVerb {
    /// Read all of a stopped folder and say what is in it; changes nothing; exit 7 on damage
    Check(DataPlace),
    /// Copy all of a running server, as it is at one position of its log
    Backup {
        /// A file that is not there yet, or a folder in which to make one
        file: PathBuf,
    },
    /// Make an empty data folder into what a backup holds
    Restore {
        file: PathBuf,
        #[command(flatten)]
        place: DataPlace,
    },
    /// Take what is damaged out of a log that does not open, and keep it aside
    Repair {
        #[command(flatten)]
        place: DataPlace,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Say what would be taken out
        #[arg(long)]
        dry_run: bool,
    },
}
