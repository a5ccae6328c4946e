//! The committer: takes everything that waits, writes it once, syncs it once, makes it visible, wakes everybody.
//!
//! One group is in flight at a time; batching comes from what arrives meanwhile. It never retries: after the first
//! failed write or sync the kernel may have dropped our pages, so the log stops and only recovery knows the truth.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use bytes::Bytes;
use model::{ShardSlot, Timestamp};
use platform::{NotDurable, is_full};
use tracing::warn;

use crate::{
    append::{
        durability::{Durability, Unsynced},
        queue::{State, Waiting, slot_of},
    },
    layout::{
        frame::{Header, PartKind, zeroes},
        segment::Segment,
    },
    limits::{
        FREE_SPACE_CHECK_BYTES_MAX, FULL_DISK_RETRY_PAUSE, GROUP_BYTES_MAX, GROUP_FRAMES_MAX,
        ROUNDS_PER_SEGMENT,
    },
    read::index::{FrameRef, Shard},
    shared::{Claim, EndsOnPanic, Shared},
};

#[derive(Debug)]
pub(crate) struct Committer {
    pub shared: Arc<Shared>,
    pub _claim: Arc<Claim>,
    pub active: Option<Arc<Segment>>,
    pub log_id: u128,
    /// Position of the first frame of the last commit that was synced.
    pub previous: u64,
    pub unsynced: Option<Unsynced>,
    pub unchecked_bytes: u64,
    /// Published since the background part was last told.
    pub untold_bytes: u64,
}

impl Committer {
    pub(crate) async fn run(mut self) {
        let _guard = EndsOnPanic(Arc::clone(&self.shared));
        loop {
            let group = self.take_group();
            if group.is_empty() {
                match self.idle().await {
                    Ok(true) => continue,
                    Ok(false) => return,
                    Err(failure) => return self.shared.poison(&failure.to_string()),
                }
            }
            if let Err(failure) = self.commit(group).await {
                self.shared.poison(&failure.to_string());
                return;
            }
        }
    }

    /// Waits for work, and syncs in time what was written without; `false` when the log ends.
    async fn idle(&mut self) -> io::Result<bool> {
        if self.shared.ends() {
            self.sync_written().await?;
            return Ok(false);
        }
        let clock = &self.shared.platform.clock;
        let now = clock.monotonic().0;
        let patience = self.unsynced.and_then(|unsynced| unsynced.patience(now));
        let more = self.shared.placed.notified();
        match patience {
            None => more.await,
            Some(patience) => {
                if clock.timeout(patience, more).await.is_err() {
                    self.sync_written().await?;
                }
            }
        }
        Ok(true)
    }

    /// Syncs what is written but not synced.
    async fn sync_written(&mut self) -> io::Result<()> {
        if let (Some(unsynced), Some(active)) = (self.unsynced, &self.active) {
            active.file.sync_data().await?;
            self.previous = unsynced.commit;
            self.unsynced = None;
            {
                let mut state = self.shared.state();
                state.synced = state.durable;
                state.syncs += 1;
            }
            self.shared.applied.notify_one();
        }
        Ok(())
    }

    /// Frames of one segment, within the limits of one write.
    fn take_group(&self) -> Vec<Waiting> {
        let mut state = self.shared.state();
        let mut group: Vec<Waiting> = Vec::new();
        let mut bytes = 0;
        while let Some(front) = state.waiting.front() {
            let over = bytes >= GROUP_BYTES_MAX || group.len() >= GROUP_FRAMES_MAX;
            if !group.is_empty() && (front.new_segment || over) {
                break;
            }
            bytes += front.header.body_len;
            group.extend(state.waiting.pop_front());
        }
        group
    }

    async fn commit(&mut self, mut group: Vec<Waiting>) -> io::Result<()> {
        let first = group[0].header.position;
        let segment = match &self.active {
            Some(active) if !group[0].new_segment => Arc::clone(active),
            Some(_) | None => loop {
                match self.next_segment(first).await {
                    Err(error) => self.wait_for_room(error).await?,
                    Ok(segment) => break segment,
                }
            },
        };
        let span = self.span(&group, first);
        let bufs = seal_group(&mut group, &span, &segment);
        let now = self.shared.platform.clock.monotonic().0;
        let synced = span.patience(now) == Some(Duration::ZERO);
        // What did not get its room was not written, so writing it again is no retry of a failed sync.
        while let Err(failed) = write(&segment, &bufs, segment.offset(first), synced).await {
            match failed {
                NotDurable::Write(error) => self.wait_for_room(error).await?,
                NotDurable::Sync(error) => return Err(error),
            }
        }
        self.unsynced = (!synced).then_some(span);
        if synced {
            self.previous = span.commit;
        }
        self.publish(group, &segment, synced);
        self.check_space(bufs.iter().map(|buf| buf.len() as u64).sum())
            .await
    }

    /// What this group belongs to: the unsynced before it, if there is some.
    fn span(&self, group: &[Waiting], first: u64) -> Unsynced {
        let asked = group.iter().map(|waiting| waiting.durability);
        let asked = asked.reduce(Durability::strictest).unwrap_or_default();
        let bytes = group.iter().map(|waiting| waiting.header.disk_len()).sum();
        match self.unsynced {
            Some(before) => Unsynced {
                bytes: before.bytes + bytes,
                asked: before.asked.strictest(asked),
                ..before
            },
            None => Unsynced {
                commit: first,
                previous: self.previous,
                bytes,
                since: self.shared.platform.clock.monotonic().0,
                asked,
            },
        }
    }

