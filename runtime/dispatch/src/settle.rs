//! What an outcome means for the records of a work: pure, exhaustive.
//!
//! In: a work, its outcome, the retry policy, the time and a draw for the jitter. Out: a settlement, which says what is
//! committed, what becomes a dead letter and what is tried again. The effects of a record that is delivered again are
//! never in it. It knows neither shards nor the log.

use std::collections::BTreeSet;

use model::{
    Answer, Emitted, Fault, FaultClass, FunctionVersion, Outcome, RecordAction, RecordFailure,
    StateWrite, Timestamp, UserRecord, outcome::Usage,
};

use crate::{
    dead_letters::{Condition, Note},
    limits::{NOTES_MAX, TRIES_MAX},
    settings::{RetryPolicy, Then},
};

/// Records that are invoked together until they are settled. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub records: Vec<UserRecord>,
    pub mode: Mode,
    /// Invocations that used up an attempt.
    pub attempts: u32,
    /// Failures in a row of any class; the backoff grows with them.
    pub failures: u32,
    pub first_failed: Option<Timestamp>,
    pub not_before: Timestamp,
    pub notes: Vec<Note>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Together,
    /// The attempts of the whole are spent: one record at a time, each once.
    Alone,
    /// Only so many leading records, which succeeded before, for the sake of their effects; uses no attempt.
    Prefix(usize),
    /// Fits no request; never invoked.
    Oversized,
    /// The attempts of its first record are spent and the policy blocks; waits for an operator.
    Blocked,
}

#[derive(Debug, Default, PartialEq)]
pub struct Settlement {
    pub outputs: Vec<Emitted>,
    pub state: Vec<StateWrite>,
    pub dead: Vec<Discard>,
    /// To be run before anything else of the shard, in order.
    pub again: Vec<Work>,
}

/// Records that become one dead letter, or several when they are large.
#[derive(Debug, Clone, PartialEq)]
pub struct Discard {
    pub records: Vec<UserRecord>,
    pub condition: Condition,
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
}

impl Work {
    #[must_use]
    pub fn new(records: Vec<UserRecord>) -> Self {
        Self {
            records,
            mode: Mode::Together,
            attempts: 0,
            failures: 0,
            first_failed: None,
            not_before: Timestamp::default(),
            notes: Vec::new(),
        }
    }

    /// The records that the next invocation gets; empty when there must not be one.
    #[must_use]
    pub fn invoked(&self) -> &[UserRecord] {
        match self.mode {
            Mode::Together => &self.records,
            Mode::Alone => &self.records[..1.min(self.records.len())],
            Mode::Prefix(len) => &self.records[..len.min(self.records.len())],
            Mode::Oversized | Mode::Blocked => &[],
        }
    }

    fn note(&mut self, note: Note) {
        if self.notes.len() >= NOTES_MAX {
            self.notes.remove(0);
        }
        self.notes.push(note);
    }

