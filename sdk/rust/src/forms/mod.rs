//! The forms that a handler can have, and how a batch or an event is run through each.
//!
//! A plain function is a [`Handler`] of exactly one form, chosen by its parameters. What comes in is packed bytes or JSON,
//! what goes out is an [`Answer`] or an error that fails the whole invocation. The attribute `#[handler]` has checked the
//! parameter list before, so that the compiler's own words about these traits are rarely seen.
mod batch;
mod each;
mod event;
mod keyed;

pub use batch::Whole;
pub use each::{Each, Emit};
pub use event::{Event, EventHandler};
pub use keyed::{Keyed, STATE_NAME};

use crate::packed::Batch;
use crate::verdict::Failure;
use crate::{Error, Result, host};

/// What a stream handler says about a batch, ready for the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub failed: Vec<Failure>,
    /// Packed output for `default`.
    pub output: Vec<u8>,
    pub window_state: Option<Vec<u8>>,
}

/// A function that takes a batch in one of the forms of the `#[handler]` attribute. `Form` is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "this function has none of the forms of a handler",
    label = "not a handler",
    note = "a typed body needs `Deserialize` and owns its data, state needs `Serialize`, `Deserialize` and `Default`, the \
            result is `Result<Verdict>`, `Result` or `Result<Option<T>>` with `T: Serialize`",
    note = "see https://docs.rs/shardmill/latest/shardmill/attr.handler.html"
)]
pub trait Handler<Form> {
    /// Runs the handler over `batch`.
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer>;
}

/// Runs packed bytes through a handler.
pub fn run<Form>(handler: &impl Handler<Form>, packed: &[u8]) -> Result<Answer> {
    let batch = Batch::parse(packed).map_err(|error| Error::from(error).kind("Malformed"))?;
    handler.answer(&batch.traced(host::is_tracing()))
}
