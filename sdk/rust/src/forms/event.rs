//! The event kind: one JSON document in, one out, as a handler on AWS Lambda sees it.
//!
//! An error fails the invocation. Outputs have no source record, so the host commits them only when everything succeeded.
use crate::{Context, Error, Outputs, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Marks event handlers.
#[derive(Debug)]
pub struct Event<Parameters>(Parameters);

/// A function that answers a JSON document. `Form` is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "this function has none of the forms of an event handler",
    label = "not an event handler",
    note = "the event needs `Deserialize` and owns its data, the result is `Result<T>` with `T: Serialize`"
)]
pub trait EventHandler<Form> {
    /// Answers `event`; both are JSON.
    fn answer(&self, event: &[u8]) -> Result<Vec<u8>>;
}

fn run<E: DeserializeOwned, A: Serialize>(
    event: &[u8],
    handle: impl FnOnce(E, &mut Outputs, &Context<'_>) -> Result<A>,
) -> Result<Vec<u8>> {
    let event = serde_json::from_slice(event).map_err(|error| Error::bad_json(&error))?;
    let mut out = Outputs::default();
    let answer = serde_json::to_vec(&handle(event, &mut out, &Context::default())?)?;
    out.hand_over_all()?;
    Ok(answer)
}

impl<F, E: DeserializeOwned, A: Serialize> EventHandler<Event<(E, A)>> for F
where
    F: Fn(E) -> Result<A>,
{
    fn answer(&self, event: &[u8]) -> Result<Vec<u8>> {
        run(event, |event, _, _| self(event))
    }
}

impl<F, E: DeserializeOwned, A: Serialize> EventHandler<Event<(E, Context<'static>, A)>> for F
where
    F: Fn(E, &Context<'_>) -> Result<A>,
{
    fn answer(&self, event: &[u8]) -> Result<Vec<u8>> {
        run(event, |event, _, ctx| self(event, ctx))
    }
}

impl<F, E: DeserializeOwned, A: Serialize> EventHandler<Event<(E, Outputs, A)>> for F
where
    F: Fn(E, &mut Outputs) -> Result<A>,
{
    fn answer(&self, event: &[u8]) -> Result<Vec<u8>> {
        run(event, |event, out, _| self(event, out))
    }
}

impl<F, E, A> EventHandler<Event<(E, Outputs, Context<'static>, A)>> for F
where
    F: Fn(E, &mut Outputs, &Context<'_>) -> Result<A>,
    E: DeserializeOwned,
    A: Serialize,
{
    fn answer(&self, event: &[u8]) -> Result<Vec<u8>> {
        run(event, |event, out, ctx| self(event, out, ctx))
    }
}
