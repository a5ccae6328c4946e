//! What a guest may ask of the host: facts of the invocation, outputs, log, progress and keyed state.
//!
//! Every call is bounded and never waits. What is not granted is refused with the line to add; a store that cannot
//! answer ends the invocation without using an attempt.

use bytes::Bytes;
use model::{
    Emitted, HashKey, StateWrite,
    invocation::{StateReader, WindowKept},
};
use std::sync::Arc;

use crate::{
    bindings::{bundle, host, invocation, state, types},
    context::{Call, Context},
    limits::{
        ERROR_DOCUMENT_BYTES_MAX, STATE_NAME_BYTES_MAX, STATE_NAMES_PER_CALL_MAX,
        STATE_READ_BYTES_MAX, STATE_VALUE_BYTES_MAX, STATE_WRITES_MAX,
    },
    packed,
};

const NOT_GRANTED: u32 = 1;
const NO_SUCH_OUTPUT: u32 = 2;
pub(crate) const TOO_LARGE: u32 = 3;
const MALFORMED: u32 = 4;
const NO_KEY: u32 = 5;

fn refusal(code: u32, message: impl Into<String>) -> host::Refusal {
    host::Refusal {
        code,
        message: message.into(),
    }
}

impl types::Host for Context {}

impl invocation::Host for Context {
    fn function_name(&mut self) -> wasmtime::Result<String> {
        Ok(self.call.invocation.function.to_string())
    }

    fn version(&mut self) -> wasmtime::Result<String> {
        Ok(self.call.invocation.version.name())
    }

    fn trigger(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(Some(self.call.invocation.trigger.to_string()))
    }

    fn stream_name(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(Some(self.call.invocation.stream.name.to_string()))
    }

    fn shard_id(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(Some(self.call.invocation.shard.to_string()))
    }

    fn request_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.call.invocation.request_id.clone())
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(self.call.invocation.attempt)
    }

    fn attempts_max(&mut self) -> wasmtime::Result<Option<u32>> {
        Ok(self.call.invocation.attempts_max)
    }

    fn fencing_token(&mut self) -> wasmtime::Result<u64> {
        Ok(self.call.invocation.fencing_token.0)
    }

    fn behind_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.call.invocation.behind_ms)
    }

    fn deadline_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.call.deadline_wall.as_millis())
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u64> {
        let deadline = self.call.told_deadline.0;
        let left = deadline.saturating_sub(self.world.monotonic().0);
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn is_tracing(&mut self) -> wasmtime::Result<bool> {
        Ok(self.call.invocation.tracing)
    }

    fn current_window(&mut self) -> wasmtime::Result<Option<invocation::TumblingWindow>> {
        let window = self.call.invocation.window.as_ref();
        Ok(window.map(|window| invocation::TumblingWindow {
            start_ms: window.start.as_millis(),
            end_ms: window.end.as_millis(),
            is_final: window.is_final,
            is_early: window.is_early,
            state: match &window.kept {
                WindowKept::ByShard(state) => state.to_vec(),
                WindowKept::ByKey => Vec::new(),
            },
        }))
    }

    fn client_context(&mut self) -> wasmtime::Result<Option<String>> {
        let context = self.call.invocation.client_context.as_deref();
        Ok(context.map(str::to_owned))
    }

    fn invoked_function_arn(&mut self) -> wasmtime::Result<String> {
        Ok(self.call.invocation.invoked_arn())
    }

    fn trace_parent(&mut self) -> wasmtime::Result<Option<String>> {
        let parent = self.call.invocation.trace_parent.as_ref();
        Ok(parent.map(ToString::to_string))
    }
}

impl host::Host for Context {
    fn emit(
        &mut self,
        output: String,
        chunk: Vec<u8>,
    ) -> wasmtime::Result<Result<(), host::Refusal>> {
        Ok(self.call.emit(&output, &Bytes::from(chunk)))
    }

    fn log(&mut self, level: u32, message: String) -> wasmtime::Result<()> {
        self.log.line(level, &message);
        Ok(())
    }

    fn progress(&mut self, index: u32) -> wasmtime::Result<()> {
        self.call.progress = Some(index);
        Ok(())
    }

    fn error_document(&mut self, json: String) -> wasmtime::Result<()> {
        // One that is too large is not whole, and so none.
        let fits = json.len() <= ERROR_DOCUMENT_BYTES_MAX;
        self.call.error_document = fits.then(|| json.into());
        Ok(())
    }
}

