//! A server's life over many crashes on the same data, and the client that compares after each of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use rand::{Rng as _, rngs::StdRng};

use crate::{
    account::{Account, Finding},
    arguments::Arguments,
    found::{self, Reader},
    ledger::{Ledger, Put},
    manner::Manner,
    place::{Outage, Place},
    producer::{Noted, Producer},
    say,
    server::{Server, Setup},
    volume::Switch,
};

/// The crash comes so many milliseconds after the load began, and the load goes on so many afterwards.
const BEFORE_MS_MAX: u64 = 600;
const AFTER_MS_MAX: u64 = 200;
/// More than any retention that is not set.
const EXPIRED: Duration = Duration::from_hours(25);
const FINDINGS_SHOWN: usize = 10;

#[derive(Debug)]
pub(crate) struct Life {
    place: Place,
    manner: Manner,
    setup: Setup,
    server: Option<Server>,
    producers: Vec<Producer>,
    ledger: Ledger,
    readers: Readers,
    is_good: bool,
}

/// The power of a machine that was lost has stopped its server too; here that runs on for a moment, and ext4 lets a sync
/// that is under way when its journal is given up end well. What was answered then counts as not answered, and so does what
/// the durability of this life gives up.
fn answered_in_time(
    notes: Vec<Noted>,
    outage: Option<&Outage>,
    manner: Manner,
    account: &mut Account,
) -> Vec<Put> {
    let put = |(mut put, when): Noted| {
        let Some(outage) = outage.filter(|outage| when < outage.gone.end) else {
            return put;
        };
        let too_late = when >= outage.gone.start;
        let unsynced = when + manner.loss_max() >= outage.gone.start;
        if (too_late || unsynced) && put.answered.take().is_some() {
            account.answered_too_late += u64::from(too_late);
            account.answered_unsynced += u64::from(!too_late);
        }
        put
    };
    notes.into_iter().map(put).collect()
}

#[derive(Debug)]
struct Readers {
    put: Reader,
    copied: Reader,
    counts: Reader,
}

impl Readers {
    fn new() -> Self {
        Self {
            put: Reader::new("put"),
            copied: Reader::new("copied"),
            counts: Reader::new("counts"),
        }
    }
}

impl Life {
    pub(crate) fn begin(
        arguments: &Arguments,
        place: Place,
        manner: Manner,
        producers: Vec<Producer>,
    ) -> Result<Self> {
        let Arguments { binary, guests, .. } = arguments;
        let setup = Setup::new(binary, guests, place.folder(), manner)?;
        let server = setup.start(&place)?;
        Ok(Self {
            place,
            manner,
            setup,
            server: Some(server),
            producers,
            ledger: Ledger::default(),
            readers: Readers::new(),
            is_good: true,
        })
    }

    /// Load, crash, start, a little more load, and the comparison. Returns how many findings there are.
    pub(crate) fn round(&mut self, rng: &mut StdRng, account: &mut Account) -> Result<usize> {
        let before = Duration::from_millis(rng.random_range(1..=BEFORE_MS_MAX));
        let after = Duration::from_millis(rng.random_range(0..=AFTER_MS_MAX));
        // What the last look found is promised by now.
        thread::sleep(self.manner.loss_max());
        let switch = self.place.switch()?;
        let stop = Arc::new(AtomicBool::new(false));
        let address = self.setup.address;
        let running: Vec<_> = self
            .producers
            .drain(..)
            .map(|mut producer| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    let notes = producer.run(address, &stop);
                    (producer, notes)
                })
            })
            .collect();
        thread::sleep(before);
        let crashed = self.crash_and_start(switch);
        thread::sleep(after);
        stop.store(true, Ordering::Relaxed);
        let known = self.ledger.answered();
        for producer in running {
            let ended = producer.join();
            let (producer, notes) = ended.map_err(|_| anyhow!("a producer panicked"))?;
            self.producers.push(producer);
            // Without a server its notes end with an error that says less than `crashed`.
            if let Ok(outage) = &crashed {
                let notes = answered_in_time(notes?, outage.as_ref(), self.manner, account);
                self.ledger.note(notes);
            }
        }
        let outage =
            crashed.with_context(|| format!("data in {}", self.place.folder().display()))?;
        account.rounds += 1;
        account.ran_on(outage.map(|outage| outage.ran_on));
        account.acknowledged += self.ledger.answered() - known;
        let findings = self.look()?;
        account.add(&findings);
        Ok(findings.len())
    }

    /// A last look at everything from the beginning, by a reader that has seen nothing yet. Returns the producers.
    pub(crate) fn end(mut self, account: &mut Account) -> Result<Vec<Producer>> {
        // What was found already would only be found again.
        if self.is_good {
            self.ledger.look_again();
            self.readers = Readers::new();
            account.add(&self.look()?);
        }
        if self.is_good && self.manner.is_small() {
            account.add(&self.expire()?);
        }
        account.stored_unanswered += self.ledger.stored_unanswered();
        account.effects += self.ledger.effects();
        drop(self.server.take());
        account.let_go += self.place.let_go()?;
        account.archived += self.place.archived()?;
        if self.is_good {
            self.place.remove()?;
        } else {
            let kept = self.place.folder().display();
            say(&format!("kept for a look: {kept}"));
        }
        Ok(self.producers)
    }

    fn crash_and_start(&mut self, switch: Option<Switch>) -> Result<Option<Outage>> {
        let server = self.server.take().context("find the server")?;
        let outage = self.place.crash(server, switch)?;
        self.server = Some(self.setup.start(&self.place)?);
        Ok(outage)
    }

    /// Everything expires at once, and the crash comes while it is cleaned away. What may still be read is as it was put,
    /// and what is kept by key has been carried forward.
    fn expire(&mut self) -> Result<Vec<Finding>> {
        let address = self.setup.address;
        let switch = self.place.switch()?;
        found::advance_clock(address, EXPIRED)?;
        self.crash_and_start(switch)?;
        found::wait(address)?;
        let mut findings = self.ledger.find_kept(&found::counts(address)?);
        let mut left = self.ledger.clone();
        left.look_again();
        findings.extend(left.find_stored(&Reader::new("put").read_on(address)?));
        self.is_good &= findings.is_empty();
        Ok(findings)
    }

    fn look(&mut self) -> Result<Vec<Finding>> {
        let address = self.setup.address;
        found::wait(address)?;
        let mut findings = self.ledger.find_stored(&self.readers.put.read_on(address)?);
        let copied = self.readers.copied.read_on(address)?;
        findings.extend(self.ledger.find_copied(&copied));
        let counts = self.readers.counts.read_on(address)?;
        findings.extend(self.ledger.find_counts(&counts));
        findings.extend(self.ledger.settle(&found::counts(address)?));
        for finding in findings.iter().take(FINDINGS_SHOWN) {
            say(&format!("  {finding:?}"));
        }
        self.is_good &= findings.is_empty();
        Ok(findings)
    }
}
