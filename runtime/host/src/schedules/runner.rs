//! One schedule at work: waits for its next slot, runs its function, settles the slot, and hears operators in between.
//!
//! Decisions are made by `catalog::schedule::next` and `settle`; here they are carried out. What a run did is placed with
//! the row that passes its slot, in one transaction that the trigger's lease guards: after a crash both are there or none.

use std::{mem, sync::Arc};

use catalog::schedule::{Next, Tries, next};
use dispatch::{
    Condition, GivenUp, NotPlaced, Note, Switch,
    limits::{FULL_PAUSE, LOG_TAIL_BYTES_MAX, NOTE_BYTES_MAX, NOTES_MAX},
};
use leases::{HeldLease, LeaseError, NewLease};
use model::{
    Answer, Checkpoint, Fault, Guard, Invocation, LeaseKey, NewRecord, Outcome, Position,
    SequenceNumber, ShardId, StreamKey, StreamName, Timestamp, Transaction, UserRecord,
    invocation::{Begun, ItemFailures},
    seams::CommitError,
};
use platform::{StopToken, watch};
use sandbox::Called;
use tokio::sync::mpsc;
use tracing::warn;

use super::{
    Asked, Parts, ScheduleSettings, ScheduleState, ScheduleStatus, event,
    row::{LastRun, Row},
    settle::{Settled, settle},
};
use crate::limits::{SCHEDULE_LOOK, STOP_GRACE};

/// All runs of a schedule are of this shard.
const SHARD: ShardId = ShardId(0);

#[derive(Debug)]
pub(super) struct Runner {
    pub(super) parts: Parts,
    pub(super) settings: Arc<ScheduleSettings>,
    pub(super) switch: watch::Receiver<Switch>,
    pub(super) asked: mpsc::Receiver<Asked>,
    pub(super) tell: watch::Sender<ScheduleStatus>,
    pub(super) stop: StopToken,
}

/// Why a runner ends.
#[derive(Debug)]
enum Halt {
    Asked,
    /// It cannot go on; nothing that was settled is lost.
    Broken(String),
}

/// What a runner waited for.
enum News {
    Stop,
    /// Time has passed, or a switch was turned.
    Look,
    Run(Asked),
}

/// One run: of a slot, or by hand.
struct Run {
    slot: Timestamp,
    attempt: u32,
    id: String,
}

impl Runner {
    pub(super) async fn run(mut self) {
        let lease = match self.lease().await {
            Ok(lease) => lease,
            Err(error) => return self.broken(&error.to_string(), None),
        };
        let guard = lease.guard();
        let halted = match self.row(guard).await {
            Ok(mut row) => {
                let halt = self.go_on(guard, &mut row).await;
                Some(row).zip(Some(halt))
            }
            Err(halt) => {
                if let Halt::Broken(why) = halt {
                    self.broken(&why, None);
                }
                None
            }
        };
        if let Some((row, Halt::Broken(why))) = halted {
            return self.broken(&why, Some(row));
        }
        if let Err(error) = self.parts.leases.release(lease).await {
            warn!(trigger = %self.settings.name, %error, "the lease of a schedule could not be given back");
        }
    }

    async fn lease(&self) -> Result<HeldLease, LeaseError> {
        let key = self.key();
        let new = NewLease {
            key: key.clone(),
            parents: Vec::new(),
            initial: Checkpoint::Latest,
            initial_records: None,
        };
        self.parts.leases.ensure(vec![new]).await?;
        self.parts.leases.take(&key).await
    }

    fn key(&self) -> LeaseKey {
        LeaseKey {
            trigger: self.settings.name.clone(),
            shard: SHARD,
        }
    }

    /// What is stored; a schedule that is new, or was changed, begins at this moment, and that is written first.
    async fn row(&self, guard: Guard) -> Result<Row, Halt> {
        let settings = &self.settings;
        let schedule = format!("{} {}", settings.schedule.expression, settings.zone);
        let stored = Row::read(self.parts.journal.as_ref(), &settings.name);
        let now = self.now();
        let row = match stored.map_err(|error| Halt::Broken(error.to_string()))? {
            Some(row) if row.schedule == schedule => return Ok(row),
            Some(row) => row.changed(&schedule, now),
            None => Row::new(&schedule, now),
        };
        self.place(guard, &row, Transaction::default(), None)
            .await?;
        Ok(row)
    }

