//! A handler under test: records in, and everything it did out, natively and in memory.
//!
//! A [`Bench`] packs records as the host does, runs the handler and commits as the host does: effects of records that
//! failed are dropped, and an effect without a source makes it run the good records before the first failure alone. It
//! does not retry, and nothing leaves it.
use crate::forms::{self, Answer, EventHandler, Handler};
use crate::host::memory::{self, LogLine, Memory, StateWrite};
use crate::packed::{Batch, BatchWriter, NewRecord, OutputView, Sequence};
use crate::{Error, Failure, Payload, Result, TumblingWindow};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

type Run = Box<dyn Fn(&Batch<'_>) -> Result<Answer>>;
type AnswerEvent = Box<dyn Fn(&[u8]) -> Result<Vec<u8>>>;

/// Runs one handler against an in-memory host. Wrong use panics, as in any test.
#[expect(
    missing_debug_implementations,
    reason = "holds the function under test"
)]
pub struct Bench {
    handler: Run,
    host: Memory,
    outputs: BTreeMap<String, Vec<Output>>,
    records: u64,
}

/// A record that the handler wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub key: String,
    pub data: Vec<u8>,
    pub hash_key: Option<u128>,
}

impl Output {
    /// The data as JSON.
    ///
    /// # Panics
    /// When it is not the JSON that was asked for.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        let read = serde_json::from_slice(&self.data);
        read.unwrap_or_else(|error| panic!("the output `{}` reads otherwise: {error}", self.text()))
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }
}

/// What the handler said about one batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    pub failed: Vec<Failure>,
    /// The whole invocation failed, and nothing of it was kept.
    pub fault: Option<Error>,
    pub window_state: Option<Vec<u8>>,
}

impl Reply {
    /// Everything succeeded.
    #[must_use]
    pub fn all_done(&self) -> bool {
        self.failed.is_empty() && self.fault.is_none()
    }
}

impl Bench {
    pub fn new<Form>(handler: impl Handler<Form> + 'static) -> Self {
        Self {
            handler: Box::new(move |batch| handler.answer(batch)),
            host: Memory::default(),
            outputs: BTreeMap::new(),
            records: 0,
        }
    }

    /// Gives the function a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.host.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Lets the trigger have these outputs only; without this every name will do.
    #[must_use]
    pub fn only_outputs(mut self, names: &[&str]) -> Self {
        self.host.outputs_allowed = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Sets what the next invocations are told about their attempt.
    pub fn attempt(&mut self, attempt: u32) {
        self.host.facts.attempt = attempt;
    }

    /// Sets the tumbling window of the next invocations.
    pub fn window(&mut self, window: Option<TumblingWindow>) {
        self.host.facts.window = window;
    }

    /// Makes the next invocations traced: the handler says which record it begins.
    pub fn trace(&mut self, tracing: bool) {
        self.host.facts.tracing = tracing;
    }

    /// The records whose beginning was announced.
    #[must_use]
    pub fn progress(&self) -> &[u32] {
        &self.host.progress
    }

    /// Runs a batch of one record.
    pub fn put<'d>(&mut self, key: &str, data: impl Payload<'d>) -> Reply {
        self.batch([(key, data)])
    }

    /// Runs one batch of these records.
    ///
    /// # Panics
    /// When a payload does not encode.
    pub fn batch<'k, 'd, P: Payload<'d>>(
        &mut self,
        records: impl IntoIterator<Item = (&'k str, P)>,
    ) -> Reply {
        let mut writer = BatchWriter::default();
        for (key, data) in records {
            let data = data
                .into_data()
                .unwrap_or_else(|error| panic!("the payload: {error}"));
            self.records += 1;
            writer.push(&NewRecord {
                key: key.as_bytes(),
                data: &data,
                sequence: Sequence([0, 0, self.records]),
                sub_sequence: 0,
                arrived_ms: self.records,
                flags: 0,
                deliveries: self.host.facts.attempt,
            });
        }
        self.packed(&writer.finish())
    }