    fn split_off(&mut self, at: usize) -> Option<Vec<UserRecord>> {
        let rest = self.records.split_off(at);
        (!rest.is_empty()).then_some(rest)
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
pub fn expire(mut work: Work, at: Circumstances<'_>) -> (Option<Discard>, Option<Work>) {
    let Some(age) = at.policy.age else {
        return (None, Some(work));
    };
    let old = |record: &&UserRecord| at.now.since(record.arrived) > age;
    let count = work.records.iter().take_while(old).count();
    if count == 0 {
        return (None, Some(work));
    }
    let rest = work.split_off(count);
    let discard = Discard {
        records: work.records,
        condition: Condition::RecordAgeExceeded,
        notes: work.notes.clone(),
    };
    let mode = match work.mode {
        Mode::Prefix(_) | Mode::Blocked => Mode::Together,
        kept @ (Mode::Together | Mode::Alone | Mode::Oversized) => kept,
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
        dead: vec![Discard {
            records: work.records,
            condition: Condition::RetryAttemptsExhausted,
            notes: work.notes,
        }],
        ..Settlement::default()
    }
}

/// An answer that names records which were not in the batch is a failure of the function.
fn contradiction(answer: &Answer, len: usize) -> Option<Fault> {
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
        Mode::Together | Mode::Oversized | Mode::Blocked => None,
        Mode::Alone => work.split_off(1).map(|records| Work { records, ..work }),
        // Progress was made: the rest has all its attempts before it (RT-7).
        Mode::Prefix(len) => work.split_off(len).map(Work::new),
    };
    Settlement {
        outputs: answer.outputs,
        state: answer.state,
        dead: Vec::new(),
        again: rest.into_iter().collect(),
    }
}

/// The invocation failed as a whole; nothing it did counts.
fn failed(mut work: Work, fault: &Fault, at: Circumstances<'_>) -> Settlement {
    work.note(Note::of_fault(fault, at));
    work.failures = work.failures.saturating_add(1);
    work.first_failed.get_or_insert(at.now);
    let pause = at.policy.backoff.after(work.failures, at.fraction);
    work.not_before = at
        .now
        .plus(fault.retry_after.unwrap_or_default().max(pause));
    match fault.class {
        FaultClass::Invoke => {}
        FaultClass::Function if work.mode == Mode::Alone => return give_up(work, at),
        FaultClass::Function => {
            work.mode = Mode::Together;
            work.attempts = work.attempts.saturating_add(1);
            if spent(work.attempts, at) {
                return isolate(work, at);
            }
        }
    }
    Settlement {
        again: vec![work],
        ..Settlement::default()
    }
}

fn spent(attempts: u32, at: Circumstances<'_>) -> bool {
    at.policy.attempts.is_some_and(|max| attempts >= max)
}

/// The attempts of the whole are spent: which record was it?
fn isolate(mut work: Work, at: Circumstances<'_>) -> Settlement {
    if work.records.len() == 1 {
        return give_up(work, at);
    }
    work.mode = Mode::Alone;
    work.not_before = at.now;
    Settlement {
        again: vec![work],
        ..Settlement::default()
    }
}

/// The first record had its last attempt; those after it go on one by one.
fn give_up(mut work: Work, at: Circumstances<'_>) -> Settlement {
    let rest = work.split_off(1).map(|records| Work {
        records,
        mode: Mode::Alone,
        not_before: at.now,
        // The newest note is about the first record alone.
        notes: work.notes[..work.notes.len().saturating_sub(1)].to_vec(),
        ..work
    });
    let mut settlement = Settlement::default();
    match at.policy.then {
        Then::DeadLetter => settlement.dead.push(Discard {
            records: work.records,
            condition: Condition::RetryAttemptsExhausted,
            notes: work.notes,
        }),
        Then::Block => settlement.again.push(Work {
            mode: Mode::Blocked,
            not_before: at.now,
            ..work
        }),
    }
    settlement.again.extend(rest);
    settlement
}

/// Some records failed, some did not.
fn partly(work: Work, answer: Answer, at: Circumstances<'_>) -> Settlement {
    let first = &answer.failures[0];
    let whole = Note::as_fault(&explained(first.clone()), answer.usage);
    let handed_on = |failure: &RecordFailure| failure.action == RecordAction::DeadLetter;
    let none_settled =
        answer.failures.len() == work.invoked().len() && !answer.failures.iter().any(handed_on);
    let start = usize::try_from(first.index).unwrap_or(usize::MAX);
    match work.mode {
        Mode::Prefix(_) => return failed(work, &whole, at),
        Mode::Alone if handed_on(first) => {
            return reject_head(work, (first, answer.usage), at, Mode::Alone);
        }
        Mode::Alone | Mode::Oversized | Mode::Blocked => return failed(work, &whole, at),
        Mode::Together => {}
    }
    let effects = !answer.outputs.is_empty() || !answer.state.is_empty();
    let sourced = answer.outputs.iter().all(|output| output.source.is_some());
    if none_settled {
        failed(work, &whole, at)
    } else if effects && !(answer.effects_attributed && sourced) {
        match start {
            0 if handed_on(first) => reject_head(work, (first, answer.usage), at, Mode::Together),
            0 => failed(work, &whole, at),
            // No attempt is used: the prefix already succeeded once.
            len => Settlement {
                again: vec![Work {
                    mode: Mode::Prefix(len),
                    not_before: at.now,
                    ..work
                }],
                ..Settlement::default()
            },
        }
    } else if answer.failures.len() > TRIES_MAX {
        too_many(work, answer, start, &whole, at)
    } else {
        each(&work, answer, at)
    }
}

/// The handler itself gave up on the first record; the others start afresh.
fn reject_head(
    mut work: Work,
    (failure, usage): (&RecordFailure, Usage),
    at: Circumstances<'_>,
    mode: Mode,
) -> Settlement {
    let rest = work.split_off(1);
    work.note(Note::of_failure(failure, usage, at));
    Settlement {
        dead: vec![Discard {
            records: work.records,
            condition: Condition::Rejected,
            notes: work.notes,
        }],
        again: rest
            .map(|records| Work {
                mode,
                ..Work::new(records)
            })
            .into_iter()
            .collect(),
        ..Settlement::default()
    }
}

/// More failures than a progress row can hold: everything from the first one on is delivered again.
fn too_many(
    mut work: Work,
    answer: Answer,
    start: usize,
    whole: &Fault,
    at: Circumstances<'_>,
) -> Settlement {
    if start == 0 {
        return failed(work, whole, at);
    }
    let again = work.split_off(start).map(|records| {
        let mut rest = Work::new(records);
        rest.failures = 1;
        rest.first_failed = Some(at.now);
        rest.not_before = at.now.plus(at.policy.backoff.after(1, at.fraction));
        rest
    });
    let before = |source: u32| usize::try_from(source).is_ok_and(|source| source < start);
    Settlement {
        again: again.into_iter().collect(),
        ..kept_effects(answer, before)
    }
}

/// Each failed record on its own, in order; the others are settled with their effects.
fn each(work: &Work, answer: Answer, at: Circumstances<'_>) -> Settlement {
    let failed: BTreeSet<u32> = answer
        .failures
        .iter()
        .map(|failure| failure.index)
        .collect();
    let (failures, usage) = (answer.failures.clone(), answer.usage);
    let mut settlement = kept_effects(answer, |source| !failed.contains(&source));
    for failure in failures {
        let record = usize::try_from(failure.index)
            .ok()
            .and_then(|i| work.records.get(i));
        let Some(record) = record.cloned() else {
            continue;
        };
        let mut single = Work::new(vec![record]);
        match failure.action {
            RecordAction::DeadLetter => {
                single.notes.clone_from(&work.notes);
                single.note(Note::of_failure(&failure, usage, at));
                settlement.dead.push(Discard {
                    records: single.records,
                    condition: Condition::Rejected,
                    notes: single.notes,
                });
            }
            RecordAction::NotTried => settlement.again.push(single),
            // A record that cannot be parked is kept in order and retried like any other.
            RecordAction::Retry | RecordAction::Park => {
                single.note(Note::of_failure(&explained(failure.clone()), usage, at));
                single.failures = 1;
                single.first_failed = Some(at.now);
                single.not_before = at.now.plus(at.policy.backoff.after(1, at.fraction));
                // Only behind settled records is a budget fresh (RT-7, RT-8).
                single.attempts = if failure.index == 0 {
                    work.attempts.saturating_add(1)
                } else {
                    0
                };
                if spent(single.attempts, at) {
                    let given_up = give_up(single, at);
                    settlement.dead.extend(given_up.dead);
                    settlement.again.extend(given_up.again);
                } else {
                    settlement.again.push(single);
                }
            }
        }
    }
    settlement
}

/// Whoever reads why a record is tried again learns that it was not parked.
fn explained(failure: RecordFailure) -> RecordFailure {
    match failure.action {
        RecordAction::Park => RecordFailure {
            reason: format!(
                "{} (parking is not supported yet: retried in place)",
                failure.reason
            ),
            ..failure
        },
        RecordAction::Retry | RecordAction::DeadLetter | RecordAction::NotTried => failure,
    }
}

fn kept_effects(answer: Answer, keeps: impl Fn(u32) -> bool) -> Settlement {
    let mut settlement = Settlement {
        outputs: answer.outputs,
        state: answer.state,
        ..Settlement::default()
    };
    settlement
        .outputs
        .retain(|output| output.source.is_some_and(&keeps));
    settlement.state.retain(|write| keeps(write.source));
    settlement
}

#[cfg(test)]
mod tests;
