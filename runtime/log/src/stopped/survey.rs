//! The survey of a stopped log: format, marker, every segment with every frame, the indexes and the view. Nothing is
//! changed; what is wrong becomes a value, and only a disk that does not answer is an error.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use model::{ShardSlot, Timestamp};
use platform::OpenMode;

use super::{Archived, Directory, archived, caches, walk::Walk};
use crate::{
    layout::{
        format::{self, Known},
        frames::Frames,
        sealed,
        segment::{SEGMENT_HEADER_BYTES, Segment, base_of},
    },
    open,
};

/// What `FORMAT` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatFound {
    Known(u32),
    Newer(u32),
    /// It is not there, or no number.
    Unreadable,
}

/// What was counted over all good frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub segments: u64,
    pub frames: u64,
    pub records: u64,
    /// Writes of coordination keys.
    pub writes: u64,
    pub bytes: u64,
}

/// Something that is wrong, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub path: PathBuf,
    pub offset: u64,
    pub what: String,
}

/// Records of one shard that a damaged part held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    pub slot: ShardSlot,
    pub first_index: u64,
    pub count: u32,
    pub arrived: Timestamp,
}

/// A part of the log in which no frame is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    pub fault: Fault,
    pub from: u64,
    pub until: u64,
    /// Good frames follow; otherwise it reaches to the end of the log.
    pub bridged: bool,
    /// Frames of which a header or an index still tells; the bytes that they account for.
    pub frames: u64,
    pub known_bytes: u64,
    pub lost: Vec<Lost>,
    /// Writes of coordination keys in those frames.
    pub writes: u64,
    /// Coordination keys whose newest value was written here, with the value that the view still has.
    pub kept: Vec<(Bytes, Bytes)>,
    /// The last group before it, and the group that the frame behind it continues or follows.
    pub(crate) before: Option<u64>,
    pub(crate) link: Option<u64>,
    pub(crate) segment: u64,
}

/// A cache of the log: it is built again on the next start when it is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Missing,
    Good {
        entries: u64,
    },
    Wrong(String),
    /// Damage of the log leaves nothing to compare it with.
    NotCompared,
}

/// Everything that reading a stopped log told.
#[derive(Debug)]
pub struct Survey {
    pub format: FormatFound,
    /// Where the last clean stop ended; `None` after any other stop.
    pub clean_end: Option<u64>,
    pub begins: u64,
    pub end: u64,
    pub totals: Totals,
    /// The unfinished last write of an unclean stop, in bytes: never acknowledged, left behind at the next start.
    pub torn_bytes: u64,
    /// Files that are no part of this log.
    pub strangers: Vec<Fault>,
    /// Segments whose header is wrong but whose frames are there.
    pub headers: Vec<Fault>,
    pub holes: Vec<Hole>,
    /// By the file of the segment's index.
    pub indexes: Vec<(PathBuf, Found)>,
    pub view: Found,
    /// Objects of the archive that the log names.
    pub archive: Vec<Archived>,
    /// The newest value of every registry key, to name shards by.
    pub registry: BTreeMap<Bytes, Bytes>,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) counters: BTreeMap<u32, u64>,
}

impl Survey {
    /// Whether the log itself is damaged, so that it does not open.
    #[must_use]
    pub fn log_is_damaged(&self) -> bool {
        self.format == FormatFound::Unreadable
            || !self.strangers.is_empty()
            || !self.headers.is_empty()
            || !self.holes.is_empty()
            || !self.archive.iter().all(Archived::is_right)
    }

    /// Whether the next start builds something again.
    #[must_use]
    pub fn cache_is_damaged(&self) -> bool {
        let wrong = |found: &Found| matches!(found, Found::Wrong(_));
        wrong(&self.view) || self.indexes.iter().any(|(_, found)| wrong(found))
    }

    /// How many bytes of the log a repair takes out.
    #[must_use]
    pub fn damaged_bytes(&self) -> u64 {
        self.holes.iter().map(|hole| hole.until - hole.from).sum()
    }
}

/// Reads everything. `scratch` is a directory that may be made and is removed again: sled cannot open a view without
/// writing to it, so it gets a copy.
pub async fn survey(directory: &Directory, scratch: &Path) -> io::Result<Survey> {
    let disk = &directory.platform.disk;
    let marker = directory.dir.join(open::MARKER);
    let clean_end = if disk.exists(&marker).await {
        open::parse_marker(&disk.read(&marker).await?)
    } else {
        None
    };
    let files = files(directory).await?;
    let format = format_of(directory, files.segments.is_empty()).await?;
    let view = caches::view(directory, scratch).await?;
    let mut walk = Walk::new(view.applied());
    let mut indexes = Vec::new();
    for (at, segment) in files.segments.iter().enumerate() {
        let next = files.segments.get(at + 1).map(|next| next.base);
        let index = caches::index(directory, segment).await?;
        walk.segment(segment, next.or(clean_end), &index)?;
        if let Some(end) = next {
            indexes.push((index.path.clone(), walk.compare(&index, end)));
        }
    }
    if let Some(first) = files.segments.first() {
        walk.must_begin(&directory.log_dir(), first.base);
    }
    walk.must_reach(&directory.log_dir(), clean_end.max(view.applied()));
    let view_found = if walk.holes.is_empty() {
        view.compare(&walk.expected)
    } else {
        view.keep(&mut walk.holes);
        Found::NotCompared
    };
    view.remove(directory).await?;
    let log_id = files.segments.first().map(|first| first.log_id);
    let archive = archived::survey(directory, &walk.manifests, log_id).await?;
    Ok(Survey {
        archive,
        format,
        clean_end,
        begins: files.segments.first().map_or(0, |first| first.base),
        end: walk.next,
        totals: Totals {
            segments: files.segments.len() as u64,
            ..walk.totals
        },
        torn_bytes: walk.torn_bytes,
        strangers: files.strangers,
        headers: files.headers,
        holes: walk.holes,
        indexes,
        view: view_found,
        registry: walk.registry,
        segments: files.segments,
        counters: walk.counters,
    })
}

