//! What guests say: lines of `host.log`, standard output and standard error, on their way to the host's log.
//!
//! Each line carries the facts of its invocation. An invocation may say `log_bytes`, of which each line takes some;
//! the rest is dropped, and one last line says how much. Nothing here waits.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use model::{FunctionName, FunctionVersion, Invocation, ShardId, Timestamp, TriggerName};
use platform::Clock;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::{
    limits::{LAST_WORDS_BYTES_MAX, LOG_LINE_BYTES},
    secrets::Secrets,
};

/// Takes the lines of guests; called on the thread that runs the guest, so it never waits.
pub trait LogSink: Send + Sync + fmt::Debug {
    fn log(&self, line: GuestLog);
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestLog {
    pub trigger: TriggerName,
    pub function: FunctionName,
    pub version: FunctionVersion,
    pub shard: ShardId,
    pub request_id: String,
    pub attempt: u32,
    /// 0 trace, 1 debug, 2 info, 3 warn, 4 error.
    pub level: u32,
    pub message: String,
    pub at: Timestamp,
}

/// Ranks of `host.log` in `function.wit`; larger numbers count as errors.
pub(crate) const LEVEL_INFO: u32 = 2;
pub(crate) const LEVEL_WARN: u32 = 3;
pub(crate) const LEVEL_ERROR: u32 = 4;

/// The log of one invocation, shared by its imports and its output streams.
#[derive(Debug, Clone)]
pub(crate) struct InvocationLog(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    sink: Arc<dyn LogSink>,
    clock: Clock,
    secrets: Secrets,
    bytes_max: usize,
    bytes: usize,
    dropped: usize,
    head: GuestLog,
    /// Text of standard output and standard error after the last line break.
    unfinished: [Vec<u8>; 2],
    last_error: Option<String>,
}

impl InvocationLog {
    pub(crate) fn new(
        sink: Arc<dyn LogSink>,
        clock: Clock,
        (bytes_max, secrets): (usize, &Secrets),
        invocation: &Invocation,
    ) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            sink,
            secrets: secrets.clone(),
            bytes_max,
            bytes: 0,
            dropped: 0,
            head: head(invocation, clock.wall()),
            clock,
            unfinished: [Vec::new(), Vec::new()],
            last_error: None,
        })))
    }

    /// A warm sandbox goes on with the next invocation.
    pub(crate) fn restart(&self, invocation: &Invocation) {
        self.with(|lines| {
            lines.bytes = 0;
            lines.dropped = 0;
            lines.last_error = None;
            lines.head = head(invocation, lines.clock.wall());
        });
    }

    pub(crate) fn line(&self, level: u32, message: &str) {
        self.with(|lines| {
            let level = level.min(LEVEL_ERROR);
            let message = &*lines.secrets.hidden(message).into_owned();
            lines.say(level, message);
            if level == LEVEL_ERROR {
                lines.last_error = Some(cut(message, LAST_WORDS_BYTES_MAX).to_owned());
            }
        });
    }

    /// Says what was left unfinished and how much was dropped.
    pub(crate) fn finish(&self) {
        self.with(|lines| {
            for stream in [Stream::Output, Stream::Error] {
                let rest = std::mem::take(lines.unfinished(stream));
                if !rest.is_empty() {
                    lines.say_text(stream, &rest);
                }
            }
            let dropped = std::mem::take(&mut lines.dropped);
            if dropped > 0 {
                let text = format!(
                    "{dropped} bytes of log dropped, where each line counts {LOG_LINE_BYTES} more: an invocation may say {} bytes (log limit of the function)",
                    lines.bytes_max
                );
                lines.send(LEVEL_WARN, text);
            }
        });
    }

    /// The last error that was logged or written to standard error: where languages leave their panic message.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.with(|lines| lines.last_error.clone())
    }

    pub(crate) fn stream(&self, stream: Stream) -> GuestStream {
        GuestStream {
            log: self.clone(),
            stream,
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Lines) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn head(invocation: &Invocation, at: Timestamp) -> GuestLog {
    GuestLog {
        trigger: invocation.trigger.clone(),
        function: invocation.function.clone(),
        version: invocation.version,
        shard: invocation.shard,
        request_id: invocation.request_id.clone(),
        attempt: invocation.attempt,
        level: LEVEL_INFO,
        message: String::new(),
        at,
    }
}

impl Lines {
    fn unfinished(&mut self, stream: Stream) -> &mut Vec<u8> {
        let [output, error] = &mut self.unfinished;
        match stream {
            Stream::Output => output,
            Stream::Error => error,
        }
    }

    fn write(&mut self, stream: Stream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            let mut text = std::mem::take(self.unfinished(stream));
            text.extend_from_slice(line);
            self.say_text(stream, &text);
        }
        let room = self.bytes_max.saturating_sub(self.unfinished(stream).len());
        let (kept, dropped) = bytes.split_at(room.min(bytes.len()));
        self.unfinished(stream).extend_from_slice(kept);
        self.dropped += dropped.len();
    }

    fn say_text(&mut self, stream: Stream, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let text = self.secrets.hidden(&text).into_owned();
        match stream {
            Stream::Output => self.say(LEVEL_INFO, &text),
            Stream::Error => {
                self.say(LEVEL_ERROR, &text);
                let kept = cut(&text, LAST_WORDS_BYTES_MAX);
                if !kept.is_empty() && !kept.starts_with("note: ") {
                    self.last_error = Some(kept.to_owned());
                }
            }
        }
    }

    fn say(&mut self, level: u32, message: &str) {
        // An empty line costs the host as much as another one, so each counts.
        let room = self.bytes_max.saturating_sub(self.bytes);
        let kept = room
            .checked_sub(LOG_LINE_BYTES)
            .map(|room| cut(message, room));
        match kept.filter(|kept| message.is_empty() || !kept.is_empty()) {
            Some(kept) => {
                self.bytes += LOG_LINE_BYTES + kept.len();
                self.dropped += message.len() - kept.len();
                self.send(level, kept.to_owned());
            }
            None => self.dropped += LOG_LINE_BYTES + message.len(),
        }
    }

    fn send(&self, level: u32, message: String) {
        let at = self.clock.wall();
        self.sink.log(GuestLog {
            level,
            message,
            at,
            ..self.head.clone()
        });
    }
}

/// At most `bytes` of a text, at a character border.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes))
        .unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// A guest's standard output or standard error; always ready, never fails.
#[derive(Debug, Clone)]
pub(crate) struct GuestStream {
    log: InvocationLog,
    stream: Stream,
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for GuestStream {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for GuestStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.with(|lines| lines.write(self.stream, &bytes));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for GuestStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.log.with(|lines| lines.write(self.stream, bytes));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
