//! Sandboxes between two invocations: kept for their lane, taken again by it, at most so many over all functions.
//!
//! They have slots of the pool of their own, beside those of running sandboxes, so that keeping one warm never stands
//! in the way of an invocation. Where there is no room, the one that has waited longest is given up: its lane's next
//! batch gets a fresh sandbox.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{ShardId, TriggerName};

use crate::sandbox::Sandbox;

/// A warm sandbox serves one shard of one trigger, with one loaded function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) function: FunctionNumber,
    pub(crate) shard: ShardId,
    pub(crate) trigger: TriggerName,
}

/// Of a loaded function, unique within its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FunctionNumber(u64);

/// Those of one engine; the one that has waited longest stands first.
pub(crate) struct WarmSandboxes<S = Sandbox> {
    sandboxes_max: usize,
    waiting: Mutex<Waiting<S>>,
}

struct Waiting<S> {
    sandboxes: VecDeque<(Lane, S)>,
    functions: u64,
}

impl<S> WarmSandboxes<S> {
    pub(crate) fn new(sandboxes_max: usize) -> Self {
        Self {
            sandboxes_max,
            waiting: Mutex::new(Waiting {
                sandboxes: VecDeque::new(),
                functions: 0,
            }),
        }
    }

    pub(crate) fn function(&self) -> FunctionNumber {
        let mut waiting = self.waiting();
        waiting.functions += 1;
        FunctionNumber(waiting.functions)
    }

    pub(crate) fn take(&self, lane: &Lane) -> Option<S> {
        let sandboxes = &mut self.waiting().sandboxes;
        let at = sandboxes.iter().rposition(|(of, _)| of == lane)?;
        sandboxes.remove(at).map(|(_, sandbox)| sandbox)
    }

    /// The caller still holds the place of a running sandbox: what is given up is gone before that is free.
    pub(crate) fn keep(&self, lane: Lane, sandbox: S) {
        let mut waiting = self.waiting();
        let given_up = (waiting.sandboxes.len() >= self.sandboxes_max)
            .then(|| waiting.sandboxes.pop_front())
            .flatten();
        waiting.sandboxes.push_back((lane, sandbox));
        drop(waiting);
        drop(given_up);
    }

    /// The function is no longer loaded.
    pub(crate) fn forget(&self, function: FunctionNumber) {
        let of = |(lane, _): &(Lane, S)| lane.function == function;
        let mut waiting = self.waiting();
        let sandboxes = std::mem::take(&mut waiting.sandboxes).into_iter();
        let (forgotten, kept) = sandboxes.partition::<VecDeque<_>, _>(of);
        waiting.sandboxes = kept;
        drop(waiting);
        drop(forgotten);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<S>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(function: FunctionNumber, shard: u32) -> Lane {
        Lane {
            function,
            shard: ShardId(shard),
            trigger: TriggerName::parse("orders").unwrap(),
        }
    }

    #[test]
    fn a_sandbox_goes_back_to_its_own_lane_and_once() {
        let warm = WarmSandboxes::new(8);
        let (first, second) = (warm.function(), warm.function());
        warm.keep(lane(first, 0), "a");
        warm.keep(lane(first, 0), "b");
        assert_eq!(warm.take(&lane(first, 1)), None);
        assert_eq!(warm.take(&lane(second, 0)), None);
        assert_eq!(warm.take(&lane(first, 0)), Some("b"));
        assert_eq!(warm.take(&lane(first, 0)), Some("a"));
        assert_eq!(warm.take(&lane(first, 0)), None);
    }

    #[test]
    fn the_one_that_has_waited_longest_makes_room() {
        let warm = WarmSandboxes::new(2);
        let (first, second) = (warm.function(), warm.function());
        warm.keep(lane(first, 0), "a");
        warm.keep(lane(second, 0), "b");
        let again = warm.take(&lane(first, 0)).unwrap();
        warm.keep(lane(first, 0), again);
        warm.keep(lane(second, 1), "c");
        assert_eq!(warm.take(&lane(second, 0)), None);
        assert_eq!(warm.take(&lane(first, 0)), Some("a"));
        assert_eq!(warm.take(&lane(second, 1)), Some("c"));
    }

    #[test]
    fn a_function_that_is_gone_leaves_nothing() {
        let warm = WarmSandboxes::new(8);
        let (first, second) = (warm.function(), warm.function());
        warm.keep(lane(first, 0), "a");
        warm.keep(lane(second, 0), "b");
        warm.forget(first);
        assert_eq!(warm.take(&lane(first, 0)), None);
        assert_eq!(warm.take(&lane(second, 0)), Some("b"));
    }
}
