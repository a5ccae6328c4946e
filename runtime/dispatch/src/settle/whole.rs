//! An invocation that failed as a whole: who is tried again, when, and who had the last attempt.
//!
//! Which record was it comes before counting: the halves of a failed batch are tried at once, and only a record set that
//! is tried again as it was uses an attempt and waits.

use model::{Fault, FaultClass};

use super::{Circumstances, Mode, Origin, Settlement, Work, exact::exact};
use crate::{
    dead_letters::{Condition, Note},
    limits::{FULL_PAUSE, RETRY_AFTER_MAX},
    settings::{ErrorClass, Isolate, Then},
};

/// Nothing that the invocation did counts.
pub(super) fn failed(mut work: Work, fault: &Fault, at: Circumstances<'_>) -> Settlement {
    work.note(Note::of_fault(fault, at));
    work.first_failed.get_or_insert(at.now);
    let class = at.policy.class_of(&fault.kind);
    match fault.class {
        FaultClass::Invoke => after_a_pause(work, fault, at),
        FaultClass::Function => match class {
            ErrorClass::Pause => after_a_pause(work, fault, at),
            ErrorClass::DeadLetter if work.records.len() == 1 => Settlement {
                dead: vec![work.into_discard(Condition::Rejected)],
                ..Settlement::default()
            },
            ErrorClass::Park if work.records.len() == 1 => parked(work, at),
            ErrorClass::Retry | ErrorClass::DeadLetter | ErrorClass::Park => {
                match at.policy.isolate {
                    Isolate::Exact if work.records.len() > 1 => exact(work, fault, at),
                    Isolate::Halves if work.records.len() > 1 => halves(work, fault, at),
                    Isolate::Exact | Isolate::Halves | Isolate::Off => again(work, fault, at),
                }
            }
        },
    }
}

/// The same records once more, or the end of their attempts.
pub(super) fn again(mut work: Work, fault: &Fault, at: Circumstances<'_>) -> Settlement {
    work.mode = Mode::Together;
    work.attempts = work.attempts.saturating_add(1);
    if spent(work.attempts, at) {
        give_up(work, at)
    } else {
        after_a_pause(work, fault, at)
    }
}

fn after_a_pause(mut work: Work, fault: &Fault, at: Circumstances<'_>) -> Settlement {
    work.failures = work.failures.saturating_add(1);
    let pause = at.policy.backoff.after(work.failures, at.fraction);
    work.not_before = at.now.plus(asked(fault).max(pause));
    Settlement {
        again: vec![work],
        ..Settlement::default()
    }
}

/// What the handler asks for, within reason.
pub(super) fn asked(fault: &Fault) -> std::time::Duration {
    fault.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)
}

/// The lower half takes one more where they cannot be equal (BI-2); the upper one waits for it (BI-5).
pub(super) fn halves(mut work: Work, fault: &Fault, at: Circumstances<'_>) -> Settlement {
    let upper = work.split_off(work.records.len().div_ceil(2));
    let lower = std::mem::take(&mut work.records);
    let half = |records| Work {
        version: work.version,
        first_failed: work.first_failed,
        not_before: at.now.plus(asked(fault)),
        notes: work.notes.clone(),
        ..work.part(records)
    };
    let mut again = vec![half(lower)];
    again.extend(upper.map(half));
    Settlement {
        again,
        ..Settlement::default()
    }
}

pub(super) fn spent(attempts: u32, at: Circumstances<'_>) -> bool {
    at.policy.attempts.is_some_and(|max| attempts >= max)
}

/// The records had their last attempt. While nothing else succeeds, that is no reason to give them up.
pub(super) fn give_up(work: Work, at: Circumstances<'_>) -> Settlement {
    let kept = |mode| Settlement {
        again: vec![Work {
            mode,
            not_before: at.now,
            ..work.clone()
        }],
        ..Settlement::default()
    };
    match (at.policy.then, work.origin) {
        (Then::Block, Origin::Shard | Origin::Window) => kept(Mode::Blocked),
        // What waited behind a parked key waits on there.
        (Then::Block | Then::Park, Origin::Parked(_)) => parked(work, at),
        (Then::DeadLetter, Origin::Parked(_)) if !at.healthy => parked(work, at),
        (Then::DeadLetter | Then::Park, Origin::Shard) if !at.healthy => kept(Mode::Aside),
        (Then::DeadLetter | Then::Park, Origin::Window) if !at.healthy => anew(work, at),
        (Then::Park, Origin::Shard) => parked(work, at),
        (Then::DeadLetter, _) | (Then::Park, Origin::Window) => Settlement {
            dead: vec![work.into_discard(Condition::RetryAttemptsExhausted)],
            ..Settlement::default()
        },
    }
}

/// Its lane waits with it where there is no room; what waits already takes no more of it.
pub(super) fn parked(work: Work, at: Circumstances<'_>) -> Settlement {
    if at.has_room || work.origin != Origin::Shard {
        return Settlement {
            parked: vec![work.into_parking()],
            ..Settlement::default()
        };
    }
    Settlement {
        again: vec![Work {
            mode: Mode::NoRoom,
            attempts: work.attempts.max(1),
            not_before: at.now.plus(FULL_PAUSE),
            ..work
        }],
        ..Settlement::default()
    }
}

/// Nothing else of the shard can be tried before a window has closed, so it is tried until something succeeds.
fn anew(mut work: Work, at: Circumstances<'_>) -> Settlement {
    work.attempts = 0;
    work.failures = work.failures.saturating_add(1);
    work.not_before = at
        .now
        .plus(at.policy.backoff.after(work.failures, at.fraction));
    Settlement {
        again: vec![work],
        ..Settlement::default()
    }
}
