//! Commands: programs that read an event from standard input and print their answer to standard output.
//!
//! What is printed is kept up to the output limit of the function, the rest only counted. A command cannot import, so its
//! answer may carry `outputs`: `{"outputs":{"alerts":[{"key":"JFK","data":{"late":47}}]}}`. `data` is text, stored as it
//! is, or any other JSON, stored as JSON; `base64` stands for bytes. An answer that is no object has no effects.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use model::Emitted;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdinStream, StdoutStream},
    p2::{InputStream, OutputStream, Pollable, StreamResult, pipe::MemoryInputPipe},
};

use crate::limits::{OUTPUT_RECORD_BYTES_MAX, PARTITION_KEY_CHARS_MAX};

/// Standard input that holds one event.
#[derive(Debug, Clone)]
pub(crate) struct Stdin(MemoryInputPipe);

impl Stdin {
    pub(crate) fn new(event: Vec<u8>) -> Self {
        Self(MemoryInputPipe::new(event))
    }
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.0.clone())
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

/// Standard output as far as it was printed; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Printed(Arc<Mutex<Print>>);

#[derive(Debug)]
struct Print {
    kept: BytesMut,
    bytes: usize,
    bytes_max: usize,
}

impl Printed {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Print {
            kept: BytesMut::new(),
            bytes: 0,
            bytes_max,
        })))
    }

    /// What was printed, else how many bytes it were.
    pub(crate) fn take(&self) -> Result<Bytes, usize> {
        let mut print = self.print();
        if print.bytes > print.bytes_max {
            return Err(print.bytes);
        }
        Ok(std::mem::take(&mut print.kept).freeze())
    }

    fn append(&self, bytes: &[u8]) {
        let mut print = self.print();
        let room = print.bytes_max.saturating_sub(print.kept.len());
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        print.kept.extend_from_slice(kept);
        print.bytes += bytes.len();
    }

    fn print(&self) -> MutexGuard<'_, Print> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for Printed {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.append(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is wrong with the `outputs` of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadOutputs {
    #[error(
        "`outputs` of its answer cannot be read: {0}; it is an object with a list of {{\"key\", \"data\"}} for each output"
    )]
    Shape(String),
    #[error("a record for output `{0}` has neither `data` nor `base64`, or both")]
    NoData(String),
    #[error("`base64` of a record for output `{0}` is no base64")]
    NoBase64(String),
    #[error(
        "the key of a record for output `{output}` has {chars} characters, 1 to {PARTITION_KEY_CHARS_MAX} are accepted"
    )]
    Key { output: String, chars: usize },
    #[error(
        "a record for output `{output}` has {bytes} bytes with its key, at most {OUTPUT_RECORD_BYTES_MAX} fit into a stream"
    )]
    TooLong { output: String, bytes: usize },
}

#[derive(Deserialize)]
struct Carrier<'a> {
    #[serde(default, borrow)]
    outputs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    key: String,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    base64: Option<String>,
}

/// The records that an answer carries.
pub(crate) fn outputs(answer: &[u8]) -> Result<Vec<Emitted>, BadOutputs> {
    // A list would be read as the fields of an object, in their order.
    if !answer.trim_ascii_start().starts_with(b"{") {
        return Ok(Vec::new());
    }
    let Ok(Carrier { outputs: Some(raw) }) = serde_json::from_slice(answer) else {
        return Ok(Vec::new());
    };
    let outputs: BTreeMap<String, Vec<Record<'_>>> =
        serde_json::from_str(raw.get()).map_err(|error| BadOutputs::Shape(error.to_string()))?;
    let records = outputs.into_iter().flat_map(|(output, records)| {
        records
            .into_iter()
            .map(move |record| (output.clone(), record))
    });
    records
        .map(|(output, record)| emitted(output, record))
        .collect()
}

fn emitted(output: String, record: Record<'_>) -> Result<Emitted, BadOutputs> {
    let data: Vec<u8> = match (record.data, record.base64) {
        (Some(data), None) => match serde_json::from_str::<String>(data.get()) {
            Ok(text) => text.into_bytes(),
            Err(_) => data.get().as_bytes().to_vec(),
        },
        (None, Some(base64)) => base64_simd::STANDARD
            .decode_to_vec(base64)
            .map_err(|_| BadOutputs::NoBase64(output.clone()))?,
        (Some(_), Some(_)) | (None, None) => return Err(BadOutputs::NoData(output)),
    };
    let chars = record.key.chars().count();
    if !(1..=PARTITION_KEY_CHARS_MAX).contains(&chars) {
        return Err(BadOutputs::Key { output, chars });
    }
    let bytes = record.key.len() + data.len();
    if bytes > OUTPUT_RECORD_BYTES_MAX {
        return Err(BadOutputs::TooLong { output, bytes });
    }
    Ok(Emitted {
        output,
        partition_key: record.key.into(),
        explicit_hash_key: None,
        data: data.into(),
        source: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<Vec<(String, String, String)>, BadOutputs> {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let emitted = outputs(answer.as_bytes())?.into_iter();
        let shown = emitted.map(|one| {
            (
                one.output.clone(),
                text(&one.partition_key),
                text(&one.data),
            )
        });
        Ok(shown.collect())
    }

    #[test]
    fn outputs_of_an_answer() {
        let one = |data: &str| Ok(vec![("a".to_owned(), "k".to_owned(), data.to_owned())]);
        let cases = [
            ("", Ok(vec![])),
            ("hello", Ok(vec![])),
            ("[1]", Ok(vec![])),
            (r#"{"outputs":null}"#, Ok(vec![])),
            (r#"{"outputs":{}}"#, Ok(vec![])),
            (
                r#"{"outputs":{"a":[{"key":"k","data":"text"}]}}"#,
                one("text"),
            ),
            (
                r#"{"outputs":{"a":[{"key":"k","data":{"n":1.50}}]}}"#,
                one(r#"{"n":1.50}"#),
            ),
            (
                r#"{"outputs":{"a":[{"key":"k","base64":"aGk="}]}}"#,
                one("hi"),
            ),
            (
                r#"{"outputs":{"a":[{"key":"k","base64":"?"}]}}"#,
                Err(BadOutputs::NoBase64("a".into())),
            ),
            (
                r#"{"outputs":{"a":[{"key":"k"}]}}"#,
                Err(BadOutputs::NoData("a".into())),
            ),
            (
                r#"{"outputs":{"a":[{"key":"","data":1}]}}"#,
                Err(BadOutputs::Key {
                    output: "a".into(),
                    chars: 0,
                }),
            ),
        ];
        for (answer, expect) in cases {
            assert_eq!(read(answer), expect, "{answer}");
        }
        for answer in [r#"{"outputs":3}"#, r#"{"outputs":{"a":[{"k":1}]}}"#] {
            assert!(
                matches!(read(answer), Err(BadOutputs::Shape(_))),
                "{answer}"
            );
        }
    }

    #[test]
    fn what_is_printed_is_kept_up_to_its_limit() {
        let printed = Printed::new(4);
        printed.append(b"abc");
        assert_eq!(printed.take(), Ok(Bytes::from_static(b"abc")));
        let printed = Printed::new(4);
        printed.append(b"abc");
        printed.append(b"de");
        assert_eq!(printed.take(), Err(5));
    }
}
