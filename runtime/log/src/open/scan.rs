//! The scan of recovery: frames in log order, each compared with the chain of commits, become counters, indexes and
//! writes for the view.
//!
//! A frame that does not fit fails closed, unless it is the unfinished end of the last write. The view is only written,
//! never trusted for what the log itself holds.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use model::{FencingToken, LeaseSlot, Timestamp, ViewWrite, keys};

use crate::{
    Recovered, Settings,
    append::{
        committer::index_frame,
        queue::{State, counter_key},
    },
    errors::OpenError,
    layout::{
        encode,
        frame::{Header, PartKind},
        frames::Frames,
        sealed::Contents,
        segment::Segment,
    },
    limits::{
        COUNTERS_UNSEEN, LOG_BEGINS, UNCLEAN_JUMP_INDEXES, VIEW_BATCH_BYTES_MAX,
        VIEW_BATCH_WRITES_MAX,
    },
    read::index::Shard,
    view::{Entry, View, ViewFailed},
};

#[derive(Debug)]
pub(crate) struct Scan<'a> {
    pub view: &'a dyn View,
    /// The view holds every frame that begins before this position.
    pub applied: u64,
    pub state: State,
    pub last_commit: Option<u64>,
    batch: Vec<(Bytes, Entry)>,
    batch_bytes: usize,
    pub recovered: Recovered,
}

impl From<ViewFailed> for OpenError {
    fn from(failure: ViewFailed) -> Self {
        if failure.is_full() {
            return Self::Io(failure.into());
        }
        Self::View(failure.what)
    }
}

