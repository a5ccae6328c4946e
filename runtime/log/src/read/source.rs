//! Where frames are read from: memory, a segment, or an archived object.
//!
//! Frames that lie close together in a segment are read in one go, up to `READ_AHEAD_BYTES`; each is checked by itself.

use std::{io, sync::Arc};

use bytes::Bytes;

use crate::{
    archive::{Archive, Home, Object, object_name},
    errors::ReadError,
    layout::{frames::checked, segment::Segment},
    limits::{READ_AHEAD_BYTES, READ_GAP_BYTES_MAX},
    read::index::FrameRef,
};

/// One frame to read from, in memory or on disk.
#[derive(Debug)]
pub(crate) struct Source {
    pub frame: FrameRef,
    pub recent: Option<Bytes>,
    pub home: Option<Home>,
}

/// Some frames, to be read in their order.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    archive: &'a Archive,
    frames: std::vec::IntoIter<Source>,
    window: Option<Window>,
}

/// What was read of a segment.
#[derive(Debug)]
struct Window {
    segment: Arc<Segment>,
    begins: u64,
    bytes: Bytes,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(archive: &'a Archive, frames: Vec<Source>) -> Self {
        Self {
            archive,
            frames: frames.into_iter(),
            window: None,
        }
    }

    /// The next frame, and the part of it that was looked for.
    pub(crate) async fn next(&mut self) -> Result<Option<(Source, Bytes)>, ReadError> {
        let Some(source) = self.frames.next() else {
            return Ok(None);
        };
        let bodies = match (&source.recent, &source.home) {
            (Some(recent), _) => recent.clone(),
            (None, Some(Home::Segment(segment))) => self.load(&source, segment).await?,
            (None, Some(Home::Object(object))) => source.unpack(self.archive, object).await?,
            (None, None) => return Err(source.damaged("its segment is gone")),
        };
        let part = source.part(&bodies)?;
        Ok(Some((source, part)))
    }

    async fn load(&mut self, source: &Source, segment: &Arc<Segment>) -> Result<Bytes, ReadError> {
        let seal = segment.seal(source.frame.position);
        let len = usize::try_from(source.frame.frame_len).map_err(io::Error::other)?;
        let seen = self.window.as_ref();
        let frame = match seen.and_then(|window| window.slice(segment, seal.offset, len)) {
            Some(frame) => frame,
            None => {
                let ahead = self.ahead(segment, seal.offset, len);
                let bytes = segment.file.read_at(ahead, seal.offset).await?;
                let frame = bytes.slice(..len.min(bytes.len()));
                self.window = Some(Window {
                    segment: Arc::clone(segment),
                    begins: seal.offset,
                    bytes,
                });
                frame
            }
        };
        let (_, bodies) =
            checked(&frame, seal).ok_or_else(|| source.damaged("its checksum is wrong"))?;
        Ok(bodies)
    }

    /// How much to read for a frame of so many bytes, and for those behind it.
    fn ahead(&self, segment: &Arc<Segment>, offset: u64, len: usize) -> usize {
        let mut ahead = len;
        for later in self.frames.as_slice() {
            let same = matches!(&later.home, Some(Home::Segment(its)) if Arc::ptr_eq(its, segment));
            if !same || later.recent.is_some() {
                break;
            }
            let begins = segment.offset(later.frame.position).checked_sub(offset);
            let Some(begins) = begins.and_then(|begins| usize::try_from(begins).ok()) else {
                break;
            };
            let ends = begins + later.frame.frame_len as usize;
            if begins > ahead + READ_GAP_BYTES_MAX || ends > READ_AHEAD_BYTES {
                break;
            }
            ahead = ahead.max(ends);
        }
        ahead
    }
}

impl Window {
    fn slice(&self, segment: &Arc<Segment>, offset: u64, len: usize) -> Option<Bytes> {
        let start = usize::try_from(offset.checked_sub(self.begins)?).ok()?;
        let end = start.checked_add(len)?;
        (Arc::ptr_eq(&self.segment, segment) && end <= self.bytes.len())
            .then(|| self.bytes.slice(start..end))
    }
}

impl Source {
    fn part(&self, bodies: &Bytes) -> Result<Bytes, ReadError> {
        let end = u64::from(self.frame.part_at) + u64::from(self.frame.part_len);
        match (usize::try_from(self.frame.part_at), usize::try_from(end)) {
            (Ok(start), Ok(end)) if end <= bodies.len() => Ok(bodies.slice(start..end)),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(self.damaged("a part reaches past its frame")),
        }
    }

    async fn unpack(&self, archive: &Archive, object: &Object) -> Result<Bytes, ReadError> {
        let (offset, len) = (self.frame.position, self.frame.frame_len);
        let raw = archive.block(object, offset, len).await?;
        raw.ok_or_else(|| {
            let name = object_name(object.id);
            self.damaged(&format!(
                "its checksum in the archived object {name} is wrong"
            ))
        })
    }

    pub(crate) fn damaged(&self, what: &str) -> ReadError {
        ReadError::Damaged {
            position: self.frame.position,
            what: what.to_owned(),
        }
    }
}
