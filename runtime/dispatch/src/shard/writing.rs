//! Writing what is settled: effects, progress and dead letters together, or progress alone and a little later.
//!
//! Where there is no room the shard waits with a reason. What the log refuses as too large is taken back, so that the
//! lane stands as if it had not been settled.

use platform::Clock;

use super::*;
use crate::{
    dead_letters::gap_entry,
    ledger::Replaced,
    limits::BESIDE_PARKED_BYTES_MAX,
    parking::ParkedKey,
    settle::{Origin, Parking},
};

impl ShardTask {
    /// A settlement of a lane's front work that has no effects.
    pub(super) async fn write_quietly(
        &mut self,
        lane: LaneId,
        settlement: Settlement,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        self.write(Some(lane), settlement, Transaction::default(), stop)
            .await
    }

    /// Replaces the front work of the lane by what remains of it and writes what came of it, with all that was passed.
    /// Settlements without effects are only noted.
    pub(super) async fn write(
        &mut self,
        lane: Option<LaneId>,
        settlement: Settlement,
        effects: Transaction,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let Settlement {
            mut dead,
            mut parked,
            again,
            ..
        } = settlement;
        if !self.behind.is_empty() && bytes_in(&effects) > BESIDE_PARKED_BYTES_MAX {
            self.flush().await?;
        }
        let strikes = again.iter().any(Work::is_under_suspicion);
        let (low, within_record) = (self.ledger.low(), self.is_within_record());
        let fails = !again.is_empty();
        let replaced = lane.and_then(|lane| self.ledger.replace(lane, again));
        let mut sums = Sums::of(replaced.as_ref(), &dead, &parked);
        let mut effects = effects;
        if let Some(replaced) = &replaced {
            effects.writes.extend(self.taken_out(replaced, &parked));
        }
        // What succeeds behind records that failed shows that they are to blame.
        let blamed = if sums.succeeds {
            self.ledger.blame()
        } else {
            Vec::new()
        };
        let (mut writes, mut rows) = self.parking(&parked, sums.origin);
        parked.clear();
        let (blamed_dead, blamed_parked) = self.blamed(&blamed, &mut dead, &mut parked);
        let (more_writes, more_rows) = self.parking(&parked, Origin::Shard);
        writes.extend(more_writes);
        rows.extend(more_rows);
        effects.writes.extend(writes);
        let strays = self.pass_strays();
        sums.dead += blamed_dead;
        sums.parked += blamed_parked;
        self.unplaced = Some(Unplaced {
            records: sums.settled + sums.dead + sums.parked + strays,
            low,
            within_record,
        });
        let quiet = effects == Transaction::default()
            && dead.is_empty()
            && strays == 0
            && !fails
            && self.ledger.low() != Checkpoint::ShardEnd;
        if quiet {
            let invoked = lane.is_some();
            self.write_within(if invoked { COALESCE } else { COALESCE_PASSED });
        } else if let Err(halt) = self.commit(dead, strays, effects, stop).await {
            self.ledger.take_back_blamed(blamed);
            self.unpass(strays);
            if let Some(replaced) = replaced {
                self.ledger.take_back(replaced);
            }
            self.unplaced = None;
            return Err(halt);
        }
        self.written_as(&sums, rows, strays, strikes);
        if self.flush_is_due() {
            self.flush().await?;
        }
        self.show(ShardState::Running);
        Ok(())
    }

    /// What was settled has its place, or needs none.
    pub(super) fn written_as(
        &mut self,
        sums: &Sums,
        rows: Vec<ParkedKey>,
        strays: usize,
        strikes: bool,
    ) {
        self.unplaced = None;
        self.ledger.trim();
        if strikes {
            self.strike();
        }
        self.forget(strays);
        let rows = rows.into_iter();
        let keyed = rows.map(|row| (row.partition_key.clone(), row));
        self.parked.keys.extend(keyed);
        if sums.stops {
            // The rest of what was taken up waits on behind its key.
            self.ledger.clear(LaneId::PARKED);
        }
        self.counters.settled += counted(sums.settled);
        self.counters.dead_lettered += counted(sums.dead);
        self.counters.parked += counted(sums.parked);
        self.counters.unparked += counted(sums.unparked);
    }

