//! The one task of a (trigger, shard): source, batches, handler, settlement, commit, and around again.
//!
//! It owns the lease while it runs. Commits wake it; it never polls. Each of its lanes has at most one invocation in
//! flight, and the next one of a lane starts once the transaction before it has its place in the log. When asked to stop
//! it lets running invocations finish, writes what is settled and gives the lease back. A fenced task stops without
//! writing anything.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use leases::{HeldLease, LeaseBook, LeaseError};
use model::{
    Answer, Checkpoint, Fault, FaultClass, FencingToken, HashKey, Invocation, LogPosition, Outcome,
    Position, RecordAction, RecordFailure, Timestamp, Transaction, UserRecord, ViewWrite,
    invariants::{batch_is_ordered, checkpoint_advances},
    invocation::Begun,
    keys,
    seams::{
        CommitError, Handler, Journal, LogTail, Page, ReadFrom, ReadLimit, ShardFacts, Source,
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
    deaggregate::{is_packed, raw, unpack},
    filter::Sifted,
    lanes::{LaneId, Lanes},
    ledger::Ledger,
    limits::{
        COALESCE, COALESCE_PASSED, FULL_PAUSE, LOG_TAIL_BYTES_MAX, OPEN_BYTES_MAX, OPEN_KEYS_MAX,
        OPEN_RECORDS_MAX, PAGE_BYTES_MAX, PAGE_RECORDS_MAX, SLOT_LOOK,
    },
    losses::{Losses, Seen},
    orders::{Orders, Stance},
    pace::Pace,
    parking::ParkedKeys,
    progress::{DamagedProgress, Progress, Standing},
    settings::{Then, TriggerSettings},
    settle::{Circumstances, Discard, Mode, Settlement, Trace, Work, expire, oversized, settle},
    state::StateStore,
    status::{Counters, LastOutcome, ShardState, ShardStatus},
};

use flights::{Flight, Flights};
use pauses::Obeyed;

/// The rooms that triggers work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    pub platform: Platform,
    pub journal: Arc<dyn Journal>,
    pub source: Arc<dyn Source>,
    pub handler: Arc<dyn Handler>,
    pub leases: Arc<LeaseBook>,
    pub dead_letters: Arc<DeadLetterStore>,
    pub logs: Arc<dyn LogTail>,
}

#[derive(Debug)]
pub(crate) struct ShardTask {
    rooms: Rooms,
    settings: Arc<TriggerSettings>,
    shard: ShardFacts,
    lease: HeldLease,
    holder: Holder,
    orders: watch::Receiver<Orders>,
    /// What of them is obeyed.
    obeyed: Obeyed,
    status: watch::Sender<ShardStatus>,
    outputs: Arc<std::collections::BTreeSet<String>>,
    stores: Stores,
    /// As is wanted, once nothing is left of what was divided otherwise (PF-5).
    lanes: Lanes,
    /// As the settings say, and whether a second version of the function has keys of its own.
    wanted: Lanes,
    ledger: Ledger,
    batchers: BTreeMap<LaneId, Batcher>,
    flights: Flights,
    parked: ParkedHere,
    /// Records of parked keys that go behind them with the next row, and the checkpoint before the first of them, which is
    /// shown until then: whoever waits for a record finds it where it is.
    behind: Vec<ViewWrite>,
    behind_from: Option<(Checkpoint, bool)>,
    windows: Option<Windows>,
    breaker: Breaker,
    /// Of all shards of the trigger.
    pulse: Pulse,
    pace: Pace,
    /// Records that are given up without an invocation, and why, that no transaction holds yet.
    strays: VecDeque<(UserRecord, Condition)>,
    reader: ReadFrom,
    /// Records up to here were taken earlier; a page may begin before it.
    floor: Option<Position>,
    at_tip: bool,
    ended: bool,
    behind_ms: u64,
    /// When it is looked again for records that retention is about to take.
    rescues_at: Timestamp,
    /// More is lost than can be read in time: what arrived before this is given up without being run.
    gives_up_before: Option<Timestamp>,
    losses: Losses,
    /// When the newest page was taken.
    taken_at: Timestamp,
    /// When what is settled and not written yet has to be written.
    write_by: Option<Monotonic>,
    /// The checkpoint of the newest row.
    written: Checkpoint,
    placed: LogPosition,
    /// What is settled but neither counted nor shown, because its transaction has no place yet.
    unplaced: Option<Unplaced>,
    counters: Counters,
    last: Option<LastOutcome>,
}

