//! Form 1: the whole batch at once. The handler says in a [`Verdict`] what failed; effects name their record.
//!
//! Nothing is handed to the host before the verdict is known, since any record may still be said to have failed.
use super::{Answer, Handler};
use crate::packed::Batch;
use crate::{Context, Outputs, Result, Verdict};

/// Marks handlers of whole batches.
#[derive(Debug)]
pub struct Whole<Parameters>(Parameters);

fn run(
    batch: &Batch<'_>,
    handle: impl FnOnce(&mut Outputs, &Context<'_>) -> Result<Verdict>,
) -> Result<Answer> {
    let mut out = Outputs::default();
    let verdict = handle(&mut out, &Context::default())?;
    let (failed, window_state) = verdict.settle(batch);
    out.forget(|cause| failed.iter().any(|failure| failure.index == cause));
    Ok(Answer {
        failed,
        output: out.finish()?,
        window_state,
    })
}

impl<F: Fn(Batch<'_>) -> Result<Verdict>> Handler<Whole<()>> for F {
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
        run(batch, |_, _| self(*batch))
    }
}

impl<F: Fn(Batch<'_>, &Context<'_>) -> Result<Verdict>> Handler<Whole<Context<'static>>> for F {
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
        run(batch, |_, ctx| self(*batch, ctx))
    }
}

impl<F: Fn(Batch<'_>, &mut Outputs) -> Result<Verdict>> Handler<Whole<Outputs>> for F {
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
        run(batch, |out, _| self(*batch, out))
    }
}

impl<F> Handler<Whole<(Outputs, Context<'static>)>> for F
where
    F: Fn(Batch<'_>, &mut Outputs, &Context<'_>) -> Result<Verdict>,
{
    fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
        run(batch, |out, ctx| self(*batch, out, ctx))
    }
}