    async fn go_on(&mut self, guard: Guard, row: &mut Row) -> Halt {
        loop {
            if let Err(halt) = self.step(guard, row).await {
                return halt;
            }
        }
    }

    async fn step(&mut self, guard: Guard, row: &mut Row) -> Result<(), Halt> {
        if self.stop.is_stopped() {
            return Err(Halt::Asked);
        }
        let switch = *self.switch.borrow_and_update();
        let settings = Arc::clone(&self.settings);
        let (state, until) = match switch {
            Switch::Paused => (ScheduleState::Paused, None),
            Switch::Disabled => (ScheduleState::Disabled, None),
            Switch::On => {
                match next(&settings.schedule, &row.slots, &settings.policy, self.now()) {
                    Next::Run { slot, missed } => return self.slot(guard, row, slot, missed).await,
                    Next::Skip { through, missed } => {
                        warn!(trigger = %settings.name, missed, "slots of a schedule were missed and are skipped");
                        row.passed += missed;
                        row.slots.through = through;
                        return self.place(guard, row, Transaction::default(), None).await;
                    }
                    Next::Wait { slot, until } => (waiting(row, slot, until), Some(until)),
                    Next::Never => (ScheduleState::Over, None),
                }
            }
        };
        self.tell(state, row);
        match self.news(until).await {
            News::Stop => Err(Halt::Asked),
            News::Look => Ok(()),
            News::Run(asked) => self.by_hand(guard, row, asked).await,
        }
    }

