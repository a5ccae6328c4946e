//! Records that the stream is about to lose while their shard cannot go on: they become dead letters, whole, as long as
//! there is room for them.
//!
//! A shard that works handles what it has at hand, however old that is. One that is paused or disabled, waits through an
//! outage, backs off or is blocked looks from time to time whether retention takes its oldest records before it looks again,
//! and so does one that is too slow to read them in time. What was lost all the same, because the store is full or nothing
//! ran, is counted when that shows, and an entry names where it lay.

use std::time::Duration;

use super::*;
use crate::{
    dead_letters::{Gap, gap_entry},
    limits::{RESCUE_AHEAD_MAX, RESCUE_LOOK_MIN},
    settle::{Origin, lost_soon},
};

/// So many times within a retention there is a look.
const LOOKS: u32 = 20;
/// What an entry takes besides data, and how much longer data get as text.
const ENTRY_BYTES: usize = 1_024;
const AS_TEXT: usize = 2;

impl ShardTask {
    /// How long before its end a record is given up; None where nobody knows how long records are kept.
    fn rescue_ahead(&self) -> Option<(Duration, Duration)> {
        let retention = self.rooms.source.retention(&self.settings.stream)?;
        Some((retention, (retention / LOOKS).min(RESCUE_AHEAD_MAX)))
    }

    pub(super) fn rescue_is_due(&self, now: Timestamp) -> bool {
        now >= self.rescues_at
    }