    /// Where the records of works that are to blame go; how many are given up and how many parked.
    pub(super) fn blamed(
        &self,
        blamed: &[(LaneId, Work)],
        dead: &mut Vec<Discard>,
        parked: &mut Vec<Parking>,
    ) -> (usize, usize) {
        let records: usize = blamed.iter().map(|(_, work)| work.records.len()).sum();
        let works = blamed.iter().map(|(_, work)| work.clone());
        match self.settings.retry.then {
            Then::Park => {
                parked.extend(works.map(Work::into_parking));
                (0, records)
            }
            Then::DeadLetter | Then::Block => {
                let condition = Condition::RetryAttemptsExhausted;
                dead.extend(works.map(|work| work.into_discard(condition)));
                (records, 0)
            }
        }
    }

    /// Settles the strays that lie no later than what the lanes began; says how many.
    pub(super) fn pass_strays(&mut self) -> usize {
        let through = self.ledger.through();
        let passed =
            |(stray, _): &&(UserRecord, Condition)| Checkpoint::Settled(stray.position) <= through;
        let passed = self.strays.iter().take_while(passed);
        let positions: Vec<Position> = passed.map(|(stray, _)| stray.position).collect();
        let count = positions.len();
        self.ledger.settle(positions);
        count
    }

    /// They could not be written.
    pub(super) fn unpass(&mut self, strays: usize) {
        let strays = self.strays.iter().take(strays);
        self.ledger.reopen(strays.map(|(stray, _)| stray.position));
    }

    /// The first so many strays.
    pub(super) fn discarded(&self, strays: usize) -> impl Iterator<Item = Discard> {
        let given_up = self.strays.iter().take(strays);
        given_up.map(|(stray, condition)| Discard {
            records: vec![stray.clone()],
            condition: *condition,
            attempts: 0,
            notes: Vec::new(),
        })
    }

    pub(super) fn forget(&mut self, strays: usize) {
        for (_, condition) in self.strays.drain(..strays) {
            self.counters.dead_lettered += 1;
            match condition {
                Condition::Unparsable => self.counters.unparsable += 1,
                Condition::Late => self.counters.late += 1,
                Condition::OutOfRange
                | Condition::RetryAttemptsExhausted
                | Condition::RecordAgeExceeded
                | Condition::RetentionExpired
                | Condition::Rejected => self.counters.out_of_range += 1,
            }
        }
    }

    /// Writes the row as the ledger stands, with the first so many strays.
    pub(super) async fn commit(
        &mut self,
        mut dead: Vec<Discard>,
        strays: usize,
        effects: Transaction,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        dead.extend(self.discarded(strays));
        let low = self.ledger.low();
        assert!(
            checkpoint_advances(self.written, low),
            "a checkpoint went back from {:?} to {low:?}",
            self.written
        );
        let row = self.row().encode()?;
        let mut effects = effects;
        effects.writes.extend(self.behind.iter().cloned());
        let advances = low > self.written;
        loop {
            let mut effects = effects.clone();
            // Children may have come to the row while there was no room.
            if advances && let Some(lease) = self.rooms.leases.checkpointed(&self.lease)? {
                effects.writes.push(lease);
            }
            // Dead letters are as old as their place in the store, however long they waited for it.
            let dead = self.dead_letters(dead.clone())?;
            let transactions = self.holder.transactions(effects, dead, row.clone());
            let full = match self.stores.place(transactions).await {
                Ok(at) => {
                    self.placed_at(at, low);
                    if advances {
                        self.lease.note_checkpoint();
                    }
                    return Ok(());
                }
                Err(NotPlaced::Commit(CommitError::Full)) => ShardState::DiskFull,
                Err(NotPlaced::DeadLettersFull { bytes, max }) => {
                    ShardState::DeadLettersFull { bytes, max }
                }
                // Only an operator can make room or bring the stream back.
                Err(NotPlaced::StateFull { bytes, max }) => ShardState::StateFull { bytes, max },
                Err(NotPlaced::Commit(CommitError::NoSuchStream(name))) => {
                    ShardState::NoOutput(name)
                }
                Err(error) => return Err(error.into()),
            };
            // Nothing is lost by waiting; a stop leaves the work to be repeated.
            if stop.is_stopped() {
                return Err(Halt::Stopped);
            }
            self.show(full);
            full_pause(&self.rooms.platform.clock, stop).await;
        }
    }
}

