//! One table a rule: what went in, what is committed, discarded and tried again.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use model::{RecordAction, RecordFailure, outcome::Usage};

use super::*;
use crate::{
    limits::{RETRY_AFTER_MAX, TRIES_MAX},
    settings::{Backoff, ErrorClass, FailedItems, Isolate, RetryVersion, Then},
    testing::user_record,
};

const NOW: Timestamp = Timestamp::from_millis(10_000);

fn policy(attempts: Option<u32>) -> RetryPolicy {
    RetryPolicy {
        attempts,
        age: Some(Duration::from_secs(6)),
        backoff: Backoff {
            jitter: 0.0,
            ..Backoff::default()
        },
        isolate: Isolate::Off,
        failed: FailedItems::Each,
        classes: BTreeMap::new(),
        breaker: None,
        then: Then::DeadLetter,
        park_max: model::ByteSize::mib(1),
        version: RetryVersion::Same,
    }
}

fn at(policy: &RetryPolicy) -> Circumstances<'_> {
    Circumstances {
        policy,
        now: NOW,
        version: FunctionVersion(1),
        log_tail: "",
        fraction: 0.0,
        healthy: true,
        marks: false,
        has_room: true,
        sets_max: TRIES_MAX,
    }
}

/// Each record has a key of its own.
fn work(indexes: &[u64]) -> Work {
    let record = |index: &u64| user_record(*index, &index.to_string());
    Work::new(indexes.iter().map(record).collect::<Vec<_>>())
}

/// Records from 1 on, with these keys.
fn keyed(keys: &str) -> Work {
    let record = |(index, key): (u64, char)| user_record(index, &key.to_string());
    Work::new((1..).zip(keys.chars()).map(record).collect::<Vec<_>>())
}

fn fault(class: FaultClass) -> Outcome {
    Outcome::Failed(Fault {
        class,
        kind: "Trap".to_owned(),
        message: "unreachable".to_owned(),
        retry_after: None,
        usage: Usage::default(),
    })
}

fn failure(index: u32, action: RecordAction) -> RecordFailure {
    RecordFailure {
        index,
        action,
        kind: "Bad".to_owned(),
        reason: "not so".to_owned(),
    }
}

fn emitted(source: u32) -> Emitted {
    Emitted {
        output: "out".to_owned(),
        partition_key: Bytes::from_static(b"k"),
        explicit_hash_key: None,
        data: Bytes::from(source.to_string()),
        source: Some(source),
    }
}

/// Every record emitted something.
fn answer(of: u32, failures: Vec<RecordFailure>, effects_attributed: bool) -> Outcome {
    Outcome::Answered(Answer {
        failures,
        outputs: (0..of).map(emitted).collect(),
        state: Vec::new(),
        effects_attributed,
        window_state: None,
        usage: Usage::default(),
    })
}

fn indexes(records: &[UserRecord]) -> Vec<u64> {
    records
        .iter()
        .map(|record| record.position.sequence.0[2])
        .collect()
}

/// `out[sources] dead[records] again[records mode attempts pause]`
fn told(settlement: &Settlement) -> String {
    let out: Vec<_> = settlement
        .outputs
        .iter()
        .filter_map(|output| output.source)
        .collect();
    let dead: Vec<_> = settlement
        .dead
        .iter()
        .map(|dead| (indexes(&dead.records), dead.condition))
        .collect();
    let again: Vec<_> = settlement
        .again
        .iter()
        .map(|work| {
            let pause = work.not_before.since(NOW).as_millis();
            format!(
                "{:?} {:?} {} +{pause}",
                indexes(&work.records),
                work.mode,
                work.attempts
            )
        })
        .collect();
    let parked = settlement.parked.iter();
    let parked: Vec<_> = parked.map(|group| indexes(&group.records)).collect();
    let parked = match parked.as_slice() {
        [] => String::new(),
        parked => format!(" parked{parked:?}"),
    };
    format!(
        "out{out:?} dead{dead:?} again[{}]{parked}",
        again.join("; ")
    )
}

fn check(work: Work, outcome: Outcome, attempts: Option<u32>, expect: &str) {
    let policy = policy(attempts);
    assert_eq!(told(&settle(work, outcome, at(&policy))), expect);
}

#[test]
fn success_settles_everything() {
    check(
        work(&[1, 2]),
        answer(2, vec![], false),
        Some(3),
        "out[0, 1] dead[] again[]",
    );
}

