//! Sealing: once a segment is full and durable, its frames move from memory into an index file beside it, and come back
//! a shard at a time when somebody reads there.
//!
//! The file is a cache of the segment. Where it is missing or wrong the segment itself is scanned again.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::ShardSlot;
use platform::{OpenMode, Platform, is_full};
use tracing::{debug, warn};

use crate::{
    append::committer::frame_refs,
    archive::Home,
    clean::Cleaner,
    layout::{
        frames::Frames,
        sealed::{self, Contents, FIXED_BYTES, Identity},
        segment::Segment,
    },
    limits::INDEX_CACHE_BYTES_MAX,
    read::index::{FrameRef, Span},
    shared::Shared,
};

/// Runs that were read lately.
#[derive(Debug, Default)]
pub(crate) struct IndexCache {
    /// By segment and shard, the last one used at the end.
    runs: VecDeque<Cached>,
    bytes: usize,
}

type Cached = ((u64, ShardSlot), Arc<[FrameRef]>);

/// A full segment and what goes into its index.
struct Full {
    segment: Arc<Segment>,
    contents: Contents,
    shards: Vec<(ShardSlot, Vec<FrameRef>)>,
}

impl IndexCache {
    fn get(&mut self, key: (u64, ShardSlot)) -> Option<Arc<[FrameRef]>> {
        let at = self.runs.iter().position(|(known, _)| *known == key)?;
        let found = self.runs.remove(at)?;
        self.runs.push_back(found.clone());
        Some(found.1)
    }

    fn add(&mut self, key: (u64, ShardSlot), frames: &Arc<[FrameRef]>) {
        self.bytes += size_of_val(&**frames);
        self.runs.push_back((key, Arc::clone(frames)));
        while self.bytes > INDEX_CACHE_BYTES_MAX
            && self.runs.len() > 1
            && let Some((_, oldest)) = self.runs.pop_front()
        {
            self.bytes -= size_of_val(&*oldest);
        }
    }
}

pub(crate) fn index_path(segment: &Segment) -> PathBuf {
    segment.path.with_extension("idx")
}

/// The contents of a segment's index, if there is a right one.
pub(crate) async fn contents(platform: &Platform, segment: &Segment) -> Option<Contents> {
    contents_at(platform, &index_path(segment), segment.identity()).await
}

pub(crate) async fn contents_at(
    platform: &Platform,
    path: &Path,
    of: Identity,
) -> Option<Contents> {
    let file = platform.disk.open(path, OpenMode::Read).await.ok()?;
    let fixed = file.read_at(FIXED_BYTES, 0).await.ok()?;
    let len = sealed::head_len(&fixed)?;
    let head = file.read_at(len, 0).await.ok()?;
    sealed::decode(of, &head)
}

/// Deletes indexes whose segment is gone, and unfinished ones.
pub(crate) async fn remove_strays(
    platform: &Platform,
    dir: &Path,
    segments: &[Arc<Segment>],
) -> io::Result<()> {
    let known: BTreeSet<PathBuf> = segments.iter().map(|segment| index_path(segment)).collect();
    for name in platform.disk.list(dir).await? {
        let path = dir.join(&name);
        let stray = name.ends_with(".idx") && !known.contains(&path);
        if stray || name.ends_with(".idx.tmp") {
            platform.disk.remove_file(&path).await?;
        }
    }
    Ok(())
}

impl Shared {
    /// The frames of a run, from memory, from the index, or from the segment. The index of an object may have to be made
    /// again first.
    pub(crate) fn run(&self, span: &Span, home: &Home) -> io::Result<Arc<[FrameRef]>> {
        let key = (home.base(), span.run.slot);
        let cached = self.indexes().get(key);
        if let Some(frames) = cached {
            return Ok(frames);
        }
        let path = match home {
            Home::Segment(segment) => index_path(segment),
            Home::Object(object) => self.archive.index_path(object.id),
        };
        let frames: Arc<[FrameRef]> = match (self.read_run(span, &path, home.base()), home) {
            (Some(frames), _) => frames.into(),
            (None, Home::Segment(segment)) => self.scan_run(span, segment)?.into(),
            (None, Home::Object(_)) => {
                let what = format!("the index {} is damaged", path.display());
                return Err(io::Error::other(what));
            }
        };
        self.indexes().add(key, &frames);
        Ok(frames)
    }

    fn read_run(&self, span: &Span, path: &Path, base: u64) -> Option<Vec<FrameRef>> {
        let file = self.platform.disk.open_now(path, OpenMode::Read).ok()?;
        let run = &span.run;
        let bytes = file.read_now(run.file_len(), run.offset).ok()?;
        run.decode(&bytes, base)
    }

    fn scan_run(&self, span: &Span, segment: &Segment) -> io::Result<Vec<FrameRef>> {
        warn!(
            base = segment.base,
            "the index of a segment is damaged: its frames are scanned again"
        );
        let mut found = Vec::new();
        let mut frames = Frames::of(segment);
        let mut position = segment.base;
        while position < span.segment_end {
            let Some((header, _)) = frames.at(position)? else {
                let what = format!("the frame at log position {position} is damaged");
                return Err(io::Error::other(what));
            };
            let ours = frame_refs(&header, segment.base).filter(|(slot, _)| *slot == span.run.slot);
            found.extend(ours.map(|(_, frame)| frame));
            position = header.end();
        }
        Ok(found)
    }
}

impl Cleaner {
    /// Moves the frames of every full segment out of memory, the oldest first; whether there was one.
    pub(crate) async fn seal(&self) -> io::Result<bool> {
        let mut any = false;
        while let Some(full) = self.next_to_seal() {
            let Full {
                segment,
                mut contents,
                shards,
            } = full;
            let bytes = sealed::encode(segment.identity(), &mut contents, &shards);
            let disk = &self.shared.platform.disk;
            let written = disk.replace(&index_path(&segment), &bytes).await;
            if let Err(error) = &written
                && is_full(error.kind())
            {
                // It is only a cache: the frames stay in memory until there is room.
                debug!(base = segment.base, "no room for an index");
                return Ok(any);
            }
            written?;
            let mut state = self.shared.state();
            state.note_newest(segment.base, &contents.runs);
            for run in contents.runs {
                if let Some(shard) = state.shards.get_mut(&run.slot) {
                    shard.seal(segment.base, contents.end, run);
                }
            }
            state.sealed.insert(segment.base);
            any = true;
        }
        Ok(any)
    }

    fn next_to_seal(&self) -> Option<Full> {
        let state = self.shared.state();
        if state.stopped.is_some() {
            return None;
        }
        let mut segments = state.segments.values();
        let (mut segment, mut next) = (segments.next()?, segments.next()?);
        while state.sealed.contains(&segment.base) {
            (segment, next) = (next, segments.next()?);
        }
        let last_commit = *state.last_commits.get(&segment.base)?;
        if state.durable <= next.base {
            return None;
        }
        let contents = Contents {
            end: next.base,
            last_commit,
            arrived: state.arrived,
            frames: 0,
            counters: state
                .counters
                .iter()
                .map(|(&counter, &next)| (counter, next))
                .collect(),
            runs: Vec::new(),
        };
        let shards = state.shards.iter().filter_map(|(slot, shard)| {
            let frames = shard.in_segment(segment.base);
            (!frames.is_empty()).then_some((*slot, frames))
        });
        Some(Full {
            segment: Arc::clone(segment),
            contents,
            shards: shards.collect(),
        })
    }
}
