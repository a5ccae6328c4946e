//! What an invocation means for its slot: it is done, tried again later, or given up. Pure.

use std::time::Duration;

use dispatch::Condition;
use model::{FaultClass, Outcome, Timestamp};

use super::Retry;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Done,
    /// After so many attempts that were used, not before this moment.
    Again {
        attempts: u32,
        not_before: Timestamp,
    },
    GiveUp(Condition),
}

/// `used` are the attempts of the slot before this one; `fraction` in [0, 1) is the draw for the jitter.
pub(super) fn settle(
    outcome: &Outcome,
    (slot, used): (Timestamp, u32),
    retry: &Retry,
    now: Timestamp,
    fraction: f64,
) -> Settled {
    let fault = match outcome {
        Outcome::Answered(_) => return Settled::Done,
        Outcome::Failed(fault) => fault,
    };
    let attempts = match fault.class {
        FaultClass::Function => used.saturating_add(1),
        // It was not run.
        FaultClass::Invoke => used,
    };
    if attempts >= retry.attempts {
        return Settled::GiveUp(Condition::RetryAttemptsExhausted);
    }
    let pause = retry.backoff.after(attempts.max(1), fraction);
    let pause = pause.max(fault.retry_after.unwrap_or(Duration::ZERO));
    let not_before = now.plus(pause);
    if not_before > slot.plus(retry.age) {
        return Settled::GiveUp(Condition::RecordAgeExceeded);
    }
    Settled::Again {
        attempts,
        not_before,
    }
}

#[cfg(test)]
mod tests {
    use dispatch::Backoff;
    use model::{Answer, Fault, outcome::Usage};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failed(class: FaultClass, retry_after: Option<Duration>) -> Outcome {
        Outcome::Failed(Fault {
            class,
            kind: "Bad".to_owned(),
            message: String::new(),
            retry_after,
            usage: Usage::default(),
        })
    }

    #[test]
    fn every_end_of_an_invocation() {
        let retry = Retry {
            attempts: 3,
            age: SECOND * 100,
            backoff: Backoff {
                first: SECOND,
                factor: 2.0,
                max: SECOND * 600,
                jitter: 0.0,
            },
        };
        let slot = Timestamp::from_millis(1_000_000);
        let after = |seconds: u32| slot.plus(SECOND * seconds);
        let again = |attempts, seconds| Settled::Again {
            attempts,
            not_before: after(seconds),
        };
        let function = || failed(FaultClass::Function, None);
        let invoke = || failed(FaultClass::Invoke, None);
        let exhausted = Settled::GiveUp(Condition::RetryAttemptsExhausted);
        let old = Settled::GiveUp(Condition::RecordAgeExceeded);
        for (outcome, used, seconds, expect) in [
            (Outcome::Answered(Answer::default()), 0, 0, Settled::Done),
            (Outcome::Answered(Answer::default()), 9, 900, Settled::Done),
            (function(), 0, 10, again(1, 11)),
            (function(), 1, 10, again(2, 12)),
            (function(), 2, 10, exhausted),
            (invoke(), 0, 10, again(0, 11)),
            (invoke(), 2, 10, again(2, 12)),
            (
                failed(FaultClass::Function, Some(SECOND * 30)),
                0,
                10,
                again(1, 40),
            ),
            (function(), 0, 99, again(1, 100)),
            (function(), 0, 100, old),
            (invoke(), 0, 100, old),
            (failed(FaultClass::Function, Some(SECOND * 95)), 0, 10, old),
        ] {
            let settled = settle(&outcome, (slot, used), &retry, after(seconds), 0.5);
            assert_eq!(settled, expect, "{outcome:?} after {used} at {seconds} s");
        }
    }
}
