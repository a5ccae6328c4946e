//! Puts the rooms together into one running server: configuration, the port, the JSON API behind the verbs.
//!
//! `up` takes a platform and options and runs until it is told to stop; `config` reads `triggers.yaml`. Nothing here
//! looks into a record, prints, or reads the environment: `cli` hands everything in.

mod api;
mod assemble;
mod bucket;
mod capsules;
pub mod config;
pub mod data;
mod deployment;
mod destinations;
mod detached;
mod development;
mod encrypted;
mod errors;
mod faults;
mod fitting;
mod forecast;
mod functions;
mod housekeeping;
mod journal;
mod keys;
mod lag;
mod limits;
mod listener;
mod loading;
mod logs;
mod mappings;
mod metrics;
mod needs;
mod options;
mod plan;
mod renaming;
mod report;
mod routes;
mod runners;
mod schedules;
mod scratch_state;
mod secrets;
mod tls;
mod traces;
pub mod trials;
mod triggers;
mod up;

pub use development::{Compared, Development, Seen, SeenFailure, SeenOutput, SeenRecord, Told};
pub use errors::{StartError, Unloaded};
pub use faults::{Fault, Faults, Point, Worker};
pub use functions::{HandlerFiles, Packer};
pub use loading::{compile, digest_of, inspect};
pub use mappings::Twice;
pub use model::Digest;
pub use options::{Auth, Certificate, UpOptions, WebOptions};
pub use sandbox::Bundle;
pub use streams::MasterKeys;
pub use tls::Shown;
pub use up::{Ready, up};
pub use wire::Signer;
