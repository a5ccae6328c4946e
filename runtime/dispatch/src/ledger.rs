//! What of a shard is settled and what is being worked on: the progress row while it lives.
//!
//! Pure. Works enter in order, are taken from the front, and come back in parts until nothing of them is left.

use std::collections::VecDeque;

use model::{Checkpoint, FencingToken, Position, invariants::checkpoint_advances};

use crate::{
    progress::{Progress, Try},
    settle::{Mode, Work},
};

#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    low: Checkpoint,
    through: Checkpoint,
    queue: VecDeque<Work>,
}

impl Ledger {
    /// `queue` are the works of the row's tries, as far as their records are still there.
    pub(crate) fn resume(row: &Progress, queue: VecDeque<Work>) -> Self {
        let low = if queue.is_empty() {
            row.through
        } else {
            row.low
        };
        Self {
            low,
            through: row.through,
            queue,
        }
    }

    pub(crate) fn low(&self) -> Checkpoint {
        self.low
    }

    pub(crate) fn through(&self) -> Checkpoint {
        self.through
    }

    /// The work whose turn it is: the first that is not set aside.
    pub(crate) fn next(&self) -> Option<&Work> {
        self.queue.get(self.turn())
    }

    fn turn(&self) -> usize {
        let aside = |work: &&Work| work.mode == Mode::Aside;
        self.queue.iter().take_while(aside).count()
    }

    /// How many records are not settled.
    pub(crate) fn records(&self) -> usize {
        self.queue.iter().map(|work| work.records.len()).sum()
    }

    /// How many works are set aside.
    pub(crate) fn aside(&self) -> usize {
        self.turn()
    }

    /// Takes out those set aside.
    pub(crate) fn blame(&mut self) -> Vec<Work> {
        let later = self.queue.split_off(self.turn());
        let blamed: Vec<Work> = std::mem::replace(&mut self.queue, later).into();
        let positions: Vec<Position> = blamed.iter().flat_map(Work::positions).collect();
        self.settle_to(&positions);
        blamed
    }

    /// Those set aside are not to blame: their attempts begin anew.
    pub(crate) fn acquit(&mut self) {
        for work in self
            .queue
            .iter_mut()
            .filter(|work| work.mode == Mode::Aside)
        {
            work.mode = Mode::Together;
            work.attempts = 0;
            work.failures = 0;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// A new batch, later than everything before it.
    pub(crate) fn begin(&mut self, work: Work) {
        if let Some(last) = work.records.last() {
            self.through = Checkpoint::Settled(last.position);
        }
        self.queue.push_back(work);
    }

    /// The work whose turn it was held `positions`; `again` is what remains of it.
    pub(crate) fn replace(&mut self, positions: &[Position], again: Vec<Work>) {
        let turn = self.turn();
        self.queue.remove(turn);
        for work in again.into_iter().rev() {
            self.queue.insert(turn, work);
        }
        self.settle_to(positions);
    }

    /// `settled` are among the lowest positions that were open.
    fn settle_to(&mut self, settled: &[Position]) {
        let before = self.low;
        let first_open = self.queue.front().and_then(|work| work.records.first());
        self.low = match first_open.map(|record| record.position) {
            None => self.through,
            Some(open) => settled
                .iter()
                .rfind(|position| **position < open)
                .map_or(self.low, |position| {
                    self.low.max(Checkpoint::Settled(*position))
                }),
        };
        assert!(
            checkpoint_advances(before, self.low),
            "a checkpoint went back from {before:?} to {:?}",
            self.low
        );
    }

    /// Everything up to `seen` needed no invocation.
    pub(crate) fn pass(&mut self, seen: Checkpoint) {
        self.through = self.through.max(seen);
        if self.queue.is_empty() {
            self.low = self.through;
        }
    }

    /// An operator resumed the trigger: pauses end, and what was blocked has its attempts before it.
    pub(crate) fn resume_at_once(&mut self) {
        for work in &mut self.queue {
            work.not_before = model::Timestamp::default();
            if matches!(work.mode, Mode::Blocked | Mode::Aside) {
                work.mode = Mode::Together;
                work.attempts = 0;
                work.failures = 0;
            }
        }
    }

    pub(crate) fn row(&self, token: FencingToken) -> Progress {
        let span = |work: &Work| {
            Some(Try {
                first: work.records.first()?.position,
                last: work.records.last()?.position,
                attempts: work.attempts,
                records: work.records.len(),
                alone: false,
                blocked: work.mode == Mode::Blocked,
                first_failed_ms: work.first_failed.unwrap_or_default().as_millis(),
                not_before_ms: work.not_before.as_millis(),
                notes: work.notes.clone(),
            })
        };
        Progress {
            token,
            low: self.low,
            through: self.through,
            tries: self.queue.iter().filter_map(span).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{position, user_record};

    fn work(indexes: &[u64]) -> Work {
        Work::new(
            indexes
                .iter()
                .map(|index| user_record(*index, "k"))
                .collect(),
        )
    }

    #[test]
    fn the_checkpoint_stops_before_the_first_unsettled_record() {
        let row = Progress::starting(FencingToken(1), Checkpoint::TrimHorizon);
        for (again, low) in [(vec![], 4), (vec![vec![3]], 2), (vec![vec![2], vec![4]], 1)] {
            let mut ledger = Ledger::resume(&row, VecDeque::new());
            ledger.begin(work(&[1, 2, 3, 4]));
            let positions = [1, 2, 3, 4].map(position);
            ledger.replace(&positions, again.iter().map(|part| work(part)).collect());
            assert_eq!(
                ledger.low(),
                Checkpoint::Settled(position(low)),
                "{again:?}"
            );
            assert_eq!(ledger.through(), Checkpoint::Settled(position(4)));
            assert_eq!(ledger.row(FencingToken(1)).tries.len(), again.len());
        }
    }

    #[test]
    fn nothing_settled_leaves_the_checkpoint_where_it_was() {
        let row = Progress::starting(FencingToken(1), Checkpoint::TrimHorizon);
        let mut ledger = Ledger::resume(&row, VecDeque::new());
        ledger.begin(work(&[1, 2]));
        ledger.replace(&[1, 2].map(position), vec![work(&[1, 2])]);
        assert_eq!(ledger.low(), Checkpoint::TrimHorizon);
    }
}
