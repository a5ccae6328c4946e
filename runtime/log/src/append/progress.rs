//! How far everything is durable, and who waits for that. Pure but for the wakes, which the caller sends.
//!
//! Whoever waits is woken once: when its own position is reached, or when the log ends. Those of one group are woken in
//! log order, so that two runs of one seed go on in the same order.

use std::collections::VecDeque;

use tokio::sync::oneshot::{self, Receiver, Sender};

use crate::errors::Stopped;

#[derive(Debug, Default)]
pub(crate) struct Progress {
    durable: u64,
    /// Why nothing more will be.
    stopped: Option<Stopped>,
    /// By position, and in the order in which they came.
    waiting: VecDeque<(u64, Sender<()>)>,
}

/// Who is to be woken, once no lock is held any more.
#[derive(Debug)]
#[must_use]
pub(crate) struct Wakes(Vec<Sender<()>>);

impl Wakes {
    pub(crate) fn send(self) {
        for sender in self.0 {
            // Who waits no more has gone.
            let _gone = sender.send(());
        }
    }
}

/// What is known about a position now.
#[derive(Debug)]
pub(crate) enum Asked {
    Known(Result<(), Stopped>),
    /// Ends when it is.
    Later(Receiver<()>),
}

impl Progress {
    pub(crate) fn from(durable: u64) -> Self {
        Self {
            durable,
            ..Self::default()
        }
    }

    pub(crate) fn ask(&mut self, at: u64) -> Asked {
        if let Some(known) = self.known(at) {
            return Asked::Known(known);
        }
        let (sender, receiver) = oneshot::channel();
        let place = self.waiting.partition_point(|(other, _)| *other <= at);
        self.waiting.insert(place, (at, sender));
        Asked::Later(receiver)
    }

    pub(crate) fn known(&self, at: u64) -> Option<Result<(), Stopped>> {
        match &self.stopped {
            _ if self.durable >= at => Some(Ok(())),
            Some(stopped) => Some(Err(stopped.clone())),
            None => None,
        }
    }

    pub(crate) fn reach(&mut self, durable: u64) -> Wakes {
        self.durable = durable;
        let reached = self.waiting.partition_point(|(at, _)| *at <= durable);
        self.woken(reached)
    }

    /// The first reason stays.
    pub(crate) fn stop(&mut self, reason: &str) -> Wakes {
        self.stopped
            .get_or_insert_with(|| Stopped(reason.to_owned()));
        self.woken(self.waiting.len())
    }

    fn woken(&mut self, count: usize) -> Wakes {
        let waiting = self.waiting.drain(..count);
        Wakes(waiting.map(|(_, sender)| sender).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(progress: &mut Progress, at: u64) -> Receiver<()> {
        match progress.ask(at) {
            Asked::Later(receiver) => receiver,
            Asked::Known(known) => panic!("{at} is known: {known:?}"),
        }
    }

    #[test]
    fn each_is_woken_once_and_by_its_own_position() {
        let mut progress = Progress::from(10);
        assert_eq!(progress.known(10), Some(Ok(())));
        let mut waits = [30, 20, 40, 20].map(|at| later(&mut progress, at));
        let mut woken = |wakes: Wakes| {
            wakes.send();
            let woken = |wait: &mut Receiver<()>| wait.try_recv().is_ok();
            waits.iter_mut().map(woken).collect::<Vec<_>>()
        };
        assert_eq!(woken(progress.reach(19)), [false; 4]);
        assert_eq!(woken(progress.reach(30)), [true, true, false, true]);
        assert_eq!(
            woken(progress.stop("the disk")),
            [false, false, true, false]
        );
        assert_eq!(woken(progress.stop("the last handle")), [false; 4]);
        let stopped = Err(Stopped("the disk".to_owned()));
        assert_eq!(
            [30, 31].map(|at| progress.known(at)),
            [Some(Ok(())), Some(stopped)]
        );
    }
}
