//! One turn of a lane: invoke the front work, settle it, commit what came of it.

use super::*;

impl Lane {
    pub(super) async fn turn(&mut self, stop: &StopToken) -> Result<(), Halt> {
        let Some(work) = self.ledger.front().cloned() else {
            return Ok(());
        };
        let now = self.now();
        let fresh = {
            let (expired, rest) = expire(work, self.circumstances(now));
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
        let outcome = self.invoke(&fresh, &records, now).await;
        self.conclude(fresh, &records, outcome, stop).await
    }

    fn circumstances(&self, now: Timestamp) -> Circumstances<'_> {
        Circumstances {
            policy: &self.settings.retry,
            now,
            version: self.rooms.version,
            fraction: self.rooms.platform.rng.fraction(),
        }
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
        let first = records
            .first()
            .map(|record| record.position)
            .unwrap_or_default();
        let invocation = Invocation {
            trigger: self.settings.name.clone(),
            function: self.settings.function.clone(),
            version: self.rooms.version,
            stream: self.settings.stream.clone(),
            shard: self.shard.id,
            request_id: format!(
                "{}/{}/{first}+{}",
                self.settings.name,
                self.shard.id,
                records.len()
            ),
            attempt: work.attempts.saturating_add(1),
            attempts_max: self.settings.retry.attempts,
            fencing_token: self.holder.token(),
            behind_ms: self.behind_ms,
            started: now,
            records: Arc::clone(records),
            outputs: Arc::clone(&self.outputs),
            state: self.state.clone(),
        };
        match self.rooms.handler.invoke(invocation).await {
            Outcome::Answered(answer) => self.only_granted(answer),
            failed @ Outcome::Failed(_) => failed,
        }
    }

    /// An answer may only use what the trigger grants.
    fn only_granted(&self, answer: Answer) -> Outcome {
        let unknown = answer
            .outputs
            .iter()
            .find(|emitted| !self.outputs.contains(&emitted.output));
        let message = match unknown {
            Some(emitted) => format!("the trigger grants no output `{}`", emitted.output),
            None if !answer.state.is_empty() && !self.settings.state => {
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

    async fn conclude(
        &mut self,
        work: Work,
        records: &Arc<[UserRecord]>,
        outcome: Outcome,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let failed = match &outcome {
            Outcome::Failed(_) => true,
            Outcome::Answered(answer) => !answer.failures.is_empty(),
        };
        self.counters.failures += u64::from(failed);
        let before = work.clone();
        let now = self.now();
        let mut settlement = settle(work, outcome, self.circumstances(now));
        let (trigger, granted) = (&self.settings.name, &self.settings.outputs);
        let effects = effects(&mut settlement, trigger, granted, records);
        let refused = match self.write(settlement, effects, stop).await {
            Err(Halt::Commit(CommitError::NoSuchStream(name))) => refusal(
                FaultClass::Invoke,
                format!("output stream {name} does not exist"),
            ),
            Err(Halt::Commit(error @ CommitError::TooLarge { .. })) => {
                refusal(FaultClass::Function, error.to_string())
            }
            other => return other,
        };
        let settlement = settle(before, Outcome::Failed(refused), self.circumstances(now));
        self.write(settlement, Transaction::default(), stop).await
    }

    /// Replaces the front work by what remains of it and writes what came of it; quiet settlements are only noted.
    pub(super) async fn write(
        &mut self,
        settlement: Settlement,
        effects: Transaction,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let mut next = self.ledger.clone();
        let mut finished = 0;
        if let Some(front) = self.ledger.front() {
            let open: usize = settlement.again.iter().map(|work| work.records.len()).sum();
            let dead: usize = settlement
                .dead
                .iter()
                .map(|discard| discard.records.len())
                .sum();
            finished = front.records.len().saturating_sub(open + dead);
            let positions: Vec<Position> = front.records.iter().map(|r| r.position).collect();
            next.replace_front(&positions, settlement.again);
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
        self.ledger = next;
        self.strays.drain(..strays);
        self.counters.out_of_range += counted(strays);
        self.counters.settled += counted(finished);
        self.counters.dead_lettered += counted(discarded + strays);
        if self.flush_is_due() {
            self.flush().await?;
        }
        self.show(ShardState::Running);
        Ok(())
    }

    /// How many of the strays lie no later than `through`.
    fn passed_strays(&self, through: Checkpoint) -> usize {
        let passed = |stray: &&UserRecord| Checkpoint::Settled(stray.position) <= through;
        self.strays.iter().take_while(passed).count()
    }

    async fn commit(
        &mut self,
        next: &Ledger,
        mut dead: Vec<Discard>,
        strays: usize,
        effects: Transaction,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        dead.extend(self.strays.iter().take(strays).map(|stray| Discard {
            records: vec![stray.clone()],
            condition: Condition::OutOfRange,
            notes: Vec::new(),
        }));
        let row = next.row(self.holder.token()).encode()?;
        let dead = self.holder.dead_letters(dead, self.now());
        let transactions = self.holder.transactions(effects, dead, row);
        loop {
            match place(&self.rooms.journal, transactions.clone()).await {
                Ok(at) => {
                    self.placed = at;
                    self.unwritten_since = None;
                    return Ok(());
                }
                // Nothing is lost by waiting; a stop leaves the work to be repeated.
                Err(CommitError::Full) if !stop.is_stopped() => {
                    self.show(ShardState::DiskFull);
                    self.full_pause(stop).await;
                }
                Err(error) => return Err(error.into()),
            }
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

fn refusal(class: FaultClass, message: String) -> Fault {
    Fault {
        class,
        kind: "CommitRefused".to_owned(),
        message,
        retry_after: None,
        usage: model::outcome::Usage::default(),
    }
}

fn counted(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
