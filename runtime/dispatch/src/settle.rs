//! What an outcome means for the records of a work: pure, exhaustive.
//!
//! In: a work, its outcome, the retry policy, the time and a draw for the jitter. Out: a settlement, which says what is
//! committed, what becomes a dead letter and what is tried again. The effects of a record that is delivered again are
//! never in it. It knows neither shards nor the log.

use std::{sync::Arc, time::Duration};

use model::{
    Answer, Emitted, Fault, FaultClass, FunctionVersion, HashKey, Outcome, Position, StateWrite,
    Timestamp, UserRecord,
};

use crate::{
    dead_letters::{Condition, Note},
    limits::NOTES_MAX,
    settings::RetryPolicy,
    tumbling::{InWindow, Part},
};

mod exact;
mod partial;
mod whole;

use partial::partly;
use whole::failed;

/// Records that are invoked together until they are settled. Empty only as the last invocation of a tumbling window.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Shared with whatever else knows them: a work is copied for each attempt, its records are not.
    pub records: Arc<[UserRecord]>,
    pub mode: Mode,
    /// Of the function that ran the attempts so far.
    pub version: Option<FunctionVersion>,
    /// Invocations that used up an attempt.
    pub attempts: u32,
    /// Failures in a row of any class; the backoff grows with them.
    pub failures: u32,
    pub first_failed: Option<Timestamp>,
    pub not_before: Timestamp,
    pub notes: Vec<Note>,
    pub origin: Origin,
    /// Of all its records.
    pub window: Option<InWindow>,
    pub trace: Trace,
}

/// Where the records of a work come from, and so what it means that they are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Shard,
    /// They waited behind a parked key, kept under this hash.
    Parked(HashKey),
    /// There are none, or each stands for a key: a tumbling window closes.
    Window,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Together,
    /// Only so many leading records, which succeeded before, for the sake of their effects; uses no attempt.
    Prefix(usize),
    /// Fits no request; never invoked.
    Oversized,
    /// Its attempts are spent and the policy blocks; waits for an operator.
    Blocked,
    /// It is to be parked, and there is no room.
    NoRoom,
    /// It failed while nothing else succeeded: what comes after it shows whether it is to blame.
    Aside,
}

/// Whether the handler is asked to say which record it is at, and what that is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    Off,
    On,
    /// The records stood before the one that it named, and failed without it: what it says is of no use for them.
    Misled,
}

#[derive(Debug, Default, PartialEq)]
pub struct Settlement {
    pub outputs: Vec<Emitted>,
    pub state: Vec<StateWrite>,
    pub dead: Vec<Discard>,
    pub parked: Vec<Parking>,
    /// To be run before anything else of the shard, in order.
    pub again: Vec<Work>,
}

/// Records that become one dead letter, or several when they are large.
#[derive(Debug, Clone, PartialEq)]
pub struct Discard {
    pub records: Vec<UserRecord>,
    pub condition: Condition,
    /// Invocations that used up an attempt.
    pub attempts: u32,
    pub notes: Vec<Note>,
}

/// Records whose keys are parked with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Parking {
    pub records: Vec<UserRecord>,
    pub notes: Vec<Note>,
}

/// What a decision may look at besides the work.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    pub policy: &'a RetryPolicy,
    pub now: Timestamp,
    /// Of the function that was run.
    pub version: FunctionVersion,
    /// What the function said during the attempt, where it failed.
    pub log_tail: &'a str,
    /// A draw in [0, 1) for the jitter.
    pub fraction: f64,
    /// Something of the trigger succeeded since the work first failed, or nobody asks for that.
    pub healthy: bool,
    /// The handler may say which record it is at.
    pub marks: bool,
    /// More records may be parked.
    pub has_room: bool,
    /// Sets of records that an answer may leave.
    pub sets_max: usize,
}

impl Work {
    #[must_use]
    pub fn new(records: impl Into<Arc<[UserRecord]>>) -> Self {
        Self {
            records: records.into(),
            mode: Mode::Together,
            version: None,
            attempts: 0,
            failures: 0,
            first_failed: None,
            not_before: Timestamp::default(),
            notes: Vec::new(),
            origin: Origin::Shard,
            window: None,
            trace: Trace::Off,
        }
    }

    /// Some of its records, from the beginning.
    #[must_use]
    pub(crate) fn part(&self, records: impl Into<Arc<[UserRecord]>>) -> Self {
        // Once it is taken apart, which part is the last of its window shows when they are done.
        let window = self.window.map(|it| InWindow {
            part: match it.part {
                Part::Keys => Part::Keys,
                Part::Some | Part::Last | Part::Early => Part::Some,
            },
            ..it
        });
        Self {
            origin: self.origin,
            window,
            trace: self.trace,
            ..Self::new(records)
        }
    }

    /// From its first record to its last.
    pub(crate) fn span(&self) -> Option<(Position, Position)> {
        Some((
            self.records.first()?.position,
            self.records.last()?.position,
        ))
    }

    /// Whether there is more to say of it than its records.
    pub(crate) fn has_failed(&self) -> bool {
        self.attempts > 0 || self.failures > 0 || self.mode != Mode::Together
    }

    /// Set aside because it failed, and not because an earlier record of its key did.
    pub(crate) fn is_under_suspicion(&self) -> bool {
        self.mode == Mode::Aside && self.attempts > 0
    }

    /// The records that the next invocation gets; empty when there must not be one.
    #[must_use]
    pub fn invoked(&self) -> &[UserRecord] {
        match self.mode {
            Mode::Together => &self.records,
            Mode::Prefix(len) => &self.records[..len.min(self.records.len())],
            Mode::Oversized | Mode::Blocked | Mode::Aside | Mode::NoRoom => &[],
        }
    }