#[test]
fn a_failed_batch_is_tried_again_as_it_was() {
    let tried = |attempts, failures| Work {
        attempts,
        failures,
        ..work(&[1, 2])
    };
    for (work, class, max, expect) in [
        (
            tried(0, 0),
            FaultClass::Function,
            Some(3),
            "[1, 2] Together 1 +500",
        ),
        (
            tried(1, 1),
            FaultClass::Function,
            Some(3),
            "[1, 2] Together 2 +1000",
        ),
        (
            tried(90, 90),
            FaultClass::Function,
            None,
            "[1, 2] Together 91 +60000",
        ),
        (
            tried(2, 5),
            FaultClass::Invoke,
            Some(3),
            "[1, 2] Together 2 +16000",
        ),
        (tried(2, 2), FaultClass::Function, Some(3), ""),
    ] {
        let dead = if expect.is_empty() {
            "([1, 2], RetryAttemptsExhausted)"
        } else {
            ""
        };
        check(
            work,
            fault(class),
            max,
            &format!("out[] dead[{dead}] again[{expect}]"),
        );
    }
}

#[test]
fn a_failed_batch_is_tried_in_halves_at_once() {
    for (records, expect) in [
        (
            vec![1, 2, 3, 4, 5],
            "[1, 2, 3] Together 0 +0; [4, 5] Together 0 +0",
        ),
        (vec![1, 2], "[1] Together 0 +0; [2] Together 0 +0"),
        (vec![1], "[1] Together 2 +500"),
    ] {
        for isolate in [Isolate::Exact, Isolate::Halves] {
            let policy = RetryPolicy {
                isolate,
                ..policy(Some(3))
            };
            let tried = Work {
                attempts: 1,
                ..work(&records)
            };
            let settlement = settle(tried, fault(FaultClass::Function), at(&policy));
            assert_eq!(told(&settlement), format!("out[] dead[] again[{expect}]"));
            for half in settlement.again {
                assert_eq!(half.first_failed, Some(NOW));
                assert_eq!(half.notes.len(), 1);
            }
        }
    }
}

#[test]
fn what_could_not_run_is_never_split() {
    let policy = RetryPolicy {
        isolate: Isolate::Halves,
        ..policy(Some(1))
    };
    let settlement = settle(work(&[1, 2]), fault(FaultClass::Invoke), at(&policy));
    assert_eq!(
        told(&settlement),
        "out[] dead[] again[[1, 2] Together 0 +500]"
    );
}

#[test]
fn the_kind_of_an_error_may_decide() {
    use ErrorClass::{DeadLetter, Pause, Retry};
    for (class, whole, single) in [
        (
            Retry,
            "dead[] again[[1] Together 1 +500]",
            "dead[] again[[2] Together 0 +500]",
        ),
        (
            Pause,
            "dead[] again[[1] Together 0 +500]",
            "dead[] again[[2] Together 0 +500]",
        ),
        (
            DeadLetter,
            "dead[([1], Rejected)] again[]",
            "dead[([2], Rejected)] again[]",
        ),
    ] {
        let kinds = ["Trap", "Bad"].map(|kind| (kind.to_owned(), class));
        let policy = RetryPolicy {
            classes: BTreeMap::from(kinds),
            ..policy(Some(3))
        };
        let failed = settle(work(&[1]), fault(FaultClass::Function), at(&policy));
        assert_eq!(told(&failed), format!("out[] {whole}"), "{class:?}");
        let named = answer(2, vec![failure(1, RecordAction::Retry)], true);
        let partial = settle(work(&[1, 2]), named, at(&policy));
        assert_eq!(told(&partial), format!("out[0] {single}"), "{class:?}");
    }
}

#[test]
fn nothing_is_given_up_while_nothing_succeeds() {
    let policy = policy(Some(1));
    let suspicious = Circumstances {
        healthy: false,
        ..at(&policy)
    };
    let settlement = settle(work(&[1]), fault(FaultClass::Function), suspicious);
    assert_eq!(told(&settlement), "out[] dead[] again[[1] Aside 1 +0]");
    // A neighbour that succeeds in the same answer shows that it is the record.
    let named = answer(2, vec![failure(0, RecordAction::Retry)], true);
    let settlement = settle(work(&[1, 2]), named, suspicious);
    assert_eq!(
        told(&settlement),
        "out[1] dead[([1], RetryAttemptsExhausted)] again[]"
    );
}

#[test]
fn a_blocking_policy_keeps_the_record() {
    let policy = RetryPolicy {
        then: Then::Block,
        ..policy(Some(1))
    };
    let settlement = settle(work(&[1]), fault(FaultClass::Function), at(&policy));
    assert_eq!(told(&settlement), "out[] dead[] again[[1] Blocked 1 +0]");
    assert!(settlement.again[0].invoked().is_empty());
}

