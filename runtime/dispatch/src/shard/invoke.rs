//! One turn of a lane: its front work is invoked, and what comes back is settled.

use model::{FunctionVersion, TraceParent};

use super::{flights::Landed, *};
use crate::{
    settings::{CanaryBy, RetryVersion, Tumbling},
    settle::Origin,
};

impl ShardTask {
    /// Invokes the front work of the lane, except for what is given up without that.
    pub(super) async fn turn(&mut self, lane: LaneId, stop: &StopToken) -> Result<(), Halt> {
        let Some(work) = self.ledger.front(lane).cloned() else {
            return Ok(());
        };
        let now = self.now();
        if let Some(settlement) = self.carved(&work, now) {
            return self.carve(lane, settlement, stop).await;
        }
        let parted = self
            .held_back(lane, &work)
            .or_else(|| self.singled_out(&work));
        if let Some(settlement) = parted {
            return self.write_quietly(lane, settlement, stop).await;
        }
        if let Some(settlement) = self.outrun(&work)? {
            return self.give_up_old(lane, settlement, stop).await;
        }
        let fresh = {
            let circumstances = self.circumstances(&work, now, "", true);
            let (expired, rest) = expire(work, circumstances);
            match (expired, rest) {
                (None, Some(work)) => work,
                (expired, rest) => {
                    let settlement = Settlement {
                        dead: expired.into_iter().collect(),
                        again: rest.into_iter().collect(),
                        ..Settlement::default()
                    };
                    return self.write_quietly(lane, settlement, stop).await;
                }
            }
        };
        if fresh.mode == Mode::Oversized {
            self.counters.oversized += 1;
            return self.write_quietly(lane, oversized(fresh), stop).await;
        }
        self.invoke(lane, fresh, now);
        Ok(())
    }