impl ShardTask {
    /// As the ledger stands, with what was lost before it.
    pub(super) fn row(&self) -> Progress {
        Progress {
            seen: self
                .losses
                .seen(self.ledger.open(), self.is_within_record()),
            lost: self.losses.total(),
            last: self.last,
            ..self.ledger.row(self.holder.token())
        }
    }

    /// Entries of what is given up, and of what is lost while there is room to say so.
    pub(super) fn dead_letters(
        &self,
        dead: Vec<Discard>,
    ) -> Result<Vec<(ViewWrite, usize)>, CommitError> {
        let now = self.now();
        let mut entries = self.holder.dead_letters(dead, &self.settings, now);
        if let Some(gap) = self.losses.gap() {
            let entry = gap_entry(gap, &self.holder.key, self.holder.token(), now);
            let (_, bytes) = &entry;
            if self.stores.dead_letters.has_room_for(*bytes as u64)? {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// A row has its place, and what was lost before it is named.
    pub(super) fn placed_at(&mut self, at: LogPosition, low: Checkpoint) {
        self.placed = at;
        self.written = low;
        self.write_by = None;
        self.losses.named();
        self.behind.clear();
        self.behind_from = None;
        let (trigger, shard) = (&self.settings.name, self.shard.id);
        let token = self.holder.token();
        debug!(%trigger, %shard, %token, ?low, at = at.0, "checkpoint placed");
    }
}

async fn full_pause(clock: &Clock, stop: &StopToken) {
    tokio::select! {
        biased;
        () = stop.stopped() => {}
        () = clock.sleep(FULL_PAUSE) => {}
    }
}

/// Of outputs and values.
fn bytes_in(effects: &Transaction) -> usize {
    let outputs = effects.outputs.iter().map(|(_, record)| record.data.len());
    let value = |write: &ViewWrite| write.value.as_ref().map_or(0, Bytes::len);
    outputs.chain(effects.writes.iter().map(value)).sum()
}

fn records_of(dead: &[Discard]) -> usize {
    dead.iter().map(|discard| discard.records.len()).sum()
}

fn waiting_of(parked: &[Parking]) -> usize {
    parked.iter().map(|group| group.records.len()).sum()
}

/// How many records of a settlement came to which end.
pub(super) struct Sums {
    origin: Origin,
    /// Something that was invoked succeeded.
    succeeds: bool,
    settled: usize,
    dead: usize,
    parked: usize,
    unparked: usize,
    /// A key that went on is parked again.
    stops: bool,
}

impl Sums {
    /// What comes from behind a parked key, or stands for one, was counted when it was read.
    pub(super) fn of(replaced: Option<&Replaced>, dead: &[Discard], parked: &[Parking]) -> Self {
        let origin = replaced.map_or(Origin::Shard, |it| it.work().origin);
        let (dead, waiting) = (records_of(dead), waiting_of(parked));
        let gone = replaced.map_or(0, |it| it.settled.len());
        let settled = gone.saturating_sub(dead + waiting);
        let of_shard = |count| if origin == Origin::Shard { count } else { 0 };
        let stops = origin != Origin::Shard && waiting > 0;
        let went_on = matches!(origin, Origin::Parked(_)) && !stops;
        Self {
            origin,
            succeeds: settled > 0,
            settled: of_shard(settled),
            dead: of_shard(dead),
            parked: of_shard(waiting),
            unparked: if went_on { gone } else { 0 },
            stops,
        }
    }
}

fn counted(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
