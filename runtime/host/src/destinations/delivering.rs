//! The loop that pays what is owed: woken by commits, one task for each destination of a trigger that is owed something.
//!
//! A document that was taken is removed; one that was not is tried again after a growing pause, also once its dead letters
//! are gone: it is then sent without the event. While a destination is down only its own task waits. What is known about
//! each is told to `why`.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dispatch::{DeadLetterStore, Owed, OwedDocuments, OwedTo};
use model::{Timestamp, Transaction};
use platform::{Platform, StopToken, watch};
use tracing::{debug, warn};

use super::{Destination, Sender, Target, sending::Refused};
use crate::limits::{
    DELIVERIES_PAGE, DELIVERY_ALONE_MAX, DELIVERY_PAUSE_FIRST, DELIVERY_PAUSE_MAX,
};

/// What became of the documents of one destination of a trigger since this server started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Records whose documents were taken.
    pub(crate) delivered: u64,
    /// Tries that were not taken.
    pub(crate) failures: u64,
    /// Documents that were not taken before they were too old.
    pub(crate) given_up: u64,
    /// What the oldest document waits for, and until when.
    pub(crate) waiting: Option<(String, Timestamp)>,
}

/// Destinations, and how it goes with them.
#[derive(Debug)]
pub(crate) struct Deliveries {
    platform: Platform,
    owed: OwedDocuments,
    dead_letters: Arc<DeadLetterStore>,
    destinations: BTreeMap<String, Destination>,
    sender: Sender,
    standing: Mutex<BTreeMap<OwedTo, Held>>,
    /// Those that have a task.
    working: Mutex<BTreeSet<OwedTo>>,
    /// Raised when a task found nothing more to do.
    idle: watch::Sender<u64>,
}

impl Deliveries {
    pub(crate) fn new(
        platform: Platform,
        owed: OwedDocuments,
        dead_letters: Arc<DeadLetterStore>,
        destinations: BTreeMap<String, Destination>,
        sender: Sender,
    ) -> Self {
        Self {
            platform,
            owed,
            dead_letters,
            destinations,
            sender,
            standing: Mutex::default(),
            working: Mutex::default(),
            idle: watch::channel(0).0,
        }
    }

