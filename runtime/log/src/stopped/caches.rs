//! Indexes and the view of a stopped log, read only to be compared with the log: both may be wrong or missing without any
//! loss, since they are built again.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use model::ShardSlot;
use platform::OpenMode;

use super::{
    Directory,
    survey::{Found, Hole},
    walk::Expected,
};
use crate::{
    clean::{
        apply::view_dir,
        seal::{self, index_path},
    },
    layout::{frame::crc_of, sealed::Contents, segment::Segment},
    read::index::FrameRef,
    view::{Entry, NotOpened, View, sled::SledView},
};

/// Entries of the view that are read at once.
const PAGE: usize = 1_000;

/// The index of one segment.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) path: PathBuf,
    pub(crate) base: u64,
    pub(crate) contents: Option<Contents>,
    pub(crate) frames: Vec<(ShardSlot, FrameRef)>,
    /// Where there are no contents.
    pub(crate) found: Found,
}

pub(crate) async fn index(directory: &Directory, segment: &Segment) -> io::Result<Index> {
    let path = index_path(segment);
    let mut index = Index {
        base: segment.base,
        contents: None,
        frames: Vec::new(),
        found: Found::Missing,
        path,
    };
    let disk = &directory.platform.disk;
    if !disk.exists(&index.path).await {
        return Ok(index);
    }
    let Some(contents) = seal::contents(&directory.platform, segment).await else {
        index.found = Found::Wrong("its head is not that of this segment".to_owned());
        return Ok(index);
    };
    let file = disk.open(&index.path, OpenMode::Read).await?;
    for run in &contents.runs {
        let bytes = file.read_at(run.file_len(), run.offset).await?;
        let Some(frames) = run.decode(&bytes, segment.base) else {
            index.found = Found::Wrong("the checksum of its frames is wrong".to_owned());
            return Ok(index);
        };
        index
            .frames
            .extend(frames.into_iter().map(|frame| (run.slot, frame)));
    }
    index.contents = Some(contents);
    Ok(index)
}

/// A copy of the view, open.
#[derive(Debug)]
pub(crate) struct ViewCopy {
    opened: Result<SledView, Found>,
    applied: Option<u64>,
    scratch: Option<PathBuf>,
}

/// A simulated disk has no view on it.
pub(crate) async fn view(directory: &Directory, scratch: &Path) -> io::Result<ViewCopy> {
    let dir = view_dir(&directory.dir);
    let disk = &directory.platform.disk;
    if disk.is_simulated() || !disk.exists(&dir.join("db")).await {
        return Ok(ViewCopy {
            opened: Err(Found::Missing),
            applied: None,
            scratch: None,
        });
    }
    disk.copy_tree(&dir, scratch)?;
    let opened = SledView::open(scratch).map_err(|reason| match reason {
        NotOpened::Locked => Found::Wrong("its copy is held by somebody".to_owned()),
        NotOpened::Damaged(failed) => Found::Wrong(failed.to_string()),
    });
    let applied = opened.as_ref().ok().and_then(|view| view.applied().ok());
    Ok(ViewCopy {
        opened,
        applied,
        scratch: Some(scratch.to_owned()),
    })
}

impl ViewCopy {
    /// The view says that it holds every frame before this position.
    pub(crate) fn applied(&self) -> Option<u64> {
        self.applied
    }

    pub(crate) fn compare(&self, expected: &Expected) -> Found {
        let (mut seen, mut wrong) = (0, None);
        let read = self.each(|key, entry| {
            seen += 1;
            let told = (entry.position, entry.value.as_deref().map_or(0, crc_of));
            if expected.get(key) != Some(&told) && wrong.is_none() {
                wrong = Some(format!("the key {} is not what the log says", shown(key)));
            }
        });
        match (read, wrong) {
            (Err(found), _) => found,
            (Ok(()), Some(what)) => Found::Wrong(what),
            (Ok(()), None) if seen != expected.len() => {
                let missing = expected.len().abs_diff(seen);
                Found::Wrong(format!("{missing} keys of the log are missing in it"))
            }
            (Ok(()), None) => Found::Good {
                entries: seen as u64,
            },
        }
    }

    /// Gives each hole the keys whose newest value was written there, as far as the view still has them.
    pub(crate) fn keep(&self, holes: &mut [Hole]) {
        let mut kept: BTreeMap<usize, Vec<(Bytes, Bytes)>> = BTreeMap::new();
        let read = self.each(|key, entry| {
            let position = entry.position;
            let hole = holes
                .iter()
                .position(|hole| (hole.from..hole.until).contains(&position));
            if let (Some(hole), Some(value)) = (hole, &entry.value) {
                kept.entry(hole)
                    .or_default()
                    .push((key.clone(), value.clone()));
            }
        });
        if read.is_ok() {
            for (hole, kept) in kept {
                holes[hole].kept = kept;
            }
        }
    }

    fn each(&self, mut see: impl FnMut(&Bytes, &Entry)) -> Result<(), Found> {
        let view = self.opened.as_ref().map_err(Clone::clone)?;
        let mut after: Option<Bytes> = None;
        loop {
            let page = view.scan(b"", after.as_deref(), PAGE);
            let page = page.map_err(|failed| Found::Wrong(failed.to_string()))?;
            for (key, entry) in &page {
                see(key, entry);
            }
            match page.last() {
                Some((key, _)) => after = Some(key.clone()),
                None => return Ok(()),
            }
        }
    }

    pub(crate) async fn remove(self, directory: &Directory) -> io::Result<()> {
        drop(self.opened);
        match self.scratch {
            Some(scratch) => directory.platform.disk.remove_dir_all(&scratch).await,
            None => Ok(()),
        }
    }
}

/// A key for people: its kind, and its bytes where they are text.
pub(crate) fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}