/// A settlement on its way into the log.
#[derive(Debug)]
struct Unplaced {
    records: usize,
    /// The checkpoint before it, and whether that lies in a record.
    low: Checkpoint,
    within_record: bool,
}

/// Why a task stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaskEnd {
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

impl ShardTask {
    #[must_use]
    pub(crate) fn new(
        rooms: Rooms,
        settings: Arc<TriggerSettings>,
        shard: ShardFacts,
        lease: HeldLease,
        orders: watch::Receiver<Orders>,
        status: watch::Sender<ShardStatus>,
        (state, parked, pulse): (Option<Arc<StateStore>>, Arc<ParkedKeys>, Pulse),
    ) -> Self {
        let obeyed = Obeyed::of(&orders.borrow(), shard.id);
        let start = Progress::starting(lease.token(), lease.row().initial);
        let clock = &rooms.platform.clock;
        Self {
            pace: Pace::new(clock.wall(), clock.monotonic()),
            holder: Holder {
                key: lease.key().clone(),
                guard: lease.guard(),
            },
            outputs: Arc::new(settings.outputs.keys().cloned().collect()),
            stores: Stores {
                journal: Arc::clone(&rooms.journal),
                state,
                dead_letters: Arc::clone(&rooms.dead_letters),
                parked: Arc::clone(&parked),
            },
            lanes: settings.lanes,
            wanted: settings.lanes,
            ledger: Ledger::resume(&start, settings.lanes),
            batchers: BTreeMap::new(),
            flights: Flights::default(),
            parked: ParkedHere {
                keys: BTreeMap::new(),
                orders: parked.orders(),
            },
            behind: Vec::new(),
            behind_from: None,
            windows: None,
            breaker: Breaker::new(settings.retry.breaker),
            pulse,
            strays: VecDeque::new(),
            reader: ReadFrom::Oldest,
            floor: None,
            at_tip: false,
            ended: false,
            behind_ms: 0,
            rescues_at: Timestamp::default(),
            gives_up_before: None,
            losses: Losses::default(),
            taken_at: Timestamp::default(),
            write_by: None,
            written: start.low,
            placed: LogPosition::default(),
            unplaced: None,
            counters: Counters::default(),
            last: None,
            rooms,
            settings,
            shard,
            lease,
            obeyed,
            orders,
            status,
        }
    }

    /// Runs until the shard ends, `stop` is asked for, the lease is lost or the log stops.
    pub(crate) async fn run(mut self, stop: StopToken) -> TaskEnd {
        let end = match self.work(&stop).await {
            Ok(end) => end,
            Err(halt) => end_of(halt),
        };
        self.show(match &end {
            TaskEnd::Ended => ShardState::Ended,
            TaskEnd::Stopped => ShardState::Stopped,
            TaskEnd::Fenced { current } => ShardState::Fenced { current: *current },
            TaskEnd::LogStopped(why) => ShardState::LogStopped(why.clone()),
            TaskEnd::Broken(why) => ShardState::Broken(why.clone()),
        });
        match end {
            TaskEnd::Fenced { current } => {
                warn!(trigger = %self.settings.name, shard = %self.shard.id, %current, "shard fenced");
            }
            TaskEnd::Ended | TaskEnd::Stopped | TaskEnd::LogStopped(_) | TaskEnd::Broken(_) => {
                if let Err(error) = self.rooms.leases.release(self.lease).await {
                    debug!(%error, "lease not released");
                }
            }
        }
        end
    }

