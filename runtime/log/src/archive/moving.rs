//! Moving: the records of an old segment that have long to live are copied into objects; then one commit says that the
//! objects count, and the segment holds nothing readable any more.
//!
//! Before an object is written the log says that it might be there, so a crash leaves nothing behind that nobody knows.
//! A store that fails is tried again later: until then the records are where they were.

use std::{collections::BTreeMap, io, pin::pin, sync::Arc};

use bytes::Bytes;
use model::{ShardSlot, Timestamp, ViewWrite};
use tracing::{info, warn};

use super::{
    Object, due,
    manifest::{Manifest, State as Kept},
    object::{self, Builder, Built, Head},
    object_id,
    store::archive_dir,
};
use crate::{
    clean::Cleaner,
    layout::{format, frames::checked, sealed::Run, segment::Segment},
    limits::{ARCHIVE_LOOK_PAUSE, ARCHIVE_OBJECT_BYTES, ARCHIVE_RETRY_PAUSE},
    read::index::{FrameRef, Span},
};

/// What ends a move.
enum Ended {
    /// The log stops, or fails.
    Log(io::Error),
    Stops,
    /// The archive does not take it now.
    Store(io::Error),
}

/// When the archive was last looked at, and from when on it may be again.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    newest: Option<u64>,
    next: Option<Timestamp>,
    /// When it is tried again, after it failed.
    pub retry: Option<Timestamp>,
}

/// An object that was put and does not count yet.
struct Put {
    object: Arc<Object>,
    runs: Vec<Run>,
}

type Frames = Vec<(ShardSlot, FrameRef)>;

impl Cleaner {
    /// Moves what is due. Only a log that fails is an error.
    pub(crate) async fn archive(&mut self) -> io::Result<()> {
        if !self.looks_again() {
            return Ok(());
        }
        while let Some(segment) = self.next_due() {
            match self.move_records(&segment).await {
                Ok(()) => {}
                Err(Ended::Stops) => return Ok(()),
                Err(Ended::Log(error)) => return Err(error),
                Err(Ended::Store(error)) => {
                    warn!(base = segment.base, %error, "records could not be archived, they stay in the log and it is tried again");
                    let retry = self.shared.platform.clock.wall().plus(ARCHIVE_RETRY_PAUSE);
                    (self.looked.next, self.looked.retry) = (Some(retry), Some(retry));
                    self.shared.state().archive_refused = Some(error.to_string());
                    return Ok(());
                }
            }
        }
        self.shared.state().archive_refused = None;
        Ok(())
    }

    /// At most once in a while, unless another segment is full.
    fn looks_again(&mut self) -> bool {
        let now = self.shared.platform.clock.wall();
        let newest = self.shared.state().sealed.last().copied();
        let soon = self.looked.next.is_some_and(|next| now < next);
        if soon && self.looked.newest == newest {
            return false;
        }
        self.looked.retry = None;
        if newest.is_none() {
            return false;
        }
        self.looked.newest = newest;
        self.looked.next = Some(now.plus(ARCHIVE_LOOK_PAUSE));
        true
    }

    /// The oldest full segment whose records should move.
    fn next_due(&self) -> Option<Arc<Segment>> {
        let state = self.shared.state();
        if state.stopped.is_some() || state.stopping {
            return None;
        }
        let (now, after) = (self.shared.platform.clock.wall(), self.shared.archive.after);
        let is_due = |base: &&u64| {
            let live = state.live.get(base).copied().unwrap_or_default();
            let newest = state.newest_in.get(base).copied();
            let Some(newest) = newest.filter(|newest| live > 0 && now.since(*newest) >= after)
            else {
                return false;
            };
            let here = state
                .shards
                .values()
                .filter(|shard| shard.has_sealed(**base));
            let longest = here.map(|shard| shard.retention).max();
            longest.is_some_and(|longest| due::is_due(now, newest, longest, after))
        };
        let base = state.sealed.iter().find(is_due)?;
        state.segments.get(base).cloned()
    }

    async fn move_records(&mut self, segment: &Arc<Segment>) -> Result<(), Ended> {
        let extended = format::extend(&self.shared.platform, &self.shared.dir).await;
        extended.map_err(|error| Ended::Log(io::Error::other(error)))?;
        let days = self.frames_by_day(segment).map_err(Ended::Log)?;
        let mut put = Vec::new();
        for (day, frames) in days {
            let done = self.put_day(segment, day, &frames, &mut put).await;
            if let Err(ended) = done {
                let mut state = self.shared.state();
                state
                    .strays
                    .extend(put.iter().map(|put| (put.object.id, put.object.elsewhere)));
                return Err(ended);
            }
        }
        {
            // A backup that begins now must have them: what says that they count may be in its log.
            let mut state = self.shared.state();
            for put in &put {
                state.live.insert(put.object.id, 0);
                state.objects.insert(put.object.id, Arc::clone(&put.object));
            }
        }
        let kept = put
            .iter()
            .map(|put| manifest(&put.object, Kept::Kept).write());
        self.say(kept.collect()).await?;
        self.count_from_now_on(segment.base, &put);
        Ok(())
    }

    /// The readable frames of a segment, those of a shard after another.
    fn frames_by_day(&self, segment: &Arc<Segment>) -> io::Result<BTreeMap<u32, Frames>> {
        let here: Vec<_> = {
            let state = self.shared.state();
            let shards = state.shards.iter().filter_map(|(slot, shard)| {
                let span = shard.sealed_at(segment.base)?;
                Some((*slot, span, shard.hidden_before, shard.retention))
            });
            shards.collect()
        };
        let mut days: BTreeMap<u32, Frames> = BTreeMap::new();
        let home = super::Home::Segment(Arc::clone(segment));
        for (slot, span, hidden_before, retention) in here {
            let frames = self.shared.run(&span, &home)?;
            for frame in frames.iter().filter(|frame| frame.arrived >= hidden_before) {
                let day = due::expiry_day(frame.arrived, retention);
                days.entry(day).or_default().push((slot, *frame));
            }
        }
        Ok(days)
    }

