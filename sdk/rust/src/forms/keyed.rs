//! Form 3: one JSON body at a time with the durable value of its key.
//!
//! A key's value is loaded when its first record comes and written once, with the last record that succeeded as its
//! source. It is kept encoded after each success, so that a failing record changes nothing. The value of an `Option` that
//! ends as `None` is deleted. A value that does not decode fails the record with kind `BadState`.
use super::each::{Emit, walk};
use super::{Answer, Handler};
use crate::packed::{Batch, Record};
use crate::{Action, Context, Error, Outputs, Result, host};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Marks handlers with keyed state.
#[derive(Debug)]
pub struct Keyed<Parameters>(Parameters);

/// The name under which a typed handler's value is kept in the state of its key.
pub const STATE_NAME: &str = "value";
/// What an `Option` state that is `None` encodes to.
const ABSENT: &[u8] = b"null";

struct Slot<S> {
    value: S,
    loaded: Vec<u8>,
    /// The value after the last success, and which record that was.
    good: Option<(Vec<u8>, u32)>,
}

impl<S: Serialize + DeserializeOwned + Default> Slot<S> {
    fn load(record: Record<'_>) -> Result<Self> {
        let stored = host::state_get(record.index(), STATE_NAME)
            .map_err(|refusal| refusal.into_error("state"))?;
        let value = match &stored {
            None => S::default(),
            Some(bytes) => serde_json::from_slice(bytes)
                .map_err(|error| Error::new(Action::Retry, "BadState", error))?,
        };
        Ok(Self {
            value,
            loaded: stored.unwrap_or_else(|| ABSENT.to_vec()),
            good: None,
        })
    }

    fn write(&self) -> Result {
        let written = match &self.good {
            None => Ok(()),
            Some((bytes, _)) if *bytes == self.loaded => Ok(()),
            Some((bytes, source)) if bytes == ABSENT => host::state_delete(*source, STATE_NAME),
            Some((bytes, source)) => host::state_set(*source, STATE_NAME, bytes),
        };
        written.map_err(|refusal| refusal.into_error("state"))
    }
}

fn run<T: DeserializeOwned, S: Serialize + DeserializeOwned + Default, A: Emit>(
    batch: &Batch<'_>,
    handle: impl Fn(T, &mut S, &mut Outputs, &Context<'_>) -> Result<A>,
) -> Result<Answer> {
    let mut slots: BTreeMap<&str, Slot<S>> = BTreeMap::new();
    let mut out = Outputs::default();
    let failed = walk(batch, &mut out, |record, body, out| {
        if !slots.contains_key(record.key()) {
            slots.insert(record.key(), Slot::load(record)?);
        }
        // Just inserted where it was missing.
        let Some(slot) = slots.get_mut(record.key()) else {
            return Ok(());
        };
        handle(body, &mut slot.value, out, &Context::of(record))?.emit(out)?;
        slot.good = Some((serde_json::to_vec(&slot.value)?, record.index()));
        Ok(())
    })?;
    slots.values().try_for_each(Slot::write)?;
    Ok(Answer {
        failed,
        output: out.finish()?,
        window_state: None,
    })
}

macro_rules! keyed {
    ($(($($mark:ty)?) |$body:ident, $state:ident, $out:ident, $ctx:ident| ($($argument:ident: $type:ty),*);)*) => {$(
        impl<F, T, S, A> Handler<Keyed<(T, S, A, $($mark)?)>> for F
        where
            F: Fn(T, &mut S, $($type),*) -> Result<A>,
            T: DeserializeOwned,
            S: Serialize + DeserializeOwned + Default,
            A: Emit,
        {
            fn answer(&self, batch: &Batch<'_>) -> Result<Answer> {
                run(batch, |$body, $state, $out, $ctx| self($body, $state, $($argument),*))
            }
        }
    )*};
}

keyed! {
    () |body, state, _out, _ctx| ();
    (Context<'static>) |body, state, _out, ctx| (ctx: &Context<'_>);
    (Outputs) |body, state, out, _ctx| (out: &mut Outputs);
    ((Outputs, Context<'static>)) |body, state, out, ctx| (out: &mut Outputs, ctx: &Context<'_>);
}