pub(crate) fn damaged(path: &Path, offset: u64, what: &str) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        offset,
        what: what.to_owned(),
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn new(
        view: &'a dyn View,
        settings: &Settings,
        clean: bool,
    ) -> Result<Self, ViewFailed> {
        Ok(Self {
            view,
            applied: view.applied()?,
            state: State {
                segment_bytes: settings.segment_bytes,
                durability: settings.durability,
                ..State::default()
            },
            last_commit: None,
            batch: Vec::new(),
            batch_bytes: 0,
            recovered: Recovered {
                clean,
                ..Recovered::default()
            },
        })
    }

    /// `expected` is where this segment must end: the next one's base, or the clean end.
    pub(crate) fn segment(
        &mut self,
        segment: &Arc<Segment>,
        expected: Option<u64>,
    ) -> Result<(), OpenError> {
        if self.state.segments.is_empty() {
            self.state.next = segment.base;
        } else if self.state.next != segment.base {
            return Err(damaged(
                &segment.path,
                0,
                "a segment before this one is missing",
            ));
        }
        self.state
            .segments
            .insert(segment.base, Arc::clone(segment));
        let mut frames = Frames::of(segment);
        while Some(self.state.next) != expected {
            let offset = segment.offset(self.state.next);
            let Some((header, bodies)) = frames.at(self.state.next)? else {
                if expected.is_some() {
                    return Err(damaged(
                        &segment.path,
                        offset,
                        "an acknowledged frame is invalid",
                    ));
                }
                return self.torn(segment, &mut frames, offset);
            };
            if !self.chained(&header) {
                return Err(damaged(
                    &segment.path,
                    offset,
                    "the chain of commits is broken",
                ));
            }
            self.frame(&header, &bodies, segment.base)
                .map_err(|what| damaged(&segment.path, offset, what))?;
            let commit = header.commit;
            self.state.last_commits.insert(segment.base, commit);
            if self.batch.len() >= VIEW_BATCH_WRITES_MAX || self.batch_bytes >= VIEW_BATCH_BYTES_MAX
            {
                self.apply()?;
            }
        }
        Ok(())
    }

    fn chained(&self, header: &Header) -> bool {
        header.position == self.state.next
            && match self.last_commit {
                Some(last) if header.commit == last => true,
                Some(last) => header.previous == last && header.commit == header.position,
                None => true,
            }
    }

    /// Decides whether what follows the last good frame may be left behind.
    fn torn(
        &mut self,
        segment: &Segment,
        frames: &mut Frames<'_>,
        from: u64,
    ) -> Result<(), OpenError> {
        let next = self.state.next;
        let mut torn = false;
        let later = |header: &Header| {
            torn = true;
            header.commit > next
        };
        if frames.any_header(from, later)? {
            return Err(damaged(
                &segment.path,
                from,
                "an acknowledged frame is invalid",
            ));
        }
        self.recovered.torn_tail = torn;
        Ok(())
    }

    fn frame(&mut self, header: &Header, bodies: &Bytes, base: u64) -> Result<(), &'static str> {
        let undecodable = "a valid frame does not decode";
        let mut rest = bodies.clone();
        for head in &header.heads {
            let mut part = rest.split_to(usize::try_from(head.len).map_err(|_| undecodable)?);
            match head.kind {
                PartKind::Records => {
                    let next = self.state.counters.entry(head.counter).or_default();
                    *next = (*next).max(head.first_index + u64::from(head.count));
                }
                PartKind::Writes if header.position >= self.applied => {
                    while !part.is_empty() {
                        let write = encode::take_write(&mut part).ok_or(undecodable)?;
                        self.batch(header.position, &write);
                    }
                }
                PartKind::Writes => {}
            }
        }
        index_frame(&mut self.state, header, base, &mut BTreeMap::new());
        self.recovered.frames += 1;
        self.last_commit = Some(header.commit);
        self.state.next = header.end();
        self.state.durable = header.end();
        self.state.synced = header.end();
        self.state.arrived = self
            .state
            .arrived
            .max(Timestamp::from_millis(header.arrived_ms));
        Ok(())
    }

    /// Copies the write, so that a few bytes of it do not keep the whole window they were read in.
    fn batch(&mut self, position: u64, write: &ViewWrite) {
        let copied = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        let value = write.value.as_ref().map(copied);
        self.batch_bytes += write.key.len() + value.as_ref().map_or(0, Bytes::len);
        let entry = Entry { position, value };
        self.batch.push((copied(&write.key), entry));
    }

    /// Takes over what the index of a sealed segment says, unless the view needs its frames.
    pub(crate) fn sealed(
        &mut self,
        segment: &Arc<Segment>,
        end: u64,
        contents: &Contents,
    ) -> Result<bool, OpenError> {
        let chained = self.state.segments.is_empty() || self.state.next == segment.base;
        // What is not sealed lies behind all that is, so the first segment that is scanned ends it.
        let first = self.state.sealed.len() == self.state.segments.len();
        if contents.end != end || self.applied < end || !chained || !first {
            return Ok(false);
        }
        self.apply()?;
        let state = &mut self.state;
        state.segments.insert(segment.base, Arc::clone(segment));
        for run in &contents.runs {
            let shard = state.shards.entry(run.slot).or_insert_with(Shard::new);
            shard.push_sealed(segment.base, end, *run);
            *state.live.entry(segment.base).or_default() += u64::from(run.frames);
        }
        for (counter, next) in &contents.counters {
            let known = state.counters.entry(*counter).or_default();
            *known = (*known).max(*next);
        }
        state.sealed.insert(segment.base);
        state.note_newest(segment.base, &contents.runs);
        state.arrived = state.arrived.max(contents.arrived);
        state.next = end;
        state.durable = end;
        state.synced = end;
        self.last_commit = Some(contents.last_commit);
        self.recovered.frames += contents.frames;
        Ok(true)
    }

    pub(crate) fn apply(&mut self) -> Result<(), ViewFailed> {
        if !self.batch.is_empty() {
            self.view.apply(&self.batch, self.state.next)?;
            self.batch.clear();
            self.batch_bytes = 0;
        }
        Ok(())
    }

    /// Whether the log begins where it may, once everything is applied. A log without the entry is whole, or comes from
    /// the time before there was one: then its counters were written down with every segment that went.
    pub(crate) fn reaches_back(&self, begins: u64) -> Result<bool, ViewFailed> {
        let noted = self.view.get(&counter_key(LOG_BEGINS))?;
        if let Some(value) = noted.and_then(|entry| entry.value) {
            return Ok(begins <= number(&value)?);
        }
        let counters = keys::namespace(keys::Namespace::Counter);
        Ok(begins == 0 || !self.view.scan(&counters, None, 1)?.is_empty())
    }

    /// Brings back what the log itself keeps in the view: tokens, counters, producers.
    pub(crate) fn restore(&mut self) -> Result<(), ViewFailed> {
        let of = |namespace| {
            let prefix = keys::namespace(namespace);
            self.view.scan(&prefix, None, usize::MAX)
        };
        for (key, entry) in of(keys::Namespace::Fence)? {
            let (slot, token) = (
                number(&key[1..])?,
                number(&entry.value.unwrap_or_default())?,
            );
            self.state
                .fences
                .insert(LeaseSlot(slot), FencingToken(token));
            self.state.newest_token = self.state.newest_token.max(FencingToken(token));
        }
        for (key, entry) in of(keys::Namespace::Counter)? {
            let (counter, stored) = (
                number(&key[1..])?,
                number(&entry.value.unwrap_or_default())?,
            );
            let counter = u32::try_from(counter).unwrap_or_default();
            if counter == LOG_BEGINS {
                continue;
            }
            let next = self.state.counters.entry(counter).or_default();
            *next = (*next).max(stored);
        }
        let mut producers = of(keys::Namespace::Producer)?;
        producers.sort_by_key(|(_, entry)| entry.position);
        for (key, entry) in producers {
            let restored = self
                .state
                .producers
                .restore(&key, &entry.value.unwrap_or_default());
            restored.ok_or_else(|| ViewFailed::of("a producer's answer does not decode"))?;
        }
        if !self.recovered.clean {
            // Numbers of counters that nothing is left of may have been seen too.
            self.state.counters.entry(COUNTERS_UNSEEN).or_default();
            for next in self.state.counters.values_mut() {
                *next += UNCLEAN_JUMP_INDEXES;
            }
        }
        Ok(())
    }
}

fn number(raw: &[u8]) -> Result<u64, ViewFailed> {
    let wrong = |_| ViewFailed::of("a number does not have 8 bytes");
    raw.try_into().map(u64::from_be_bytes).map_err(wrong)
}
