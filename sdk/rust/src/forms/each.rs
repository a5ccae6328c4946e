//! Form 2: one JSON body at a time, no state. `Some(value)` goes to `default` with the key of its record.
use super::{Answer, Handler};
use crate::packed::{Batch, Record};
use crate::verdict::Failure;
use crate::{Context, Error, Outputs, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// Marks handlers of one typed record.
#[derive(Debug)]
pub struct Each<Parameters>(Parameters);

/// What a typed handler may return: nothing, or perhaps a value for `default`.
pub trait Emit {
    fn emit(self, out: &mut Outputs) -> Result;
}

impl Emit for () {
    fn emit(self, _: &mut Outputs) -> Result {
        Ok(())
    }
}

impl<T: Serialize> Emit for Option<T> {
    fn emit(self, out: &mut Outputs) -> Result {
        self.map_or(Ok(()), |value| out.json("default", &value))
    }
}

/// The body of a record. The empty record that closes a keyed window reads as `null`: a handler that takes `Option<T>`
/// gets `None`, any other is spared it.
pub(super) fn body<T: DeserializeOwned>(record: Record<'_>) -> Result<Option<T>> {
    if record.closes_window() {
        return Ok(serde_json::from_slice(b"null").ok());
    }
    serde_json::from_slice(record.data())
        .map(Some)
        .map_err(|error| Error::bad_json(&error))
}

/// Walks the batch record by record. Outputs of a record that fails are forgotten, later records of its key not tried.
pub(super) fn walk<'b, T: DeserializeOwned>(
    batch: &Batch<'b>,
    out: &mut Outputs,
    mut handle: impl FnMut(Record<'b>, T, &mut Outputs) -> Result,
) -> Result<Vec<Failure>> {
    let mut failed = Vec::new();
    let mut held = BTreeSet::new();
    for record in batch {
        if !held.is_empty() && held.contains(record.key()) {
            failed.push(Failure::new(record.index(), &Error::not_tried()));
            continue;
        }
        out.bind(record);
        let done =
            body(record).and_then(|body| body.map_or(Ok(()), |body| handle(record, body, out)));
        match done {
            Ok(()) => out.hand_over_full()?,
            Err(error) => {
                out.forget_bound();
                held.insert(record.key());
                failed.push(Failure::new(record.index(), &error));
            }
        }
    }
    Ok(failed)
}

fn run<T: DeserializeOwned, A: Emit>(
    batch: &Batch<'_>,
    handle: impl Fn(T, &mut Outputs, &Context<'_>) -> Result<A>,
) -> Result<Answer> {
    let mut out = Outputs::default();
    let failed = walk(batch, &mut out, |record, body, out| {
        handle(body, out, &Context::of(record))?.emit(out)
    })?;
    Ok(Answer {
        failed,
        output: out.finish()?,
        window_state: None,
    })
}

impl<F, T: DeserializeOwned, A: Emit> Handler<Each<(T, A)>> for F
where
    F: Fn(T) -> Result<A>,
{
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
        run(batch, |body, _, _| self(body))
    }
}

impl<F, T: DeserializeOwned, A: Emit> Handler<Each<(T, Context<'static>, A)>> for F
where
    F: Fn(T, &Context<'_>) -> Result<A>,
{
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
        run(batch, |body, _, ctx| self(body, ctx))
    }
}

impl<F, T: DeserializeOwned, A: Emit> Handler<Each<(T, Outputs, A)>> for F
where
    F: Fn(T, &mut Outputs) -> Result<A>,
{
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
        run(batch, |body, out, _| self(body, out))
    }
}

impl<F, T: DeserializeOwned, A: Emit> Handler<Each<(T, Outputs, Context<'static>, A)>> for F
where
    F: Fn(T, &mut Outputs, &Context<'_>) -> Result<A>,
{
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
        run(batch, |body, out, ctx| self(body, out, ctx))
    }
}