    /// Puts the frames of a day into as many objects as they need.
    async fn put_day(
        &mut self,
        segment: &Arc<Segment>,
        day: u32,
        frames: &Frames,
        put: &mut Vec<Put>,
    ) -> Result<(), Ended> {
        let mut growing: Option<Builder> = None;
        let mut id = 0;
        for (at, (slot, frame)) in frames.iter().enumerate() {
            let builder = growing.get_or_insert_with(|| {
                id = object_id(self.shared.platform.rng.u64());
                let of = object::identity(segment.log_id, id);
                let source = segment.base;
                Builder::new(Head { of, source, day })
            });
            let part = part(segment, frame).map_err(Ended::Log)?;
            builder.add(*slot, frame, &part).map_err(Ended::Log)?;
            let last = at + 1 == frames.len();
            if last || builder.stored_bytes() >= ARCHIVE_OBJECT_BYTES {
                let built = growing.take().map(Builder::finish);
                let built = built.transpose().map_err(Ended::Log)?;
                if let Some(built) = built {
                    self.put_object(segment, id, built, put).await?;
                }
            }
        }
        Ok(())
    }

    async fn put_object(
        &mut self,
        segment: &Segment,
        id: u64,
        built: Built,
        put: &mut Vec<Put>,
    ) -> Result<(), Ended> {
        let object = Object {
            id,
            log_id: segment.log_id,
            source: segment.base,
            elsewhere: self.shared.archive.goes_elsewhere(),
            bytes: built.bytes.len() as u64,
        };
        self.say(vec![manifest(&object, Kept::Writing).write()])
            .await?;
        let (archive, elsewhere) = (&self.shared.archive, object.elsewhere);
        put.push(Put {
            object: Arc::new(object),
            runs: built.contents.runs,
        });
        let storing = archive.put(elsewhere, id, built.bytes);
        match self.meanwhile(storing).await.map_err(Ended::Log)? {
            None => return Err(Ended::Stops),
            Some(stored) => stored.map_err(Ended::Store)?,
        }
        let disk = &self.shared.platform.disk;
        let dir = archive_dir(&self.shared.dir);
        disk.create_dir_all(&dir).await.map_err(Ended::Store)?;
        let written = disk.replace(&archive.index_path(id), &built.index).await;
        written.map_err(Ended::Store)
    }

    /// What is written while a store takes its time goes into the view; `None` when the log ends before the store is done.
    pub(super) async fn meanwhile<T>(
        &self,
        storing: impl Future<Output = T>,
    ) -> io::Result<Option<T>> {
        let mut storing = pin!(storing);
        let mut told = false;
        let stored = loop {
            tokio::select! {
                biased;
                stored = &mut storing => break Some(stored),
                () = self.shared.applied.notified() => {
                    told = true;
                    if self.shared.ends() {
                        break None;
                    }
                    self.shared.apply(&self.claim)?;
                }
            }
        };
        if told {
            // There may be more to do than to apply.
            self.shared.applied.notify_one();
        }
        Ok(stored)
    }

    /// Durable when it returns.
    async fn say(&self, writes: Vec<ViewWrite>) -> Result<(), Ended> {
        match self.place_writes(writes).await {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(Ended::Stops),
            Err(error) => Err(Ended::Log(error)),
        }
    }

    /// Readers find the objects in place of the segment.
    fn count_from_now_on(&self, base: u64, put: &[Put]) {
        let (mut bytes, objects) = (0, put.len());
        let mut state = self.shared.state();
        let state = &mut *state;
        let mut spans: BTreeMap<ShardSlot, Vec<Span>> = BTreeMap::new();
        for Put { object, runs } in put {
            bytes += object.bytes;
            for run in runs {
                spans.entry(run.slot).or_default().push(Span {
                    segment: object.id,
                    segment_end: 0,
                    live_frames: u64::from(run.frames),
                    run: *run,
                });
            }
        }
        for (slot, spans) in spans {
            let Some(shard) = state.shards.get_mut(&slot) else {
                continue;
            };
            for span in shard.replace(base, spans) {
                *state.live.entry(span.segment).or_default() += span.live_frames;
            }
        }
        for shard in state.shards.values_mut() {
            shard.replace(base, Vec::new());
        }
        state.live.insert(base, 0);
        info!(base, objects, bytes, "records of a segment are archived");
    }
}

pub(super) fn manifest(object: &Object, state: Kept) -> Manifest {
    Manifest {
        id: object.id,
        state,
        elsewhere: object.elsewhere,
        source: object.source,
    }
}

/// The bytes of one shard's records in a frame, as they lie in the log.
fn part(segment: &Segment, frame: &FrameRef) -> io::Result<Bytes> {
    let damaged = || {
        let position = frame.position;
        io::Error::other(format!("the frame at log position {position} is damaged"))
    };
    let len = usize::try_from(frame.frame_len).map_err(io::Error::other)?;
    let seal = segment.seal(frame.position);
    let bytes = segment.file.read_now(len, seal.offset)?;
    let (_, bodies) = checked(&bytes, seal).ok_or_else(damaged)?;
    let from = usize::try_from(frame.part_at).map_err(io::Error::other)?;
    let len = usize::try_from(frame.part_len).map_err(io::Error::other)?;
    let end = from.checked_add(len).filter(|end| *end <= bodies.len());
    end.map(|end| bodies.slice(from..end)).ok_or_else(damaged)
}
