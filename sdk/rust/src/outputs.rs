//! Records that a handler writes, kept per output until it is certain that they count.
//!
//! Each one remembers which input record caused it. What a failed record did is forgotten before anything reaches the
//! host; what belongs to finished records may be handed over early, in chunks. An output that the trigger does not have
//! is refused by the host, which fails the invocation.
use crate::limits::{CHUNK_BYTES_TARGET, KEY_CHARS_MAX, RECORD_BYTES_MAX};
use crate::packed::{NO_SOURCE, OutputWriter, Record};
use crate::{Action, Error, Result, host};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

const DEFAULT_OUTPUT: &str = "default";

/// The record that is being handled, in handlers that get one record at a time.
#[derive(Debug, Clone)]
struct Bound {
    index: u32,
    key: String,
}

/// The outputs of a handler; which stream a name stands for is said by the trigger.
#[derive(Debug, Default)]
pub struct Outputs {
    lanes: BTreeMap<String, Vec<OutputWriter>>,
    bound: Option<Bound>,
}

impl Outputs {
    /// Writes a record on behalf of the record being handled.
    ///
    /// A handler of whole batches says which record caused it: [`Outputs::from`] or [`Outputs::from_none`].
    pub fn to<'d>(&mut self, output: &str, key: &str, data: impl Payload<'d>) -> Result {
        let (source, _) = self.source()?;
        self.push(output, key, &data.into_data()?, None, (source, source))
    }

    /// Writes `value` as JSON with the key of the record being handled.
    pub fn json<T: Serialize + ?Sized>(&mut self, output: &str, value: &T) -> Result {
        let (source, key) = self.source()?;
        let data = serde_json::to_vec(value)?;
        self.push(output, &key, &data, None, (source, source))
    }

    /// What follows was caused by `record` and is dropped when that record fails.
    pub fn from(&mut self, record: Record<'_>) -> Effects<'_> {
        let source = record.index();
        Effects {
            outputs: self,
            source,
            cause: source,
            hash_key: None,
        }
    }

    /// What follows was caused by no record of the batch. Such an effect forbids partial success: when a record fails,
    /// the host drops everything and runs the good records again.
    pub fn from_none(&mut self) -> Effects<'_> {
        let cause = self.bound.as_ref().map_or(NO_SOURCE, |bound| bound.index);
        Effects {
            outputs: self,
            source: NO_SOURCE,
            cause,
            hash_key: None,
        }
    }

    pub(crate) fn bind(&mut self, record: Record<'_>) {
        self.bound = Some(Bound {
            index: record.index(),
            key: record.key().to_owned(),
        });
    }

    /// The record being handled failed: what it did never happened.
    pub(crate) fn forget_bound(&mut self) {
        if let Some(Bound { index, .. }) = self.bound.take() {
            self.forget(|cause| cause == index);
        }
    }

    pub(crate) fn forget(&mut self, is_failed: impl Fn(u32) -> bool) {
        self.lanes
            .values_mut()
            .flatten()
            .for_each(|chunk| chunk.forget(&is_failed));
    }

    /// Hands over what has grown to a chunk. Only for handlers whose records are final as soon as they have run.
    pub(crate) fn hand_over_full(&mut self) -> Result {
        for (output, chunks) in &mut self.lanes {
            let held: usize = chunks.iter().map(OutputWriter::packed_bytes).sum();
            if held >= CHUNK_BYTES_TARGET {
                chunks
                    .drain(..)
                    .try_for_each(|chunk| emit(output, &chunk))?;
            }
        }
        Ok(())
    }

    /// Hands over everything but the last chunk of `default`, which is the answer's own.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        let last = self.lanes.get_mut(DEFAULT_OUTPUT).and_then(Vec::pop);
        self.hand_over_all()?;
        Ok(last.unwrap_or_default().finish())
    }

    /// Hands over everything, where no `#[handler]` does it: in functions that answer requests themselves (`wasi:http`). What was
    /// handed over counts when the request was answered, and nothing of it when the function fails.
    pub fn hand_over(self) -> Result {
        self.hand_over_all()
    }

    pub(crate) fn hand_over_all(self) -> Result {
        self.lanes
            .iter()
            .try_for_each(|(output, chunks)| chunks.iter().try_for_each(|c| emit(output, c)))
    }

    fn source(&self) -> Result<(u32, String)> {
        let bound = self.bound.as_ref().ok_or_else(|| {
            Error::retry("this output has no source: say out.from(record) or out.from_none()")
                .kind("NoSource")
        })?;
        Ok((bound.index, bound.key.clone()))
    }

    fn push(
        &mut self,
        output: &str,
        key: &str,
        data: &[u8],
        hash_key: Option<u128>,
        cause: (u32, u32),
    ) -> Result {
        check(key, data)?;
        if !self.lanes.contains_key(output) {
            self.lanes.insert(output.to_owned(), Vec::new());
        }
        let chunks = self.lanes.entry(output.to_owned()).or_default();
        // A chunk either has hash keys or has none.
        let fits = |chunk: &OutputWriter| {
            chunk.has_hash_keys() == hash_key.is_some() && chunk.packed_bytes() < CHUNK_BYTES_TARGET
        };
        if !chunks.last().is_some_and(fits) {
            chunks.push(OutputWriter::new(hash_key.is_some()));
        }
        chunks.last_mut().map_or(Ok(()), |chunk| {
            chunk.push_while(key, data, hash_key.unwrap_or(0), cause)
        })?;
        Ok(())
    }
}

