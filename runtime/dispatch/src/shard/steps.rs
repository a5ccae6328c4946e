//! What a shard does next: decided from what it has at hand, without waiting and without changing anything outside.
//!
//! Lanes that may move come first, the one with the oldest record before the others; then what needs no invocation; then
//! reading on. Where nothing can be done, the answer is what is waited for and the one reason to show.

use super::*;
use crate::{settings::CanaryBy, tumbling::InWindow};

/// What a shard does next.
#[derive(Debug)]
pub(super) enum Step {
    /// The front work of the lane is due.
    Turn(LaneId),
    /// A batch of the lane is complete.
    Begin(LaneId, Work),
    /// Only works that are set aside are left, and nothing is at hand to hold them against.
    GiveUpAside,
    /// A key that goes on, behind which nothing waits any more.
    Live(Bytes),
    /// Records that needed no invocation, up to here.
    Pass(Checkpoint),
    End,
    /// It is time to look for what retention is about to take.
    Rescue,
    Read,
    Wait(Wait),
}

#[derive(Debug)]
pub(super) struct Wait {
    pub(super) state: ShardState,
    pub(super) until: Option<Timestamp>,
    pub(super) listens: Listens,
}

/// What of the source is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listens {
    No,
    /// More in the shard.
    ForMore,
    /// That everything that has arrived can be read.
    ForArrivals,
}

impl ShardTask {
    pub(super) fn step(&mut self, now: Timestamp) -> Result<Step, Halt> {
        self.wanted = self.wanted_lanes();
        if self.lanes != self.wanted && self.ledger.open() == 0 {
            self.lanes = self.wanted;
            self.ledger.divide(self.lanes);
            self.batchers.clear();
        }
        if self.rescue_is_due(now) {
            return Ok(Step::Rescue);
        }
        if let Some((state, until)) = self.outage(now) {
            let looks_at = self.looks_for_lost_at(now);
            return Ok(Step::Wait(Wait {
                state,
                until: looks_at.into_iter().chain([until]).min(),
                listens: Listens::No,
            }));
        }
        if self.may_start() {
            self.look_elsewhere();
            if let Some(lane) = self.due(now) {
                return Ok(Step::Turn(lane));
            }
            if let Some(step) = self.caught_up_with()? {
                return Ok(step);
            }
            if let Some(step) = self.window_step(now)? {
                return Ok(step);
            }
            if let Some((lane, batch)) = self.next_batch(now) {
                return Ok(Step::Begin(lane, self.work_of(batch, now)));
            }
        }
        Ok(self.step_without_work(now))
    }

    /// How the shard is to be divided now: the keys of a canary have lanes of their own.
    fn wanted_lanes(&self) -> Lanes {
        let share = match self.settings.canary.by {
            CanaryBy::Key => self.rooms.handler.share(),
            CanaryBy::Batch => None,
        };
        self.settings.lanes.shared(share)
    }

    /// No lane can go on for now.
    fn step_without_work(&mut self, now: Timestamp) -> Step {
        let idle = self.flights.is_empty() && self.ledger.fronts().next().is_none();
        if idle && self.ledger.aside() > 0 && self.has_all_at_hand() {
            if !self.breaker.is_probing() {
                return Step::GiveUpAside;
            }
            self.breaker.look_at_the_oldest();
            self.ledger.acquit(|_| false);
            if let Some(lane) = self.due(now) {
                return Step::Turn(lane);
            }
        }
        if let Some(seen) = self.passed_over() {
            return Step::Pass(seen);
        }
        if idle && self.ended && self.ledger.open() == 0 {
            return Step::End;
        }
        let wants_more = !self.ended && !self.is_draining() && self.has_free_lane();
        if wants_more && !self.at_tip && self.has_room() {
            return Step::Read;
        }
        Step::Wait(self.wait(now, wants_more && self.at_tip))
    }