    /// Looks again from time to time: a machine that slept has a clock that jumped.
    async fn news(&mut self, until: Option<Timestamp>) -> News {
        let clock = self.parts.platform.clock.clone();
        let due = async {
            match until {
                Some(until) => drop(
                    clock
                        .timeout(SCHEDULE_LOOK, clock.sleep_until_wall(until))
                        .await,
                ),
                None => clock.sleep(SCHEDULE_LOOK).await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.stopped() => News::Stop,
            turned = self.switch.changed() => match turned {
                Ok(()) => News::Look,
                Err(_) => News::Stop,
            },
            Some(asked) = self.asked.recv() => News::Run(asked),
            () = due => News::Look,
        }
    }

    /// Runs a slot, earlier ones being passed with it, and settles it.
    async fn slot(
        &mut self,
        guard: Guard,
        row: &mut Row,
        slot: Timestamp,
        missed: u64,
    ) -> Result<(), Halt> {
        if missed > 0 {
            warn!(trigger = %self.settings.name, missed, "slots of a schedule were missed, the newest of them is run");
            row.passed += missed;
            row.slots.through = slot.minus(std::time::Duration::from_millis(1));
        }
        let used = row.slots.tries.as_ref().map_or(0, |tries| tries.attempts);
        let run = Run {
            slot,
            attempt: used + 1,
            id: event::id(&self.settings.name, slot).to_string(),
        };
        let attempt = run.attempt;
        self.tell(ScheduleState::Running { slot, attempt }, row);
        let began = self.now();
        let called = self.invoke(guard, &run).await.ok_or(Halt::Asked)?;
        row.last = Some(last(slot, began, &called.outcome));
        let fraction = self.parts.platform.rng.fraction();
        let settled = settle(
            &called.outcome,
            (slot, used),
            &self.settings.retry,
            self.now(),
            fraction,
        );
        if let Outcome::Failed(fault) = &called.outcome {
            row.notes.push(self.note(fault, &run, began));
            let more = row.notes.len().saturating_sub(NOTES_MAX);
            row.notes.drain(..more);
        }
        let (effects, given_up) = match settled {
            Settled::Done => {
                row.run += 1;
                (self.effects(called.outcome), None)
            }
            Settled::Again {
                attempts,
                not_before,
            } => {
                row.slots.tries = Some(Tries {
                    slot,
                    attempts,
                    not_before,
                });
                return self.place(guard, row, Transaction::default(), None).await;
            }
            Settled::GiveUp(condition) => {
                row.given_up += 1;
                (
                    Transaction::default(),
                    Some(self.given_up(guard, row, condition, &run)),
                )
            }
        };
        row.slots.through = row.slots.through.max(slot);
        row.slots.tries = None;
        row.notes.clear();
        self.place(guard, row, effects, given_up).await
    }

    /// An operator's run: beside all slots, tried once, its effects kept where it succeeds.
    async fn by_hand(&mut self, guard: Guard, row: &mut Row, asked: Asked) -> Result<(), Halt> {
        let slot = self.now();
        let run = Run {
            slot,
            attempt: 1,
            id: format!("run-{:016x}", self.parts.platform.rng.u64()),
        };
        self.tell(ScheduleState::Running { slot, attempt: 1 }, row);
        let called = self.invoke(guard, &run).await.ok_or(Halt::Asked)?;
        row.last = Some(last(slot, slot, &called.outcome));
        let effects = self.effects(called.outcome.clone());
        self.place(guard, row, effects, None).await?;
        // Whoever asked may have gone away.
        drop(asked.send(called));
        Ok(())
    }

    /// Nothing where the server stops before the run has ended.
    async fn invoke(&self, guard: Guard, run: &Run) -> Option<Called> {
        let runs = Arc::clone(&self.parts.runs);
        let invocation = self.invocation(guard, run);
        let running = runs.run(invocation, self.event(run));
        tokio::pin!(running);
        tokio::select! {
            biased;
            called = &mut running => Some(called),
            () = self.stop.stopped() => {
                let clock = &self.parts.platform.clock;
                clock.timeout(STOP_GRACE, running).await.ok()
            }
        }
    }

    fn event(&self, run: &Run) -> Vec<u8> {
        let name = &self.settings.name;
        let facts = event::Facts {
            trigger: name,
            account: self.parts.account.as_str(),
            region: self.parts.region.as_str(),
            slot: run.slot,
            attempt: run.attempt,
            id: event::id(name, run.slot),
        };
        event::event(self.settings.input.as_deref(), facts)
    }

    fn invocation(&self, guard: Guard, run: &Run) -> Invocation {
        let settings = &self.settings;
        let now = self.now();
        Invocation {
            trigger: settings.name.clone(),
            function: settings.function.clone(),
            version: self.parts.runs.version(),
            stream: self.no_stream(),
            shard: SHARD,
            request_id: run.id.clone(),
            attempt: run.attempt,
            attempts_max: Some(settings.retry.attempts),
            fencing_token: guard.token,
            behind_ms: u64::try_from(now.since(run.slot).as_millis()).unwrap_or(u64::MAX),
            started: now,
            records: Arc::default(),
            outputs: Arc::new(settings.outputs.keys().cloned().collect()),
            state: None,
            window: None,
            tracing: false,
            envelope: false,
            item_failures: ItemFailures::Ignored,
            role: None,
            qualifier: None,
            client_context: None,
            trace_parent: None,
            begun: Begun::default(),
            replayed_to: None,
        }
    }

    /// An invocation has a stream; that of a schedule has no records and is never read.
    fn no_stream(&self) -> StreamKey {
        StreamKey {
            account: self.parts.account.clone(),
            region: self.parts.region.clone(),
            name: StreamName::parse(self.settings.name.as_str())
                .unwrap_or_else(|_| unreachable!("streams and triggers have names of one kind")),
        }
    }

    fn effects(&self, outcome: Outcome) -> Transaction {
        let answer = match outcome {
            Outcome::Answered(answer) => answer,
            Outcome::Failed(_) => Answer::default(),
        };
        let output = |emitted: model::Emitted| {
            let record = NewRecord {
                partition_key: emitted.partition_key,
                explicit_hash_key: emitted.explicit_hash_key,
                data: emitted.data,
            };
            Some((self.settings.outputs.get(&emitted.output)?.clone(), record))
        };
        Transaction {
            outputs: answer.outputs.into_iter().filter_map(output).collect(),
            ..Transaction::default()
        }
    }

    /// The event of the slot, as a dead letter keeps it.
    fn given_up(&self, guard: Guard, row: &mut Row, condition: Condition, run: &Run) -> GivenUp {
        let record = UserRecord {
            position: Position {
                sequence: SequenceNumber([0, 0, run.slot.as_millis()]),
                sub_sequence: 0,
            },
            arrived: run.slot,
            partition_key: self.settings.name.as_str().as_bytes().to_vec().into(),
            explicit_hash_key: None,
            data: self.event(run).into(),
            aggregated: false,
            deliveries: 1,
        };
        GivenUp {
            key: self.key(),
            token: guard.token,
            condition,
            record,
            attempts: mem::take(&mut row.notes),
            stream: self.no_stream(),
            function: self.settings.function.clone(),
            on_failure: self.settings.on_failure.clone(),
        }
    }

    fn note(&self, fault: &Fault, run: &Run, began: Timestamp) -> Note {
        let logs = &self.parts.logs;
        let message = &fault.message;
        Note {
            at_ms: self.now().as_millis(),
            version: self.parts.runs.version(),
            duration_ms: u64::try_from(fault.usage.duration.as_millis()).unwrap_or(u64::MAX),
            error_type: fault.kind.clone(),
            message: message[..message.floor_char_boundary(NOTE_BYTES_MAX)].to_owned(),
            log_tail: logs.tail(&run.id, run.attempt, began, LOG_TAIL_BYTES_MAX),
        }
    }

    /// Durable when it returns. Waits where there is no room for it; stops where it can never be placed.
    async fn place(
        &self,
        guard: Guard,
        row: &Row,
        mut effects: Transaction,
        given_up: Option<GivenUp>,
    ) -> Result<(), Halt> {
        let Parts {
            journal,
            dead_letters,
            platform,
            ..
        } = &self.parts;
        effects.guards.push(guard);
        effects.writes.push(row.write(&self.settings.name));
        loop {
            let transaction = effects.clone();
            let placed = match given_up.clone() {
                Some(given_up) => {
                    dead_letters
                        .give_up(transaction, given_up, self.now())
                        .await
                }
                None => journal.commit(transaction).await.map_err(NotPlaced::from),
            };
            let state = match placed {
                Ok(at) => {
                    let durable = journal.durable(at).await;
                    return durable.map_err(|error| Halt::Broken(error.to_string()));
                }
                Err(error) => holds(error)?,
            };
            self.tell(state, row);
            tokio::select! {
                biased;
                () = self.stop.stopped() => return Err(Halt::Asked),
                () = platform.clock.sleep(FULL_PAUSE) => {}
            }
        }
    }

    fn tell(&self, state: ScheduleState, row: &Row) {
        let row = Some(row.clone());
        self.tell.send_replace(ScheduleStatus { state, row });
    }

    fn broken(&self, why: &str, row: Option<Row>) {
        warn!(trigger = %self.settings.name, why, "a schedule stopped");
        let state = ScheduleState::Stopped(why.to_owned());
        self.tell.send_replace(ScheduleStatus { state, row });
    }

    fn now(&self) -> Timestamp {
        self.parts.platform.clock.wall()
    }
}

/// What keeps a transaction out for a while.
fn holds(error: NotPlaced) -> Result<ScheduleState, Halt> {
    match error {
        NotPlaced::Commit(CommitError::NoSuchStream(stream)) => Ok(ScheduleState::NoOutput(stream)),
        NotPlaced::Commit(CommitError::Full) => Ok(ScheduleState::DiskFull),
        NotPlaced::DeadLettersFull { bytes, max } => {
            Ok(ScheduleState::DeadLettersFull { bytes, max })
        }
        NotPlaced::Commit(
            CommitError::Fenced { .. }
            | CommitError::Changed
            | CommitError::TooLarge { .. }
            | CommitError::Down(_),
        )
        | NotPlaced::StateFull { .. } => Err(Halt::Broken(error.to_string())),
    }
}

fn waiting(row: &Row, slot: Timestamp, until: Timestamp) -> ScheduleState {
    match (&row.slots.tries, row.notes.last()) {
        (Some(tries), Some(note)) => ScheduleState::BackingOff {
            slot,
            attempts: tries.attempts,
            until,
            error: format!(
                "{}: {}",
                note.error_type,
                note.message.lines().next().unwrap_or_default()
            ),
        },
        (_, _) => ScheduleState::Waiting { slot, until },
    }
}

fn last(slot: Timestamp, began: Timestamp, outcome: &Outcome) -> LastRun {
    let (usage, error) = match outcome {
        Outcome::Answered(answer) => (answer.usage, None),
        Outcome::Failed(fault) => {
            let fact = fault.message.lines().next().unwrap_or_default();
            (fault.usage, Some(format!("{}: {fact}", fault.kind)))
        }
    };
    LastRun {
        slot,
        began,
        duration_ms: u64::try_from(usage.duration.as_millis()).unwrap_or(u64::MAX),
        error,
    }
}