fn emit(output: &str, chunk: &OutputWriter) -> Result {
    if chunk.is_empty() {
        return Ok(());
    }
    host::emit(output, &chunk.finish())
        .map_err(|refusal| refusal.into_error(&format!("output `{output}`")))
}

fn check(key: &str, data: &[u8]) -> Result {
    if key.is_empty() || key.chars().count() > KEY_CHARS_MAX {
        let reason = format!("a key has 1 to {KEY_CHARS_MAX} characters");
        return Err(Error::new(Action::Retry, "BadKey", reason));
    }
    if key.len() + data.len() > RECORD_BYTES_MAX {
        let reason = format!("a record has at most {RECORD_BYTES_MAX} bytes");
        return Err(Error::new(Action::Retry, "RecordTooLarge", reason));
    }
    Ok(())
}

/// Outputs with a known cause; made by [`Outputs::from`] and [`Outputs::from_none`].
#[derive(Debug)]
pub struct Effects<'o> {
    outputs: &'o mut Outputs,
    source: u32,
    cause: u32,
    hash_key: Option<u128>,
}

impl Effects<'_> {
    /// Chooses the shard by this number and no longer by the key.
    #[must_use]
    pub fn hash_key(mut self, hash_key: u128) -> Self {
        self.hash_key = Some(hash_key);
        self
    }

    pub fn to<'d>(self, output: &str, key: &str, data: impl Payload<'d>) -> Result {
        let data = data.into_data()?;
        self.outputs
            .push(output, key, &data, self.hash_key, (self.source, self.cause))
    }

    pub fn json<T: Serialize + ?Sized>(self, output: &str, key: &str, value: &T) -> Result {
        self.to(output, key, serde_json::to_vec(value)?)
    }
}

/// What can be the data of a record: bytes and text as they are, a [`serde_json::Value`] as JSON.
pub trait Payload<'d> {
    fn into_data(self) -> Result<Cow<'d, [u8]>>;
}

macro_rules! payload {
    ($($payload:ty => $data:expr),* $(,)?) => {$(
        impl<'d> Payload<'d> for $payload {
            fn into_data(self) -> Result<Cow<'d, [u8]>> {
                let data: fn(Self) -> Result<Cow<'d, [u8]>> = $data;
                data(self)
            }
        }
    )*};
}

payload! {
    &'d [u8] => |data| Ok(Cow::Borrowed(data)),
    &'d str => |data| Ok(Cow::Borrowed(data.as_bytes())),
    &'d String => |data| Ok(Cow::Borrowed(data.as_bytes())),
    &'d Vec<u8> => |data| Ok(Cow::Borrowed(data)),
    String => |data| Ok(Cow::Owned(data.into_bytes())),
    Vec<u8> => |data| Ok(Cow::Owned(data)),
    &serde_json::Value => |data| Ok(Cow::Owned(serde_json::to_vec(data)?)),
    serde_json::Value => |data| Ok(Cow::Owned(serde_json::to_vec(&data)?)),
}

impl<'d, const N: usize> Payload<'d> for &'d [u8; N] {
    fn into_data(self) -> Result<Cow<'d, [u8]>> {
        Ok(Cow::Borrowed(self))
    }
}
