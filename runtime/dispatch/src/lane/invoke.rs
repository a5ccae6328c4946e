//! One turn of a lane: invoke the front work, settle it, commit what came of it.

use super::*;

impl Lane {
    pub(super) async fn turn(&mut self, stop: &StopToken) -> Result<(), Halt> {
        let Some(work) = self.ledger.next().cloned() else {
            return Ok(());
        };
        let now = self.now();
        let fresh = {
            let (expired, rest) = expire(work, self.circumstances(now, "", true));
            match (expired, rest) {
                (None, Some(work)) => work,
                (expired, rest) => {
                    let settlement = Settlement {
                        dead: expired.into_iter().collect(),
                        again: rest.into_iter().collect(),
                        ..Settlement::default()
                    };
                    return self.write(settlement, Transaction::default(), stop).await;
                }
            }
        };
        if fresh.mode == Mode::Oversized {
            self.counters.oversized += 1;
            return self
                .write(oversized(fresh), Transaction::default(), stop)
                .await;
        }
        let records = self.delivered(&fresh);
        assert!(batch_is_ordered(&records), "a batch is out of order");
        let outcome = self.invoke(&fresh, &records, now).await;
        self.conclude(fresh, &records, (now, outcome), stop).await
    }

    pub(super) fn circumstances<'a>(
        &'a self,
        now: Timestamp,
        log_tail: &'a str,
        healthy: bool,
    ) -> Circumstances<'a> {
        Circumstances {
            policy: &self.settings.retry,
            now,
            version: self.rooms.version,
            log_tail,
            fraction: self.rooms.platform.rng.fraction(),
            healthy,
        }
    }

    /// Whether a failure of the work says something about the work: somebody else succeeded meanwhile, or nobody asks.
    fn is_healthy(&self, work: &Work, now: Timestamp) -> bool {
        !self.breaker.is_used() || self.pulse.since(work.first_failed.unwrap_or(now))
    }

    fn delivered(&self, work: &Work) -> Arc<[UserRecord]> {
        let deliveries = work.failures.saturating_add(1);
        let records = work.invoked().iter().cloned();
        records
            .map(|record| UserRecord {
                deliveries,
                ..record
            })
            .collect()
    }

    async fn invoke(
        &mut self,
        work: &Work,
        records: &Arc<[UserRecord]>,
        now: Timestamp,
    ) -> Outcome {
        self.counters.invocations += 1;
        let state = self.stores.state.clone();
        let begun = Begun::default();
        let invocation = Invocation {
            trigger: self.settings.name.clone(),
            function: self.settings.function.clone(),
            version: self.rooms.version,
            stream: self.settings.stream.clone(),
            shard: self.shard.id,
            request_id: self.request_id(records),
            attempt: work.attempts.saturating_add(1),
            attempts_max: self.settings.retry.attempts,
            fencing_token: self.holder.token(),
            behind_ms: self.behind_ms,
            started: now,
            records: Arc::clone(records),
            outputs: Arc::clone(&self.outputs),
            state: state.map(|store| store as _),
            item_failures: self.settings.item_failures,
            begun: begun.clone(),
        };
        match self.outcome(invocation, &begun).await {
            Outcome::Answered(answer) => self.only_granted(answer),
            failed @ Outcome::Failed(_) => failed,
        }
    }

    /// Meanwhile the status tells a function that runs from one that waits for its turn.
    async fn outcome(&self, invocation: Invocation, begun: &Begun) -> Outcome {
        let clock = &self.rooms.platform.clock;
        let mut running = self.rooms.handler.invoke(invocation);
        let mut waited = false;
        loop {
            tokio::select! {
                biased;
                outcome = &mut running => return outcome,
                () = clock.sleep(SLOT_LOOK), if !begun.is_told() || waited => {
                    waited = !begun.is_told();
                    self.show(if waited { ShardState::WaitingForSlot } else { ShardState::Running });
                }
            }
        }
    }

    /// Stable over the attempts of one batch.
    fn request_id(&self, records: &[UserRecord]) -> String {
        let first = records
            .first()
            .map(|record| record.position)
            .unwrap_or_default();
        format!(
            "{}/{}/{first}+{}",
            self.settings.name,
            self.shard.id,
            records.len()
        )
    }

    /// An answer may only use what the trigger grants.
    fn only_granted(&self, answer: Answer) -> Outcome {
        let unknown = answer
            .outputs
            .iter()
            .find(|emitted| !self.outputs.contains(&emitted.output));
        let message = match unknown {
            Some(emitted) => format!("the trigger grants no output `{}`", emitted.output),
            None if !answer.state.is_empty() && self.stores.state.is_none() => {
                "the trigger grants no state".to_owned()
            }
            None => return Outcome::Answered(answer),
        };
        Outcome::Failed(Fault {
            class: FaultClass::Function,
            kind: "NotGranted".to_owned(),
            message,
            retry_after: None,
            usage: answer.usage,
        })
    }

    /// `outcome` of the invocation that began at the moment before it.
    async fn conclude(
        &mut self,
        work: Work,
        records: &Arc<[UserRecord]>,
        (began, outcome): (Timestamp, Outcome),
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let failed = match &outcome {
            Outcome::Failed(_) => true,
            Outcome::Answered(answer) => !answer.failures.is_empty(),
        };
        self.counters.failures += u64::from(failed);
        let log_tail = if failed {
            self.log_tail(&work, records, began)
        } else {
            String::new()
        };
        let before = work.clone();
        let now = self.now();
        let Some(outcome) = self.suspect(&work, outcome, (now, &log_tail), stop).await? else {
            return Ok(());
        };
        let healthy = self.is_healthy(&work, now);
        let mut settlement = settle(work, outcome, self.circumstances(now, &log_tail, healthy));
        let (trigger, granted) = (&self.settings.name, &self.settings.outputs);
        let effects = effects(&mut settlement, trigger, granted, records, now);
        let refused = match self.write(settlement, effects, stop).await {
            Err(Halt::Place(NotPlaced::Commit(error @ CommitError::TooLarge { .. }))) => Fault {
                class: FaultClass::Function,
                kind: "CommitRefused".to_owned(),
                message: error.to_string(),
                retry_after: None,
                usage: model::outcome::Usage::default(),
            },
            other => return other,
        };
        let log_tail = self.log_tail(&before, records, began);
        let healthy = self.is_healthy(&before, now);
        let circumstances = self.circumstances(now, &log_tail, healthy);
        let settlement = settle(before, Outcome::Failed(refused), circumstances);
        self.write(settlement, Transaction::default(), stop).await
    }

    fn log_tail(&self, work: &Work, records: &[UserRecord], began: Timestamp) -> String {
        let attempt = work.attempts.saturating_add(1);
        let request_id = self.request_id(records);
        self.rooms
            .logs
            .tail(&request_id, attempt, began, LOG_TAIL_BYTES_MAX)
    }

    /// Replaces the front work by what remains of it and writes what came of it; quiet settlements are only noted.
    pub(super) async fn write(
        &mut self,
        mut settlement: Settlement,
        effects: Transaction,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let mut next = self.ledger.clone();
        let mut finished = 0;
        if let Some(front) = self.ledger.next() {
            let open: usize = settlement.again.iter().map(|work| work.records.len()).sum();
            let dead: usize = settlement
                .dead
                .iter()
                .map(|discard| discard.records.len())
                .sum();
            finished = front.records.len().saturating_sub(open + dead);
            let positions: Vec<Position> = front.records.iter().map(|r| r.position).collect();
            next.replace(&positions, settlement.again);
        }
        // What succeeds behind records that failed shows that they are to blame.
        if finished > 0 && next.aside() > 0 {
            let blamed = next.blame();
            let condition = Condition::RetryAttemptsExhausted;
            let discards = blamed.into_iter().map(|work| work.into_discard(condition));
            settlement.dead.extend(discards);
        }
        let strays = self.passed_strays(next.through());
        let quiet = effects == Transaction::default()
            && settlement.dead.is_empty()
            && strays == 0
            && next.is_empty()
            && next.low() != Checkpoint::ShardEnd;
        let discarded: usize = settlement
            .dead
            .iter()
            .map(|discard| discard.records.len())
            .sum();
        if quiet {
            self.unwritten();
        } else {
            self.commit(&next, settlement.dead, strays, effects, stop)
                .await?;
        }
        let aside = self.ledger.aside();
        self.ledger = next;
        self.set_aside(aside);
        self.forget(strays);
        self.counters.settled += counted(finished);
        self.counters.dead_lettered += counted(discarded);
        if self.flush_is_due() {
            self.flush().await?;
        }
        self.show(ShardState::Running);
        Ok(())
    }

    /// The first so many strays.
    pub(super) fn discarded(&self, strays: usize) -> impl Iterator<Item = Discard> {
        let given_up = self.strays.iter().take(strays);
        given_up.map(|(stray, condition)| Discard {
            records: vec![stray.clone()],
            condition: *condition,
            notes: Vec::new(),
        })
    }

    pub(super) fn forget(&mut self, strays: usize) {
        for (_, condition) in self.strays.drain(..strays) {
            self.counters.dead_lettered += 1;
            match condition {
                Condition::Unparsable => self.counters.unparsable += 1,
                Condition::OutOfRange
                | Condition::RetryAttemptsExhausted
                | Condition::RecordAgeExceeded
                | Condition::Rejected => self.counters.out_of_range += 1,
            }
        }
    }

    /// How many of the strays lie no later than `through`.
    pub(super) fn passed_strays(&self, through: Checkpoint) -> usize {
        let passed =
            |(stray, _): &&(UserRecord, Condition)| Checkpoint::Settled(stray.position) <= through;
        self.strays.iter().take_while(passed).count()
    }

    pub(super) async fn commit(
        &mut self,
        next: &Ledger,
        mut dead: Vec<Discard>,
        strays: usize,
        effects: Transaction,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        dead.extend(self.discarded(strays));
        let row = next.row(self.holder.token()).encode()?;
        let mut effects = effects;
        let advances = next.low() > self.ledger.low();
        if advances && let Some(lease) = self.rooms.leases.checkpointed(&self.lease)? {
            effects.writes.push(lease);
        }
        loop {
            // Dead letters are as old as their place in the store, however long they waited for it.
            let dead = self.holder.dead_letters(dead.clone(), self.now());
            let transactions = self.holder.transactions(effects.clone(), dead, row.clone());
            let full = match self.stores.place(transactions).await {
                Ok(at) => {
                    self.placed = at;
                    self.unwritten_since = None;
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
            self.full_pause(stop).await;
        }
    }

    async fn full_pause(&self, stop: &StopToken) {
        tokio::select! {
            biased;
            () = stop.stopped() => {}
            () = self.rooms.platform.clock.sleep(FULL_PAUSE) => {}
        }
    }
}

fn counted(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
