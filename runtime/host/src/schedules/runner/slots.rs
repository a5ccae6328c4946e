//! Runs that settle a slot, and those that an operator asks for.
//!
//! In: a slot, or a request of an operator. Out: the row after it, placed together with what the run did.

use std::mem;

use catalog::schedule::Tries;
use dispatch::{
    Condition, GivenUp, Note,
    limits::{LOG_TAIL_BYTES_MAX, NOTE_BYTES_MAX, NOTES_MAX},
};
use model::{
    Answer, Fault, Guard, NewRecord, Outcome, Position, SequenceNumber, Timestamp, Transaction,
    UserRecord,
};
use tracing::warn;

use super::{Halt, Runner, running::Run};
use crate::schedules::{
    Asked, ScheduleState, event,
    row::{LastRun, Row},
    settle::{Settled, settle},
};

impl Runner {
    /// Runs a slot, earlier ones being passed with it, and settles it.
    pub(super) async fn slot(
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
    pub(super) async fn by_hand(
        &mut self,
        guard: Guard,
        row: &mut Row,
        asked: Asked,
    ) -> Result<(), Halt> {
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
