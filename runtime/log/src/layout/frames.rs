//! The frames of one segment through a window of bounded size, so that no file is ever in memory as a whole.
//!
//! Every frame is checked before it is handed out. What is not a valid frame is `None`, never an error: callers know
//! whether there had to be one.

use std::io;

use bytes::Bytes;

use crate::{
    layout::{
        frame::{HEAD_BYTES, HEADER_BYTES, Header, Seal, claimed_len, crc_of, looks_like_frame},
        segment::Segment,
    },
    limits::{FRAME_BYTES_MAX, HEADERS_WINDOW_BYTES, READ_WINDOW_BYTES, READ_WINDOWS_AHEAD_BYTES},
};

#[derive(Debug)]
pub(crate) struct Frames<'a> {
    segment: &'a Segment,
    /// Read at a time.
    window_bytes: usize,
    /// What the device may fetch behind a window while that is checked.
    ahead_bytes: usize,
    window: Bytes,
    /// Where the window begins in the file.
    begins: u64,
}

impl<'a> Frames<'a> {
    pub(crate) fn of(segment: &'a Segment) -> Self {
        Self::by(segment, READ_WINDOW_BYTES, READ_WINDOWS_AHEAD_BYTES)
    }

    /// For those who look at headers and leave out most of the bodies.
    pub(crate) fn sparsely(segment: &'a Segment) -> Self {
        Self::by(segment, HEADERS_WINDOW_BYTES, 0)
    }

    fn by(segment: &'a Segment, window_bytes: usize, ahead_bytes: usize) -> Self {
        Self {
            segment,
            window_bytes,
            ahead_bytes,
            window: Bytes::new(),
            begins: 0,
        }
    }

    /// The valid frame at a log position, and its bodies.
    pub(crate) fn at(&mut self, position: u64) -> io::Result<Option<(Header, Bytes)>> {
        let seal = self.segment.seal(position);
        if let Some(found) = checked(&self.ahead(seal.offset), seal) {
            return Ok(Some(found));
        }
        self.load(seal.offset, self.window_bytes)?;
        if let Some(found) = checked(&self.window, seal) {
            return Ok(Some(found));
        }
        self.load_claimed(seal.offset)?;
        Ok(checked(&self.window, seal))
    }

    /// The header of the frame at a log position, whatever its bodies are.
    pub(crate) fn header_at(&mut self, position: u64) -> io::Result<Option<Header>> {
        let seal = self.segment.seal(position);
        if let Some(header) = self.header(seal.offset)? {
            return Ok(Some(header));
        }
        // One with very many parts.
        self.load_claimed(seal.offset)?;
        Ok(Header::decode(&self.window, seal))
    }

    /// The first header with right checksums at or after `from` for which `wanted` holds, whatever its bodies are.
    pub(crate) fn any_header(
        &mut self,
        from: u64,
        mut wanted: impl FnMut(&Header) -> bool,
    ) -> io::Result<bool> {
        let mut offset = from;
        loop {
            self.load(offset, self.window_bytes)?;
            if self.window.is_empty() {
                return Ok(false);
            }
            let window = self.window.clone();
            for (at, start) in window.chunks_exact(8).enumerate() {
                if looks_like_frame(start) {
                    let header = self.header(offset + at as u64 * 8)?;
                    if header.is_some_and(|header| wanted(&header)) {
                        return Ok(true);
                    }
                }
            }
            offset += (window.len() as u64).next_multiple_of(8);
        }
    }

    fn header(&mut self, offset: u64) -> io::Result<Option<Header>> {
        let salt = self.segment.salt;
        let seal = Seal { salt, offset };
        if let Some(header) = Header::decode(&self.ahead(offset), seal) {
            return Ok(Some(header));
        }
        self.load(offset, self.window_bytes)?;
        Ok(Header::decode(&self.window, seal))
    }

    /// What the window holds from `offset` on.
    fn ahead(&self, offset: u64) -> Bytes {
        let start = offset.checked_sub(self.begins);
        let start = start.and_then(|start| usize::try_from(start).ok());
        match start {
            Some(start) if start < self.window.len() => self.window.slice(start..),
            Some(_) | None => Bytes::new(),
        }
    }

    /// All of the frame at the window's beginning, as long as it says that it is.
    fn load_claimed(&mut self, offset: u64) -> io::Result<()> {
        match claimed_len(&self.window) {
            Some(claimed) if (self.window.len()..=FRAME_BYTES_MAX).contains(&claimed) => {
                self.load(offset, claimed)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn load(&mut self, offset: u64, len: usize) -> io::Result<()> {
        // The buffer of the last window can be used again for this one.
        self.window = Bytes::new();
        self.window = self.segment.file.read_now(len, offset)?;
        self.begins = offset;
        if self.ahead_bytes > 0 {
            let next = offset + self.window.len() as u64;
            self.segment.file.will_read(self.ahead_bytes, next);
        }
        Ok(())
    }
}

/// The valid frame at the beginning of `bytes`, and its bodies.
pub(crate) fn checked(bytes: &Bytes, seal: Seal) -> Option<(Header, Bytes)> {
    let header = Header::decode(bytes, seal)?;
    let start = HEADER_BYTES + header.heads.len() * HEAD_BYTES;
    let end = start.checked_add(header.body_len)?;
    let bodies = (end <= bytes.len()).then(|| bytes.slice(start..end))?;
    (crc_of(&bodies) == header.body_crc).then_some((header, bodies))
}