    /// Runs a batch that is packed already.
    pub fn packed(&mut self, bytes: &[u8]) -> Reply {
        let batch = match Batch::parse(bytes) {
            Ok(batch) => batch.traced(self.host.facts.tracing),
            Err(error) => {
                return Reply {
                    fault: Some(error.into()),
                    ..Reply::default()
                };
            }
        };
        let answer = self.invoke(&batch);
        let emitted = std::mem::take(&mut self.host.emitted);
        let writes = std::mem::take(&mut self.host.writes);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                return Reply {
                    fault: Some(error),
                    ..Reply::default()
                };
            }
        };
        let reply = Reply {
            failed: answer.failed,
            fault: None,
            window_state: answer.window_state,
        };
        let own = ("default".to_owned(), answer.output);
        match self.commit(emitted.into_iter().chain([own]), writes, &reply.failed) {
            Ok(()) => reply,
            Err(Refused::NoSource(first)) => self.good_prefix(&batch, first, reply),
            Err(Refused::Fault(error)) => Reply {
                fault: Some(error),
                ..Reply::default()
            },
        }
    }

    /// The value that the state of `key` has now.
    ///
    /// # Panics
    /// When it reads otherwise.
    #[must_use]
    pub fn state<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = self
            .host
            .states
            .get(&(key.to_owned(), forms::STATE_NAME.to_owned()))?;
        let read = serde_json::from_slice(bytes);
        Some(read.unwrap_or_else(|error| panic!("the state of `{key}` reads otherwise: {error}")))
    }

    /// All records written to `output` so far, in order.
    #[must_use]
    pub fn outputs(&self, output: &str) -> &[Output] {
        self.outputs.get(output).map_or(&[], Vec::as_slice)
    }

    /// Everything logged so far, that of failed invocations included.
    #[must_use]
    pub fn logs(&self) -> &[LogLine] {
        &self.host.logs
    }

    fn invoke(&mut self, batch: &Batch<'_>) -> Result<Answer> {
        self.host.keys = batch.iter().map(|record| record.key().to_owned()).collect();
        let Self { handler, host, .. } = self;
        memory::lend(host, || handler(batch))
    }

    fn good_prefix(&mut self, batch: &Batch<'_>, first: u32, reply: Reply) -> Reply {
        let count = usize::try_from(first).unwrap_or(usize::MAX);
        let mut writer = BatchWriter::default();
        batch
            .iter()
            .take(count)
            .for_each(|record| writer.push(&record.into()));
        let again = self.packed(&writer.finish());
        match again.all_done() {
            true => reply,
            false => Reply {
                fault: again.fault.or_else(|| Some(unsteady())),
                ..reply
            },
        }
    }

    fn commit(
        &mut self,
        chunks: impl Iterator<Item = (String, Vec<u8>)>,
        writes: Vec<StateWrite>,
        failed: &[Failure],
    ) -> Result<(), Refused> {
        let is_failed = |source| failed.iter().any(|failure| failure.index == source);
        let mut outputs = Vec::new();
        for (output, chunk) in chunks {
            let view = OutputView::parse(&chunk).map_err(|error| Refused::Fault(error.into()))?;
            for entry in view.iter() {
                match (entry.source, failed.first()) {
                    (None, Some(failure)) => return Err(Refused::NoSource(failure.index)),
                    (Some(source), _) if is_failed(source) => continue,
                    (Some(_), _) | (None, None) => {}
                }
                self.host
                    .check_output(&output)
                    .map_err(|refusal| Refused::Fault(refusal.into_error("the answer")))?;
                let (key, data) = (entry.key.to_owned(), entry.data.to_vec());
                outputs.push((
                    output.clone(),
                    Output {
                        key,
                        data,
                        hash_key: entry.hash_key,
                    },
                ));
            }
        }
        for (output, record) in outputs {
            self.outputs.entry(output).or_default().push(record);
        }
        for (source, name, value) in writes.into_iter().filter(|write| !is_failed(write.0)) {
            let key = self.host.key_of(source);
            let place = key.map_err(|refusal| Refused::Fault(refusal.into_error("state")))?;
            match value {
                Some(value) => self.host.states.insert((place, name), value),
                None => self.host.states.remove(&(place, name)),
            };
        }
        Ok(())
    }
}

/// Why an answer was not committed.
enum Refused {
    /// Some records failed, the first at this index, and an effect has no source.
    NoSource(u32),
    Fault(Error),
}

fn unsteady() -> Error {
    Error::retry("the records before the first failure failed when they were run alone")
}

/// Runs one event handler against an in-memory host.
#[expect(
    missing_debug_implementations,
    reason = "holds the function under test"
)]
pub struct EventBench {
    handler: AnswerEvent,
    host: Memory,
}

impl EventBench {
    pub fn new<Form>(handler: impl EventHandler<Form> + 'static) -> Self {
        Self {
            handler: Box::new(move |event| handler.answer(event)),
            host: Memory::default(),
        }
    }

    /// Gives the function a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.host.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Answers one event.
    pub fn call<'d>(&mut self, event: impl Payload<'d>) -> Result<serde_json::Value> {
        let event = event.into_data()?;
        let Self { handler, host } = self;
        let before = host.emitted.len();
        let answer = memory::lend(host, || handler(&event));
        if answer.is_err() {
            host.emitted.truncate(before);
        }
        Ok(serde_json::from_slice(&answer?)?)
    }

    /// All records written to `output` by events that were answered, in order.
    ///
    /// # Panics
    /// When they were not packed by this library.
    #[must_use]
    pub fn outputs(&self, output: &str) -> Vec<Output> {
        let chunks = self.host.emitted.iter().filter(|(name, _)| name == output);
        let mut all = Vec::new();
        for (_, chunk) in chunks {
            let view = OutputView::parse(chunk);
            let view = view.unwrap_or_else(|error| panic!("the output `{output}`: {error}"));
            all.extend(view.iter().map(|entry| Output {
                key: entry.key.to_owned(),
                data: entry.data.to_vec(),
                hash_key: entry.hash_key,
            }));
        }
        all
    }

    #[must_use]
    pub fn logs(&self) -> &[LogLine] {
        &self.host.logs
    }
}
