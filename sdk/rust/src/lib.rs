//! Functions for Shardmill streams, written as plain Rust functions.
//!
//! One attribute; the form follows from the parameters. A handler may take one JSON body at a time, and what it returns
//! goes to the output `default` under the same key:
//!
//! ```
//! use shardmill::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Flight { dest: String, dep_delay: Option<i64> }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Late { dest: String, minutes: i64 }
//!
//! #[handler]
//! fn late(flight: Flight, ctx: &Context) -> Result<Option<Late>> {
//!     let threshold = ctx.setting("THRESHOLD_MINUTES", 30)?;
//!     // A cancelled flight has no delay: it cannot be late.
//!     let Some(minutes) = flight.dep_delay.filter(|minutes| *minutes > threshold) else { return Ok(None) };
//!     Ok(Some(Late { dest: flight.dest, minutes }))
//! }
//!
//! // `cargo test` runs it natively: no WASM, no server.
//! let mut bench = Bench::new(late);
//! bench.put("JFK", json!({ "dest": "LAX", "dep_delay": 47 }));
//! bench.put("JFK", json!({ "dest": "LAX", "dep_delay": null }));
//! assert_eq!(bench.outputs("default").len(), 1);
//! assert_eq!(bench.put("JFK", "{broken").failed[0].action, Action::DeadLetter);
//! ```
//!
//! It may keep a durable value for each key, committed together with its outputs and the checkpoint:
//!
//! ```
//! use shardmill::prelude::*;
//! # #[derive(Deserialize)] struct Flight { dep_delay: Option<i64> }
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Board { flights: u64, worst: i64 }
//!
//! #[handler]
//! fn board(flight: Flight, board: &mut Board, out: &mut Outputs) -> Result {
//!     board.flights += 1;
//!     board.worst = board.worst.max(flight.dep_delay.unwrap_or(0));
//!     out.json("default", board)
//! }
//! # let mut bench = Bench::new(board);
//! # bench.put("JFK", json!({ "dep_delay": 47 }));
//! # assert_eq!(bench.state::<Board>("JFK").unwrap().flights, 1);
//! ```
//!
//! Or it takes the whole batch, without a copy, and says in a [`Verdict`] what failed:
//!
//! ```
//! use shardmill::prelude::*;
//! # #[derive(Deserialize)] struct FlightRef<'a> { #[serde(borrow)] dest: std::borrow::Cow<'a, str> }
//!
//! #[handler]
//! fn by_destination(batch: Batch<'_>, out: &mut Outputs) -> Result<Verdict> {
//!     let mut verdict = Verdict::all_done();
//!     for record in &batch {
//!         match record.json::<FlightRef<'_>>() {
//!             Ok(flight) => out.from(record).to("default", &flight.dest, record.data())?,
//!             Err(error) => verdict.dead_letter(record, error),
//!         }
//!     }
//!     Ok(verdict)
//! }
//! # let mut bench = Bench::new(by_destination);
//! # assert!(bench.put("1", json!({ "dest": "LAX" })).failed.is_empty());
//! # assert_eq!(bench.outputs("default")[0].key, "LAX");
//! ```
//!
//! What fails and how: a body that does not parse is dead-lettered at once; any other error means the trigger's retry
//! policy; [`OrFail`] chooses. Effects of a failed record are dropped, and later records of its key in the batch are not
//! run. A function that answers AWS Lambda's JSON events is marked `#[handler(event)]`.
//!
//! Build with `cargo build --release --target wasm32-wasip2`, `crate-type = ["cdylib", "rlib"]`, one handler a crate.
//!
//! Modules in reading order: [`packed`] holds the bytes, [`forms`] runs a function over them, [`Outputs`] and [`Verdict`]
//! are what a handler fills, [`Context`] and [`log`] reach the host, [`Bench`] is the host of tests.

// The attribute writes `::shardmill::` paths, also inside this crate's own tests.
extern crate self as shardmill;

#[cfg(not(target_family = "wasm"))]
mod bench;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod component;
mod context;
mod error;
pub mod forms;
mod host;
mod limits;
pub mod log;
mod outputs;
pub mod packed;
mod verdict;

#[cfg(test)]
mod tests;

#[cfg(not(target_family = "wasm"))]
pub use bench::{Bench, EventBench, Output, Reply};
pub use context::Context;
pub use error::{Action, Error, OrFail, Result};
pub use host::TumblingWindow;
#[cfg(not(target_family = "wasm"))]
pub use host::memory::LogLine;
pub use outputs::{Effects, Outputs, Payload};
pub use packed::{Batch, Record};
pub use shardmill_macros::handler;
pub use verdict::{Failure, Verdict};

// The guide's examples are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/rust-functions.md")]
mod guide {}

/// What the code written by `#[handler]` names; not for people.
#[doc(hidden)]
pub mod attribute;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use wit_bindgen::rt as wit_runtime;

/// Everything a function usually needs.
pub mod prelude {
    pub use crate::{
        Action, Batch, Context, Error, OrFail, Outputs, Record, Result, Verdict, handler, log,
    };
    #[cfg(not(target_family = "wasm"))]
    pub use crate::{Bench, EventBench};
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};
}
