//! Event source mappings: what binds a stream to a function, in AWS's words.
//!
//! In: calls of the Lambda API. Out: documents with AWS's members, states and refusals. `input` reads and checks what a
//! request says, `source` knows what AWS reads from, `document` writes a mapping, `actions` carry calls out. Where mappings are kept, and the triggers that
//! they are, is the affair of whoever stands behind `Mappings`.

mod actions;
mod document;
mod input;
mod source;
mod unknown;

#[cfg(test)]
pub(super) mod tests;

use std::{collections::BTreeMap, fmt};

use model::seams::BoxFuture;
use serde::{Deserialize, Serialize};

pub(super) use actions::{mapping, tags};
pub use actions::{refuse_twice, twin};
pub(super) use input::{Input, mistyped};

use super::{error::LambdaError, function_name::FunctionName};

/// What a mapping says, every default filled in. Members that AWS knows and Kinesis does not take are refused before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    pub uuid: String,
    pub event_source_arn: String,
    /// Qualified where the caller's name was.
    pub function_arn: String,
    pub starting_position: StartingPosition,
    /// Seconds since 1970, with AT_TIMESTAMP alone.
    pub starting_position_timestamp: Option<f64>,
    pub settings: MappingSettings,
    pub tags: BTreeMap<String, String>,
    pub modified_ms: u64,
}

/// What an update may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MappingSettings {
    pub batch_size: u32,
    pub batching_window_s: u32,
    pub parallelization_factor: u32,
    pub bisect: bool,
    /// -1 for ever.
    pub retry_attempts: i32,
    /// -1 for ever.
    pub record_age_s: i32,
    /// The ARN of a queue, a topic or a bucket.
    pub on_failure: Option<String>,
    pub report_item_failures: bool,
    /// Patterns as they were written.
    pub filters: Vec<String>,
    pub tumbling_window_s: u32,
    pub enabled: bool,
    /// Whether `MetricsConfig` asks for the counts of events.
    pub event_count: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartingPosition {
    Latest,
    AtTimestamp,
    TrimHorizon,
}

impl Default for MappingSettings {
    fn default() -> Self {
        Self {
            batch_size: 100,
            batching_window_s: 0,
            parallelization_factor: 1,
            bisect: false,
            retry_attempts: -1,
            record_age_s: -1,
            on_failure: None,
            report_item_failures: false,
            filters: Vec::new(),
            tumbling_window_s: 0,
            enabled: true,
            event_count: false,
        }
    }
}

/// A mapping and how it goes with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub mapping: Mapping,
    pub state: MappingState,
    pub last_result: LastResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingState {
    Creating,
    Enabling,
    Enabled,
    Disabling,
    Disabled,
    Updating,
    Deleting,
}

/// What the newest invocation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastResult {
    Nothing,
    Ok,
    FunctionFailed,
    InternalError,
}

impl fmt::Display for LastResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "No records processed",
            Self::Ok => "OK",
            Self::FunctionFailed => "PROBLEM: Function call failed",
            Self::InternalError => {
                "PROBLEM: internal Lambda error. Please contact Lambda customer support."
            }
        })
    }
}

/// Makes of a mapping as it is what it is to be, or refuses.
pub type MappingChange = Box<dyn FnOnce(Mapping) -> Result<Mapping, LambdaError> + Send>;

/// What keeps mappings and runs them. Refusals are AWS's.
pub trait Mappings: Send + Sync + fmt::Debug {
    /// Whether a stream, or a consumer of one, is there.
    fn has_source(&self, arn: &str) -> bool;
    /// Whether a function is there, and may be named so.
    fn has_function(&self, name: &FunctionName) -> bool;
    /// Refuses patterns that cannot be meant (ESM-E8); otherwise what a caller should know of them, a sentence each.
    fn remarks(&self, filters: &[String]) -> Result<Vec<String>, LambdaError>;
    /// All of them, of every account and region, in order of their ids.
    fn list(&self) -> Result<Vec<Shown>, LambdaError>;
    fn get(&self, uuid: &str) -> Result<Option<Shown>, LambdaError>;
    /// Kept, and every shard's starting position decided, when it resolves. A pair that is there is refused, whoever else
    /// asks for it at the same time.
    fn create(&self, mapping: Mapping) -> BoxFuture<'_, Result<Shown, LambdaError>>;
    /// Kept when it resolves; what was running ends its invocations first. A mapping that changes already is refused.
    fn update(
        &self,
        uuid: String,
        change: MappingChange,
    ) -> BoxFuture<'_, Result<Shown, LambdaError>>;
    /// Sure to go when it resolves, with its checkpoints, once its invocations have ended.
    fn delete(&self, uuid: String) -> BoxFuture<'_, Result<Shown, LambdaError>>;
    /// Kept when it resolves.
    fn tag(
        &self,
        uuid: String,
        tags: BTreeMap<String, String>,
    ) -> BoxFuture<'_, Result<(), LambdaError>>;
}
