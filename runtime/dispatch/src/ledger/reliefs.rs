//! What ends the pauses of works or begins their attempts anew: an operator, a clock that was set back, an outage that is
//! over.
//!
//! In: what happened. Out: works that may run earlier than they were to. In a lane that is run now that waits until it
//! has landed.

use std::time::Duration;

use model::Timestamp;

use super::{
    Ledger,
    queue::{Queue, Relief},
};
use crate::{
    lanes::LaneId,
    settle::{Mode, Work},
};

impl Ledger {
    /// All works of an earlier holder are there.
    pub(crate) fn taken_up(&mut self) {
        self.queues.values_mut().for_each(Queue::restore_order);
    }

    /// Those set aside are not to blame: their attempts begin anew; in a lane that is run now, once that is over.
    pub(crate) fn acquit(&mut self, flies: impl Fn(LaneId) -> bool) {
        self.go_on(Relief::Acquitted, flies);
    }

    /// An operator resumed the trigger: pauses end, and what was blocked has its attempts before it.
    pub(crate) fn resume_at_once(&mut self, flies: impl Fn(LaneId) -> bool) {
        self.go_on(Relief::Resumed, flies);
    }

    /// Of works that stand between two attempts.
    pub(crate) fn end_pauses(&mut self, of: impl Fn(&Work) -> bool) {
        let paused =
            |work: &&mut Work| matches!(work.mode, Mode::Together | Mode::Prefix(_)) && of(work);
        self.works_mut()
            .filter(paused)
            .for_each(|work| work.not_before = Timestamp::default());
    }

    fn go_on(&mut self, relief: Relief, flies: impl Fn(LaneId) -> bool) {
        for (lane, queue) in &mut self.queues {
            if flies(*lane) {
                queue.relief = queue.relief.max(Some(relief));
            } else {
                queue.go_on(relief);
            }
        }
    }

    /// What came back of the lane is settled: its works may change places.
    pub(crate) fn landed(&mut self, lane: LaneId) {
        let queue = self.queues.get_mut(&lane);
        if let Some((queue, relief)) =
            queue.and_then(|it| it.relief.take().map(|relief| (it, relief)))
        {
            queue.go_on(relief);
        }
    }

    /// The clock was set back.
    pub(crate) fn move_back(&mut self, by: Duration) {
        for work in self.works_mut() {
            work.not_before = work.not_before.minus(by);
            work.first_failed = work.first_failed.map(|at| at.minus(by));
        }
    }

    /// An outage is over: what waited through it runs what was deployed meanwhile, as the invocation that ended it did.
    pub(crate) fn take_the_version_of_now(&mut self) {
        self.works_mut().for_each(|work| work.version = None);
    }

    fn works_mut(&mut self) -> impl Iterator<Item = &mut Work> {
        self.queues
            .values_mut()
            .flat_map(|queue| queue.works.iter_mut())
    }
}
