//! The one task of a (trigger, shard): source, batch, handler, settlement, commit, and around again.
//!
//! It owns the lease while it runs. Commits wake it; it never polls. The next batch starts once the transaction before
//! it has its place in the log. When asked to stop it lets a running invocation finish, writes what is settled and
//! gives the lease back. A fenced lane stops without writing anything.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use leases::{HeldLease, LeaseBook, LeaseError};
use model::{
    Answer, Checkpoint, Fault, FaultClass, FencingToken, FunctionVersion, Invocation, LogPosition,
    Outcome, Position, RecordAction, RecordFailure, Timestamp, Transaction, UserRecord,
    invariants::batch_is_ordered,
    invocation::Begun,
    keys,
    seams::{
        CommitError, Handler, Journal, LogTail, ReadFrom, ReadLimit, ShardFacts, Source,
        SourceError,
    },
};
use platform::{Monotonic, Platform, StopToken, watch};
use tracing::{debug, warn};

use crate::{
    batch::{Batch, Batcher},
    breaker::{Breaker, Pulse},
    commit::{Holder, NotPlaced, Stores, effects},
    dead_letters::{Condition, DeadLetterStore, Note},
    deaggregate::{Unpacked, raw, unpack},
    filter::Sifted,
    ledger::Ledger,
    limits::{
        COALESCE, FULL_PAUSE, LOG_TAIL_BYTES_MAX, PAGE_BYTES_MAX, PAGE_RECORDS_MAX, SLOT_LOOK,
    },
    progress::{DamagedProgress, Progress, Standing},
    settings::{Switch, TriggerSettings},
    settle::{Circumstances, Discard, Mode, Settlement, Work, expire, oversized, settle},
    state::StateStore,
    status::{Counters, ShardState, ShardStatus},
};

/// The rooms that lanes work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    pub platform: Platform,
    pub journal: Arc<dyn Journal>,
    pub source: Arc<dyn Source>,
    pub handler: Arc<dyn Handler>,
    /// Of the function that `handler` runs.
    pub version: FunctionVersion,
    pub leases: Arc<LeaseBook>,
    pub dead_letters: Arc<DeadLetterStore>,
    pub logs: Arc<dyn LogTail>,
}

#[derive(Debug)]
pub(crate) struct Lane {
    rooms: Rooms,
    settings: Arc<TriggerSettings>,
    shard: ShardFacts,
    lease: HeldLease,
    holder: Holder,
    switch: watch::Receiver<Switch>,
    status: watch::Sender<ShardStatus>,
    outputs: Arc<std::collections::BTreeSet<String>>,
    stores: Stores,
    ledger: Ledger,
    breaker: Breaker,
    /// Of all shards of the trigger.
    pulse: Pulse,
    batcher: Batcher,
    /// Records that are given up without an invocation, and why, that no transaction holds yet.
    strays: VecDeque<(UserRecord, Condition)>,
    reader: ReadFrom,
    /// Records up to here were taken earlier; a page may begin before it.
    floor: Option<Position>,
    at_tip: bool,
    ended: bool,
    behind_ms: u64,
    /// When the oldest settlement that is not written yet was made.
    unwritten_since: Option<Monotonic>,
    placed: LogPosition,
    counters: Counters,
}

/// Why a lane stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LaneEnd {
    /// The shard is closed and everything in it is settled: its children may start.
    Ended,
    Stopped,
    Fenced {
        current: FencingToken,
    },
    LogStopped(String),
    Broken(String),
}

#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error(transparent)]
    Place(#[from] NotPlaced),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Progress(#[from] DamagedProgress),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("stopped while it waited for room")]
    Stopped,
}

impl From<CommitError> for Halt {
    fn from(error: CommitError) -> Self {
        Self::Place(error.into())
    }
}

/// What ended a pause of the lane.
enum Woken {
    Stop,
    Switched,
    Source(Result<(), SourceError>),
    Due,
    Flush,
}

