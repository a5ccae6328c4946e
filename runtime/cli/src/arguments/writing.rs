//! The words of verbs for who writes functions: `init`, `dev`, `build`, `test`.

use std::path::PathBuf;

use clap::Args;
use host::trials::Variant;

use super::Project;
use crate::verbs::init::Template;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where; else this folder, or that of the code
    pub(crate) dir: Option<PathBuf>,
    /// The language of a function to begin with
    #[arg(long, value_enum, conflicts_with = "from")]
    pub(crate) template: Option<Template>,
    /// Code that is there: app.py, index.mjs, or a SAM template.yaml; it is not changed
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    #[command(flatten)]
    pub(crate) project: Project,
    /// 0 picks a free port and says which
    #[arg(long, default_value_t = 4566)]
    pub(crate) port: u16,
    /// Where everything is stored; else .shardmill/dev/data beside the file
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Only this function
    pub(crate) function: Option<String>,
    #[command(flatten)]
    pub(crate) project: Project,
    /// All functions, compiled, with the file, as a bundle that `up` and `deploy` take
    #[arg(long, requires = "out", conflicts_with = "function")]
    pub(crate) release: bool,
    /// The folder of the bundle; also a layout of OCI, for tools of registries [short: -o]
    #[arg(long, value_name = "DIR", requires = "release")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only this function
    pub(crate) function: Option<String>,
    #[command(flatten)]
    pub(crate) project: Project,
    /// Records, NDJSON or CSV, or a file of `stream export`; else the sample of the stream
    #[arg(long, value_name = "FILE")]
    pub(crate) records: Option<PathBuf>,
    /// The JSON field or CSV column that is the partition key; else the first field
    #[arg(long, value_name = "FIELD")]
    pub(crate) key_field: Option<String>,
    /// So many records more, made of the values that the others have
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) generate: Option<u32>,
    /// Another seed, another schedule and other generated records
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Schedules drawn of each kind
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rounds: u32,
    /// Only these: again, split, rebatch, reorder, crash, lost, duplicate
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = variant)]
    pub(crate) only: Vec<Variant>,
    /// Leave these out
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = variant)]
    pub(crate) skip: Vec<Variant>,
    /// Fields of JSON outputs and values that may differ, such as a time
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// What the function should put out; else golden/FUNCTION.ndjson where that is there
    #[arg(long, value_name = "FILE")]
    pub(crate) golden: Option<PathBuf>,
    /// Write what it puts out now into that file
    #[arg(long)]
    pub(crate) bless: bool,
}

fn variant(text: &str) -> Result<Variant, String> {
    let known = Variant::ALL.into_iter().find(|one| one.name() == text);
    known.ok_or_else(|| {
        let names: Vec<&str> = Variant::ALL.iter().map(|one| one.name()).collect();
        format!("there are {}", names.join(", "))
    })
}
