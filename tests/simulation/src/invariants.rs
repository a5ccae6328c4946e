//! What always holds between the workers of a trigger, whatever ends and stands still: held against everything that they
//! did in a story, in its order.
//!
//! What a crash took back is forgotten at the next start: the log says how far it is whole. I4, that the last of several hosts
//! owns everything within a second, is a matter of `leases`, whose own simulation has several hosts.

use std::collections::BTreeMap;

use crate::{
    events::{Event, Reached, Worker},
    promises::{Broken, Kept, Rule},
    story::Ending,
};

/// Of one worker, by its place in the log: the token and the checkpoint.
type Written = BTreeMap<u64, (u64, Reached)>;

#[derive(Debug, Default)]
struct Standing<'a> {
    written: BTreeMap<&'a Worker, Written>,
    /// The newest token that did anything since the start.
    newest: BTreeMap<&'a Worker, u64>,
}

/// The invariants I1, I2, I3 and I5 of the consumer.
pub fn workers_keep_to_their_leases(ending: &Ending) -> Kept {
    let mut standing = Standing::default();
    for event in &ending.events {
        match event {
            Event::Opened { end } => standing.open(*end),
            Event::Checkpoint {
                worker,
                token,
                reached,
                at,
            } => standing.checkpoint(ending, worker, *token, (*at, reached))?,
            Event::Invoked {
                worker,
                token,
                first,
            } => standing.invoked(ending, worker, *token, first)?,
        }
    }
    Ok(())
}

impl<'a> Standing<'a> {
    fn open(&mut self, end: u64) {
        self.newest.clear();
        for written in self.written.values_mut() {
            written.retain(|at, _| *at <= end);
        }
    }

    /// I1: tokens of what is written only grow. I2: so do checkpoints, except where an operator moved the trigger.
    fn checkpoint(
        &mut self,
        ending: &Ending,
        worker: &'a Worker,
        token: u64,
        (at, reached): (u64, &Reached),
    ) -> Kept {
        let newest = self.newest.entry(worker).or_default();
        *newest = token.max(*newest);
        let written = self.written.entry(worker).or_default();
        let this = (token, reached.clone());
        let before = written.range(..at).next_back().map(|(_, it)| it.clone());
        let after = written.range(at..).next().map(|(_, it)| it.clone());
        let pairs = [
            before.map(|before| (before, this.clone())),
            after.map(|after| (this.clone(), after)),
        ];
        for (earlier, later) in pairs.into_iter().flatten() {
            hold(1, earlier.0 <= later.0, || {
                format!(
                    "{worker:?} wrote with token {} behind token {}",
                    later.0, earlier.0
                )
            })?;
            let moved = ending.is_moved(&worker.0) && earlier.0 != later.0;
            hold(2, moved || earlier.1 <= later.1, || {
                format!("the checkpoint of {worker:?} went from {earlier:?} back to {later:?}")
            })?;
        }
        written.insert(at, this);
        Ok(())
    }

    /// I3: parents have ended. I5: what is checkpointed is not handed over again.
    fn invoked(
        &mut self,
        ending: &Ending,
        worker: &'a Worker,
        token: u64,
        first: &Reached,
    ) -> Kept {
        let (trigger, shard) = worker;
        for parent in ending.parents_of(trigger, shard) {
            let parent = (trigger.clone(), parent.clone());
            let ended = |written: &Written| written.values().any(|(_, reached)| reached.is_end());
            hold(3, self.written.get(&parent).is_some_and(ended), || {
                format!("{worker:?} began before the end of {parent:?}")
            })?;
        }
        let newest = self.newest.entry(worker).or_default();
        let current = token >= *newest;
        *newest = token.max(*newest);
        let last = self
            .written
            .get(worker)
            .and_then(|written| written.values().next_back());
        let repeats = last.is_some_and(|(_, reached)| first <= reached);
        // Somebody else may have its lease by now: nothing of what it does counts.
        hold(5, !current || !repeats || ending.is_moved(trigger), || {
            format!("{worker:?} was handed {first:?} again, behind its checkpoint {last:?}")
        })
    }
}

fn hold(number: u8, is: bool, fact: impl FnOnce() -> String) -> Kept {
    if is {
        return Ok(());
    }
    Err(Broken {
        rule: Rule::Invariant(number),
        fact: fact(),
    })
}