    /// When a shard that stands has to look again.
    pub(super) fn looks_for_lost_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.rescue_ahead()?;
        Some(self.rescues_at.max(now.plus(RESCUE_LOOK_MIN)))
    }

    /// Gives up what is lost before the next look. `stands`: nothing of the shard is run now.
    pub(super) async fn rescue(&mut self, stands: bool, stop: &StopToken) -> Result<(), Halt> {
        let now = self.now();
        let Some((retention, ahead)) = self.rescue_ahead() else {
            self.rescues_at = now.plus(RESCUE_AHEAD_MAX);
            return Ok(());
        };
        let before = now.minus(retention.saturating_sub(ahead));
        let stands = stands || self.breaker.holds(now).is_some();
        while !stop.is_stopped() {
            if let Some((lane, settlement)) = self.lost_of_works(before, now, stands) {
                if !self.has_room_to_rescue(&settlement)? {
                    break;
                }
                self.rescued(lane, settlement, stop).await?;
            } else if !stands {
                break;
            } else if let Some((lane, work)) = self.lost_of_batches(before, now) {
                self.ledger.begin(lane, work);
            } else if self.ledger.has_no_works() && self.unread_is_lost(before, stop).await? {
                self.read(stop).await?;
            } else {
                break;
            }
        }
        let is_outrun = !stands && !self.at_tip && self.unread_is_lost(before, stop).await?;
        self.gives_up_before = is_outrun.then_some(before);
        self.rescues_at = now.plus((ahead / 2).max(RESCUE_LOOK_MIN));
        Ok(())
    }

    /// Leading records of a work that is run next, while the shard is slower than its records expire.
    pub(super) fn outrun(&self, work: &Work) -> Result<Option<Settlement>, Halt> {
        let before = self
            .gives_up_before
            .filter(|_| work.origin == Origin::Shard);
        let Some(settlement) = before.and_then(|before| lost_soon(work.clone(), before)) else {
            return Ok(None);
        };
        let has_room = self.has_room_to_rescue(&settlement)?;
        Ok(has_room.then_some(settlement))
    }

    pub(super) async fn rescued(
        &mut self,
        lane: LaneId,
        settlement: Settlement,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let records: usize = settlement.dead.iter().map(|dead| dead.records.len()).sum();
        let (trigger, shard) = (&self.settings.name, self.shard.id);
        warn!(%trigger, %shard, records, "records expire unhandled and become dead letters");
        self.counters.retention_expired += u64::try_from(records).unwrap_or(u64::MAX);
        self.write_quietly(lane, settlement, stop).await
    }

    /// Counts what a page shows to be lost, and names it where there is room.
    pub(super) async fn account_for(
        &mut self,
        from: ReadFrom,
        page: &Page,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let (after, known) = match from {
            ReadFrom::After(at) => (at, 0),
            // Reading begins at the last record that was settled.
            ReadFrom::At(at) => (
                at,
                u64::from(self.floor.is_some_and(|it| it.sequence == at)),
            ),
            ReadFrom::Oldest | ReadFrom::Latest | ReadFrom::Arrived(_) => return Ok(()),
        };
        let lost = page.lost.saturating_sub(known);
        if lost == 0 {
            return Ok(());
        }
        let (trigger, shard) = (&self.settings.name, self.shard.id);
        warn!(%trigger, %shard, records = lost, %after, "records expired before they were read");
        self.counters.lost_unread += lost;
        self.counters.lost_to_retention += lost;
        if !self.stores.dead_letters.has_room_for(wide(ENTRY_BYTES))? {
            return Ok(());
        }
        let gap = Gap {
            records: lost,
            after,
            before: page.records.first().map(|record| record.sequence),
        };
        let (key, token) = (&self.holder.key, self.holder.token());
        let effects = Transaction {
            writes: vec![gap_entry(gap, key, token, self.now())],
            ..Transaction::default()
        };
        self.commit(Vec::new(), 0, effects, stop).await
    }

    /// Leading records of a work that waits.
    fn lost_of_works(
        &self,
        before: Timestamp,
        now: Timestamp,
        stands: bool,
    ) -> Option<(LaneId, Settlement)> {
        let age = self.settings.retry.age;
        let waits = |work: &Work| match work.mode {
            Mode::Blocked | Mode::NoRoom => true,
            Mode::Together | Mode::Prefix(_) | Mode::Oversized | Mode::Aside => {
                stands || work.until(age) > now
            }
        };
        let mut fronts = self.ledger.fronts();
        fronts.find_map(|(lane, work)| {
            let of_shard = work.origin == Origin::Shard && !self.flights.has(lane);
            let settlement = (of_shard && waits(work)).then(|| lost_soon(work.clone(), before));
            Some((lane, settlement??))
        })
    }

    /// A batch that nobody began.
    fn lost_of_batches(&mut self, before: Timestamp, now: Timestamp) -> Option<(LaneId, Work)> {
        let lost = |batcher: &Batcher| batcher.first_arrived().is_some_and(|at| at < before);
        let batchers = self.batchers.iter();
        let mut old = batchers
            .filter(|(lane, batcher)| self.is_free(**lane) && lost(batcher))
            .filter(|(_, batcher)| self.is_turn_of(batcher.windows().next()));
        let lane = old.next().map(|(lane, _)| *lane)?;
        let batch = self.batchers.get_mut(&lane)?.close_now()?;
        Some((lane, self.work_of(batch, now)))
    }

    /// Whether the next record that was not read is lost; it stays unread.
    async fn unread_is_lost(&mut self, before: Timestamp, stop: &StopToken) -> Result<bool, Halt> {
        if self.ended {
            return Ok(false);
        }
        let limit = ReadLimit {
            records: 1,
            bytes: PAGE_BYTES_MAX,
        };
        let stream = &self.settings.stream;
        let source = &self.rooms.source;
        let page = source.read(stream, self.shard.id, self.reader, limit);
        let page = page.await?;
        let first = page.records.first();
        if page.lost > 0 {
            self.account_for(self.reader, &page, stop).await?;
            self.reader = first.map_or(page.next, |first| ReadFrom::At(first.sequence));
        }
        Ok(first.is_some_and(|record| record.arrived < before))
    }

    fn has_room_to_rescue(&self, settlement: &Settlement) -> Result<bool, Halt> {
        let records = settlement.dead.iter().flat_map(|dead| &dead.records);
        let bytes: usize = records
            .map(|record| ENTRY_BYTES + AS_TEXT * record.data.len())
            .sum();
        let bytes = wide(bytes);
        Ok(self.stores.dead_letters.has_room_for(bytes)?)
    }
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
