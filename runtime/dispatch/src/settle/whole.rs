//! An invocation that failed as a whole: who is tried again, when, and who had the last attempt.

use super::{Circumstances, Discard, Mode, Settlement, Work};
use crate::{
    dead_letters::{Condition, Note},
    limits::RETRY_AFTER_MAX,
    settings::Then,
};
use model::{Fault, FaultClass};

/// The invocation failed as a whole; nothing it did counts.
pub(super) fn failed(mut work: Work, fault: &Fault, at: Circumstances<'_>) -> Settlement {
    work.note(Note::of_fault(fault, at));
    work.failures = work.failures.saturating_add(1);
    work.first_failed.get_or_insert(at.now);
    let pause = at.policy.backoff.after(work.failures, at.fraction);
    let asked = fault.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    work.not_before = at.now.plus(asked.max(pause));
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

pub(super) fn spent(attempts: u32, at: Circumstances<'_>) -> bool {
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
pub(super) fn give_up(mut work: Work, at: Circumstances<'_>) -> Settlement {
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
