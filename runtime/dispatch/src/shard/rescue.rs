//! Records that the stream is about to lose while their shard cannot go on: they become dead letters, whole, as long as
//! there is room for them.
//!
//! A shard that works handles what it has at hand, however old that is; what failed and is gone from the stream is not tried
//! again. One that is paused or disabled, waits through an
//! outage, backs off or is blocked looks from time to time whether retention takes its oldest records before it looks again,
//! and so does one that is too slow to read them in time. What was lost all the same, because the store is full or nothing
//! ran, is counted when that shows, and an entry without records names where it lay, where there is room for one.

use std::time::Duration;

use super::*;
use crate::{
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

    /// What arrived before is gone from the stream.
    fn expired_before(&self) -> Option<Timestamp> {
        let retention = self.rooms.source.retention(&self.settings.stream)?;
        Some(self.now().minus(retention))
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
                self.give_up_old(lane, settlement, stop).await?;
            } else if !stands {
                break;
            } else if let Some((lane, work)) = self.lost_of_batches(before, now) {
                self.ledger.begin(lane, work);
            } else if self.ledger.has_no_works() && self.unread_is_lost(before).await? {
                self.read().await?;
            } else {
                break;
            }
        }
        let may_have_more = stands || !self.at_tip;
        let outrun = may_have_more && self.unread_is_lost(before).await?;
        self.gives_up_before = (outrun && !stands).then_some(before);
        self.rescues_at = now.plus((ahead / 2).max(RESCUE_LOOK_MIN));
        Ok(())
    }

    /// What of a work that is about to be run is given up: because the shard is slower than its records expire, or because
    /// they are gone from the stream and were tried before (RT-5).
    pub(super) fn outrun(&self, work: &Work) -> Result<Option<Settlement>, Halt> {
        let expired = (work.attempts > 0).then(|| self.expired_before()).flatten();
        let before = self.gives_up_before.max(expired);
        let Some(before) = before.filter(|_| work.origin == Origin::Shard) else {
            return Ok(None);
        };
        let Some(settlement) = lost_soon(work.clone(), before) else {
            return Ok(None);
        };
        let has_room = self.has_room_to_rescue(&settlement)?;
        Ok(has_room.then_some(settlement))
    }

    pub(super) async fn give_up_old(
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

    /// Writes what was lost, with the row that says so.
    pub(super) async fn name_losses(&mut self, stop: &StopToken) -> Result<(), Halt> {
        self.commit(Vec::new(), 0, Transaction::default(), stop)
            .await
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

    /// Whether the next record that was not read is lost soon; it stays unread. What is lost already is counted.
    async fn unread_is_lost(&mut self, before: Timestamp) -> Result<bool, Halt> {
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
        if page.records_before.is_some() {
            self.reach(&page);
            self.reader = first.map_or(page.next, |first| ReadFrom::At(first.sequence));
        }
        Ok(first.is_some_and(|record| record.arrived < before))
    }

    fn has_room_to_rescue(&self, settlement: &Settlement) -> Result<bool, Halt> {
        let records = settlement.dead.iter().flat_map(|dead| &dead.records);
        let bytes: usize = records
            .map(|record| ENTRY_BYTES + AS_TEXT * record.data.len())
            .sum();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Ok(self.stores.dead_letters.has_room_for(bytes)?)
    }
}