impl Call {
    pub(crate) fn emit(&mut self, output: &str, chunk: &Bytes) -> Result<(), host::Refusal> {
        self.check_granted(output)?;
        self.check_room(chunk.len())?;
        let emitted = packed::unpack(chunk, output, self.invocation.records.len())
            .map_err(|error| refusal(MALFORMED, format!("output `{output}`: {error}")))?;
        let bytes = packed::unpacked_bytes(&emitted).max(chunk.len());
        self.check_room(bytes)?;
        self.output_bytes += bytes;
        self.outputs.extend(emitted);
        Ok(())
    }

    /// One record that was not packed.
    pub(crate) fn put_out(&mut self, emitted: Emitted) -> Result<(), host::Refusal> {
        self.check_granted(&emitted.output)?;
        let bytes = packed::unpacked_bytes(std::slice::from_ref(&emitted));
        self.check_room(bytes)?;
        self.output_bytes += bytes;
        self.outputs.push(emitted);
        Ok(())
    }

    fn check_granted(&self, output: &str) -> Result<(), host::Refusal> {
        let trigger = &self.invocation.trigger;
        if !self.invocation.outputs.contains(output) {
            let text = format!(
                "trigger {trigger} has no output `{output}`: name it under `triggers.{trigger}.outputs` in triggers.yaml"
            );
            return Err(refusal(NO_SUCH_OUTPUT, text));
        }
        Ok(())
    }

    fn check_room(&self, bytes: usize) -> Result<(), host::Refusal> {
        let all = self.output_bytes.saturating_add(bytes);
        if all > self.output_bytes_max {
            let text = format!(
                "the invocation has put out {all} bytes, at most {} are accepted",
                self.output_bytes_max
            );
            return Err(refusal(TOO_LARGE, text));
        }
        Ok(())
    }

    fn store(&self) -> Result<Arc<dyn StateReader>, host::Refusal> {
        self.invocation.state.clone().ok_or_else(|| {
            let trigger = &self.invocation.trigger;
            let text = format!(
                "trigger {trigger} grants no keyed state: add `state: {{}}` to `triggers.{trigger}` in triggers.yaml"
            );
            refusal(NOT_GRANTED, text)
        })
    }

    fn key(&self, source: u32) -> Result<(HashKey, Bytes), host::Refusal> {
        let record = usize::try_from(source)
            .ok()
            .and_then(|at| self.invocation.records.get(at));
        let record = record.ok_or_else(|| {
            let text = format!(
                "record {source} is not in the batch of {}",
                self.invocation.records.len()
            );
            refusal(MALFORMED, text)
        })?;
        if record.partition_key.is_empty() {
            return Err(refusal(NO_KEY, format!("record {source} has no key")));
        }
        Ok((record.effective_hash_key(), record.partition_key.clone()))
    }

    fn write(
        &mut self,
        source: u32,
        name: String,
        value: Option<Bytes>,
    ) -> Result<(), host::Refusal> {
        self.store()?;
        let (hash_key, partition_key) = self.key(source)?;
        if name.is_empty() || name.len() > STATE_NAME_BYTES_MAX {
            let text = format!(
                "a name has 1 to {STATE_NAME_BYTES_MAX} bytes, not {}",
                name.len()
            );
            return Err(refusal(MALFORMED, text));
        }
        if self.state.len() >= STATE_WRITES_MAX {
            let text = format!("an invocation may write {STATE_WRITES_MAX} values");
            return Err(refusal(TOO_LARGE, text));
        }
        let bytes = value.as_ref().map_or(0, Bytes::len);
        let all = self.output_bytes.saturating_add(bytes);
        if bytes > STATE_VALUE_BYTES_MAX || all > self.output_bytes_max {
            let text = format!(
                "{bytes} bytes, at most {STATE_VALUE_BYTES_MAX} a value and {} an invocation",
                self.output_bytes_max
            );
            return Err(refusal(TOO_LARGE, text));
        }
        self.output_bytes = all;
        let newest = self.state.len();
        self.state_newest
            .insert((hash_key, partition_key, name.clone()), newest);
        self.state.push(StateWrite {
            source,
            name,
            value,
        });
        Ok(())
    }