impl Lane {
    #[must_use]
    pub(crate) fn new(
        rooms: Rooms,
        settings: Arc<TriggerSettings>,
        shard: ShardFacts,
        lease: HeldLease,
        switch: watch::Receiver<Switch>,
        status: watch::Sender<ShardStatus>,
        (state, pulse): (Option<Arc<StateStore>>, Pulse),
    ) -> Self {
        let start = Progress::starting(lease.token(), lease.row().initial);
        Self {
            holder: Holder {
                key: lease.key().clone(),
                guard: lease.guard(),
            },
            outputs: Arc::new(settings.outputs.keys().cloned().collect()),
            stores: Stores {
                journal: Arc::clone(&rooms.journal),
                state,
                dead_letters: Arc::clone(&rooms.dead_letters),
            },
            ledger: Ledger::resume(&start, VecDeque::new()),
            breaker: Breaker::new(settings.retry.breaker),
            pulse,
            batcher: Batcher::new(settings.batch),
            strays: VecDeque::new(),
            reader: ReadFrom::Oldest,
            floor: None,
            at_tip: false,
            ended: false,
            behind_ms: 0,
            unwritten_since: None,
            placed: LogPosition::default(),
            counters: Counters::default(),
            rooms,
            settings,
            shard,
            lease,
            switch,
            status,
        }
    }

    /// Runs until the shard ends, `stop` is asked for, the lease is lost or the log stops.
    pub(crate) async fn run(mut self, stop: StopToken) -> LaneEnd {
        let end = match self.work(&stop).await {
            Ok(end) => end,
            Err(halt) => end_of(halt),
        };
        self.show(match &end {
            LaneEnd::Ended => ShardState::Ended,
            LaneEnd::Stopped => ShardState::Stopped,
            LaneEnd::Fenced { current } => ShardState::Fenced { current: *current },
            LaneEnd::LogStopped(why) => ShardState::LogStopped(why.clone()),
            LaneEnd::Broken(why) => ShardState::Broken(why.clone()),
        });
        match end {
            LaneEnd::Fenced { current } => {
                warn!(trigger = %self.settings.name, shard = %self.shard.id, %current, "lane fenced");
            }
            LaneEnd::Ended | LaneEnd::Stopped | LaneEnd::LogStopped(_) | LaneEnd::Broken(_) => {
                if let Err(error) = self.rooms.leases.release(self.lease).await {
                    debug!(%error, "lease not released");
                }
            }
        }
        end
    }

    async fn work(&mut self, stop: &StopToken) -> Result<LaneEnd, Halt> {
        self.resume().await?;
        loop {
            if stop.is_stopped() {
                self.flush().await?;
                self.rooms.journal.durable(self.placed).await?;
                return Ok(LaneEnd::Stopped);
            }
            let switch = *self.switch.borrow_and_update();
            match switch {
                Switch::On => {}
                Switch::Paused => {
                    self.pause(stop, ShardState::Paused).await?;
                    continue;
                }
                Switch::Disabled => {
                    self.pause(stop, ShardState::Disabled).await?;
                    continue;
                }
            }
            let now = self.now();
            if let Some((state, until)) = self.outage(now) {
                self.idle(stop, state, Some(until), false).await?;
            } else if let Some(work) = self.ledger.next() {
                if let Some((state, until)) = held_back(work, self.settings.retry.age, now) {
                    self.idle(stop, state, until, false).await?;
                } else {
                    self.turn(stop).await?;
                }
            } else if let Some(batch) = self.next_batch(now) {
                self.ledger.begin(match batch {
                    Batch::Fit(records) => Work::new(records),
                    Batch::Oversized(record) => Work {
                        mode: Mode::Oversized,
                        ..Work::new(vec![record])
                    },
                });
            } else if self.ledger.aside() > 0 && (self.at_tip || self.ended) {
                self.give_up_aside(stop).await?;
            } else if let Some(seen) = self.passed_over() {
                self.ledger.pass(seen);
                self.write(Settlement::default(), Transaction::default(), stop)
                    .await?;
            } else if self.ended {
                self.ledger.pass(Checkpoint::ShardEnd);
                self.write(Settlement::default(), Transaction::default(), stop)
                    .await?;
                return Ok(LaneEnd::Ended);
            } else if self.at_tip {
                self.wait_for_more(stop).await?;
            } else {
                self.read().await?;
            }
        }
    }