    /// A try of an open breaker is the only invocation of its shard.
    fn may_start(&self) -> bool {
        let running = self.flights.len();
        running < self.lanes.at_once() && (running == 0 || !self.breaker.is_probing())
    }

    /// The lane of the oldest work that may be run now.
    fn due(&self, now: Timestamp) -> Option<LaneId> {
        let age = self.settings.retry.age;
        let due = |(lane, work): &(LaneId, &Work)| {
            !self.flights.has(*lane) && work.mode != Mode::Blocked && work.until(age) <= now
        };
        let first = |(_, work): &(LaneId, &Work)| work.records.first().map(|r| r.position);
        let (lane, _) = self.ledger.fronts().filter(due).min_by_key(first)?;
        Some(lane)
    }

    fn next_batch(&mut self, now: Timestamp) -> Option<(LaneId, Batch)> {
        // Nothing will follow the last records of a closed shard, so their window need not be waited for.
        let now = if self.ended {
            Timestamp::from_millis(u64::MAX)
        } else {
            now
        };
        let nothing_more = self.has_all_at_hand();
        let horizon = self.ledger.horizon();
        let near = |at: Option<Position>| horizon.is_none_or(|horizon| at < Some(horizon));
        let batchers = self.batchers.iter();
        let ready = batchers
            .filter(|(lane, batcher)| self.is_free(**lane) && near(batcher.first()))
            .filter(|(_, batcher)| self.is_turn_of(batcher.windows().next()))
            .filter(|(_, batcher)| batcher.is_ready(now, nothing_more));
        let (lane, _) = ready.min_by_key(|(_, batcher)| batcher.first())?;
        let lane = *lane;
        let batcher = self.batchers.get_mut(&lane)?;
        let mut batch = batcher.next(now, nothing_more)?;
        if let Some(horizon) = horizon.filter(|_| !batch.oversized) {
            let near = |record: &UserRecord| record.position < horizon;
            let far = batch.records.partition_point(near);
            batcher.put_back(batch.records.split_off(far), batch.window);
        }
        let later = self.beside_state(&mut batch);
        let batcher = self.batchers.get_mut(&lane)?;
        batcher.put_back(later, batch.window);
        if batcher.is_empty() && matches!(self.lanes, Lanes::Keys(_)) {
            self.batchers.remove(&lane);
        }
        Some((lane, batch))
    }

    /// Nothing can join an open batch for now, and nothing comes that a record which fails could be held against.
    fn has_all_at_hand(&self) -> bool {
        self.at_tip || self.ended || self.is_draining() || !self.has_room()
    }

    /// What an earlier holder divided otherwise is settled before anything else is read.
    fn is_draining(&self) -> bool {
        let serves = self.windows.is_none() && self.lanes.serves(self.wanted);
        !serves && self.lanes != self.wanted
    }

    pub(super) fn is_free(&self, lane: LaneId) -> bool {
        !self.flights.has(lane) && self.ledger.front(lane).is_none()
    }

    /// Whether what is read next could be run at once.
    fn has_free_lane(&self) -> bool {
        match self.lanes.numbered() {
            Some(lanes) => (0..lanes).any(|lane| self.is_free(LaneId(lane))),
            None => self.flights.len() < self.lanes.at_once(),
        }
    }

    /// Whether a lane that stands still leaves room for what the others read ahead.
    fn has_room(&self) -> bool {
        let records = match self.lanes {
            Lanes::Hashed(0 | 1) => return true,
            Lanes::Hashed(_) | Lanes::Split { .. } => OPEN_RECORDS_MAX,
            Lanes::Keys(_) => OPEN_KEYS_MAX,
        };
        self.ledger.open() < records && self.ledger.open_bytes() < OPEN_BYTES_MAX
    }

    /// What was read, as long as none of it needs an invocation: nothing but strays, which become dead letters at once.
    fn passed_over(&self) -> Option<Checkpoint> {
        if !self.batchers.values().all(Batcher::is_empty) {
            return None;
        }
        let seen = Checkpoint::Settled(self.floor?);
        let useful = self.ledger.has_no_works() || !self.strays.is_empty();
        (useful && seen > self.ledger.through()).then_some(seen)
    }

