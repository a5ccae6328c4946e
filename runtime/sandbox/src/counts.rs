//! What is measured of one function: how often it ran, how long, from what start, with how much memory, and how it failed.
//!
//! One lock an invocation; a reader takes a copy. Kinds of failures are the guest's own words, so only so many are told
//! apart.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::{Outcome, outcome::Usage};

use crate::limits::FAULT_KINDS_COUNTED_MAX;

/// Upper bounds of the buckets that durations are counted in; one more takes what is longer.
pub const DURATION_BOUNDS: [Duration; 12] = [
    Duration::from_micros(100),
    Duration::from_micros(300),
    Duration::from_millis(1),
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// Since the function was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionCounts {
    pub invocations: u64,
    /// In sandboxes that were made for them.
    pub fresh: u64,
    /// In sandboxes that had run before.
    pub warm: u64,
    /// Of all invocations together, the making of sandboxes included.
    pub duration: Duration,
    /// Of the making of sandboxes alone.
    pub init: Duration,
    /// The most that one sandbox held.
    pub memory_bytes_max: u64,
    /// Records for streams and values of states, as far as invocations succeeded.
    pub output_bytes: u64,
    /// Invocations that failed as a whole, by the kind of their failure.
    pub faults: BTreeMap<String, u64>,
    /// Invocations by duration: how many took at most each bound of `DURATION_BOUNDS` but more than the one before.
    pub buckets: [u64; DURATION_BOUNDS.len() + 1],
}

impl FunctionCounts {
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.faults.values().sum()
    }

    fn count(&mut self, outcome: &Outcome, init: Option<Duration>) {
        let usage = match outcome {
            Outcome::Answered(answer) => {
                let outputs = answer.outputs.iter();
                let records: usize = outputs
                    .map(|it| it.data.len() + it.partition_key.len())
                    .sum();
                let values = answer.state.iter().filter_map(|it| it.value.as_ref());
                let values: usize = values.map(bytes::Bytes::len).sum();
                self.output_bytes += u64::try_from(records + values).unwrap_or(u64::MAX);
                answer.usage
            }
            Outcome::Failed(fault) => {
                let known = self.faults.contains_key(&fault.kind)
                    || self.faults.len() < FAULT_KINDS_COUNTED_MAX;
                let kind = if known { fault.kind.as_str() } else { "other" };
                *self.faults.entry(kind.to_owned()).or_default() += 1;
                fault.usage
            }
        };
        self.invocations += 1;
        match init {
            Some(init) => {
                self.fresh += 1;
                self.init += init;
            }
            None => self.warm += 1,
        }
        self.measure(usage);
    }

    fn measure(&mut self, usage: Usage) {
        self.duration += usage.duration;
        self.memory_bytes_max = self.memory_bytes_max.max(usage.memory_bytes);
        let bucket = DURATION_BOUNDS
            .iter()
            .position(|bound| usage.duration <= *bound);
        let bucket = bucket.unwrap_or(DURATION_BOUNDS.len());
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counting(Mutex<FunctionCounts>);

impl Counting {
    pub(crate) fn count(&self, outcome: &Outcome, init: Option<Duration>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.count(outcome, init);
    }

    pub(crate) fn now(&self) -> FunctionCounts {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use model::{Answer, Fault, FaultClass};

    use super::*;

    fn usage(ms: u64, memory_bytes: u64) -> Usage {
        Usage {
            duration: Duration::from_millis(ms),
            memory_bytes,
            fuel: None,
            mark: None,
        }
    }

    fn failed(kind: &str) -> Outcome {
        Outcome::Failed(Fault {
            class: FaultClass::Function,
            kind: kind.to_owned(),
            message: String::new(),
            retry_after: None,
            usage: usage(2, 10),
        })
    }

    #[test]
    fn every_invocation_is_in_one_bucket_and_from_one_start() {
        let mut counts = FunctionCounts::default();
        let answered = |ms, memory| {
            Outcome::Answered(Answer {
                usage: usage(ms, memory),
                ..Answer::default()
            })
        };
        counts.count(&answered(1, 30), Some(Duration::from_millis(1)));
        counts.count(&answered(2, 20), None);
        counts.count(&answered(90_000, 20), None);
        counts.count(&failed("Trap"), None);
        assert_eq!((counts.invocations, counts.fresh, counts.warm), (4, 1, 3));
        assert_eq!(counts.buckets.iter().sum::<u64>(), 4);
        assert_eq!(counts.buckets.last(), Some(&1));
        assert_eq!(counts.memory_bytes_max, 30);
        assert_eq!(counts.failed(), 1);
        assert_eq!(counts.duration, Duration::from_millis(90_005));
    }

    #[test]
    fn a_guest_that_makes_up_kinds_fills_no_memory() {
        let mut counts = FunctionCounts::default();
        for index in 0..1_000 {
            counts.count(&failed(&format!("Kind{index}")), None);
        }
        assert_eq!(counts.faults.len(), FAULT_KINDS_COUNTED_MAX + 1);
        assert_eq!(counts.failed(), 1_000);
    }
}