    fn next_batch(&mut self, now: Timestamp) -> Option<Batch> {
        // Nothing will follow the last records of a closed shard, so their window need not be waited for.
        let now = if self.ended {
            Timestamp::from_millis(u64::MAX)
        } else {
            now
        };
        self.batcher.next(now, self.at_tip || self.ended)
    }

    async fn wait_for_more(&mut self, stop: &StopToken) -> Result<(), Halt> {
        let (state, until) = match self.batcher.closes_at() {
            Some(until) => (ShardState::Collecting { until }, Some(until)),
            None => (ShardState::CaughtUp, None),
        };
        self.idle(stop, state, until, true).await
    }

    /// What was read, as long as none of it needs an invocation: nothing but strays, which become dead letters at once.
    fn passed_over(&self) -> Option<Checkpoint> {
        let seen = Checkpoint::Settled(self.floor.filter(|_| self.batcher.is_empty())?);
        (seen > self.ledger.through()).then_some(seen)
    }

    fn now(&self) -> Timestamp {
        self.rooms.platform.clock.wall()
    }

    fn show(&self, state: ShardState) {
        let in_flight = self.ledger.records() + self.batcher.records() + self.strays.len();
        let status = ShardStatus {
            shard: self.shard.id,
            state,
            checkpoint: self.ledger.low(),
            behind_ms: self.behind_ms,
            counters: self.counters,
            in_flight: u64::try_from(in_flight).unwrap_or(u64::MAX),
        };
        self.status.send_replace(status);
    }
}

/// Why the work may not be invoked now, and until when.
fn held_back(
    work: &Work,
    age: Option<Duration>,
    now: Timestamp,
) -> Option<(ShardState, Option<Timestamp>)> {
    let until = work.until(age);
    if work.mode == Mode::Blocked {
        let record = work
            .records
            .first()
            .map(|record| record.position)
            .unwrap_or_default();
        let because = because(work);
        Some((ShardState::Blocked { record, because }, None))
    } else if until > now {
        let because = because(work);
        Some((ShardState::BackingOff { until, because }, Some(until)))
    } else {
        None
    }
}

/// What the newest attempt came to, in one line.
fn because(work: &Work) -> String {
    let Some(note) = work.notes.last() else {
        return "an earlier failure".to_owned();
    };
    // The backtrace is in the log and in the dead letter.
    let fact = note.message.lines().next().unwrap_or_default();
    format!("attempt {}: {}: {fact}", work.attempts, note.error_type)
}

fn end_of(halt: Halt) -> LaneEnd {
    match halt {
        Halt::Stopped => LaneEnd::Stopped,
        Halt::Place(NotPlaced::Commit(CommitError::Fenced { current })) => {
            LaneEnd::Fenced { current }
        }
        Halt::Place(NotPlaced::Commit(CommitError::Down(why)))
        | Halt::Source(SourceError::Down(why)) => LaneEnd::LogStopped(why),
        Halt::Place(
            error @ (NotPlaced::StateFull { .. }
            | NotPlaced::DeadLettersFull { .. }
            | NotPlaced::Commit(
                CommitError::Full | CommitError::TooLarge { .. } | CommitError::NoSuchStream(_),
            )),
        ) => LaneEnd::Broken(error.to_string()),
        Halt::Source(error @ (SourceError::NoSuchShard(_) | SourceError::NoSuchStream(_))) => {
            LaneEnd::Broken(error.to_string())
        }
        Halt::Progress(error) => LaneEnd::Broken(error.to_string()),
        Halt::Lease(LeaseError::Commit(CommitError::Down(why))) => LaneEnd::LogStopped(why),
        Halt::Lease(error) => LaneEnd::Broken(error.to_string()),
    }
}

mod invoke;
mod pauses;
mod reading;
mod suspicion;
