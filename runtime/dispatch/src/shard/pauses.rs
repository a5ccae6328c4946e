//! How a shard stands still: what it listens to, and how settlements without effects are written meanwhile.

use tracing::info;

use super::{flights::Landed, *};
use crate::settings::RetryVersion;

/// What ended a pause.
enum Woken {
    Stop,
    Switched,
    Ordered,
    Landed(Box<Landed>),
    Source(Result<(), SourceError>),
    Arrivals(Result<Timestamp, SourceError>),
    Due,
    Look,
    Flush,
}

/// What of the orders a shard has obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Obeyed {
    stance: Stance,
    resumptions: u64,
    aborts: u64,
    deploys: u64,
    changes: u64,
}

impl Obeyed {
    pub(super) fn of(orders: &Orders, shard: model::ShardId) -> Self {
        Self {
            stance: orders.of(shard),
            resumptions: orders.resumptions(shard),
            aborts: orders.aborts,
            deploys: orders.deploys,
            changes: orders.changes,
        }
    }
}

impl ShardTask {
    /// Takes in what is ordered now, and says whether the shard may work.
    pub(super) fn obey(&mut self) -> Stance {
        let now = Obeyed::of(&self.orders.borrow_and_update(), self.shard.id);
        let before = std::mem::replace(&mut self.obeyed, now);
        let is_paused = |stance| matches!(stance, Stance::Paused | Stance::PausedShard);
        let turned = is_paused(before.stance) != is_paused(now.stance);
        // Resuming ends every pause between attempts, and so does pausing (RT-11); a hold is over in a moment.
        if turned || before.resumptions != now.resumptions {
            self.ledger.resume_at_once(|lane| self.flights.has(lane));
            self.breaker.succeeded();
        }
        if before.aborts != now.aborts {
            self.flights.drop_all();
        }
        if before.deploys != now.deploys {
            self.try_what_was_deployed();
        }
        if before.changes != now.changes {
            self.ledger.end_pauses(|_| true);
        }
        now.stance
    }

    /// An attempt that would be of the same code as the one before has its pause all the same.
    fn try_what_was_deployed(&mut self) {
        let handler = &self.rooms.handler;
        let keeps = self.settings.retry.version == RetryVersion::Same;
        let same = |work: &Work| {
            keeps && handler.version(work.version, 0.0) == work.version.unwrap_or_default()
        };
        self.ledger.end_pauses(|work| !same(work));
    }

    /// What waits for a moment waits no longer because the clock was set back.
    pub(super) fn keep_pace(&mut self) {
        let clock = &self.rooms.platform.clock;
        let Some(back) = self.pace.set_back(clock.wall(), clock.monotonic()) else {
            return;
        };
        let (trigger, shard) = (&self.settings.name, self.shard.id);
        info!(%trigger, %shard, ?back, "the clock was set back, pauses are not longer for it");
        self.ledger.move_back(back);
        self.breaker.move_back(back);
        for batcher in self.batchers.values_mut() {
            batcher.move_back(back);
        }
        self.move_windows_back(back);
        self.rescues_at = self.rescues_at.minus(back);
    }

    /// Waits for the first of: stop, a switch of the trigger, an invocation that comes back, and what `wait` names.
    pub(super) async fn idle(&mut self, stop: &StopToken, wait: Wait) -> Result<(), Halt> {
        self.show(wait.state);
        match self.woken(stop, wait.until, wait.listens).await {
            Woken::Stop | Woken::Due => {}
            Woken::Landed(landed) => self.land(*landed, stop).await?,
            Woken::Look => {
                self.flights.look();
                return Ok(());
            }
            Woken::Switched => drop(self.obey()),
            Woken::Ordered => {
                // What an order is about must be where the order finds it.
                self.flush().await?;
                self.look_at_parked()?;
            }
            Woken::Source(answer) => {
                answer?;
                self.at_tip = false;
            }
            Woken::Arrivals(arrivals) => self.has_all_before(arrivals?),
            Woken::Flush => self.flush().await?,
        }
        self.show(ShardState::Running);
        Ok(())
    }

