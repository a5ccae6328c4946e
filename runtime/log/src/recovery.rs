//! What the disk really holds: every segment is scanned, every checksum and the chain of commits compared.
//!
//! An invalid frame at the very end, with no trace of a later commit behind it, is a write that was never acknowledged:
//! it is left behind and a new segment begins. Anything else that does not fit is damage, and nothing is opened.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use model::{FencingToken, LeaseSlot, Timestamp, keys};
use platform::{OpenMode, Platform};

use crate::{
    Recovered, Settings,
    committer::index_frame,
    encode,
    errors::OpenError,
    frame::{HEAD_BYTES, HEADER_BYTES, Header, PartKind, Seal, crc_of},
    limits::{UNCLEAN_JUMP_INDEXES, VIEW_BATCH_WRITES_MAX},
    queue::State,
    segment::{SEGMENT_HEADER_BYTES, Segment, base_of},
    view::{Entry, View, ViewFailed},
};

/// A log ready to be written again.
#[derive(Debug)]
pub(crate) struct Found {
    pub state: State,
    pub active: Option<Arc<Segment>>,
    pub log_id: u128,
    pub previous: u64,
    pub recovered: Recovered,
}

/// Scans `dir/log`; `clean_end` is where the last run stopped cleanly, if it did.
pub(crate) async fn recover(
    platform: &Platform,
    dir: &Path,
    settings: &Settings,
    view: &dyn View,
    clean_end: Option<u64>,
) -> Result<Found, OpenError> {
    let log_dir = dir.join("log");
    let mut scan = Scan {
        view,
        state: State {
            segment_bytes: settings.segment_bytes,
            ..State::default()
        },
        last_commit: None,
        batch: Vec::new(),
        recovered: Recovered {
            clean: clean_end.is_some(),
            ..Recovered::default()
        },
    };
    let segments = open_segments(platform, &log_dir).await?;
    let begins = segments.first().map_or(0, |first| first.base);
    if (1..begins).contains(&view.applied()) {
        return Err(OpenError::View("it is older than the log".to_owned()));
    }
    for (at, segment) in segments.iter().enumerate() {
        let expected = segments.get(at + 1).map(|next| next.base).or(clean_end);
        scan.segment(segment, expected).await?;
    }
    if segments.is_empty() && clean_end.is_some_and(|end| end > 0) {
        return Err(damaged(&log_dir, 0, "the segments are missing"));
    }
    scan.apply().map_err(|failure| OpenError::View(failure.0))?;
    if view.applied() > scan.state.next {
        return Err(OpenError::View("it is ahead of the log".to_owned()));
    }
    let mut active = None;
    if let Some(last) = segments.last() {
        if clean_end.is_some() {
            let used = last.offset(scan.state.next);
            scan.state.room = settings.segment_bytes.saturating_sub(used);
            active = Some(Arc::clone(last));
        } else if scan.state.next == last.base {
            platform.disk.remove_file(&last.path).await?;
            platform.disk.sync_dir(&log_dir).await?;
            scan.state.segments.remove(&last.base);
        } else {
            // What we just read may be in the page cache alone.
            last.file.sync_data().await?;
        }
    }
    scan.restore()
        .map_err(|failure| OpenError::View(failure.0))?;
    let log_id = segments.first().map_or_else(
        || u128::from(platform.rng.u64()) << 64 | u128::from(platform.rng.u64()),
        |first| first.log_id,
    );
    Ok(Found {
        active,
        log_id,
        previous: scan.last_commit.unwrap_or_default(),
        recovered: scan.recovered,
        state: scan.state,
    })
}

fn damaged(path: &Path, offset: u64, what: &str) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        offset,
        what: what.to_owned(),
    }
}

/// In log order. A last file whose header never became durable holds nothing and is removed.
async fn open_segments(platform: &Platform, dir: &Path) -> Result<Vec<Arc<Segment>>, OpenError> {
    let mut bases: Vec<(u64, PathBuf)> = Vec::new();
    for name in platform.disk.list(dir).await? {
        bases.extend(base_of(&name).map(|base| (base, dir.join(name))));
    }
    bases.sort();
    let last = bases.last().map(|(base, _)| *base);
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for (base, path) in bases {
        let file = platform.disk.open(&path, OpenMode::ReadWrite).await?;
        let header_len = usize::try_from(SEGMENT_HEADER_BYTES).map_err(io::Error::other)?;
        let header = file.read_at(header_len, 0).await?;
        let len = file.len().await?;
        let Some(segment) = Segment::parse(base, path.clone(), file, &header) else {
            if Some(base) == last && len <= SEGMENT_HEADER_BYTES {
                platform.disk.remove_file(&path).await?;
                platform.disk.sync_dir(dir).await?;
                continue;
            }
            return Err(damaged(&path, 0, "the segment header is invalid"));
        };
        if segments
            .first()
            .is_some_and(|first| first.log_id != segment.log_id)
        {
            return Err(damaged(&path, 12, "the segment belongs to another log"));
        }
        segments.push(Arc::new(segment));
    }
    Ok(segments)
}

