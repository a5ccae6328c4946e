//! The Lambda door: the REST calls of AWS's Lambda API, on the same port as Kinesis.
//!
//! `door` is the HTTP shell, `call` what a request asks for once it is let in, `error` the shapes in which Lambda
//! refuses; `constraints` holds what is said against AWS's service model, whose tables are in `generated`. Each half of the
//! API has a room of its own behind them, which takes a call and gives a reply:
//! `mappings` (event source mappings and their tags) and `functions` (functions, their versions and aliases, invocations).
//! What the calls act on is handed in by `host`.

mod call;
mod constraints;
mod door;
mod error;
mod function_name;
mod functions;
mod generated;
mod mappings;

pub use door::LambdaDoor;
pub use error::LambdaError;
pub use function_name::FunctionName;
pub use functions::{
    Asked, Change, Functions, Handed, Invoked, Make, POLICIES_KEPT, Package, Running, URLS_KEPT,
    Urgency, UrlCall, forget_qualifier, url_id,
};
pub use mappings::{
    LastResult, Mapping, MappingChange, MappingSettings, MappingState, Mappings, Shown,
    StartingPosition, refuse_twice, twin,
};
