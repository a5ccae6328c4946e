//! A server's life over many crashes on the same data, and the client that compares after each of them.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    Arguments,
    account::{Account, Finding},
    found::{self, Reader},
    ledger::{Ledger, Put},
    place::Place,
    producer::{Noted, Producer},
    say,
    server::{Server, Setup},
};

const PRODUCERS: u64 = crate::record::PRODUCERS;
/// The crash comes so many milliseconds after the load began, and the load goes on so many afterwards.
const BEFORE_MS_MAX: u64 = 600;
const AFTER_MS_MAX: u64 = 200;
const FINDINGS_SHOWN: usize = 10;

#[derive(Debug)]
pub(crate) struct Life {
    place: Place,
    setup: Setup,
    server: Option<Server>,
    producers: Vec<Producer>,
    ledger: Ledger,
    readers: Readers,
    is_good: bool,
}

/// The power of a machine that was lost has stopped its server too; here that runs on for a moment, and ext4 lets a sync
/// that is under way when its journal is given up end well. What was answered then counts as not answered.
fn answered_in_time(
    notes: Vec<Noted>,
    gone: Option<&Range<Instant>>,
    account: &mut Account,
) -> Vec<Put> {
    let put = |(mut put, when): Noted| {
        if gone.is_some_and(|gone| gone.contains(&when)) && put.answered.take().is_some() {
            account.answered_too_late += 1;
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
    pub(crate) fn begin(arguments: &Arguments, place: Place) -> Result<Self> {
        let setup = Setup::new(&arguments.binary, &arguments.guests, place.folder())?;
        let server = setup.start(&place)?;
        let producers = (0..PRODUCERS).map(|id| Producer {
            id,
            repeats: id % 2 == 0,
            number: 0,
            request: 0,
            rng: StdRng::seed_from_u64(arguments.seed ^ id),
        });
        Ok(Self {
            place,
            setup,
            server: Some(server),
            producers: producers.collect(),
            ledger: Ledger::default(),
            readers: Readers::new(),
            is_good: true,
        })
    }

    /// Load, crash, start, a little more load, and the comparison. Returns how many findings there are.
    pub(crate) fn round(&mut self, rng: &mut StdRng, account: &mut Account) -> Result<usize> {
        let before = Duration::from_millis(rng.random_range(1..=BEFORE_MS_MAX));
        let after = Duration::from_millis(rng.random_range(0..=AFTER_MS_MAX));
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
        let crashed = self.crash_and_start();
        thread::sleep(after);
        stop.store(true, Ordering::Relaxed);
        let known = self.ledger.answered();
        for producer in running {
            let ended = producer.join();
            let (producer, notes) = ended.map_err(|_| anyhow!("a producer panicked"))?;
            self.producers.push(producer);
            // Without a server its notes end with an error that says less than `crashed`.
            if let Ok(gone) = &crashed {
                self.ledger
                    .note(answered_in_time(notes?, gone.as_ref(), account));
            }
        }
        crashed.with_context(|| format!("data in {}", self.place.folder().display()))?;
        account.rounds += 1;
        account.acknowledged += self.ledger.answered() - known;
        let findings = self.look()?;
        account.add(&findings);
        Ok(findings.len())
    }

    /// A last look at everything from the beginning, by a reader that has seen nothing yet.
    pub(crate) fn end(mut self, account: &mut Account) -> Result<()> {
        // What was found already would only be found again.
        if self.is_good {
            self.ledger.look_again();
            self.readers = Readers::new();
            account.add(&self.look()?);
        }
        account.stored_unanswered += self.ledger.stored_unanswered();
        account.effects += self.ledger.effects();
        drop(self.server.take());
        if !self.is_good {
            let kept = self.place.keep()?;
            say(&format!("kept for a look: {}", kept.display()));
        }
        Ok(())
    }

    /// Returns while which time there was a server without a file system, if there was.
    fn crash_and_start(&mut self) -> Result<Option<Range<Instant>>> {
        let server = self.server.take().context("find the server")?;
        let began = Instant::now();
        self.place.crash(server)?;
        let gone = self
            .place
            .stops_its_file_system()
            .then(|| began..Instant::now());
        self.server = Some(self.setup.start(&self.place)?);
        Ok(gone)
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