#[derive(Debug)]
struct Scan<'a> {
    view: &'a dyn View,
    state: State,
    last_commit: Option<u64>,
    batch: Vec<(Bytes, Entry)>,
    recovered: Recovered,
}

impl Scan<'_> {
    /// `expected` is where this segment must end: the next one's base, or the clean end.
    async fn segment(
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
        let bytes = segment.read_all().await?;
        while Some(self.state.next) != expected {
            let offset = segment.offset(self.state.next);
            let Some((header, bodies)) = frame_at(&bytes, segment.seal(self.state.next)) else {
                if expected.is_some() {
                    return Err(damaged(
                        &segment.path,
                        offset,
                        "an acknowledged frame is invalid",
                    ));
                }
                return self.torn(segment, &bytes, offset);
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
    fn torn(&mut self, segment: &Segment, bytes: &Bytes, from: u64) -> Result<(), OpenError> {
        let start = usize::try_from(from).map_err(io::Error::other)?;
        for at in (start + 8..bytes.len()).step_by(8) {
            let offset = at as u64;
            let seal = Seal {
                salt: segment.salt,
                offset,
            };
            if Header::decode(&bytes[at..], seal)
                .is_some_and(|later| later.commit > self.state.next)
            {
                return Err(damaged(
                    &segment.path,
                    from,
                    "an acknowledged frame is invalid",
                ));
            }
        }
        self.recovered.torn_tail = start < bytes.len();
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
                PartKind::Writes if header.position >= self.view.applied() => {
                    while !part.is_empty() {
                        let write = encode::take_write(&mut part).ok_or(undecodable)?;
                        let entry = Entry {
                            position: header.position,
                            value: write.value,
                        };
                        self.batch.push((write.key, entry));
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
        self.state.arrived = self
            .state
            .arrived
            .max(Timestamp::from_millis(header.arrived_ms));
        if self.batch.len() >= VIEW_BATCH_WRITES_MAX {
            self.apply().map_err(|_| "the view cannot be written")?;
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), ViewFailed> {
        if !self.batch.is_empty() {
            self.view.apply(&self.batch, self.state.next)?;
            self.batch.clear();
        }
        Ok(())
    }

    /// Brings back what the log itself keeps in the view: tokens, counters, producers.
    fn restore(&mut self) -> Result<(), ViewFailed> {
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
            restored.ok_or_else(|| ViewFailed("a producer's answer does not decode".to_owned()))?;
        }
        if !self.recovered.clean {
            for next in self.state.counters.values_mut() {
                *next += UNCLEAN_JUMP_INDEXES;
            }
        }
        Ok(())
    }
}

fn number(raw: &[u8]) -> Result<u64, ViewFailed> {
    let wrong = |_| ViewFailed("a number does not have 8 bytes".to_owned());
    raw.try_into().map(u64::from_be_bytes).map_err(wrong)
}

/// The valid frame at a seal's offset of a segment's bytes, and its bodies.
pub(crate) fn frame_at(bytes: &Bytes, seal: Seal) -> Option<(Header, Bytes)> {
    let start = usize::try_from(seal.offset).ok()?;
    checked(&bytes.slice(start.min(bytes.len())..), seal)
}

/// The valid frame at the beginning of `bytes`, and its bodies.
pub(crate) fn checked(bytes: &Bytes, seal: Seal) -> Option<(Header, Bytes)> {
    let header = Header::decode(bytes, seal)?;
    let start = HEADER_BYTES + header.heads.len() * HEAD_BYTES;
    let end = start.checked_add(header.body_len)?;
    let bodies = (end <= bytes.len()).then(|| bytes.slice(start..end))?;
    (crc_of(&bodies) == header.body_crc).then_some((header, bodies))
}