    /// Stands still until the switch is turned or the trigger stopped.
    pub(super) async fn pause(&mut self, stop: &StopToken, stance: Stance) -> Result<(), Halt> {
        let state = match stance {
            Stance::On => ShardState::Running,
            Stance::Paused => ShardState::Paused,
            Stance::PausedShard => ShardState::PausedShard,
            Stance::Held => ShardState::Held,
            Stance::Disabled => ShardState::Disabled,
        };
        self.flush().await?;
        let until = match stance {
            Stance::Held => None,
            Stance::On | Stance::Paused | Stance::PausedShard | Stance::Disabled => {
                self.looks_for_lost_at(self.now())
            }
        };
        let wait = Wait {
            state,
            until,
            listens: Listens::No,
        };
        self.idle(stop, wait).await
    }

    async fn woken(
        &mut self,
        stop: &StopToken,
        until: Option<Timestamp>,
        listens: Listens,
    ) -> Woken {
        let clock = &self.rooms.platform.clock;
        let source = &self.rooms.source;
        let flush_in = self
            .write_by
            .map(|by| by.0.saturating_sub(clock.monotonic().0));
        let switch = &mut self.orders;
        let orders = &mut self.parked.orders;
        let looks = self.flights.needs_look();
        let flights = &mut self.flights;
        let flies = !flights.is_empty();
        tokio::select! {
            biased;
            () = stop.stopped() => Woken::Stop,
            () = switched(switch) => Woken::Switched,
            () = switched(orders) => Woken::Ordered,
            Some(landed) = flights.next(), if flies => Woken::Landed(Box::new(landed)),
            more = source.wait(&self.settings.stream, self.shard.id, self.reader),
                if listens == Listens::ForMore => Woken::Source(more),
            arrivals = source.arrivals(), if listens == Listens::ForArrivals => {
                Woken::Arrivals(arrivals)
            }
            () = clock.sleep_towards_wall(until.unwrap_or_default()), if until.is_some() => {
                Woken::Due
            }
            () = clock.sleep(flush_in.unwrap_or_default()), if flush_in.is_some() => Woken::Flush,
            () = clock.sleep(SLOT_LOOK), if looks => Woken::Look,
        }
    }

    /// What was settled has to be written within this time.
    pub(super) fn write_within(&mut self, time: Duration) {
        let now = self.rooms.platform.clock.monotonic();
        let by = Monotonic(now.0 + time);
        self.write_by = Some(self.write_by.map_or(by, |before| before.min(by)));
    }

    /// Whether settlements without effects have waited long enough.
    pub(super) fn flush_is_due(&self) -> bool {
        let now = self.rooms.platform.clock.monotonic();
        self.write_by.is_some_and(|by| now >= by)
    }

    /// Writes what is settled, if anything is not written yet.
    pub(super) async fn flush(&mut self) -> Result<(), Halt> {
        if self.write_by.is_none() {
            return Ok(());
        }
        // A row that passes strays must not be there without them.
        let strays = self.pass_strays();
        let dead = self.dead_letters(self.discarded(strays).collect())?;
        let row = self.row().encode()?;
        let effects = Transaction {
            writes: self.behind.clone(),
            ..Transaction::default()
        };
        let transactions = self.holder.transactions(effects, dead, row);
        match self.stores.place(transactions).await {
            Ok(at) => {
                self.placed_at(at, self.ledger.low());
                self.ledger.trim();
                self.forget(strays);
                Ok(())
            }
            // Without room the progress is written later; until then a restart repeats what had no effects.
            Err(NotPlaced::Commit(CommitError::Full) | NotPlaced::DeadLettersFull { .. }) => {
                self.unpass(strays);
                self.write_by = None;
                self.write_within(COALESCE);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A trigger whose switch is gone stays as it is: the stop token ends the lane.
async fn switched<T>(switch: &mut watch::Receiver<T>) {
    if switch.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