    fn standing(&self) -> MutexGuard<'_, BTreeMap<OwedTo, Held>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn working(&self) -> MutexGuard<'_, BTreeSet<OwedTo>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, to: &OwedTo, change: impl FnOnce(&mut Held)) {
        change(self.standing().entry(to.clone()).or_default());
    }

    /// By trigger and destination, in order.
    pub(crate) fn all(&self) -> Vec<(OwedTo, Held)> {
        let standing = self.standing();
        standing
            .iter()
            .map(|(to, held)| (to.clone(), held.clone()))
            .collect()
    }

    /// At most so many of those that wait.
    pub(crate) fn pending(&self, to: &OwedTo, limit: usize) -> usize {
        self.owed.page(to, None, limit).map_or(0, |page| page.len())
    }

    /// In one word what kind of destination it is.
    pub(crate) fn kind(&self, to: &OwedTo) -> &'static str {
        self.destination(&to.destination)
            .map_or("unknown", |found| found.target.kind())
    }

    /// Where an ARN names it.
    pub(crate) fn arn(&self, name: &str) -> Option<String> {
        self.destination(name)?.target.arn()
    }

    /// By its name in the file, or by its ARN, at the endpoint that the file gives for that.
    fn destination(&self, name: &str) -> Option<Destination> {
        if let Some(named) = self.destinations.get(name) {
            return Some(named.clone());
        }
        let target = Target::of_arn(name).ok()?;
        let endpoint = self
            .destinations
            .values()
            .find(|known| known.target == target)
            .and_then(|known| known.endpoint.clone());
        Some(Destination { target, endpoint })
    }

    /// One document that is about no batch, to a destination by its ARN.
    pub(crate) async fn tell(
        &self,
        arn: &str,
        name: &str,
        message: (&[u8], &BTreeMap<String, String>),
    ) -> Result<(), String> {
        let Some(destination) = self.destination(arn) else {
            return Err(format!("{arn} is no destination that is known"));
        };
        let told = self.sender.tell(&destination, name, message).await;
        told.map_err(|refused| match refused {
            Refused::Down(why) | Refused::Document(why) => why,
        })
    }

    /// Until `stop`, and until every task has ended.
    pub(crate) async fn run(self: Arc<Self>, stop: StopToken) {
        let mut newest = self.dead_letters.newest();
        let mut idle = self.idle.subscribe();
        let mut tasks = BTreeMap::new();
        loop {
            let at = *newest.borrow_and_update();
            idle.borrow_and_update();
            tasks.retain(|to, _| self.is_busy(to));
            let journal = self.owed.durable(at).await;
            match journal.and_then(|()| self.owed.creditors()) {
                Ok(creditors) => {
                    for to in creditors {
                        if let Entry::Vacant(place) = tasks.entry(to) {
                            self.busy(place.key());
                            let task = Arc::clone(&self).pay(place.key().clone(), stop.clone());
                            place.insert(self.platform.tasks.spawn("deliveries", task));
                        }
                    }
                }
                Err(error) => warn!(%error, "failure documents could not be listed"),
            }
            tokio::select! {
                biased;
                () = stop.stopped() => break,
                changed = newest.changed() => if changed.is_err() { break },
                changed = idle.changed() => if changed.is_err() { break },
            }
        }
        for task in tasks.into_values() {
            if let Err(error) = task.await {
                warn!(%error, "a task of deliveries ended early; what it owes is kept");
            }
        }
    }

    /// Until nothing is owed to this destination any more.
    async fn pay(self: Arc<Self>, to: OwedTo, stop: StopToken) {
        let mut rounds = 0_u32;
        while !stop.is_stopped() {
            match self.round(&to, &stop).await {
                Ok(0) => break,
                // Somebody may have been paid and something new come meanwhile.
                Ok(_) => rounds = 0,
                Err(reason) => {
                    let pause = self.pause(rounds);
                    rounds = rounds.saturating_add(1);
                    let until = self.platform.clock.wall().plus(pause);
                    debug!(trigger = %to.trigger, destination = to.destination, reason, "failure document not taken");
                    self.note(&to, |held| held.waiting = Some((reason, until)));
                    tokio::select! {
                        biased;
                        () = stop.stopped() => {}
                        () = self.platform.clock.shifted() => {}
                        () = self.platform.clock.sleep(pause) => {}
                    }
                }
            }
        }
        self.note(&to, |held| held.waiting = None);
        self.idle_again(&to);
    }

    /// Each document once; how many were looked at, or why some were not taken.
    async fn round(&self, to: &OwedTo, stop: &StopToken) -> Result<usize, String> {
        let Some(destination) = self.destination(&to.destination) else {
            return Err("the file names no such destination any more".to_owned());
        };
        let mut looked_at = 0;
        let mut refused = None;
        let mut last: Option<Owed> = None;
        loop {
            let page = self.owed.page(to, last.as_ref(), DELIVERIES_PAGE);
            let page = page.map_err(|error| error.to_string())?;
            if page.is_empty() || stop.is_stopped() {
                break;
            }
            looked_at += page.len();
            for owed in &page {
                let paid = tokio::select! {
                    biased;
                    // It is sent again after the next start.
                    () = stop.stopped() => return Ok(0),
                    paid = self.one(to, owed, &destination) => paid,
                };
                match paid {
                    Ok(()) => {}
                    Err(Refused::Document(reason)) => refused = refused.or(Some(reason)),
                    Err(Refused::Down(reason)) => return Err(reason),
                }
            }
            last = page.into_iter().last();
        }
        refused.map_or(Ok(looked_at), Err)
    }

    async fn one(&self, to: &OwedTo, owed: &Owed, at: &Destination) -> Result<(), Refused> {
        let down = |error: &dyn std::fmt::Display| Refused::Down(error.to_string());
        let letters = self.owed.letters(owed).map_err(|error| down(&error))?;
        if letters.is_empty() && self.is_too_old(owed) {
            return self.give_up(to, owed).await;
        }
        // Letters that were dropped, expired or redriven meanwhile are missing; what they were about is told all the same.
        let sent = self.sender.send(owed, &letters, at).await;
        let paid = match sent {
            Ok(transaction) => {
                let settled = self.owed.settle(owed, transaction).await;
                settled.map_err(|error| down(&error))
            }
            Err(refused) => Err(refused),
        };
        self.note(to, |held| match &paid {
            Ok(()) => held.delivered += owed.records,
            Err(_) => held.failures += 1,
        });
        paid
    }

    /// Without its letters nothing else bounds how long an entry stays.
    fn is_too_old(&self, owed: &Owed) -> bool {
        owed.written.plus(DELIVERY_ALONE_MAX) <= self.platform.clock.wall()
    }

    async fn give_up(&self, to: &OwedTo, owed: &Owed) -> Result<(), Refused> {
        let settled = self.owed.settle(owed, Transaction::default()).await;
        settled.map_err(|error| Refused::Down(error.to_string()))?;
        let (trigger, destination, records) = (&to.trigger, &to.destination, owed.records);
        warn!(%trigger, destination, records, "a failure document was never taken and is given up");
        self.note(to, |held| held.given_up += 1);
        Ok(())
    }

    /// Doubles from the first to the longest, give or take a quarter.
    fn pause(&self, rounds: u32) -> Duration {
        let grown = DELIVERY_PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(rounds.min(16)));
        let share = 0.75 + self.platform.rng.fraction() / 2.0;
        grown.min(DELIVERY_PAUSE_MAX).mul_f64(share)
    }

    fn busy(&self, to: &OwedTo) {
        self.note(to, |_| {});
        self.working().insert(to.clone());
    }

    fn is_busy(&self, to: &OwedTo) -> bool {
        self.working().contains(to)
    }

    fn idle_again(&self, to: &OwedTo) {
        self.working().remove(to);
        self.idle.send_modify(|rounds| *rounds += 1);
    }
}