    /// The newest value: what this invocation wrote, or what is stored.
    fn read(
        &self,
        source: u32,
        name: String,
    ) -> wasmtime::Result<Result<Option<Bytes>, host::Refusal>> {
        let (store, (hash_key, partition_key)) = match self
            .store()
            .and_then(|store| Ok((store, self.key(source)?)))
        {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let key = (hash_key, partition_key, name);
        let written = self
            .state_newest
            .get(&key)
            .and_then(|at| self.state.get(*at));
        let value = match written {
            Some(write) => write.value.clone(),
            None => store.get(hash_key, &key.1, &key.2)?,
        };
        Ok(Ok(value))
    }

    /// Bounded before anything is copied: nothing interrupts the host while it copies.
    fn read_many(
        &self,
        names: Vec<(u32, String)>,
    ) -> wasmtime::Result<Result<Vec<Option<Vec<u8>>>, host::Refusal>> {
        if names.len() > STATE_NAMES_PER_CALL_MAX {
            let text = format!(
                "{} names, at most {STATE_NAMES_PER_CALL_MAX} a call: ask for fewer at a time",
                names.len()
            );
            return Ok(Err(refusal(TOO_LARGE, text)));
        }
        let mut values = Vec::with_capacity(names.len());
        let mut bytes = 0;
        for (source, name) in names {
            let value = match self.read(source, name)? {
                Ok(value) => value,
                Err(refusal) => return Ok(Err(refusal)),
            };
            bytes += value.as_ref().map_or(0, Bytes::len);
            if bytes > STATE_READ_BYTES_MAX {
                let text = format!(
                    "the values have more than {STATE_READ_BYTES_MAX} bytes together: ask for fewer at a time"
                );
                return Ok(Err(refusal(TOO_LARGE, text)));
            }
            values.push(value.map(Vec::from));
        }
        Ok(Ok(values))
    }

    fn names(&self, source: u32) -> wasmtime::Result<Result<Vec<String>, host::Refusal>> {
        let (store, (hash_key, partition_key)) = match self
            .store()
            .and_then(|store| Ok((store, self.key(source)?)))
        {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let stored = store.names(hash_key, &partition_key)?;
        let mut names: std::collections::BTreeSet<String> = stored.into_iter().collect();
        for ((written_hash, written_key, name), at) in &self.state_newest {
            if (*written_hash, written_key) != (hash_key, &partition_key) {
                continue;
            }
            if self
                .state
                .get(*at)
                .is_some_and(|write| write.value.is_some())
            {
                names.insert(name.clone());
            } else {
                names.remove(name);
            }
        }
        Ok(Ok(names.into_iter().collect()))
    }
}

impl bundle::Host for Context {
    fn entry(&mut self) -> wasmtime::Result<String> {
        let entry = self.bundle.as_ref().map(|bundle| bundle.entry.clone());
        Ok(entry.unwrap_or_default())
    }

    fn files(&mut self) -> wasmtime::Result<Vec<bundle::File>> {
        let files = self.bundle.iter().flat_map(|bundle| &bundle.files);
        let file = |(path, bytes): &(String, Vec<u8>)| bundle::File {
            path: path.clone(),
            bytes: bytes.clone(),
        };
        Ok(files.map(file).collect())
    }

    fn environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        let pairs = self.environment.iter();
        Ok(pairs
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect())
    }

    fn seed(&mut self) -> wasmtime::Result<(u32, u32, u32, u32)> {
        let all = u128::from_le_bytes(self.world.sixteen());
        let word = |at: u32| {
            let bits = (all >> (at * 32)) & u128::from(u32::MAX);
            u32::try_from(bits).unwrap_or_default()
        };
        Ok((word(0), word(1), word(2), word(3)))
    }
}

impl state::Host for Context {
    fn get(
        &mut self,
        source: u32,
        name: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, host::Refusal>> {
        let read = self.call.read(source, name)?;
        Ok(read.map(|value| value.map(Vec::from)))
    }

    fn get_many(
        &mut self,
        names: Vec<(u32, String)>,
    ) -> wasmtime::Result<Result<Vec<Option<Vec<u8>>>, host::Refusal>> {
        self.call.read_many(names)
    }

    fn names(&mut self, source: u32) -> wasmtime::Result<Result<Vec<String>, host::Refusal>> {
        self.call.names(source)
    }

    fn set(
        &mut self,
        source: u32,
        name: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), host::Refusal>> {
        Ok(self.call.write(source, name, Some(Bytes::from(value))))
    }

    fn delete(&mut self, source: u32, name: String) -> wasmtime::Result<Result<(), host::Refusal>> {
        Ok(self.call.write(source, name, None))
    }
}

#[cfg(test)]
#[path = "imports/tests.rs"]
mod tests;
