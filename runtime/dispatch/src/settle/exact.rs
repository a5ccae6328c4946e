//! Which record was it? A handler that says where it is names the one it stopped at; where it has said nothing it is run
//! once more and asked to. Only where that is of no use are batches halved, so that few sets are open however many fail.

use model::{Fault, UserRecord};

use super::{
    Circumstances, Mode, Settlement, Trace, Work,
    whole::{asked, give_up, halves, spent},
};

/// Kinds of faults that stop a handler at the record it is at. Others may be about the batch as a whole.
const AT_THE_RECORD: [&str; 3] = ["Trap", "StackOverflow", "ExitError"];

/// A batch of several records failed. No attempt is used before it is known whose it was.
pub(super) fn exact(work: Work, fault: &Fault, at: Circumstances<'_>) -> Settlement {
    let mark = fault.usage.mark.and_then(|mark| usize::try_from(mark).ok());
    let mark = mark.filter(|mark| *mark < work.records.len());
    match mark.filter(|_| work.trace != Trace::Misled) {
        Some(mark) => around(work, mark, fault, at),
        None if at.marks && work.trace == Trace::Off => Settlement {
            again: vec![Work {
                mode: Mode::Together,
                trace: Trace::On,
                not_before: at.now.plus(asked(fault)),
                ..work
            }],
            ..Settlement::default()
        },
        None => halves(work, fault, at),
    }
}

/// The record that the handler stopped at goes on alone, or is given up where that was its last attempt; the others need
/// not be taken apart any more.
fn around(mut work: Work, mark: usize, fault: &Fault, at: Circumstances<'_>) -> Settlement {
    let is_sure = AT_THE_RECORD.contains(&fault.kind.as_str());
    let records = std::mem::take(&mut work.records);
    let (before, after) = (&records[..mark], &records[mark + 1..]);
    let not_before = at.now.plus(asked(fault));
    let neighbours = |records: &[UserRecord]| Work {
        version: work.version,
        first_failed: work.first_failed,
        not_before,
        ..work.part(records)
    };
    // A function that stops behind everything, whatever it is given, would have its batches taken apart from the end.
    let passed = |records: &[UserRecord]| Work {
        trace: Trace::Misled,
        ..neighbours(records)
    };
    let mut alone = Work {
        version: work.version,
        first_failed: work.first_failed,
        notes: work.notes.clone(),
        not_before,
        ..work.part(&records[mark..=mark])
    };
    if is_sure {
        alone.attempts = 1;
        alone.failures = 1;
        let pause = at.policy.backoff.after(1, at.fraction);
        alone.not_before = at.now.plus(asked(fault).max(pause));
        if spent(1, at) {
            let mut settlement = give_up(alone, at);
            let stays = |work: &Work| work.mode == Mode::Blocked;
            if settlement.again.iter().any(stays) {
                settlement.again.splice(0..0, some(passed(before)));
                settlement.again.extend(some(neighbours(after)));
            } else {
                let rest = [before, after].concat();
                settlement.again.extend(some(neighbours(&rest)));
            }
            return settlement;
        }
    }
    let mut again: Vec<Work> = some(passed(before)).into_iter().collect();
    again.push(alone);
    again.extend(some(neighbours(after)));
    Settlement {
        again,
        ..Settlement::default()
    }
}

fn some(work: Work) -> Option<Work> {
    (!work.records.is_empty()).then_some(work)
}
