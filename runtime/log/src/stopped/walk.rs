//! The walk over all frames of a stopped log, as recovery makes it, but past every damage: where no frame is right it
//! looks for the next one that continues the same log, and says what is known of the part between.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use bytes::Bytes;
use model::{ShardSlot, Timestamp, keys};

use super::{
    caches::Index,
    survey::{Fault, Found, Hole, Lost, Totals},
};
use crate::{
    append::{committer::frame_refs, queue::slot_of},
    encryption::keyring::is_encrypted,
    layout::{
        encode,
        frame::{Header, PartKind, crc_of},
        frames::Frames,
        segment::{Segment, file_name},
    },
    limits::LOG_BEGINS,
    open::recovery::OLDEST_MISSING,
    read::index::FrameRef,
};

/// The newest value of a key: where it was written, and the checksum of the value.
pub(crate) type Expected = BTreeMap<Bytes, (u64, u32)>;

#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) next: u64,
    pub(crate) totals: Totals,
    pub(crate) torn_bytes: u64,
    pub(crate) holes: Vec<Hole>,
    pub(crate) counters: BTreeMap<u32, u64>,
    pub(crate) registry: BTreeMap<Bytes, Bytes>,
    /// What the log says about the archive.
    pub(crate) manifests: BTreeMap<Bytes, Bytes>,
    /// Where the log says that it begins, and what its first frame continues or follows.
    begins: Option<u64>,
    counters_noted: bool,
    first_link: Option<u64>,
    /// What the view must hold, as far as it says that it is.
    pub(crate) expected: Expected,
    applied: Option<u64>,
    last_commit: Option<u64>,
    /// Holes from this one on wait for the frame behind them.
    unlinked: usize,
    /// The frames of the segment that was walked last.
    here: Vec<(ShardSlot, FrameRef)>,
}

/// The group that a frame continues or, as the first of its own, follows.
pub(crate) fn link_of(header: &Header) -> u64 {
    if header.commit < header.position {
        header.commit
    } else {
        header.previous
    }
}

impl Walk {
    pub(crate) fn new(applied: Option<u64>) -> Self {
        Self {
            next: 0,
            totals: Totals::default(),
            torn_bytes: 0,
            holes: Vec::new(),
            counters: BTreeMap::new(),
            registry: BTreeMap::new(),
            manifests: BTreeMap::new(),
            begins: None,
            counters_noted: false,
            first_link: None,
            expected: Expected::new(),
            applied,
            last_commit: None,
            unlinked: 0,
            here: Vec::new(),
        }
    }

    /// `until` is where this segment must end, where that is known.
    pub(crate) fn segment(
        &mut self,
        segment: &Segment,
        until: Option<u64>,
        index: &Index,
    ) -> io::Result<()> {
        self.here.clear();
        self.next = segment.base;
        let mut frames = Frames::of(segment);
        while until.is_none_or(|until| self.next < until) {
            let found = frames.at(self.next)?;
            let found = found.filter(|(header, _)| self.continues(header, until));
            if let Some((header, bodies)) = found
                && self.frame(&header, &bodies, segment.base)
            {
                continue;
            }
            let from = self.next;
            match (self.resume(&mut frames, segment, until)?, until) {
                (Some(position), _) => self.hole(segment, from, position, true, index)?,
                (None, Some(until)) => self.hole(segment, from, until, false, index)?,
                (None, None) => return self.end(&mut frames, segment, index),
            }
        }
        Ok(())
    }

    /// Whether a frame at the right place belongs behind what was seen, or behind the holes before it.
    fn continues(&self, header: &Header, until: Option<u64>) -> bool {
        let fits = header.position == self.next && until.is_none_or(|until| header.end() <= until);
        fits && match self.last_commit {
            None => true,
            Some(last) => {
                let link = link_of(header);
                let from = self.holes.get(self.unlinked).map(|hole| hole.from);
                link == last || from.is_some_and(|from| (from..self.next).contains(&link))
            }
        }
    }

    /// Where the next good frame of this log begins in the segment.
    fn resume(
        &self,
        frames: &mut Frames<'_>,
        segment: &Segment,
        until: Option<u64>,
    ) -> io::Result<Option<u64>> {
        let from = self
            .holes
            .get(self.unlinked)
            .map_or(self.next, |hole| hole.from);
        let mut look = self.next + 8;
        loop {
            let mut found = None;
            frames.any_header(segment.offset(look), |header| {
                let inside =
                    header.position >= look && until.is_none_or(|until| header.end() <= until);
                let link = link_of(header);
                let linked = self.last_commit.is_none_or(|last| link == last) || link >= from;
                // Without a known end only a later commit proves that something is missing.
                let later = until.is_some() || header.commit > self.next;
                if inside && linked && later {
                    found = Some(header.position);
                }
                found.is_some()
            })?;
            let Some(position) = found else {
                return Ok(None);
            };
            if frames
                .at(position)?
                .is_some_and(|(header, _)| header.position == position)
            {
                return Ok(Some(position));
            }
            look = position + 8;
        }
    }

