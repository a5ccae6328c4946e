//! A copy of a running log as it is at one position: pages of whole frames, each checked before it is handed out; then
//! the objects of the archive.
//!
//! Whatever was acknowledged before the position is in it, and nothing later. The segments stay readable while the copy
//! is being made, also those that are cleaned meanwhile. It waits for nothing and holds up nobody.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};

use crate::{
    Log,
    archive::Object,
    errors::Stopped,
    layout::{
        frame::PartKind,
        frames::Frames,
        segment::{SEGMENT_HEADER_BYTES, Segment},
    },
    limits::BACKUP_PAGE_BYTES,
};

/// One state of the log, held until it is dropped.
#[derive(Debug)]
pub struct Backup {
    begins: u64,
    position: u64,
    /// Each with the position where it ends.
    segments: Vec<(Arc<Segment>, u64)>,
    /// Each with the place where it ends, as if they followed the log.
    objects: Vec<(Arc<Object>, u64)>,
    log: Log,
}

/// A piece of one segment file, or of an archived object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub segment: u64,
    /// Where the piece belongs in its file.
    pub offset: u64,
    pub bytes: Bytes,
    /// Those of the archive are not counted.
    pub records: u64,
    /// The place of the page that follows.
    pub next: u64,
}

impl Log {
    /// Everything that is acknowledged now.
    pub fn backup(&self) -> Result<Backup, Stopped> {
        let state = self.shared.state();
        state.claim()?;
        let position = state.durable;
        let ends = state.segments.keys().skip(1).copied().chain([u64::MAX]);
        let segments = state.segments.values().zip(ends);
        let segments: Vec<_> = segments
            .filter(|(segment, _)| segment.base < position)
            .map(|(segment, end)| (Arc::clone(segment), end.min(position)))
            .collect();
        let mut end = position;
        let objects = state.objects.values().map(|object| {
            end += object.bytes;
            (Arc::clone(object), end)
        });
        Ok(Backup {
            objects: objects.collect(),
            begins: segments.first().map_or(position, |(first, _)| first.base),
            position,
            segments,
            log: self.clone(),
        })
    }
}

impl Backup {
    #[must_use]
    pub fn begins(&self) -> u64 {
        self.begins
    }

    /// Nothing at or behind it is in the backup.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Where the last page ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.objects.last().map_or(self.position, |(_, end)| *end)
    }

    /// The page at `from`: the beginning, or `next` of the page before; `None` at the end.
    pub async fn page(&self, from: u64) -> io::Result<Option<Page>> {
        if from >= self.position {
            return self.archived(from).await;
        }
        let inside = |(segment, end): &&(Arc<Segment>, u64)| (segment.base..*end).contains(&from);
        let Some((segment, end)) = self.segments.iter().find(inside) else {
            return Ok(None);
        };
        let mut frames = Frames::of(segment);
        let (mut next, mut records) = (from, 0);
        while next < *end && next - from < BACKUP_PAGE_BYTES {
            let Some((header, _)) = frames.at(next)? else {
                let what = format!("the frame at log position {next} is damaged");
                return Err(io::Error::other(what));
            };
            let appends = header.heads.iter();
            let appends = appends.filter(|head| head.kind == PartKind::Records);
            records += appends.map(|head| u64::from(head.count)).sum::<u64>();
            next = header.end();
        }
        let offset = segment.offset(from);
        let begins = if from == segment.base { 0 } else { offset };
        let len = segment.offset(next) - begins;
        let bytes = read_exactly(segment, begins, len)?;
        Ok(Some(Page {
            segment: segment.base,
            offset: begins,
            bytes,
            records,
            next,
        }))
    }
}

impl Backup {
    async fn archived(&self, from: u64) -> io::Result<Option<Page>> {
        let Some((object, end)) = self.objects.iter().find(|(_, end)| from < *end) else {
            return Ok(None);
        };
        let offset = from - (end - object.bytes);
        let until = object.bytes.min(offset + BACKUP_PAGE_BYTES);
        let archive = &self.log.shared.archive;
        let read = archive.read(object.elsewhere, object.id, offset..until);
        let bytes = read.await?;
        if bytes.len() as u64 != until - offset {
            return Err(io::Error::other("an object of the archive is too short"));
        }
        Ok(Some(Page {
            segment: object.id,
            offset,
            bytes,
            records: 0,
            next: from + (until - offset),
        }))
    }
}

const _: () = assert!(SEGMENT_HEADER_BYTES < BACKUP_PAGE_BYTES);

fn read_exactly(segment: &Segment, offset: u64, len: u64) -> io::Result<Bytes> {
    let len = usize::try_from(len).map_err(io::Error::other)?;
    let bytes = segment.file.read_now(len, offset)?;
    if bytes.len() == len {
        return Ok(bytes);
    }
    // The padding of the last frame may end behind the file.
    let mut whole = BytesMut::from(&bytes[..]);
    whole.resize(len, 0);
    Ok(whole.freeze())
}
