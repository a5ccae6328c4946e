//! Works that are settled in parts, and what was changed for a transaction that the log then refuses.
//!
//! In: a lane, and what of its work is tried again. Out: what is settled by that, and how to take it back as it was.

use std::sync::Arc;

use model::Position;

use super::Ledger;
use crate::{
    lanes::LaneId,
    settle::{Origin, Work},
};

/// What `replace` did, for the case that it cannot be written.
#[derive(Debug)]
pub(crate) struct Replaced {
    lane: LaneId,
    turn: usize,
    front: Work,
    again: usize,
    holes: Vec<Position>,
    /// What is not tried again.
    pub(crate) settled: Vec<Position>,
}

impl Replaced {
    /// The work that was replaced.
    pub(crate) fn work(&self) -> &Work {
        &self.front
    }
}

impl Ledger {
    /// The work whose turn it was in the lane is settled except for `again`.
    pub(crate) fn replace(&mut self, lane: LaneId, again: Vec<Work>) -> Option<Replaced> {
        let queue = self.queues.get_mut(&lane)?;
        let turn = queue.turn();
        let front = queue.works.remove(turn)?;
        let settled = without(&front, &again);
        let count = again.len();
        for work in again.into_iter().rev() {
            queue.works.insert(turn, work);
        }
        let mut holes = Vec::new();
        if front.origin == Origin::Shard {
            self.window.settle(settled.iter().copied());
            holes = self.spanned(lane, &settled);
            self.holes.extend(&holes);
        }
        Some(Replaced {
            lane,
            turn,
            settled,
            front,
            again: count,
            holes,
        })
    }

    /// Those that lie between records of a work.
    fn spanned(&self, lane: LaneId, settled: &[Position]) -> Vec<Position> {
        let works = self
            .queues
            .get(&lane)
            .into_iter()
            .flat_map(|queue| &queue.works);
        let shard = works.filter(|work| work.origin == Origin::Shard);
        let ends = |work: &Work| {
            let (first, last) = (work.records.first()?, work.records.last()?);
            Some((first.position, last.position))
        };
        let spans: Vec<(Position, Position)> = shard.filter_map(ends).collect();
        let is_within = |at: &&Position| spans.iter().any(|(first, last)| first < at && *at < last);
        settled.iter().filter(is_within).copied().collect()
    }

    /// Nothing of it could be written.
    pub(crate) fn take_back(&mut self, replaced: Replaced) {
        let Some(queue) = self.queues.get_mut(&replaced.lane) else {
            return;
        };
        let turn = replaced.turn;
        drop(queue.works.drain(turn..turn + replaced.again));
        let of_shard = replaced.front.origin == Origin::Shard;
        queue.works.insert(turn, replaced.front);
        if of_shard {
            self.window.reopen(replaced.settled);
        }
        self.holes.retain(|at| !replaced.holes.contains(at));
    }

    /// Takes out those set aside, of all lanes.
    pub(crate) fn blame(&mut self) -> Vec<(LaneId, Work)> {
        let mut blamed = Vec::new();
        for (lane, queue) in &mut self.queues {
            let later = queue.works.split_off(queue.turn());
            let aside = std::mem::replace(&mut queue.works, later);
            blamed.extend(aside.into_iter().map(|work| (*lane, work)));
        }
        for (lane, work) in &blamed {
            let positions: Vec<Position> = work.positions().collect();
            self.window.settle(positions.iter().copied());
            let holes = self.spanned(*lane, &positions);
            self.holes.extend(holes);
        }
        blamed
    }

    /// Their end could not be written.
    pub(crate) fn take_back_blamed(&mut self, blamed: Vec<(LaneId, Work)>) {
        for (lane, work) in blamed.into_iter().rev() {
            self.window.reopen(work.positions());
            self.holes.retain(|at| work.positions().all(|of| of != *at));
            self.queue(lane).works.push_front(work);
        }
    }
}

/// The records of a work that are in none of what is tried again.
fn without(work: &Work, again: &[Work]) -> Vec<Position> {
    if again
        .iter()
        .any(|it| Arc::ptr_eq(&it.records, &work.records))
    {
        return Vec::new();
    }
    let mut open: Vec<Position> = again.iter().flat_map(Work::positions).collect();
    open.sort_unstable();
    let positions = work.positions();
    positions
        .filter(|at| open.binary_search(at).is_err())
        .collect()
}