    async fn work(&mut self, stop: &StopToken) -> Result<TaskEnd, Halt> {
        self.resume().await?;
        loop {
            self.keep_pace();
            if self.losses.gap().is_some() {
                self.name_losses(stop).await?;
            }
            let stance = self.obey();
            if stop.is_stopped() || stance != Stance::On {
                if let Some(landed) = self.flights.next().await {
                    self.land(landed, stop).await?;
                } else if stop.is_stopped() {
                    self.flush().await?;
                    self.rooms.journal.durable(self.placed).await?;
                    return Ok(TaskEnd::Stopped);
                } else {
                    if stance != Stance::Held {
                        self.rescue(true, stop).await?;
                    }
                    self.pause(stop, stance).await?;
                }
                continue;
            }
            match self.step(self.now())? {
                Step::Turn(lane) => self.turn(lane, stop).await?,
                Step::Begin(lane, work) => self.ledger.begin(lane, work),
                Step::GiveUpAside => self.give_up_aside(stop).await?,
                Step::Pass(seen) => {
                    self.ledger.pass(seen);
                    self.write(None, Settlement::default(), Transaction::default(), stop)
                        .await?;
                }
                Step::Live(key) => self.live(&key, stop).await?,
                Step::End => {
                    self.ledger.pass(Checkpoint::ShardEnd);
                    let effects = Transaction {
                        writes: self.windows_at_end()?,
                        ..Transaction::default()
                    };
                    self.write(None, Settlement::default(), effects, stop)
                        .await?;
                    return Ok(TaskEnd::Ended);
                }
                Step::Rescue => self.rescue(false, stop).await?,
                Step::Read => self.read().await?,
                Step::Wait(wait) => self.idle(stop, wait).await?,
            }
        }
    }

    /// Whether the checkpoint lies in an aggregate of which something is open.
    fn is_within_record(&self) -> bool {
        self.losses.is_within_record() || self.ledger.is_within_record()
    }

    fn now(&self) -> Timestamp {
        self.rooms.platform.clock.wall()
    }

    fn show(&self, state: ShardState) {
        let unplaced = self.unplaced.as_ref();
        let in_flight = self.ledger.open() + unplaced.map_or(0, |it| it.records);
        let unwritten = unplaced.map(|it| (it.low, it.within_record));
        let (checkpoint, within_record) = self
            .behind_from
            .or(unwritten)
            .unwrap_or_else(|| (self.ledger.low(), self.is_within_record()));
        // What waits behind a key of a shard that ended is its children's.
        let waiting = (state != ShardState::Ended).then_some(&self.parked.keys);
        let parked_keys = waiting.map_or(0, BTreeMap::len);
        let parked_keys = u64::try_from(parked_keys).unwrap_or(u64::MAX);
        let rows = waiting.into_iter().flat_map(BTreeMap::values);
        let parked_since = rows.map(|key| key.why.since_ms).min();
        let status = ShardStatus {
            shard: self.shard.id,
            state,
            checkpoint,
            within_record,
            behind_ms: self.behind_ms,
            counters: Counters {
                lost_to_retention: self.losses.total(),
                lost_here: self.losses.here(),
                ..self.counters
            },
            in_flight: u64::try_from(in_flight).unwrap_or(u64::MAX),
            parked_keys,
            parked_since: parked_since.map(Timestamp::from_millis),
            last: self.last,
        };
        self.status.send_replace(status);
    }
}

fn end_of(halt: Halt) -> TaskEnd {
    match halt {
        Halt::Stopped => TaskEnd::Stopped,
        Halt::Place(NotPlaced::Commit(CommitError::Fenced { current })) => {
            TaskEnd::Fenced { current }
        }
        Halt::Place(NotPlaced::Commit(CommitError::Down(why)))
        | Halt::Source(SourceError::Down(why)) => TaskEnd::LogStopped(why),
        Halt::Place(
            error @ (NotPlaced::StateFull { .. }
            | NotPlaced::DeadLettersFull { .. }
            | NotPlaced::Commit(
                CommitError::Full
                | CommitError::Changed
                | CommitError::TooLarge { .. }
                | CommitError::NoSuchStream(_),
            )),
        ) => TaskEnd::Broken(error.to_string()),
        Halt::Source(error @ (SourceError::NoSuchShard(_) | SourceError::NoSuchStream(_))) => {
            TaskEnd::Broken(error.to_string())
        }
        Halt::Progress(error) => TaskEnd::Broken(error.to_string()),
        Halt::Lease(LeaseError::Commit(CommitError::Down(why))) => TaskEnd::LogStopped(why),
        Halt::Lease(error) => TaskEnd::Broken(error.to_string()),
    }
}

mod flights;
mod invoke;
mod parked;
mod pauses;
mod reading;
mod rescue;
mod steps;
mod suspicion;
mod windows;
mod writing;

use parked::ParkedHere;
use windows::Windows;

use steps::{Listens, Step, Wait};