    /// When it may be invoked: its pause is over, or its first record is too old for another attempt.
    #[must_use]
    pub fn until(&self, age: Option<Duration>) -> Timestamp {
        let first = self.records.first();
        let first = first.filter(|_| self.origin == Origin::Shard);
        let too_old = first.zip(age).map(|(record, age)| {
            let exactly = record.arrived.plus(age);
            exactly.plus(Duration::from_millis(1))
        });
        too_old.map_or(self.not_before, |at| at.min(self.not_before))
    }

    pub(crate) fn note(&mut self, note: Note) {
        if self.notes.len() >= NOTES_MAX {
            self.notes.remove(0);
        }
        self.notes.push(note);
    }

    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> {
        self.records.iter().map(|record| record.position)
    }

    #[must_use]
    pub fn into_discard(self, condition: Condition) -> Discard {
        Discard {
            records: self.records.to_vec(),
            condition,
            attempts: self.attempts,
            notes: self.notes,
        }
    }

    #[must_use]
    pub fn into_parking(self) -> Parking {
        Parking {
            records: self.records.to_vec(),
            notes: self.notes,
        }
    }

    /// The records from `at` on.
    fn split_off(&mut self, at: usize) -> Option<Arc<[UserRecord]>> {
        let rest = self.records.get(at..).filter(|rest| !rest.is_empty())?;
        let rest = Arc::from(rest);
        self.records = Arc::from(&self.records[..at]);
        Some(rest)
    }
}

#[must_use]
pub fn settle(work: Work, outcome: Outcome, at: Circumstances<'_>) -> Settlement {
    match outcome {
        Outcome::Failed(fault) => failed(work, &fault, at),
        Outcome::Answered(answer) => match contradiction(&answer, work.invoked().len()) {
            Some(fault) => failed(work, &fault, at),
            None if answer.failures.is_empty() => succeeded(work, answer),
            None => partly(work, answer, at),
        },
    }
}

/// Takes off the leading records that are older than the policy allows (RT-3, RT-4).
#[must_use]
pub fn expire(work: Work, at: Circumstances<'_>) -> (Option<Discard>, Option<Work>) {
    // What was parked waited for an operator, and what stands for a key has no age.
    let of_shard = work.origin == Origin::Shard;
    let Some(age) = at.policy.age.filter(|_| of_shard) else {
        return (None, Some(work));
    };
    let old = |record: &UserRecord| at.now.since(record.arrived) > age;
    leading(work, old, Condition::RecordAgeExceeded)
}

/// Gives up the leading records that arrived before a moment, because their stream is about to lose them.
pub(crate) fn lost_soon(work: Work, before: Timestamp) -> Option<Settlement> {
    let lost = |record: &UserRecord| record.arrived < before;
    let (discard, rest) = leading(work, lost, Condition::RetentionExpired);
    discard.map(|discard| Settlement {
        dead: vec![discard],
        again: rest.into_iter().collect(),
        ..Settlement::default()
    })
}

/// Takes off the leading records that are given up.
fn leading(
    mut work: Work,
    given_up: impl Fn(&UserRecord) -> bool,
    condition: Condition,
) -> (Option<Discard>, Option<Work>) {
    let leading = work.records.iter().take_while(|record| given_up(record));
    let count = leading.count();
    if count == 0 {
        return (None, Some(work));
    }
    let rest = work.split_off(count);
    let discard = Discard {
        records: work.records.to_vec(),
        condition,
        attempts: work.attempts,
        notes: work.notes.clone(),
    };
    let mode = match work.mode {
        Mode::Prefix(_) | Mode::Blocked | Mode::Aside | Mode::NoRoom => Mode::Together,
        kept @ (Mode::Together | Mode::Oversized) => kept,
    };
    let rest = rest.map(|records| Work {
        records,
        mode,
        notes: work.notes,
        ..work
    });
    (Some(discard), rest)
}

/// A record that fits no request is given up at once (RD-10).
#[must_use]
pub fn oversized(work: Work) -> Settlement {
    Settlement {
        dead: vec![work.into_discard(Condition::RetryAttemptsExhausted)],
        ..Settlement::default()
    }
}

/// An answer that names records which were not in the batch is a failure of the function.
pub(crate) fn contradiction(answer: &Answer, len: usize) -> Option<Fault> {
    let outside = |index: u32| usize::try_from(index).map_or(true, |index| index >= len);
    let unordered = answer
        .failures
        .windows(2)
        .any(|pair| pair[0].index >= pair[1].index);
    let wrong = unordered
        || answer.failures.iter().any(|failure| outside(failure.index))
        || answer
            .outputs
            .iter()
            .filter_map(|output| output.source)
            .any(outside)
        || answer.state.iter().any(|write| outside(write.source));
    wrong.then(|| Fault {
        class: FaultClass::Function,
        kind: "InvalidAnswer".to_owned(),
        message: format!("the answer names records outside the batch of {len}"),
        retry_after: None,
        usage: answer.usage,
    })
}

fn succeeded(mut work: Work, answer: Answer) -> Settlement {
    let rest = match work.mode {
        Mode::Together | Mode::Oversized | Mode::Blocked | Mode::Aside | Mode::NoRoom => None,
        // Progress was made: the rest has all its attempts before it (RT-7).
        Mode::Prefix(len) => work.split_off(len).map(|rest| work.part(rest)),
    };
    Settlement {
        outputs: answer.outputs,
        state: answer.state,
        again: rest.into_iter().collect(),
        ..Settlement::default()
    }
}

#[cfg(test)]
mod tests;
