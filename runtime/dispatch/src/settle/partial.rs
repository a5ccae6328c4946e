//! An answer that names records which failed: each of them on its own, the others settled with their effects.
//!
//! Order within a key holds: behind a record that will be delivered again, no later record of its key is settled,
//! whatever the handler said about it.

use std::{collections::BTreeSet, mem};

use bytes::Bytes;
use model::{Answer, Fault, RecordAction, RecordFailure, Timestamp, UserRecord, outcome::Usage};

use super::{
    Circumstances, Mode, Settlement, Work, succeeded,
    whole::{again, failed, give_up, parked, spent},
};
use crate::{
    dead_letters::{Condition, Note},
    settings::{ErrorClass, FailedItems, Isolate},
};

pub(super) fn partly(work: Work, mut answer: Answer, at: Circumstances<'_>) -> Settlement {
    let failures = mem::take(&mut answer.failures);
    let Some(first) = failures.first() else {
        return succeeded(work, answer);
    };
    let whole = Note::as_fault(first, answer.usage);
    let from_the_first_on = at.policy.failed == FailedItems::FromTheFirst;
    let all_failed = failures.len() == work.invoked().len()
        && failures.iter().all(|failure| is_tried_again(failure, at));
    let start = usize::try_from(first.index).unwrap_or(usize::MAX);
    match work.mode {
        Mode::Prefix(_) => return failed(work, &whole, at),
        Mode::Oversized | Mode::Blocked | Mode::Aside | Mode::NoRoom => {
            return failed(work, &whole, at);
        }
        Mode::Together => {}
    }
    let effects = !answer.outputs.is_empty() || !answer.state.is_empty();
    let sourced = answer.outputs.iter().all(|output| output.source.is_some());
    // What a window has come to is of all records that the handler took for done.
    let mixed = answer.window_state.is_some();
    if all_failed || (from_the_first_on && start == 0) {
        // Each of them is to blame, so there is nothing to look for.
        let mut work = work;
        work.note(Note::of_fault(&whole, at));
        work.first_failed.get_or_insert(at.now);
        again(work, &whole, at)
    } else if mixed || (effects && !(answer.effects_attributed && sourced)) {
        match start {
            0 if is_handed_on(first) => hand_on_head(work, (first, answer.usage), at),
            0 => split_head(work, (first, answer.usage), &whole, at),
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
        if from_the_first_on || groups(&fates) > at.sets_max {
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
    /// The handler parks its key.
    Parked(&'a RecordFailure),
    /// It failed and has another attempt, after so many.
    Again(&'a RecordFailure, u32),
    /// It failed and had its last attempt, the so manieth.
    Spent(&'a RecordFailure, u32),
    /// It was not run, or must be run again behind an earlier record of its key.
    NotTried,
}

/// By index in the batch.
fn fates<'a>(work: &Work, failures: &'a [RecordFailure], at: Circumstances<'_>) -> Vec<Fate<'a>> {
    let mut failures = failures.iter().peekable();
    // Keys of which a record is delivered again.
    let mut held: BTreeSet<&Bytes> = BTreeSet::new();
    // Only behind settled records is a budget fresh (RT-7, RT-8); the failure that made it so is not counted.
    let mut progress = false;
    let mut fates = Vec::with_capacity(work.records.len());
    for (index, record) in (0..).zip(work.records.iter()) {
        let failure = failures.next_if(|failure| failure.index == index);
        let fate = match failure {
            Some(_) | None if held.contains(&record.partition_key) => Fate::NotTried,
            None => Fate::Settled,
            Some(failure) if progress => afresh(fate(failure, 0, at)),
            Some(failure) => fate(failure, work.attempts, at),
        };
        progress |= matches!(fate, Fate::Settled | Fate::Rejected(_) | Fate::Parked(_));
        match fate {
            Fate::Again(..) | Fate::NotTried | Fate::Parked(_) => {
                held.insert(&record.partition_key);
            }
            Fate::Spent(..) if at.policy.then.holds() => {
                held.insert(&record.partition_key);
            }
            Fate::Settled | Fate::Rejected(_) | Fate::Spent(..) => {}
        }
        fates.push(fate);
    }
    fates
}

/// Of a record that failed on its own after so many attempts.
fn fate<'a>(failure: &'a RecordFailure, attempts: u32, at: Circumstances<'_>) -> Fate<'a> {
    match failure.action {
        RecordAction::NotTried => Fate::NotTried,
        RecordAction::DeadLetter => Fate::Rejected(failure),
        RecordAction::Park => Fate::Parked(failure),
        RecordAction::Retry => match at.policy.class_of(&failure.kind) {
            ErrorClass::DeadLetter => Fate::Rejected(failure),
            ErrorClass::Park => Fate::Parked(failure),
            ErrorClass::Pause => Fate::Again(failure, attempts),
            ErrorClass::Retry if spent(attempts.saturating_add(1), at) => {
                Fate::Spent(failure, attempts.saturating_add(1))
            }
            ErrorClass::Retry => Fate::Again(failure, attempts.saturating_add(1)),
        },
    }
}

/// Behind progress the failure itself is not counted.
fn afresh(fate: Fate<'_>) -> Fate<'_> {
    match fate {
        Fate::Again(failure, _) | Fate::Spent(failure, _) => Fate::Again(failure, 0),
        Fate::Settled | Fate::Rejected(_) | Fate::Parked(_) | Fate::NotTried => fate,
    }
}

fn is_tried_again(failure: &RecordFailure, at: Circumstances<'_>) -> bool {
    match failure.action {
        RecordAction::NotTried | RecordAction::DeadLetter | RecordAction::Park => false,
        RecordAction::Retry => at.policy.class_of(&failure.kind) == ErrorClass::Retry,
    }
}

/// The handler has decided what becomes of the record.
fn is_handed_on(failure: &RecordFailure) -> bool {
    match failure.action {
        RecordAction::DeadLetter | RecordAction::Park => true,
        RecordAction::Retry | RecordAction::NotTried => false,
    }
}

/// How many works `each` would leave.
fn groups(fates: &[Fate<'_>]) -> usize {
    let mut before = Fate::Settled;
    let mut groups = 0;
    for fate in fates {
        let begins = match fate {
            Fate::Settled | Fate::Rejected(_) | Fate::Parked(_) => false,
            Fate::Again(..) | Fate::Spent(..) => true,
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
    // Who settles some records is not out of order as a whole.
    let at = Circumstances {
        healthy: at.healthy || fates.contains(&Fate::Settled),
        ..at
    };
    let settled = |source: u32| {
        let index = usize::try_from(source).unwrap_or(usize::MAX);
        fates.get(index) == Some(&Fate::Settled)
    };
    let mut settlement = Settlement::default();
    let mut before = Fate::Settled;
    for (index, (record, fate)) in work.records.iter().zip(fates).enumerate() {
        let single = |attempts| of_failed(work, record, attempts, at.now);
        match fate {
            Fate::Settled => {}
            Fate::Rejected(failure) => {
                let mut single = single(work.attempts);
                single.note(Note::of_failure(failure, usage, at));
                settlement
                    .dead
                    .push(single.into_discard(Condition::Rejected));
            }
            Fate::Parked(failure) => {
                let mut single = single(work.attempts);
                single.note(Note::of_failure(failure, usage, at));
                let parked = parked(single, at);
                settlement.parked.extend(parked.parked);
                settlement.again.extend(parked.again);
            }
            Fate::Again(failure, attempts) | Fate::Spent(failure, attempts) => {
                let mut single = single(*attempts);
                single.note(Note::of_failure(failure, usage, at));
                single.not_before = at.now.plus(at.policy.backoff.after(1, at.fraction));
                if matches!(fate, Fate::Spent(..)) {
                    let given_up = give_up(single, at);
                    settlement.dead.extend(given_up.dead);
                    settlement.parked.extend(given_up.parked);
                    settlement.again.extend(given_up.again);
                } else {
                    settlement.again.push(single);
                }
            }
            // Those that follow each other stay together.
            Fate::NotTried if before == Fate::NotTried => {}
            Fate::NotTried => {
                let rest = fates[index..].iter();
                let count = rest.take_while(|fate| **fate == Fate::NotTried).count();
                let group = &work.records[index..index + count];
                settlement.again.push(work.part(group));
            }
        }
        before = *fate;
    }
    with_effects(settlement, answer, settled)
}

/// A record of the batch, which failed.
fn of_failed(work: &Work, record: &UserRecord, attempts: u32, now: Timestamp) -> Work {
    Work {
        attempts,
        version: work.version,
        failures: 1,
        first_failed: work.first_failed.or(Some(now)),
        notes: work.notes.clone(),
        ..work.part(vec![record.clone()])
    }
}

/// The handler itself decided about the first record; the others start afresh.
fn hand_on_head(
    mut work: Work,
    (failure, usage): (&RecordFailure, Usage),
    at: Circumstances<'_>,
) -> Settlement {
    let rest = work.split_off(1).map(|rest| work.part(rest));
    work.note(Note::of_failure(failure, usage, at));
    let mut settlement = if failure.action == RecordAction::Park {
        parked(work, at)
    } else {
        Settlement {
            dead: vec![work.into_discard(Condition::Rejected)],
            ..Settlement::default()
        }
    };
    settlement.again.extend(rest);
    settlement
}

/// The first record failed and nothing can be kept of the others: it goes on alone, they wait behind it.
fn split_head(
    mut work: Work,
    (failure, usage): (&RecordFailure, Usage),
    whole: &Fault,
    at: Circumstances<'_>,
) -> Settlement {
    let fate = fate(failure, work.attempts, at);
    let (Fate::Again(_, attempts) | Fate::Spent(_, attempts)) = fate else {
        return failed(work, whole, at);
    };
    if at.policy.isolate == Isolate::Off {
        return failed(work, whole, at);
    }
    let rest = work.split_off(1).map(|rest| work.part(rest));
    work.note(Note::of_failure(failure, usage, at));
    work.attempts = attempts;
    work.failures = work.failures.saturating_add(1);
    work.first_failed.get_or_insert(at.now);
    work.not_before = at
        .now
        .plus(at.policy.backoff.after(work.failures, at.fraction));
    let mut settlement = match fate {
        Fate::Spent(..) => give_up(work, at),
        Fate::Again(..) | Fate::Settled | Fate::Rejected(_) | Fate::Parked(_) | Fate::NotTried => {
            Settlement {
                again: vec![work],
                ..Settlement::default()
            }
        }
    };
    settlement.again.extend(rest);
    settlement
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
            RecordAction::DeadLetter | RecordAction::Park => {
                hand_on_head(work, (first, answer.usage), at)
            }
            RecordAction::Retry | RecordAction::NotTried => failed(work, whole, at),
        };
    }
    let again = work.split_off(start).map(|records| {
        let mut rest = work.part(records);
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
