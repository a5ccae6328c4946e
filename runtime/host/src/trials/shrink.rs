//! A difference made small: records, batches and failures are left out as long as it stays. What to try next is decided purely;
//! each try is two plays.

use super::{
    Difference, Fate, Ignored, Played, SHRINK_PLAYS_MAX, Schedule, Step, TrialRecord, Trials,
    Variant, compare::compare,
};

/// The smallest difference that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub variant: Variant,
    /// Indexes into the records that were given.
    pub records: Vec<usize>,
    pub schedule: Schedule,
    pub difference: Difference,
    /// Records there were before.
    pub of: usize,
}

pub(crate) async fn shrink(
    trials: &Trials,
    records: &[TrialRecord],
    (variant, schedule): (Variant, Schedule),
    ignored: &Ignored,
) -> Found {
    let mut left = SHRINK_PLAYS_MAX;
    let mut best = schedule;
    let mut difference = differs(trials, records, (variant, &best), ignored).await;
    while let Some(smaller) = next(trials, records, (variant, &best), ignored, &mut left).await {
        best = smaller.0;
        difference = Some(smaller.1);
    }
    Found {
        variant,
        records: all(&best),
        schedule: best,
        difference: difference.unwrap_or_else(|| Difference {
            place: "the whole".to_owned(),
            expected: "the same result each time".to_owned(),
            found: "a difference that did not come again".to_owned(),
        }),
        of: records.len(),
    }
}

/// The first of the smaller schedules that still differs.
async fn next(
    trials: &Trials,
    records: &[TrialRecord],
    (variant, schedule): (Variant, &Schedule),
    ignored: &Ignored,
    left: &mut u32,
) -> Option<(Schedule, Difference)> {
    for smaller in smaller(schedule) {
        if *left < 2 {
            return None;
        }
        *left -= 2;
        if let Some(difference) = differs(trials, records, (variant, &smaller), ignored).await {
            return Some((smaller, difference));
        }
    }
    None
}

async fn differs(
    trials: &Trials,
    records: &[TrialRecord],
    (variant, schedule): (Variant, &Schedule),
    ignored: &Ignored,
) -> Option<Difference> {
    let plain = Schedule::plain(&all(schedule), trials.batch());
    let reference: Played = trials.play(records, &plain).await;
    let played = trials.play(records, schedule).await;
    compare(variant, &reference, &played, ignored)
}

/// The records of a schedule, ascending.
fn all(schedule: &Schedule) -> Vec<usize> {
    let mut all: Vec<usize> = schedule
        .steps
        .iter()
        .flat_map(|step| step.records.iter().copied())
        .collect();
    all.sort_unstable();
    all
}

/// What is a little simpler, the boldest first.
pub(super) fn smaller(schedule: &Schedule) -> Vec<Schedule> {
    let records = all(schedule);
    let mut tries = Vec::new();
    // Leave out half of the records, then quarters, then single ones.
    let mut size = records.len() / 2;
    while size > 0 {
        for some in records.chunks(size) {
            tries.push(without(schedule, some));
        }
        size /= 2;
    }
    for (index, step) in schedule.steps.iter().enumerate() {
        if step.fate != Fate::Committed {
            let mut simpler = schedule.clone();
            simpler.steps[index].fate = Fate::Committed;
            tries.push(simpler);
        }
    }
    for (index, pair) in schedule.steps.windows(2).enumerate() {
        if pair[0].fate == pair[1].fate && pair[0].records.last() < pair[1].records.first() {
            let mut simpler = schedule.clone();
            let second = simpler.steps.remove(index + 1);
            simpler.steps[index].records.extend(second.records);
            tries.push(simpler);
        }
    }
    tries.retain(|smaller| !smaller.steps.is_empty());
    tries
}

fn without(schedule: &Schedule, records: &[usize]) -> Schedule {
    let steps = schedule.steps.iter().map(|step| Step {
        records: step
            .records
            .iter()
            .copied()
            .filter(|index| !records.contains(index))
            .collect(),
        fate: step.fate,
    });
    Schedule {
        steps: steps.filter(|step| !step.records.is_empty()).collect(),
    }
}
