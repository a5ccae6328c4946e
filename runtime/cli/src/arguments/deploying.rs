//! The words about functions as deployed things: their versions, deploys, and what the file says in an environment.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Project, Sure, running::name};

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// A bundle of `build --release -o DIR`, which is sent as it is; or a function of the file, alone
    #[arg(value_name = "BUNDLE|FUNCTION")]
    pub(crate) what: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) project: Project,
    /// New versions take this share of what comes, such as 5%, beside what runs: of the keys of a stream
    #[arg(long, value_name = "PERCENT", value_parser = percent, conflicts_with = "shadow")]
    pub(crate) canary: Option<f64>,
    /// Take a canary back by itself once so much more of it fails than of what runs, such as 'errors>2%'
    #[arg(long, value_name = "errors>PERCENT", value_parser = errors, requires = "canary")]
    pub(crate) rollback_on: Option<f64>,
    /// New versions get the batches of what runs, without effects
    #[arg(long)]
    pub(crate) shadow: bool,
    /// Also run again with the new versions what earlier ones failed at
    #[arg(long)]
    pub(crate) retries: bool,
    /// As `plan`
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigNoun {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// The file with an environment laid over it, and the line each value came from
    Show(Project),
    /// The JSON schema of the file, for editors
    Schema,
    /// Where the file, its data, the names of servers and the cache are
    Path(Project),
}

#[derive(Debug, Args)]
pub(crate) struct FunctionNoun {
    #[command(subcommand)]
    pub(crate) verb: Option<FunctionVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FunctionVerb {
    /// All functions with their versions and limits
    List,
    /// One function, its digest included
    Show {
        #[arg(value_parser = name)]
        name: String,
    },
    /// The versions of a function: what they are, which run, under which aliases
    Versions {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Let a version run from now on, or take a share; batches that failed keep theirs unless `--retries` is said
    Promote {
        #[arg(value_parser = name)]
        name: String,
        version: u64,
        /// Change this alias, which is made if it is not there, instead of what the bare name runs
        #[arg(long, value_name = "NAME", value_parser = name)]
        alias: Option<String>,
        /// Only this share of what comes, such as 5%: of the keys of a stream, else of the calls
        #[arg(long, value_name = "PERCENT", value_parser = percent)]
        weight: Option<f64>,
        /// Also run again with it what other versions failed at
        #[arg(long)]
        retries: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// Take the share of a canary back; without one, let the version run that ran before
    Rollback {
        #[arg(value_parser = name)]
        name: String,
        /// Also run again with it what other versions failed at
        #[arg(long)]
        retries: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// Delete NAME@VERSION or NAME@ALIAS, or a function that was made through the Lambda API
    Delete {
        #[arg(value_parser = name)]
        name: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// `errors>2%`.
fn errors(text: &str) -> Result<f64, String> {
    let share = text.strip_prefix("errors>").map(str::trim);
    let share =
        share.ok_or("write errors>2%, in quotation marks: `>` means something to a shell")?;
    percent(share)
}

/// `5%`, or `0.05`.
fn percent(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(number) => number.parse::<f64>().map(|it| it / 100.0),
        None => text.parse(),
    };
    match share {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        Ok(_) | Err(_) => Err("write 0% to 100%".to_owned()),
    }
}
