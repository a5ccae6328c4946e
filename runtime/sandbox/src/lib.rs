//! The WebAssembly sandbox: bytes of a function come in, a `Handler` that runs batches goes out.
//!
//! `Engine::load` compiles (or opens) a component and reads its kind from its exports; `Function` packs a batch,
//! runs the guest under its limits and says what came of it as an `Outcome`. A guest is never trusted: traps, endless
//! loops, memory bombs and malformed answers are outcomes, not errors of the host.

mod adapt;
mod answer;
mod backtrace;
mod bindings;
mod bundle;
mod capsule;
mod command;
mod compiled;
mod context;
mod counts;
mod engine;
mod fault;
mod files;
mod function;
mod heartbeat;
mod http;
mod imports;
mod item_failures;
mod limits;
mod load;
mod logs;
mod network;
mod outgoing;
mod packed;
mod preview1;
mod process;
mod runtime_files;
mod runtime_network;
mod runtimes;
mod sandbox;
mod scratch;
mod secrets;
mod variables;
mod warm;
mod world;

pub use bundle::{Bundle, BundleError};
pub use capsule::{Capsule, CapsuleError, CapsuleSink, Facts, result};
pub use counts::{DURATION_BOUNDS, FunctionCounts};
pub use engine::{Engine, EngineError, EngineSettings};
pub use function::{Called, Function, encoded_len};
pub use http::{Answered, BodyBroken, HttpBody};
pub use load::{FunctionLimits, Kind, LoadError, SandboxPolicy, digest_of};
pub use logs::{GuestLog, LogSink};
pub use network::Network;
pub use process::ProcessSource;
pub use secrets::Secrets;
pub use world::{Told, ToldNames, ToldValue};

#[cfg(test)]
mod tests;