    /// Behind the last good frame of an unclean stop: the unfinished last write, or damage.
    fn end(&mut self, frames: &mut Frames<'_>, segment: &Segment, index: &Index) -> io::Result<()> {
        let (next, mut reached) = (self.next, self.next);
        let (mut torn, mut later) = (false, false);
        frames.any_header(segment.offset(next), |header| {
            torn = true;
            reached = reached.max(header.end());
            later |= header.commit > next;
            false
        })?;
        if later {
            return self.hole(segment, next, reached, false, index);
        }
        if torn {
            self.torn_bytes = reached - next;
        }
        Ok(())
    }

    /// Takes a good frame; `false` where its contents do not decode.
    fn frame(&mut self, header: &Header, bodies: &Bytes, base: u64) -> bool {
        let Some((records, writes)) = decoded(header, bodies) else {
            return false;
        };
        for hole in &mut self.holes[self.unlinked..] {
            hole.link = Some(link_of(header));
            hole.bridged = true;
        }
        self.unlinked = self.holes.len();
        self.first_link.get_or_insert(link_of(header));
        self.totals.frames += 1;
        self.totals.records += records;
        self.totals.bytes += header.disk_len();
        self.count(header);
        for (key, value) in writes {
            self.totals.writes += 1;
            self.write(header.position, key, value);
        }
        self.here.extend(frame_refs(header, base));
        self.last_commit = Some(header.commit);
        self.next = header.end();
        true
    }

    fn count(&mut self, header: &Header) {
        for head in header
            .heads
            .iter()
            .filter(|head| head.kind == PartKind::Records)
        {
            let next = self.counters.entry(head.counter).or_default();
            *next = (*next).max(head.first_index + u64::from(head.count));
        }
    }

    fn write(&mut self, position: u64, key: Bytes, value: Option<Bytes>) {
        if key.starts_with(&keys::namespace(keys::Namespace::Counter))
            && let (Some(counter), Some(value)) = (number(&key[1..]), &value)
            && let (Ok(counter), Some(next)) = (u32::try_from(counter), number(value))
        {
            if counter == LOG_BEGINS {
                self.begins = Some(next);
            } else {
                let known = self.counters.entry(counter).or_default();
                *known = (*known).max(next);
            }
            self.counters_noted = true;
        }
        for (namespace, noted) in [
            (keys::Namespace::Registry, &mut self.registry),
            (keys::Namespace::Archive, &mut self.manifests),
        ] {
            if key.starts_with(&keys::namespace(namespace)) {
                match &value {
                    Some(value) => noted.insert(key.clone(), value.clone()),
                    None => noted.remove(&key),
                };
            }
        }
        if self.applied.is_some_and(|applied| position < applied) {
            match value {
                Some(value) => self.expected.insert(key, (position, crc_of(&value))),
                None => self.expected.remove(&key),
            };
        }
    }

    /// Notes that nothing is right from `from` to `until`, and what headers and the index still tell of it.
    fn hole(
        &mut self,
        segment: &Segment,
        from: u64,
        until: u64,
        bridged: bool,
        index: &Index,
    ) -> io::Result<()> {
        let mut known: BTreeMap<u64, (u64, u64, Vec<Lost>)> = BTreeMap::new();
        for (slot, frame) in index
            .frames
            .iter()
            .filter(|(_, frame)| within(frame, from, until))
        {
            let entry = known.entry(frame.position).or_default();
            entry.0 = u64::from(frame.frame_len);
            entry.2.push(Lost {
                slot: *slot,
                first_index: frame.first_index,
                count: frame.count,
                arrived: frame.arrived,
            });
        }
        let mut headers = Vec::new();
        Frames::of(segment).any_header(segment.offset(from), |header| {
            if header.position < until {
                headers.push(header.clone());
            }
            header.position >= until
        })?;
        for header in headers.iter().filter(|header| header.end() <= until) {
            self.count(header);
            let lost = header
                .heads
                .iter()
                .filter(|head| head.kind == PartKind::Records);
            let lost = lost.filter(|head| head.count > 0).map(|head| Lost {
                slot: slot_of(head),
                first_index: head.first_index,
                count: head.count,
                arrived: Timestamp::from_millis(header.arrived_ms),
            });
            let writes = header
                .heads
                .iter()
                .filter(|head| head.kind == PartKind::Writes);
            let writes = writes.map(|head| u64::from(head.count)).sum();
            known.insert(header.position, (header.disk_len(), writes, lost.collect()));
        }
        self.holes.push(Hole {
            fault: Fault {
                path: segment.path.clone(),
                offset: segment.offset(from),
                what: "no frame is right here".to_owned(),
            },
            from,
            until,
            bridged,
            frames: known.len() as u64,
            known_bytes: known.values().map(|(len, _, _)| *len).sum(),
            writes: known.values().map(|(_, writes, _)| *writes).sum(),
            lost: known.into_values().flat_map(|(_, _, lost)| lost).collect(),
            kept: Vec::new(),
            before: self.last_commit,
            link: None,
            segment: segment.base,
        });
        self.next = until;
        Ok(())
    }