    async fn next_segment(&mut self, base: u64) -> io::Result<Arc<Segment>> {
        // A full segment is synced as a whole.
        self.sync_written().await?;
        let (platform, dir) = (&self.shared.platform, self.shared.log_dir());
        let spare = self.shared.state().take_spare();
        let segment = match spare {
            Some(spare) => Segment::reuse(platform, &dir, &spare, base, self.log_id).await?,
            None => Segment::create(platform, &dir, base, self.log_id).await?,
        };
        let segment = Arc::new(segment);
        let full = self.active.replace(Arc::clone(&segment));
        {
            let mut state = self.shared.state();
            state.segments.insert(base, Arc::clone(&segment));
            if let Some(full) = full {
                state.last_commits.insert(full.base, self.previous);
            }
        }
        self.shared.applied.notify_one();
        Ok(segment)
    }

    /// On a full disk: puts are refused from now on, and what is placed already waits until something is freed.
    async fn wait_for_room(&self, error: io::Error) -> io::Result<()> {
        if !is_full(error.kind()) || self.shared.ends() {
            return Err(error);
        }
        let was_full = std::mem::replace(&mut self.shared.state().full, true);
        if !was_full {
            warn!("the disk is full: puts are refused until something is freed");
        }
        self.shared.applied.notify_one();
        let clock = &self.shared.platform.clock;
        clock.sleep(FULL_DISK_RETRY_PAUSE).await;
        Ok(())
    }

    fn publish(&mut self, group: Vec<Waiting>, segment: &Segment, synced: bool) {
        let mut reached = 0;
        let tells = self.tells(&group);
        let mut touched = BTreeMap::new();
        let shed = {
            let mut state = self.shared.state();
            for waiting in &group {
                reached = waiting.header.end();
                index_frame(&mut state, &waiting.header, segment.base, &mut touched);
                let bodies = waiting.bodies.clone();
                state.tail.add(waiting.header.position, bodies);
            }
            state.durable = reached;
            if synced {
                state.synced = reached;
                state.syncs += 1;
            }
            for (slot, end) in touched {
                if let Some(shard) = state.shards.get(&slot) {
                    shard.tail.send_replace(end);
                }
            }
            state.tail.shed()
        };
        let wakes = self.shared.progress().reach(reached);
        wakes.send();
        drop((group, shed));
        if tells {
            self.shared.applied.notify_one();
        }
    }

    /// Whether the background part has something to do: writes for the view, or perhaps a spare to prepare.
    fn tells(&mut self, group: &[Waiting]) -> bool {
        let bytes = group.iter().map(|waiting| waiting.header.disk_len());
        self.untold_bytes += bytes.sum::<u64>();
        let mut heads = group.iter().flat_map(|waiting| &waiting.header.heads);
        let often = self.shared.settings.segment_bytes / ROUNDS_PER_SEGMENT;
        let tells = self.untold_bytes >= often || heads.any(|head| head.kind == PartKind::Writes);
        if tells {
            self.untold_bytes = 0;
        }
        tells
    }

    async fn check_space(&mut self, written: u64) -> io::Result<()> {
        self.unchecked_bytes += written;
        let was_full = self.shared.state().full;
        let often = self.shared.settings.segment_bytes / 4;
        if self.unchecked_bytes >= often.min(FREE_SPACE_CHECK_BYTES_MAX) || was_full {
            self.unchecked_bytes = 0;
            self.shared.measure_space().await?;
        }
        Ok(())
    }
}

/// The frames as they go to disk, now that their commit is known.
fn seal_group(group: &mut [Waiting], span: &Unsynced, segment: &Segment) -> Vec<Bytes> {
    let mut bufs = Vec::with_capacity(group.len() * 4);
    for waiting in group {
        let header = &mut waiting.header;
        (header.commit, header.previous) = (span.commit, span.previous);
        let sealed = Bytes::from(header.encode(segment.seal(header.position)));
        let len = (sealed.len() + header.body_len) as u64;
        let padding = zeroes(header.disk_len() - len);
        bufs.extend([
            sealed,
            waiting.bodies.clone(),
            waiting.last.clone(),
            padding,
        ]);
    }
    bufs.retain(|buf| !buf.is_empty());
    bufs
}

async fn write(
    segment: &Segment,
    bufs: &[Bytes],
    offset: u64,
    synced: bool,
) -> Result<(), NotDurable> {
    if synced {
        return segment.file.write_durably(bufs, offset).await;
    }
    let written = segment.file.write_all_at(bufs, offset).await;
    written.map_err(NotDurable::Write)
}

/// Makes the records of a durable frame findable; `touched` gets the new end of each shard.
pub(crate) fn index_frame(
    state: &mut State,
    header: &Header,
    segment: u64,
    touched: &mut BTreeMap<ShardSlot, u64>,
) {
    for (slot, frame) in frame_refs(header, segment) {
        let shard = state.shards.entry(slot).or_insert_with(Shard::new);
        shard.push(frame);
        touched.insert(slot, shard.end);
        *state.live.entry(segment).or_default() += 1;
    }
}

/// Where a frame holds records: of which shard, under which counter, and where.
pub(crate) fn frame_refs(
    header: &Header,
    segment: u64,
) -> impl Iterator<Item = (ShardSlot, FrameRef)> + '_ {
    let mut part_at = 0;
    header.heads.iter().filter_map(move |head| {
        let at = part_at;
        part_at += head.len;
        let frame = FrameRef {
            first_index: head.first_index,
            count: head.count,
            arrived: Timestamp::from_millis(header.arrived_ms),
            position: header.position,
            frame_len: u32::try_from(header.disk_len()).unwrap_or(u32::MAX),
            segment,
            part_at: at,
            part_len: head.len,
        };
        let holds = head.kind == PartKind::Records && head.count > 0;
        holds.then(|| (slot_of(head), frame))
    })
}