#[test]
fn attributed_effects_of_failed_records_are_dropped() {
    use RecordAction::{DeadLetter, NotTried, Park, Retry};
    for (failures, expect) in [
        (
            vec![(1, Retry)],
            "out[0, 2] dead[] again[[2] Together 0 +500]",
        ),
        (
            vec![(1, Park), (2, NotTried)],
            "out[0] dead[] again[[3] Together 0 +0] parked[[2]]",
        ),
        (
            vec![(1, DeadLetter)],
            "out[0, 2] dead[([2], Rejected)] again[]",
        ),
        // The first record makes no progress (RT-8).
        (
            vec![(0, Retry)],
            "out[1, 2] dead[] again[[1] Together 1 +500]",
        ),
        // Nothing succeeded: the batch failed.
        (
            vec![(0, Retry), (1, Retry), (2, Park)],
            "out[] dead[] again[[1] Together 1 +500; [2] Together 1 +500] parked[[3]]",
        ),
        (
            vec![(0, Retry), (1, Retry), (2, NotTried)],
            "out[] dead[] again[[1] Together 1 +500; [2] Together 1 +500; [3] Together 0 +0]",
        ),
    ] {
        let failures = failures
            .into_iter()
            .map(|(index, action)| failure(index, action))
            .collect();
        check(work(&[1, 2, 3]), answer(3, failures, true), Some(3), expect);
    }
}

#[test]
fn behind_a_record_that_is_delivered_again_none_of_its_key_is_settled() {
    use RecordAction::{DeadLetter, NotTried, Park, Retry};
    for (keys, failures, expect) in [
        (
            "abaab",
            vec![(0, Retry)],
            "out[1, 4] dead[] again[[1] Together 1 +500; [3, 4] Together 0 +0]",
        ),
        (
            "xaba",
            vec![(1, Park), (3, Retry)],
            "out[0, 2] dead[] again[[4] Together 0 +0] parked[[2]]",
        ),
        // What the handler said of a later record comes again with it.
        (
            "xaa",
            vec![(1, Retry), (2, DeadLetter)],
            "out[0] dead[] again[[2] Together 0 +500; [3] Together 0 +0]",
        ),
        (
            "xaba",
            vec![(1, NotTried)],
            "out[0, 2] dead[] again[[2] Together 0 +0; [4] Together 0 +0]",
        ),
        // A record that was given up holds nobody.
        (
            "xaa",
            vec![(1, DeadLetter)],
            "out[0, 2] dead[([2], Rejected)] again[]",
        ),
    ] {
        let failures = failures
            .into_iter()
            .map(|(index, action)| failure(index, action))
            .collect();
        let outcome = answer(u32::try_from(keys.len()).unwrap(), failures, true);
        check(keyed(keys), outcome, Some(3), expect);
    }
}

#[test]
fn a_hundred_records_of_a_failed_key_are_two_works() {
    let records = keyed(&"k".repeat(100));
    let failures = (10..100)
        .map(|index| match index {
            10 => failure(index, RecordAction::Retry),
            _ => failure(index, RecordAction::NotTried),
        })
        .collect();
    let policy = policy(Some(3));
    let again = settle(records, answer(100, failures, true), at(&policy)).again;
    let lengths: Vec<usize> = again.iter().map(|work| work.records.len()).collect();
    assert_eq!(lengths, [1, 89]);
}

#[test]
fn a_record_keeps_the_notes_of_every_attempt_it_was_in() {
    let policy = policy(Some(9));
    let one_at = |index| answer(3, vec![failure(index, RecordAction::Retry)], true);
    for index in [0, 1] {
        let first = settle(work(&[1, 2, 3]), fault(FaultClass::Function), at(&policy));
        let tried = first.again.into_iter().next().unwrap();
        let second = settle(tried, one_at(index), at(&policy)).again.remove(0);
        assert_eq!(second.notes.len(), 2, "{index}");
        assert_eq!(second.first_failed, Some(NOW), "{index}");
    }
}

#[test]
fn a_handler_asks_for_a_pause_of_an_hour_at_most() {
    let policy = policy(Some(9));
    for (asked, pause) in [(1, 500), (700, 700), (u64::MAX, 3_600_000)] {
        let Outcome::Failed(fault) = fault(FaultClass::Function) else {
            unreachable!("it is a fault")
        };
        let asking = Fault {
            retry_after: Some(Duration::from_millis(asked)),
            ..fault
        };
        let again = settle(work(&[1]), Outcome::Failed(asking), at(&policy)).again;
        assert_eq!(again[0].not_before.since(NOW).as_millis(), pause);
    }
    assert_eq!(RETRY_AFTER_MAX.as_millis(), 3_600_000);
}

#[test]
fn a_first_record_without_another_attempt_is_given_up_at_once() {
    let failed = answer(2, vec![failure(0, RecordAction::Retry)], true);
    check(
        work(&[1, 2]),
        failed,
        Some(1),
        "out[1] dead[([1], RetryAttemptsExhausted)] again[]",
    );
}

