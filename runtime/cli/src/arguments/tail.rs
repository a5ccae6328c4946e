//! The words of `tail`: from where, how far, which shard, by which way, and how what is found is shown.

use clap::Args;

use super::running::name;
use crate::moment::{self, From};

#[derive(Debug, Args)]
pub(crate) struct Tail {
    #[arg(value_parser = name)]
    pub(crate) stream: String,
    /// oldest, latest, @-15m, @2026-11-23T09:00Z or a sequence number; latest with -f, else oldest
    #[arg(long, value_parser = moment::parse_from)]
    pub(crate) from: Option<From>,
    /// Only this shard, by its number or full id
    #[arg(long)]
    pub(crate) shard: Option<String>,
    /// Show data as JSON or text instead of base64 under -o json, ndjson and yaml, and what KPL producers aggregated
    /// record by record
    #[arg(long)]
    pub(crate) decode: bool,
    /// Read by enhanced fan-out: as this registered consumer or, without a name, as one that is there as long as this runs
    #[arg(long, value_name = "CONSUMER", num_args = 0..=1, require_equals = true)]
    pub(crate) fan_out: Option<Option<String>>,
    /// End after this many records
    #[arg(long, short = 'n', value_name = "RECORDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: Option<u64>,
    /// Wait for more
    #[arg(long, short)]
    pub(crate) follow: bool,
}
