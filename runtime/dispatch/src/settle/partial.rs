//! An answer that names records which failed: each of them on its own, the others settled with their effects.
//!
//! Order within a key holds: behind a record that will be delivered again, no later record of its key is settled,
//! whatever the handler said about it.

use std::{collections::BTreeSet, mem};

use bytes::Bytes;
use model::{Answer, Fault, RecordAction, RecordFailure, Timestamp, UserRecord, outcome::Usage};

use super::{
    Circumstances, Discard, Mode, Settlement, Work, succeeded,
    whole::{failed, give_up, spent},
};
use crate::{
    dead_letters::{Condition, Note},
    limits::TRIES_MAX,
};

pub(super) fn partly(work: Work, mut answer: Answer, at: Circumstances<'_>) -> Settlement {
    let failures = mem::take(&mut answer.failures);
    let Some(first) = failures.first() else {
        return succeeded(work, answer);
    };
    let whole = Note::as_fault(&explained(first), answer.usage);
    let handed_on = |failure: &RecordFailure| failure.action == RecordAction::DeadLetter;
    let none_settled = failures.len() == work.invoked().len() && !failures.iter().any(handed_on);
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
    } else {
        let fates = fates(&work, &failures, at);
        if groups(&fates) > TRIES_MAX {
            from_the_first(work, answer, (first, &whole), at)
        } else {
            each(&work, answer, &fates, at)
        }
    }
}