async fn format_of(directory: &Directory, empty: bool) -> io::Result<FormatFound> {
    let path = directory.dir.join("FORMAT");
    if !directory.platform.disk.exists(&path).await {
        return Ok(if empty {
            FormatFound::Known(format::FORMAT)
        } else {
            FormatFound::Unreadable
        });
    }
    let text = directory.platform.disk.read(&path).await?;
    Ok(match format::known(&text) {
        Known::Current(number) => FormatFound::Known(number),
        Known::Newer(number) => FormatFound::Newer(number),
        Known::Garbage => FormatFound::Unreadable,
    })
}

/// The segments in log order, and the files that are none of this log.
struct Files {
    segments: Vec<Arc<Segment>>,
    strangers: Vec<Fault>,
    headers: Vec<Fault>,
}

async fn files(directory: &Directory) -> io::Result<Files> {
    let (disk, dir) = (&directory.platform.disk, directory.log_dir());
    let mut read: Vec<(u64, PathBuf, Result<Segment, Bytes>)> = Vec::new();
    for name in disk.list(&dir).await? {
        let Some(base) = base_of(&name) else { continue };
        let path = dir.join(&name);
        let file = disk.open(&path, OpenMode::Read).await?;
        let header = file.read_at(HEADER_LEN, 0).await?;
        let segment = Segment::parse(base, path.clone(), file, &header).ok_or(header);
        read.push((base, path, segment));
    }
    read.sort_by_key(|(base, _, _)| *base);
    let last = read.last().map(|(base, _, _)| *base);
    let ours = log_id(
        read.iter()
            .filter_map(|(_, _, segment)| segment.as_ref().ok()),
    );
    let mut files = Files {
        segments: Vec::new(),
        strangers: Vec::new(),
        headers: Vec::new(),
    };
    for (base, path, segment) in read {
        let fault = |what: &str| Fault {
            path: path.clone(),
            offset: 0,
            what: what.to_owned(),
        };
        match segment {
            Ok(segment) if Some(segment.log_id) == ours => files.segments.push(Arc::new(segment)),
            Ok(_) => files
                .strangers
                .push(fault("the segment belongs to another log")),
            // The next start removes a last file that never got its header.
            Err(header) if Some(base) == last && header.len() < HEADER_LEN => {}
            Err(header) => match mend(directory, base, &path, &header, ours).await? {
                Some(segment) => {
                    files
                        .headers
                        .push(fault("the segment header is damaged, its frames are there"));
                    files.segments.push(Arc::new(segment));
                }
                None => files.strangers.push(fault("the segment header is invalid")),
            },
        }
    }
    Ok(files)
}

const HEADER_LEN: usize = 4096;
const _: () = assert!(HEADER_LEN as u64 == SEGMENT_HEADER_BYTES);

/// Whose log this is: what most segments say, of equals the first.
fn log_id<'a>(segments: impl Iterator<Item = &'a Segment>) -> Option<u128> {
    let mut counts: Vec<(u128, usize)> = Vec::new();
    for segment in segments {
        match counts.iter_mut().find(|(id, _)| *id == segment.log_id) {
            Some((_, count)) => *count += 1,
            None => counts.push((segment.log_id, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    let first = counts.iter().find(|(_, count)| *count == most);
    first.map(|(id, _)| *id)
}

/// A segment whose header is damaged, where the header or the index still says the salt under which its first frame is
/// right.
async fn mend(
    directory: &Directory,
    base: u64,
    path: &Path,
    header: &[u8],
    log_id: Option<u128>,
) -> io::Result<Option<Segment>> {
    let index = path.with_extension("idx");
    let disk = &directory.platform.disk;
    let mut salts: Vec<u64> = Segment::salt_in(header).into_iter().collect();
    if disk.exists(&index).await {
        let file = disk.open(&index, OpenMode::Read).await?;
        let fixed = file.read_at(sealed::FIXED_BYTES, 0).await?;
        salts.extend(sealed::salt_in(&fixed));
    }
    let id = log_id.or_else(|| Segment::log_id_in(header));
    for salt in salts {
        let segment = Segment {
            base,
            salt,
            log_id: id.unwrap_or_default(),
            path: path.to_owned(),
            file: disk.open(path, OpenMode::Read).await?,
        };
        let first = Frames::of(&segment).at(base)?;
        if first.is_some_and(|(header, _)| header.position == base) {
            return Ok(Some(segment));
        }
    }
    Ok(None)
}
