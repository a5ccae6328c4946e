//! One schedule at work: waits for its next slot, runs its function, settles the slot, and hears operators in between.
//!
//! Decisions are made by `catalog::schedule::next` and `settle`; here they are carried out. What a run did is placed with
//! the row that passes its slot, in one transaction that the trigger's lease guards: after a crash both are there or none.

mod placing;
mod running;
mod slots;

use std::sync::Arc;

use catalog::schedule::{Next, next};
use dispatch::Switch;
use leases::{HeldLease, LeaseError, NewLease};
use model::{Checkpoint, Guard, LeaseKey, ShardId, Timestamp, Transaction};
use platform::{StopToken, watch};
use tokio::sync::mpsc;
use tracing::warn;

use super::{Asked, Parts, ScheduleSettings, ScheduleState, ScheduleStatus, row::Row};
use crate::limits::SCHEDULE_LOOK;

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