/// What becomes of one record of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate<'a> {
    Settled,
    /// The handler gave up on it.
    Rejected(&'a RecordFailure),
    /// It failed and has another attempt.
    Again(&'a RecordFailure),
    /// It failed and had its last attempt.
    Spent(&'a RecordFailure),
    /// It was not run, or must be run again behind an earlier record of its key.
    NotTried,
}

/// By index in the batch.
fn fates<'a>(work: &Work, failures: &'a [RecordFailure], at: Circumstances<'_>) -> Vec<Fate<'a>> {
    let mut failures = failures.iter().peekable();
    // Keys of which a record is delivered again.
    let mut held: BTreeSet<&Bytes> = BTreeSet::new();
    let mut fates = Vec::with_capacity(work.records.len());
    for (index, record) in (0..).zip(&work.records) {
        let failure = failures.next_if(|failure| failure.index == index);
        let fate = match failure {
            Some(_) | None if held.contains(&record.partition_key) => Fate::NotTried,
            None => Fate::Settled,
            Some(failure) => match failure.action {
                RecordAction::DeadLetter => Fate::Rejected(failure),
                RecordAction::NotTried => Fate::NotTried,
                RecordAction::Retry | RecordAction::Park if spent(attempts(work, index), at) => {
                    Fate::Spent(failure)
                }
                RecordAction::Retry | RecordAction::Park => Fate::Again(failure),
            },
        };
        match fate {
            Fate::Again(_) | Fate::NotTried => {
                held.insert(&record.partition_key);
            }
            Fate::Spent(_) if at.policy.then.holds() => {
                held.insert(&record.partition_key);
            }
            Fate::Settled | Fate::Rejected(_) | Fate::Spent(_) => {}
        }
        fates.push(fate);
    }
    fates
}

/// Of a record that failed on its own: only behind settled records is a budget fresh (RT-7, RT-8).
fn attempts(work: &Work, index: u32) -> u32 {
    if index == 0 {
        work.attempts.saturating_add(1)
    } else {
        0
    }
}

/// How many works `each` would leave.
fn groups(fates: &[Fate<'_>]) -> usize {
    let mut before = Fate::Settled;
    let mut groups = 0;
    for fate in fates {
        let begins = match fate {
            Fate::Settled | Fate::Rejected(_) => false,
            Fate::Again(_) | Fate::Spent(_) => true,
            Fate::NotTried => before != Fate::NotTried,
        };
        groups += usize::from(begins);
        before = *fate;
    }
    groups
}

/// Each failed record on its own, in order; the others are settled with their effects.
fn each(work: &Work, answer: Answer, fates: &[Fate<'_>], at: Circumstances<'_>) -> Settlement {
    let usage = answer.usage;
    let settled = |source: u32| {
        let index = usize::try_from(source).unwrap_or(usize::MAX);
        fates.get(index) == Some(&Fate::Settled)
    };
    let mut settlement = Settlement::default();
    let mut before = Fate::Settled;
    for ((index, record), fate) in (0..).zip(&work.records).zip(fates) {
        let single = || of_failed(work, index, record, at.now);
        match fate {
            Fate::Settled => {}
            Fate::Rejected(failure) => {
                let mut single = single();
                single.note(Note::of_failure(failure, usage, at));
                settlement.dead.push(Discard {
                    records: single.records,
                    condition: Condition::Rejected,
                    notes: single.notes,
                });
            }
            Fate::Again(failure) | Fate::Spent(failure) => {
                let mut single = single();
                single.note(Note::of_failure(&explained(failure), usage, at));
                single.not_before = at.now.plus(at.policy.backoff.after(1, at.fraction));
                if matches!(fate, Fate::Spent(_)) {
                    let given_up = give_up(single, at);
                    settlement.dead.extend(given_up.dead);
                    settlement.again.extend(given_up.again);
                } else {
                    settlement.again.push(single);
                }
            }
            Fate::NotTried => match settlement.again.last_mut() {
                Some(group) if before == Fate::NotTried => group.records.push(record.clone()),
                Some(_) | None => settlement.again.push(Work::new(vec![record.clone()])),
            },
        }
        before = *fate;
    }
    with_effects(settlement, answer, settled)
}

/// The record of the batch at `index`, which failed.
fn of_failed(work: &Work, index: u32, record: &UserRecord, now: Timestamp) -> Work {
    Work {
        attempts: attempts(work, index),
        failures: 1,
        first_failed: work.first_failed.or(Some(now)),
        notes: work.notes.clone(),
        ..Work::new(vec![record.clone()])
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

/// More unsettled groups than a progress row can hold: everything from the first failure on is delivered again.
fn from_the_first(
    mut work: Work,
    answer: Answer,
    (first, whole): (&RecordFailure, &Fault),
    at: Circumstances<'_>,
) -> Settlement {
    let start = usize::try_from(first.index).unwrap_or(usize::MAX);
    if start == 0 {
        return match first.action {
            RecordAction::DeadLetter => {
                reject_head(work, (first, answer.usage), at, Mode::Together)
            }
            RecordAction::Retry | RecordAction::Park | RecordAction::NotTried => {
                failed(work, whole, at)
            }
        };
    }
    let again = work.split_off(start).map(|records| {
        let mut rest = Work::new(records);
        rest.failures = 1;
        rest.first_failed = Some(at.now);
        rest.not_before = at.now.plus(at.policy.backoff.after(1, at.fraction));
        rest
    });
    let settlement = Settlement {
        again: again.into_iter().collect(),
        ..Settlement::default()
    };
    let before = |source: u32| usize::try_from(source).is_ok_and(|source| source < start);
    with_effects(settlement, answer, before)
}

/// Whoever reads why a record is tried again learns that it was not parked.
fn explained(failure: &RecordFailure) -> RecordFailure {
    match failure.action {
        RecordAction::Park => RecordFailure {
            reason: format!(
                "{} (parking is not supported yet: retried in place)",
                failure.reason
            ),
            ..failure.clone()
        },
        RecordAction::Retry | RecordAction::DeadLetter | RecordAction::NotTried => failure.clone(),
    }
}

fn with_effects(settlement: Settlement, answer: Answer, keeps: impl Fn(u32) -> bool) -> Settlement {
    let mut settlement = Settlement {
        outputs: answer.outputs,
        state: answer.state,
        ..settlement
    };
    settlement
        .outputs
        .retain(|output| output.source.is_some_and(&keeps));
    settlement.state.retain(|write| keeps(write.source));
    settlement
}