    pub(super) fn work_of(&self, batch: Batch, now: Timestamp) -> Work {
        let window = batch.window.filter(|_| !batch.oversized);
        let window = window.map(|start| InWindow {
            start,
            part: self.part_of(start, now),
        });
        let mode = if batch.oversized {
            Mode::Oversized
        } else {
            Mode::Together
        };
        Work {
            mode,
            window,
            ..Work::new(batch.records)
        }
    }

    fn wait(&self, now: Timestamp, wants_more: bool) -> Wait {
        let age = self.settings.retry.age;
        let waiting = self.ledger.fronts();
        let waiting = waiting.filter(|(lane, _)| !self.flights.has(*lane));
        let (blocked, backing_off): (Vec<_>, Vec<_>) =
            waiting.partition(|(_, work)| work.mode == Mode::Blocked);
        let again = backing_off.iter().min_by_key(|(_, work)| work.until(age));
        let batchers = self.batchers.iter();
        let horizon = self.ledger.horizon();
        let near = |at: Option<Position>| horizon.is_none_or(|horizon| at < Some(horizon));
        let closing = batchers
            .filter(|(lane, batcher)| self.is_free(**lane) && near(batcher.first()))
            .filter(|(_, batcher)| self.is_turn_of(batcher.windows().next()));
        let closes_at = closing.filter_map(|(_, batcher)| batcher.closes_at()).min();
        let tries_at = again.map(|(_, work)| work.until(age));
        let state = if !self.flights.is_empty() {
            if self.flights.all_wait() {
                ShardState::WaitingForSlot
            } else {
                ShardState::Running
            }
        } else if backing_off
            .iter()
            .any(|(_, work)| work.mode == Mode::NoRoom)
        {
            ShardState::ParkFull {
                bytes: self.stores.parked.bytes().unwrap_or_default(),
                max: self.stores.parked.max(),
            }
        } else if let Some((lane, work)) = blocked.first() {
            ShardState::Blocked {
                record: work.records.first().map(|r| r.position).unwrap_or_default(),
                because: self.because(*lane, work),
            }
        } else if let Some((lane, work)) = again {
            ShardState::BackingOff {
                until: work.until(age),
                because: self.because(*lane, work),
            }
        } else if let Some(until) = closes_at {
            ShardState::Collecting { until }
        } else {
            ShardState::CaughtUp
        };
        // A lane that has all its places taken is woken by what comes back.
        let looks_at = self.windows.as_ref().and_then(|it| it.looks_at(now));
        let stands = !blocked.is_empty() || tries_at.is_some();
        let lost_at = stands.then(|| self.looks_for_lost_at(now)).flatten();
        let looks_at = looks_at.into_iter().chain(lost_at);
        let until = if self.may_start() {
            tries_at.into_iter().chain(closes_at).chain(looks_at).min()
        } else {
            None
        };
        debug_assert!(until.is_none_or(|until| until > now), "{state:?} is due");
        Wait {
            state,
            until,
            listens: if wants_more {
                Listens::ForMore
            } else {
                Listens::No
            },
        }
    }

    /// What the newest attempt of a work came to, in one line, and whose it was where there are several lanes.
    pub(super) fn because(&self, lane: LaneId, work: &Work) -> String {
        let first = work.records.first();
        let key = first.map(UserRecord::key_text).unwrap_or_default();
        let whose = self.lanes.said(lane, &key);
        let Some(note) = work.notes.last() else {
            return format!("{whose}an earlier failure");
        };
        // The backtrace is in the log and in the dead letter.
        let fact = note.message.lines().next().unwrap_or_default();
        format!(
            "{whose}attempt {}: {}: {fact}",
            work.attempts, note.error_type
        )
    }
}
