//! The background part: applies durable writes to the view and removes segments that hold nothing live.
//!
//! Before a segment goes, view entries whose newest value lies in it are placed again further on, the counters with
//! them, and the view is synced. The log alone therefore always suffices to rebuild the view.

use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use model::{ViewWrite, keys};
use tracing::debug;

use crate::{
    ViewKind,
    commit::Commit,
    committer::{Claim, Shared},
    encode,
    frame::PartKind,
    limits::{CARRY_WRITES_MAX, VIEW_BATCH_WRITES_MAX},
    queue,
    recovery::frame_at,
    segment::Segment,
};

#[derive(Debug)]
pub(crate) struct Cleaner {
    pub shared: Arc<Shared>,
    pub claim: Arc<Claim>,
}

impl Cleaner {
    pub(crate) async fn run(self) {
        loop {
            if let Err(failure) = self.round().await {
                self.shared.poison(&failure.to_string());
                return;
            }
            if self.shared.ends() {
                return;
            }
            self.shared.applied.notified().await;
        }
    }

    async fn round(&self) -> io::Result<()> {
        self.shared.apply(&self.claim)?;
        while let Some(segment) = self.oldest_dead() {
            if !self.remove(&segment).await? {
                break;
            }
        }
        Ok(())
    }

    /// The oldest segment, unless it is the last one or some record in it is unexpired.
    fn oldest_dead(&self) -> Option<Arc<Segment>> {
        let state = self.shared.state();
        let mut segments = state.segments.values();
        let (oldest, next) = (segments.next()?, segments.next()?);
        let dead = state.live.get(&oldest.base).copied().unwrap_or_default() == 0;
        let usable = state.stopped.is_none() && !state.stopping && state.durable > next.base;
        (dead && usable).then(|| Arc::clone(oldest))
    }

    /// Whether the segment is gone; not so when the log stops meanwhile.
    async fn remove(&self, segment: &Segment) -> io::Result<bool> {
        let written = written_keys(&self.shared, segment).await?;
        let mut at = self.shared.state().next;
        for chunk in written.chunks(CARRY_WRITES_MAX) {
            let Some(placed) = self.carry(segment, chunk)? else {
                return Ok(false);
            };
            at = placed;
            if self.shared.durable(at).await.is_err() {
                return Ok(false);
            }
        }
        let Some(placed) = self.carry_counters() else {
            return Ok(false);
        };
        if self.shared.durable(at.max(placed)).await.is_err() {
            return Ok(false);
        }
        self.shared.apply(&self.claim)?;
        self.shared.sync_view(&self.claim)?;
        let disk = &self.shared.platform.disk;
        disk.remove_file(&segment.path).await?;
        disk.sync_dir(&self.shared.dir.join("log")).await?;
        self.shared.state().segments.remove(&segment.base);
        self.shared.state().live.remove(&segment.base);
        self.shared.measure_space().await?;
        debug!(base = segment.base, "segment removed");
        Ok(true)
    }

    /// Places again those entries that nobody has written since; decided and placed under one lock.
    fn carry(&self, segment: &Segment, keys: &[Bytes]) -> io::Result<Option<u64>> {
        let mut state = self.shared.state();
        let next_base = state.segments.keys().nth(1).copied().unwrap_or(u64::MAX);
        let mut writes = Vec::new();
        for key in keys {
            let newest = match state.overlay.get(key) {
                Some(entry) => Some(entry.clone()),
                None => self.claim.view.get(key).map_err(io::Error::other)?,
            };
            if let Some(entry) = newest
                && (segment.base..next_base).contains(&entry.position)
                && entry.value.is_some()
            {
                let (key, value) = (key.clone(), entry.value);
                writes.push(ViewWrite { key, value });
            }
        }
        Ok(self.place(&mut state, writes))
    }

    fn carry_counters(&self) -> Option<u64> {
        let mut state = self.shared.state();
        let writes = state.counters.iter().map(|(counter, next)| {
            let mut key = keys::namespace(keys::Namespace::Counter).to_vec();
            key.extend_from_slice(&u64::from(*counter).to_be_bytes());
            ViewWrite {
                key: key.into(),
                value: Some(Bytes::copy_from_slice(&next.to_be_bytes())),
            }
        });
        let writes = writes.collect();
        self.place(&mut state, writes)
    }

    fn place(&self, state: &mut queue::State, writes: Vec<ViewWrite>) -> Option<u64> {
        let commit = Commit {
            writes,
            ..Commit::default()
        };
        let wall = self.shared.platform.clock.wall();
        let placed = queue::encode(commit).and_then(|encoded| state.place(encoded, wall, None));
        self.shared.placed.notify_one();
        placed.ok().map(|placed| placed.at.0)
    }
}

impl Shared {
    /// Moves everything durable from the overlay into the view.
    pub(crate) fn apply(&self, claim: &Claim) -> io::Result<()> {
        loop {
            let (batch, durable) = {
                let state = self.state();
                let batch = state.overlay.batch(state.durable, VIEW_BATCH_WRITES_MAX);
                (batch, state.durable)
            };
            let Some(batch) = batch else {
                if claim.view.applied() > durable {
                    return Err(io::Error::other("the view is ahead of the log"));
                }
                return Ok(());
            };
            claim
                .view
                .apply(&batch.entries, batch.applied)
                .map_err(io::Error::other)?;
            self.state().overlay.applied(&batch);
        }
    }

    /// Makes the view durable, up to what the log holds durably.
    pub(crate) fn sync_view(&self, claim: &Claim) -> io::Result<()> {
        let (durable, pending) = {
            let state = self.state();
            (
                state.durable,
                state.overlay.batch(state.durable, 1).is_some(),
            )
        };
        if !pending {
            claim.view.apply(&[], durable).map_err(io::Error::other)?;
        }
        claim.view.flush().map_err(io::Error::other)?;
        match self.settings.view {
            ViewKind::Sled => self.platform.disk.sync_tree(&view_dir(&self.dir)),
            ViewKind::Memory => Ok(()),
        }
    }
}

pub(crate) fn view_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("view")
}

/// Every key that some frame of the segment wrote.
async fn written_keys(shared: &Shared, segment: &Segment) -> io::Result<Vec<Bytes>> {
    let end = shared
        .state()
        .segments
        .keys()
        .nth(1)
        .copied()
        .unwrap_or(segment.base);
    let bytes = segment.read_all().await?;
    let mut position = segment.base;
    let mut keys = std::collections::BTreeSet::new();
    while position < end {
        let damaged =
            || io::Error::other(format!("the frame at log position {position} is damaged"));
        let (header, mut bodies) = frame_at(&bytes, segment.seal(position)).ok_or_else(damaged)?;
        for head in &header.heads {
            let mut part = bodies.split_to(usize::try_from(head.len).map_err(io::Error::other)?);
            while head.kind == PartKind::Writes && !part.is_empty() {
                keys.insert(encode::take_write(&mut part).ok_or_else(damaged)?.key);
            }
        }
        position = header.end();
    }
    Ok(keys.into_iter().collect())
}
