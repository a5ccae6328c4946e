//! The archive: records that outlive their segment, copied once into compressed objects, so that the segment can be used
//! again.
//!
//! An object holds the records of one segment that expire on the same day. It lies in a folder or in a bucket; where its
//! records are is known from an index beside the log, which is only a cache. Readers see no difference. The log alone says
//! which objects count: what it does not name is left over from a crash and is deleted.

mod blocks;
mod due;
pub mod folder;
pub(crate) mod manifest;
mod moving;
pub(crate) mod object;
pub(crate) mod opening;
mod removing;
mod store;

use std::{fmt, io, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use model::seams::BoxFuture;

pub(crate) use blocks::BlockCache;
pub(crate) use moving::Looked;
pub(crate) use store::{Archive, archive_dir, object_name};

use crate::layout::segment::Segment;

/// Where objects are kept by their names: a folder, or a bucket.
pub trait Store: fmt::Debug + Send + Sync {
    /// Durable and whole when it returns; what fails leaves nothing, or an object that nobody names.
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, io::Result<()>>;

    /// In bytes; `NotFound` where there is none.
    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<u64>>;

    /// Short at the end of the object.
    fn read<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, io::Result<Bytes>>;

    /// One that is not there is deleted already.
    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>>;
}

/// What may be chosen about the archive.
#[derive(Debug, Clone)]
pub struct ArchiveSettings {
    /// How old the newest record of a segment is before the segment's records move.
    pub after: Duration,
    /// Where new objects go; beside the log where nothing is said. Older ones stay where they are.
    pub elsewhere: Option<Arc<dyn Store>>,
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self {
            after: Duration::from_hours(24),
            elsewhere: None,
        }
    }
}

/// An object that counts.
#[derive(Debug)]
pub(crate) struct Object {
    pub id: u64,
    pub log_id: u128,
    /// The segment that its records came from.
    pub source: u64,
    pub elsewhere: bool,
    pub bytes: u64,
}

/// Where frames are: in a segment of the log, or in an archived object.
#[derive(Debug, Clone)]
pub(crate) enum Home {
    Segment(Arc<Segment>),
    Object(Arc<Object>),
}

impl Home {
    /// By which indexes know it: positions of the log are never so high as the numbers of objects.
    pub(crate) fn base(&self) -> u64 {
        match self {
            Self::Segment(segment) => segment.base,
            Self::Object(object) => object.id,
        }
    }
}

/// Objects have numbers that no position of a log reaches; the last bit keeps them from the highest number, which ends a
/// backup.
pub(crate) fn object_id(random: u64) -> u64 {
    (random | OBJECTS) & !1
}

pub(crate) fn is_object(base: u64) -> bool {
    base & OBJECTS != 0
}

const OBJECTS: u64 = 1 << 63;
