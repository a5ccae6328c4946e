//! Runs the function with records of an entry.
//!
//! In: an open entry and some of its records. Out: the answer, or a note of the failure. Nothing is written here; an
//! answer that uses what the trigger does not grant is a failure.

use std::{collections::BTreeSet, sync::Arc};

use model::{
    Answer, Fault, FencingToken, Guard, Invocation, Outcome, UserRecord, invocation::Begun,
};

use super::{Open, Redrive};
use crate::{
    dead_letters::{DeadLetter, Note},
    lanes::key_draw,
    limits::{LOG_TAIL_BYTES_MAX, TRIES_MAX},
    settings::CanaryBy,
    settle::{Circumstances, contradiction},
};

/// What running some records again came to.
pub(super) enum Verdict {
    Done(Answer),
    Failed(Note),
}

impl Redrive {
    /// As they are delivered now: once more than before.
    pub(super) fn deliveries(&self, letter: &DeadLetter) -> Vec<UserRecord> {
        let deliveries = Self::attempt(letter);
        let records = letter.records.iter().map(|record| UserRecord {
            deliveries,
            ..record.to_user_record()
        });
        records.collect()
    }

    fn attempt(letter: &DeadLetter) -> u32 {
        let attempts = u32::try_from(letter.attempts.len()).unwrap_or(u32::MAX);
        attempts.saturating_add(1)
    }

    pub(super) async fn invoke(&self, open: &Open, records: &[UserRecord]) -> Verdict {
        let letter = &open.letter;
        let started = self.rooms.platform.clock.wall();
        let attempt = Self::attempt(letter);
        let request_id = format!("redrive/{}/{}", letter.trigger, letter.id);
        let draw = match (self.settings.canary.by, records.first()) {
            (CanaryBy::Key, Some(record)) => key_draw(record),
            (CanaryBy::Key | CanaryBy::Batch, _) => self.rooms.platform.rng.fraction(),
        };
        let version = self.rooms.handler.version(None, draw);
        let state = self.state.clone();
        let outputs: BTreeSet<String> = self.settings.outputs.keys().cloned().collect();
        let invocation = Invocation {
            trigger: self.settings.name.clone(),
            function: self.settings.function.clone(),
            version,
            stream: self.settings.stream.clone(),
            shard: letter.shard,
            request_id: request_id.clone(),
            attempt,
            attempts_max: self.settings.retry.attempts,
            fencing_token: self.guard(letter).map_or(FencingToken(0), |it| it.token),
            behind_ms: 0,
            started,
            records: records.into(),
            outputs: Arc::new(outputs),
            state: state.map(|store| store as _),
            window: None,
            tracing: false,
            envelope: self.settings.envelope,
            item_failures: self.settings.item_failures,
            role: None,
            qualifier: None,
            client_context: None,
            trace_parent: None,
            begun: Begun::default(),
            replayed_to: records.last().map(|record| record.position),
        };
        let outcome = self.rooms.handler.invoke(invocation).await;
        let outcome = match outcome {
            Outcome::Answered(answer) => self.admitted(answer, records.len()),
            failed @ Outcome::Failed(_) => failed,
        };
        let logs = &self.rooms.logs;
        let log_tail = logs.tail(&request_id, attempt, started, LOG_TAIL_BYTES_MAX);
        let at = Circumstances {
            policy: &self.settings.retry,
            now: self.rooms.platform.clock.wall(),
            version,
            log_tail: &log_tail,
            fraction: 0.5,
            healthy: true,
            marks: false,
            has_room: true,
            sets_max: TRIES_MAX,
        };
        match outcome {
            Outcome::Answered(answer) => match answer.failures.first() {
                Some(failure) => Verdict::Failed(Note::of_failure(failure, answer.usage, at)),
                None => Verdict::Done(answer),
            },
            Outcome::Failed(fault) => Verdict::Failed(Note::of_fault(&fault, at)),
        }
    }

    /// An answer may only use what the trigger grants, and only name records that it got.
    fn admitted(&self, answer: Answer, records: usize) -> Outcome {
        let fault = |message: String| Fault {
            class: model::FaultClass::Function,
            kind: "NotGranted".to_owned(),
            message,
            retry_after: None,
            usage: answer.usage,
        };
        let granted = &self.settings.outputs;
        let unknown = answer
            .outputs
            .iter()
            .find(|it| !granted.contains_key(&it.output));
        if let Some(unknown) = unknown {
            let output = &unknown.output;
            return Outcome::Failed(fault(format!("the trigger grants no output `{output}`")));
        }
        if !answer.state.is_empty() && self.state.is_none() {
            return Outcome::Failed(fault("the trigger grants no state".to_owned()));
        }
        match contradiction(&answer, records) {
            Some(contradiction) => Outcome::Failed(contradiction),
            None => Outcome::Answered(answer),
        }
    }

    /// Of the shard that gave the entry up: whoever lost it meanwhile changes nothing.
    pub(super) fn guard(&self, letter: &DeadLetter) -> Option<Guard> {
        let rows = self.rooms.leases.list(&self.settings.name).ok()?;
        let row = rows.into_iter().find(|row| row.key.shard == letter.shard)?;
        Some(Guard {
            slot: row.slot,
            token: row.token,
        })
    }
}