    pub(super) fn circumstances<'a>(
        &'a self,
        work: &Work,
        now: Timestamp,
        log_tail: &'a str,
        healthy: bool,
    ) -> Circumstances<'a> {
        Circumstances {
            policy: &self.settings.retry,
            now,
            version: work.version.unwrap_or_default(),
            log_tail,
            fraction: self.rooms.platform.rng.fraction(),
            healthy,
            marks: self.rooms.handler.marks(),
            has_room: self.has_park_room(),
            sets_max: self.ledger.sets_left(),
        }
    }

    /// Whether a failure of the work says something about the work: somebody else succeeded meanwhile, or nobody asks.
    fn is_healthy(&self, work: &Work, now: Timestamp) -> bool {
        !self.breaker.is_used() || self.pulse.since(work.first_failed.unwrap_or(now))
    }

    /// With the count of this delivery.
    fn delivered(work: &Work) -> Arc<[UserRecord]> {
        let deliveries = work.failures.saturating_add(1);
        let invoked = work.invoked();
        let is_said = |record: &UserRecord| record.deliveries == deliveries;
        if invoked.len() == work.records.len() && invoked.iter().all(is_said) {
            return Arc::clone(&work.records);
        }
        let records = invoked.iter().cloned();
        records
            .map(|record| UserRecord {
                deliveries,
                ..record
            })
            .collect()
    }

    fn invoke(&mut self, lane: LaneId, mut work: Work, now: Timestamp) {
        let records = Self::delivered(&work);
        assert!(batch_is_ordered(&records), "a batch is out of order");
        let (trigger, shard) = (&self.settings.name, self.shard.id);
        let token = self.holder.token();
        // What stands for a key, or was parked, says nothing of how far the shard is.
        let of_shard = records.first().filter(|_| work.origin == Origin::Shard);
        let first = of_shard.map(|record| record.position);
        debug!(%trigger, %shard, %token, ?first, "function invoked");
        self.counters.invocations += 1;
        self.counters.invoked_records += u64::try_from(records.len()).unwrap_or(u64::MAX);
        if let Some(last) = records.last() {
            let age = now.since(last.arrived).as_millis();
            self.counters.iterator_age_ms = u64::try_from(age).unwrap_or(u64::MAX);
        }
        let draw = match self.settings.canary.by {
            CanaryBy::Key => self.lanes.draw(lane, records.first()),
            CanaryBy::Batch => self.rooms.platform.rng.fraction(),
        };
        let version = self.rooms.handler.version(self.kept_version(&work), draw);
        work.version = Some(version);
        let (window, values) = self.seen_window(&work).unzip();
        let state = self.stores.state.clone().map(|store| store as _);
        let state = values.flatten().or(state);
        let begun = Begun::default();
        let invocation = Invocation {
            trigger: self.settings.name.clone(),
            function: self.settings.function.clone(),
            version,
            stream: self.settings.stream.clone(),
            shard: self.shard.id,
            request_id: self.request_id(&work, &records),
            attempt: work.attempts.saturating_add(1),
            attempts_max: self.settings.retry.attempts,
            fencing_token: self.holder.token(),
            behind_ms: self.behind_ms,
            started: now,
            records: Arc::clone(&records),
            outputs: Arc::clone(&self.outputs),
            state,
            window,
            tracing: work.trace == Trace::On,
            envelope: self.settings.envelope,
            item_failures: self.settings.item_failures,
            role: None,
            qualifier: None,
            client_context: None,
            trace_parent: records
                .first()
                .and_then(|it| TraceParent::of_data(&it.data)),
            begun: begun.clone(),
            replayed_to: self.ledger.replayed(),
        };
        let handler = Arc::clone(&self.rooms.handler);
        let flight = Flight {
            work,
            records,
            began: now,
            begun,
        };
        self.flights.start(
            lane,
            flight,
            async move { handler.invoke(invocation).await },
        );
    }

    /// The version that another attempt does not leave by itself.
    fn kept_version(&self, work: &Work) -> Option<FunctionVersion> {
        match self.settings.retry.version {
            RetryVersion::Same => work.version,
            RetryVersion::OfNow => None,
        }
    }

    /// Settles what came back and writes what it did.
    pub(super) async fn land(&mut self, landed: Landed, stop: &StopToken) -> Result<(), Halt> {
        let Landed {
            lane,
            flight,
            outcome,
        } = landed;
        self.keep_pace();
        let outcome = match outcome {
            Outcome::Answered(answer) => match self.only_granted(answer) {
                Outcome::Answered(answer) => self.says_state(&flight.work, answer),
                failed @ Outcome::Failed(_) => failed,
            },
            failed @ Outcome::Failed(_) => failed,
        };
        self.conclude(lane, flight, outcome, stop).await?;
        self.ledger.landed(lane);
        let (now, is_done) = (self.now(), self.is_free(lane));
        if let Some(batcher) = self.batchers.get_mut(&lane).filter(|_| is_done) {
            batcher.begin_window(now);
        }
        Ok(())
    }

    /// Stable over the attempts of one batch. Programs put it into a path: it has no character that one does not take.
    fn request_id(&self, work: &Work, records: &[UserRecord]) -> String {
        let (trigger, shard) = (&self.settings.name, self.shard.id);
        let closing = work.window.filter(|_| work.origin == Origin::Window);
        let first = records.first().map(|record| record.position);
        match (first, closing) {
            (None, Some(window)) => format!("{trigger}/{shard}/window-{}", window.start),
            (first, _) => {
                let first = first.unwrap_or_default();
                format!("{trigger}/{shard}/{first}+{}", records.len())
            }
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

    async fn conclude(
        &mut self,
        lane: LaneId,
        flight: Flight,
        outcome: Outcome,
        stop: &StopToken,
    ) -> Result<(), Halt> {
        let Flight {
            work,
            records,
            began,
            ..
        } = flight;
        let failed = match &outcome {
            Outcome::Failed(_) => true,
            Outcome::Answered(answer) => !answer.failures.is_empty(),
        };
        self.counters.failures += u64::from(failed);
        let failed_records = match &outcome {
            Outcome::Failed(_) => records.len(),
            Outcome::Answered(answer) => answer.failures.len(),
        };
        self.counters.failed_records += u64::try_from(failed_records).unwrap_or(u64::MAX);
        let log_tail = if failed {
            self.log_tail(&work, &records, began)
        } else {
            String::new()
        };
        let before = work.clone();
        let now = self.now();
        let at_ms = now.as_millis();
        self.last = Some(LastOutcome { at_ms, failed });
        let Some(outcome) = self
            .suspect(lane, &work, outcome, (now, &log_tail), stop)
            .await?
        else {
            return Ok(());
        };
        let healthy = self.is_healthy(&work, now);
        let success = success(&outcome);
        let circumstances = self.circumstances(&before, now, &log_tail, healthy);
        let mut settlement = settle(work, outcome, circumstances);
        let change = self.window_change(&before, &mut settlement, success)?;
        let keyed = self
            .settings
            .tumbling
            .as_ref()
            .is_some_and(Tumbling::is_by_key);
        let window = before.window.filter(|_| keyed).map(|window| window.start);
        let (trigger, granted) = (&self.settings.name, &self.settings.outputs);
        let mut effects = effects(&mut settlement, (trigger, window), granted, &records, now);
        effects.writes.extend(change.writes.iter().cloned());
        let refused = match self.write(Some(lane), settlement, effects, stop).await {
            Ok(()) => {
                self.changed(change);
                return Ok(());
            }
            Err(Halt::Place(NotPlaced::Commit(error @ CommitError::TooLarge { .. }))) => Fault {
                class: FaultClass::Function,
                kind: "CommitRefused".to_owned(),
                message: error.to_string(),
                retry_after: None,
                usage: model::outcome::Usage::default(),
            },
            Err(halt) => return Err(halt),
        };
        let log_tail = self.log_tail(&before, &records, began);
        let healthy = self.is_healthy(&before, now);
        let circumstances = self.circumstances(&before, now, &log_tail, healthy);
        let settlement = settle(before.clone(), Outcome::Failed(refused), circumstances);
        self.write_quietly(lane, settlement, stop).await
    }

    fn log_tail(&self, work: &Work, records: &[UserRecord], began: Timestamp) -> String {
        let attempt = work.attempts.saturating_add(1);
        let request_id = self.request_id(work, records);
        self.rooms
            .logs
            .tail(&request_id, attempt, began, LOG_TAIL_BYTES_MAX)
    }
}

/// Whether everything that was invoked succeeded, and the state of its window that the answer has.
fn success(outcome: &Outcome) -> (bool, Option<Bytes>) {
    match outcome {
        Outcome::Answered(answer) if answer.failures.is_empty() => {
            (true, answer.window_state.clone())
        }
        Outcome::Answered(_) | Outcome::Failed(_) => (false, None),
    }
}
