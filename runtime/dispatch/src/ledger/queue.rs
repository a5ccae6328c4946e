//! The works of one lane, in the order in which they are run: those set aside, the one whose turn it is, the others.

use std::collections::VecDeque;

use model::{Checkpoint, Position, Timestamp};

use crate::settle::{Mode, Origin, Work};

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) works: VecDeque<Work>,
    /// The last position that the lane began.
    pub(super) through: Checkpoint,
    /// What becomes of the works once what is run now came back, which must be found in its place.
    pub(super) relief: Option<Relief>,
}

/// Why works go on that stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relief {
    /// Everything fails, so that nobody is to blame.
    Acquitted,
    /// An operator says so.
    Resumed,
}

impl Queue {
    pub(super) fn new(through: Checkpoint) -> Self {
        Self {
            works: VecDeque::new(),
            through,
            relief: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.works.len()
    }

    pub(super) fn go_on(&mut self, relief: Relief) {
        self.restore_order();
        for work in &mut self.works {
            let stood = match relief {
                Relief::Acquitted => work.mode == Mode::Aside,
                Relief::Resumed => matches!(work.mode, Mode::Blocked | Mode::Aside | Mode::NoRoom),
            };
            if relief == Relief::Resumed {
                work.not_before = Timestamp::default();
            }
            if stood {
                begin_anew(work);
            }
        }
    }

    pub(super) fn turn(&self) -> usize {
        let aside = |work: &&Work| work.mode == Mode::Aside;
        self.works.iter().take_while(aside).count()
    }

    pub(super) fn pass_over(&mut self, failed: impl Fn(&Work) -> bool) {
        let failed = |work: &&mut Work| {
            let stands = matches!(work.mode, Mode::Together | Mode::Aside);
            stands && work.origin == Origin::Shard && failed(work)
        };
        let works = self.works.iter_mut().take_while(failed);
        works.for_each(|work| work.mode = Mode::Aside);
    }

    pub(super) fn front(&self) -> Option<&Work> {
        self.works.get(self.turn())
    }

    /// Where some records of a batch went past others of it, all are in their places again.
    pub(super) fn restore_order(&mut self) {
        let of_shard = self.works.iter().filter(|it| it.origin == Origin::Shard);
        let mut pairs = of_shard.clone().zip(of_shard.skip(1));
        if pairs.all(|(one, next)| place(one) < place(next) && !is_among(next, one)) {
            return;
        }
        let works = std::mem::take(&mut self.works).into_iter();
        let (mut shard, others): (Vec<Work>, Vec<Work>) =
            works.partition(|work| work.origin == Origin::Shard);
        shard.sort_by_key(place);
        for work in shard {
            match self.works.back_mut() {
                Some(before) if is_among(&work, before) => join(before, work),
                Some(_) | None => self.works.push_back(work),
            }
        }
        self.works.extend(others);
    }
}

fn place(work: &Work) -> (Option<Timestamp>, Option<Position>) {
    let window = work.window.map(|window| window.start);
    (window, work.positions().next())
}

/// Whether they were taken apart: batches of a lane come one after the other.
fn is_among(work: &Work, others: &Work) -> bool {
    let last = others.positions().last();
    work.window == others.window && work.positions().next() < last
}

/// Records of one batch are one work again, and begin anew.
fn join(others: &mut Work, work: Work) {
    let mut records = [&others.records[..], &work.records[..]].concat();
    records.sort_by_key(|record| record.position);
    others.records = records.into();
    work.notes.into_iter().for_each(|note| others.note(note));
    begin_anew(others);
}

fn begin_anew(work: &mut Work) {
    work.mode = Mode::Together;
    work.version = None;
    work.attempts = 0;
    work.failures = 0;
}
