//! What a shard does while it cannot tell a record that always fails from an outage of everything.
//!
//! A set whose attempts are spent while nothing succeeds is set aside, and what comes after it is tried. A success
//! gives it up; enough failures open the breaker, and nothing is given up before an invocation succeeds again.

use super::*;
use crate::{settings::Isolate, settle::Origin};

impl ShardTask {
    /// Hands the outcome back where it is settled like any other; `None` when it was a try of an open breaker that
    /// failed, or one that shows of what stands before it that it is to blame.
    pub(super) async fn suspect(
        &mut self,
        lane: LaneId,
        work: &Work,
        outcome: Outcome,
        (now, log_tail): (Timestamp, &str),
        stop: &StopToken,
    ) -> Result<Option<Outcome>, Halt> {
        let Some(fault) = whole_failure(&outcome, work.invoked().len()) else {
            let was_out_of_turn = self.breaker.is_probing() && self.ledger.is_out_of_turn(lane);
            if self.breaker.is_probing() {
                self.ledger.take_the_version_of_now();
                // The work itself must be found in its place.
                let flies = |other| other == lane || self.flights.has(other);
                self.ledger.acquit(flies);
            }
            self.breaker.succeeded();
            self.pulse.beat(now);
            // What stands before it has its turn first: nothing of it is settled, so it runs again in its place.
            return Ok((!was_out_of_turn).then_some(outcome));
        };
        if !self.breaker.is_probing() {
            return Ok(Some(outcome));
        }
        self.breaker.strike(now);
        self.breaker.note_failed(work.span());
        let mut tried = work.clone();
        tried.note(Note::of_fault(
            &fault,
            self.circumstances(work, now, log_tail, false),
        ));
        tried.not_before = now;
        tried.first_failed.get_or_insert(now);
        // No attempt is used, so the next try is no further attempt: it may run what was deployed meanwhile.
        tried.version = None;
        let settlement = Settlement {
            again: vec![tried],
            ..Settlement::default()
        };
        self.write_quietly(lane, settlement, stop).await?;
        self.acquit();
        Ok(None)
    }

    /// Every other try of an open breaker is of what did not fail yet, as long as a row has room to name it: behind records
    /// that always fail it shows that other things do not. Windows have an order of their own.
    pub(super) fn look_elsewhere(&mut self) {
        let may = self.windows.is_none() && self.ledger.sets_left() > 0;
        if may && self.breaker.looks_elsewhere() {
            let breaker = &self.breaker;
            self.ledger
                .pass_over(|work| breaker.has_failed(work.span()));
        }
    }

    /// Of a batch that such a try is about, the first record alone: among many there may be one that always fails.
    pub(super) fn singled_out(&self, work: &Work) -> Option<Settlement> {
        let is_whole = work.origin == Origin::Shard && work.mode == Mode::Together;
        let parts = self.settings.retry.isolate != Isolate::Off && work.records.len() > 1;
        let elsewhere = self.breaker.looks_elsewhere() && self.windows.is_none();
        if !(is_whole && parts && elsewhere) || self.breaker.has_failed(work.span()) {
            return None;
        }
        let part = |records: &[UserRecord]| Work {
            first_failed: work.first_failed,
            not_before: work.not_before,
            notes: work.notes.clone(),
            ..work.part(records)
        };
        let (first, rest) = work.records.split_at(1);
        Some(Settlement {
            again: vec![part(first), part(rest)],
            ..Settlement::default()
        })
    }

    fn acquit(&mut self) {
        self.ledger.acquit(|lane| self.flights.has(lane));
    }

    /// A set was set aside by a settlement: the first of a row that failed.
    pub(super) fn strike(&mut self) {
        let now = self.now();
        if self.breaker.strike(now) {
            let aside = self.ledger.works_aside();
            self.breaker.note_failed(aside.filter_map(Work::span));
            self.acquit();
        }
    }

    /// Nothing else is at hand to compare with, so those set aside are given up.
    pub(super) async fn give_up_aside(&mut self, stop: &StopToken) -> Result<(), Halt> {
        let (low, within_record) = (self.ledger.low(), self.is_within_record());
        let works = self.ledger.blame();
        let (mut dead, mut parked) = (Vec::new(), Vec::new());
        let (discarded, set_by) = self.blamed(&works, &mut dead, &mut parked);
        let strays = self.pass_strays();
        self.unplaced = Some(Unplaced {
            records: discarded + set_by + strays,
            low,
            within_record,
        });
        let (writes, rows) = self.parking(&parked, Origin::Shard);
        let effects = Transaction {
            writes,
            ..Transaction::default()
        };
        self.commit(dead, strays, effects, stop).await?;
        self.unplaced = None;
        self.ledger.trim();
        self.forget(strays);
        let rows = rows.into_iter();
        self.parked
            .keys
            .extend(rows.map(|row| (row.partition_key.clone(), row)));
        self.counters.dead_lettered += u64::try_from(discarded).unwrap_or(u64::MAX);
        self.counters.parked += u64::try_from(set_by).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Why nothing is invoked although there is work.
    pub(super) fn outage(&self, now: Timestamp) -> Option<(ShardState, Timestamp)> {
        let until = self.breaker.holds(now)?;
        let front = self.ledger.fronts().next();
        let because = front.map_or_else(String::new, |(lane, work)| self.because(lane, work));
        Some((ShardState::BreakerOpen { until, because }, until))
    }
}

/// What kept every record of the invocation from succeeding.
fn whole_failure(outcome: &Outcome, records: usize) -> Option<Fault> {
    match outcome {
        Outcome::Failed(fault) => Some(fault.clone()),
        Outcome::Answered(answer) => {
            let handed_on = |failure: &RecordFailure| match failure.action {
                RecordAction::DeadLetter | RecordAction::Park => true,
                RecordAction::Retry | RecordAction::NotTried => false,
            };
            let all = answer.failures.len() == records && !answer.failures.iter().any(handed_on);
            let first = answer.failures.first().filter(|_| all)?;
            Some(Note::as_fault(first, answer.usage))
        }
    }
}