    /// Notes that segments before `first` are missing, where the log says that it begins earlier.
    pub(crate) fn must_begin(&mut self, dir: &Path, first: u64) {
        let since = if self.counters_noted { first } else { 0 };
        let from = self.begins.unwrap_or(since);
        if from >= first {
            return;
        }
        let missing = Hole {
            fault: Fault {
                path: dir.join(file_name(from)),
                offset: 0,
                what: OLDEST_MISSING.to_owned(),
            },
            from,
            until: first,
            bridged: true,
            frames: 0,
            known_bytes: 0,
            lost: Vec::new(),
            writes: 0,
            kept: Vec::new(),
            before: None,
            link: self.first_link,
            segment: from,
        };
        self.holes.insert(0, missing);
    }

    /// Marker and view prove that the log once reached further.
    pub(crate) fn must_reach(&mut self, dir: &Path, end: Option<u64>) {
        let Some(end) = end.filter(|end| *end > self.next) else {
            return;
        };
        if self
            .holes
            .last()
            .is_some_and(|last| !last.bridged && last.until == self.next)
        {
            return;
        }
        self.holes.push(Hole {
            fault: Fault {
                path: dir.to_owned(),
                offset: self.next,
                what: "acknowledged frames are missing at the end of the log".to_owned(),
            },
            from: self.next,
            until: end,
            bridged: false,
            frames: 0,
            known_bytes: 0,
            lost: Vec::new(),
            writes: 0,
            kept: Vec::new(),
            before: self.last_commit,
            link: None,
            segment: self.next,
        });
    }

    /// Whether the index of the segment that was walked last tells the truth.
    pub(crate) fn compare(&self, index: &Index, end: u64) -> Found {
        let Some(contents) = &index.contents else {
            return index.found.clone();
        };
        if self
            .holes
            .iter()
            .any(|hole| (index.base..end).contains(&hole.from))
        {
            return Found::NotCompared;
        }
        let here: BTreeSet<_> = self
            .here
            .iter()
            .map(|(slot, frame)| key(*slot, frame))
            .collect();
        let told = index.frames.iter();
        if contents.end != end || self.last_commit != Some(contents.last_commit) {
            return Found::Wrong("it does not end where its segment ends".to_owned());
        }
        for (slot, frame) in told {
            if !here.contains(&key(*slot, frame)) {
                let position = frame.position;
                return Found::Wrong(format!(
                    "the frame at log position {position} is another one"
                ));
            }
        }
        Found::Good {
            entries: index.frames.len() as u64,
        }
    }
}

fn key(slot: ShardSlot, frame: &FrameRef) -> (u32, u64, u64, u32, u32, u32) {
    let FrameRef {
        first_index,
        count,
        position,
        part_at,
        part_len,
        ..
    } = *frame;
    (slot.0, position, first_index, count, part_at, part_len)
}

fn within(frame: &FrameRef, from: u64, until: u64) -> bool {
    frame.position >= from && frame.position + u64::from(frame.frame_len) <= until
}

pub(crate) fn number(raw: &[u8]) -> Option<u64> {
    raw.try_into().map(u64::from_be_bytes).ok()
}

type Writes = Vec<(Bytes, Option<Bytes>)>;

/// The number of records of a frame, and its writes.
fn decoded(header: &Header, bodies: &Bytes) -> Option<(u64, Writes)> {
    let (mut records, mut writes) = (0, Vec::new());
    let mut rest = bodies.clone();
    for head in &header.heads {
        let mut part = rest.split_to(usize::try_from(head.len).ok()?);
        match head.kind {
            // Its checksum is right; whether it opens only its key can say.
            PartKind::Records if is_encrypted(&part) => records += u64::from(head.count),
            // Filling.
            PartKind::Records if head.count == 0 => {}
            PartKind::Records => {
                for _ in 0..head.count {
                    encode::take_record(&mut part)?;
                }
                records += u64::from(head.count);
                if !part.is_empty() {
                    return None;
                }
            }
            PartKind::Writes => {
                while !part.is_empty() {
                    let write = encode::take_write(&mut part)?;
                    writes.push((write.key, write.value));
                }
            }
        }
    }
    Some((records, writes))
}