#[test]
fn effects_nobody_can_attribute_are_dropped_and_the_good_prefix_runs_alone() {
    let failed_at = |index| answer(3, vec![failure(index, RecordAction::Retry)], false);
    check(
        work(&[1, 2, 3]),
        failed_at(1),
        Some(3),
        "out[] dead[] again[[1, 2, 3] Prefix(1) 0 +0]",
    );
    check(
        work(&[1, 2, 3]),
        failed_at(0),
        Some(3),
        "out[] dead[] again[[1, 2, 3] Together 1 +500]",
    );
    let prefix = || Work {
        mode: Mode::Prefix(1),
        ..work(&[1, 2, 3])
    };
    assert_eq!(indexes(prefix().invoked()), [1]);
    check(
        prefix(),
        answer(1, vec![], false),
        Some(3),
        "out[0] dead[] again[[2, 3] Together 0 +0]",
    );
    check(
        prefix(),
        fault(FaultClass::Function),
        Some(3),
        "out[] dead[] again[[1, 2, 3] Together 1 +500]",
    );
}

#[test]
fn a_named_first_record_is_tried_alone_before_those_behind_it() {
    let failed = || answer(3, vec![failure(0, RecordAction::Retry)], false);
    for (attempts, expect) in [
        (
            Some(3),
            "dead[] again[[1] Together 1 +500; [2, 3] Together 0 +0]",
        ),
        (
            Some(1),
            "dead[([1], RetryAttemptsExhausted)] again[[2, 3] Together 0 +0]",
        ),
    ] {
        let policy = RetryPolicy {
            isolate: Isolate::Exact,
            ..policy(attempts)
        };
        let settlement = settle(work(&[1, 2, 3]), failed(), at(&policy));
        assert_eq!(told(&settlement), format!("out[] {expect}"));
    }
}

#[test]
fn without_effects_an_unattributed_answer_settles_record_by_record() {
    let failed = Outcome::Answered(Answer {
        failures: vec![failure(1, RecordAction::Retry)],
        ..Answer::default()
    });
    check(
        work(&[1, 2, 3]),
        failed,
        Some(3),
        "out[] dead[] again[[2] Together 0 +500]",
    );
}

#[test]
fn an_answer_about_records_that_were_not_there_is_a_failure() {
    let retry = |index| failure(index, RecordAction::Retry);
    for failures in [
        vec![retry(3)],
        vec![retry(1), retry(1)],
        vec![retry(2), retry(0)],
    ] {
        check(
            work(&[1, 2, 3]),
            answer(3, failures, true),
            Some(3),
            "out[] dead[] again[[1, 2, 3] Together 1 +500]",
        );
    }
}

#[test]
fn more_failures_than_a_row_holds_are_one_span() {
    use RecordAction::{DeadLetter, Retry};
    let count = u32::try_from(TRIES_MAX + 5).unwrap();
    let all: Vec<u64> = (1..=u64::from(count)).collect();
    let policy = policy(Some(3));
    for (first, action, outputs, dead, rest) in [
        (2, Retry, 2, 0, 2),
        (0, Retry, 0, 0, 0),
        (0, DeadLetter, 0, 1, 1),
    ] {
        let failures = (first..count - 1)
            .map(|index| failure(index, if index == first { action } else { Retry }))
            .collect();
        let settlement = settle(work(&all), answer(count, failures, true), at(&policy));
        assert_eq!(settlement.outputs.len(), outputs, "{first} {action:?}");
        assert_eq!(settlement.dead.len(), dead, "{first} {action:?}");
        assert_eq!(settlement.again.len(), 1, "{first} {action:?}");
        assert_eq!(indexes(&settlement.again[0].records), all[rest..]);
    }
}

#[test]
fn leading_records_that_are_too_old_expire() {
    let aged = |arrived: &[u64]| {
        let mut work = work(&[1, 2, 3]);
        for (record, ms) in Arc::make_mut(&mut work.records).iter_mut().zip(arrived) {
            record.arrived = Timestamp::from_millis(*ms);
        }
        work
    };
    for (arrived, expired, rest) in [
        ([4_000, 4_000, 4_000], vec![], vec![1, 2, 3]),
        ([3_999, 4_000, 3_000], vec![1], vec![2, 3]),
        ([1, 2, 3], vec![1, 2, 3], vec![]),
    ] {
        let policy = policy(None);
        let (discard, work) = expire(aged(&arrived), at(&policy));
        assert_eq!(
            discard.map_or(vec![], |d| indexes(&d.records)),
            expired,
            "{arrived:?}"
        );
        assert_eq!(
            work.map_or(vec![], |work| indexes(&work.records)),
            rest,
            "{arrived:?}"
        );
    }
}
