//! Carrying forward: view entries whose newest value lies in a segment that is about to go are placed again at the end
//! of the log, at a bounded rate. The log alone therefore always suffices to rebuild the view.
//!
//! Deletions need not move: whatever they delete lies before them and goes first.

use std::{io, time::Duration};

use model::ViewWrite;

use crate::{
    append::{commit::Commit, queue},
    clean::{Cleaner, Dead},
    errors::Refused,
    layout::{encode, frame::PartKind, frames::Frames},
    limits::{CARRY_BYTES_MAX, CARRY_BYTES_PER_SECOND_MAX, CARRY_PAUSE_MAX, CARRY_WRITES_MAX},
};

/// Entries that move together.
#[derive(Debug, Default)]
struct Load {
    writes: Vec<ViewWrite>,
    bytes: usize,
}

impl Load {
    fn has_room_for(&self, write: &ViewWrite) -> bool {
        self.writes.is_empty()
            || (self.writes.len() < CARRY_WRITES_MAX
                && self.bytes + encode::write_len(write) <= CARRY_BYTES_MAX)
    }

    fn push(&mut self, write: ViewWrite) {
        self.bytes += encode::write_len(&write);
        self.writes.push(write);
    }
}

impl Cleaner {
    /// Bytes that would have to move before the segment can go.
    pub(crate) fn live_bytes(&self, dead: &Dead) -> io::Result<u64> {
        let mut live = 0;
        let mut frames = Frames::sparsely(&dead.segment);
        let mut position = dead.segment.base;
        while position < dead.end {
            let (next, writes) = self.live_writes(&mut frames, position)?;
            live += writes.iter().map(encode::write_len).sum::<usize>() as u64;
            position = next;
        }
        Ok(live)
    }

    /// Moves everything that lives in the segment. `None` when the log stops meanwhile.
    pub(crate) async fn carry(&self, dead: &Dead) -> io::Result<Option<()>> {
        let mut load = Load::default();
        let mut frames = Frames::sparsely(&dead.segment);
        let mut position = dead.segment.base;
        while position < dead.end {
            let (next, writes) = self.live_writes(&mut frames, position)?;
            for write in writes {
                if !load.has_room_for(&write)
                    && self.place(std::mem::take(&mut load), None).await?.is_none()
                {
                    return Ok(None);
                }
                load.push(write);
            }
            position = next;
        }
        self.place(load, None).await
    }

    /// Says that the log begins behind the segment from now on.
    pub(crate) async fn begin_behind(&self, dead: &Dead) -> io::Result<Option<()>> {
        self.place(self.counters(), Some(dead.end)).await
    }

    /// Where the next frame begins, and the writes of this one that the view still points to.
    fn live_writes(
        &self,
        frames: &mut Frames<'_>,
        position: u64,
    ) -> io::Result<(u64, Vec<ViewWrite>)> {
        let undecodable = || damaged(position);
        let header = frames.header_at(position)?.ok_or_else(undecodable)?;
        let mut live = Vec::new();
        if !header
            .heads
            .iter()
            .any(|head| head.kind == PartKind::Writes)
        {
            return Ok((header.end(), live));
        }
        let (_, mut rest) = frames.at(position)?.ok_or_else(undecodable)?;
        for head in &header.heads {
            let mut part = rest.split_to(usize::try_from(head.len).map_err(io::Error::other)?);
            while head.kind == PartKind::Writes && !part.is_empty() {
                let write = encode::take_write(&mut part).ok_or_else(undecodable)?;
                let newest = self.claim.view.get(&write.key).map_err(io::Error::other)?;
                let newest = newest.filter(|entry| entry.position == position);
                if newest.is_some_and(|entry| entry.value == write.value) {
                    live.push(write);
                }
            }
        }
        Ok((header.end(), live))
    }

    /// Places writes of the cleaner's own; durable and applied when it returns. `None` when the log stops meanwhile.
    pub(crate) async fn place_writes(&self, writes: Vec<ViewWrite>) -> io::Result<Option<()>> {
        let mut load = Load::default();
        for write in writes {
            load.push(write);
        }
        self.place(load, None).await
    }

    /// Places what nobody has written since, waits until it is durable and applied, then rests. Only the cleaner applies,
    /// so an entry that the overlay does not know is still the one that was read from the view. `begins` is where the log
    /// begins from now on: whoever misses what was before knows that it went as it should.
    async fn place(&self, load: Load, begins: Option<u64>) -> io::Result<Option<()>> {
        if load.writes.is_empty() && begins.is_none() {
            return Ok(Some(()));
        }
        let placed = {
            let mut state = self.shared.state();
            let mut writes = load.writes;
            writes.retain(|write| state.overlay.get(&write.key).is_none());
            writes.extend(begins.map(queue::begins_write));
            let commit = Commit {
                writes,
                ..Commit::default()
            };
            let wall = self.shared.platform.clock.wall();
            queue::encode(commit, &self.shared.keyring)
                .and_then(|encoded| state.place(encoded.urgent(), wall, None))
        };
        self.shared.placed.notify_one();
        let at = match placed {
            Ok(placed) => placed.at.0,
            Err(Refused::Stopped(_)) => return Ok(None),
            Err(other) => return Err(io::Error::other(other)),
        };
        if self.shared.durable(at).await.is_err() {
            return Ok(None);
        }
        self.shared.apply(&self.claim)?;
        self.shared.platform.clock.sleep(rest(load.bytes)).await;
        Ok(Some(()))
    }

    /// Counters are known from the records, so they must outlive them.
    fn counters(&self) -> Load {
        let mut load = Load::default();
        for write in self.shared.state().counter_writes() {
            load.push(write);
        }
        load
    }
}

/// The pause that keeps the rate.
fn rest(bytes: usize) -> Duration {
    let nanos = (bytes as u64).saturating_mul(1_000_000_000) / CARRY_BYTES_PER_SECOND_MAX;
    Duration::from_nanos(nanos).min(CARRY_PAUSE_MAX)
}

fn damaged(position: u64) -> io::Error {
    io::Error::other(format!("the frame at log position {position} is damaged"))
}
