//! Files as streams: a guest reads on from a place, or writes on from a place or at the end.
//!
//! In: an open file. Out: streams that are always ready, since all of it is in memory; what a file refuses is told as its error
//! code.

use bytes::Bytes;
use wasmtime_wasi::{
    async_trait,
    p2::{
        InputStream, OutputStream, Pollable, StreamError, StreamResult,
        bindings::filesystem::types::ErrorCode,
    },
};

use crate::{limits::SCRATCH_COPY_BYTES_MAX, scratch::Open};

/// What a stream could not do.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.name())]
pub(super) struct Refused(pub(super) ErrorCode);

/// Reads on from a place.
pub(super) struct Reading {
    pub(super) open: Open,
    pub(super) offset: u64,
}

#[async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {}
}

impl InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self
            .open
            .read(self.offset, size.min(SCRATCH_COPY_BYTES_MAX));
        let bytes = bytes.map_err(last_failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(bytes.into())
    }
}

/// Writes on from a place, or at the end.
pub(super) struct Writing {
    pub(super) open: Open,
    pub(super) offset: Option<u64>,
}

#[async_trait]
impl Pollable for Writing {
    async fn ready(&mut self) {}
}

impl OutputStream for Writing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let end = self.open.write(self.offset, &bytes).map_err(last_failed)?;
        if let Some(offset) = &mut self.offset {
            *offset = end;
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(SCRATCH_COPY_BYTES_MAX)
    }
}

fn last_failed(code: ErrorCode) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(Refused(code)))
}
