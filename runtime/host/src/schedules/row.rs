//! What is stored of one schedule: how far it has come, what failed, and how its last run ended. A format byte, then JSON.

use bytes::Bytes;
use catalog::schedule::Slots;
use dispatch::Note;
use model::{
    Timestamp, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Expression and zone, as they were written; others begin anew.
    pub(crate) schedule: String,
    pub(crate) slots: Slots,
    /// Attempts of the slot that is tried again, the newest ones.
    pub(crate) notes: Vec<Note>,
    pub(crate) last: Option<LastRun>,
    /// Slots that were run, given up, and passed without a run.
    pub(crate) run: u64,
    pub(crate) given_up: u64,
    pub(crate) passed: u64,
}

/// How the newest invocation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRun {
    pub(crate) slot: Timestamp,
    pub(crate) began: Timestamp,
    pub(crate) duration_ms: u64,
    /// Kind and message; none where it succeeded.
    pub(crate) error: Option<String>,
}

impl Row {
    pub(crate) fn new(schedule: &str, now: Timestamp) -> Self {
        Self {
            schedule: schedule.to_owned(),
            slots: Slots::new(now),
            notes: Vec::new(),
            last: None,
            run: 0,
            given_up: 0,
            passed: 0,
        }
    }

    /// Of a schedule that was changed: its slots begin now, and what failed before is still tried.
    pub(crate) fn changed(self, schedule: &str, now: Timestamp) -> Self {
        let tries = self.slots.tries;
        Self {
            schedule: schedule.to_owned(),
            slots: Slots {
                tries,
                ..Slots::new(now)
            },
            ..self
        }
    }

    pub(crate) fn read(
        journal: &dyn Journal,
        name: &TriggerName,
    ) -> Result<Option<Self>, CommitError> {
        let row = journal.get(&key(name))?;
        row.map(|bytes| decode(&bytes)).transpose().map_err(|why| {
            CommitError::Down(format!(
                "what is stored of schedule {name} cannot be read: {why}"
            ))
        })
    }

    pub(crate) fn write(&self, name: &TriggerName) -> ViewWrite {
        let mut bytes = vec![FORMAT];
        // Numbers and texts always have a JSON form.
        bytes.extend(serde_json::to_vec(self).unwrap_or_default());
        ViewWrite {
            key: key(name),
            value: Some(bytes.into()),
        }
    }
}

fn key(name: &TriggerName) -> Bytes {
    keys::named(Namespace::Schedule, name.as_str())
}

fn decode(bytes: &[u8]) -> Result<Row, String> {
    match bytes.split_first() {
        Some((&FORMAT, json)) => serde_json::from_slice(json).map_err(|error| error.to_string()),
        Some((format, _)) => Err(format!("format {format} is not known here")),
        None => Err("it is empty".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_schedule_begins_now_and_keeps_what_failed() {
        let (then, now) = (Timestamp::from_millis(1_000), Timestamp::from_millis(9_000));
        let mut row = Row::new("rate(1 minute) UTC", then);
        row.run = 3;
        row.slots.tries = Some(catalog::schedule::Tries {
            slot: then,
            attempts: 1,
            not_before: now,
        });
        let changed = row.clone().changed("rate(2 minutes) UTC", now);
        assert_eq!(changed.slots.since, now);
        assert_eq!(changed.slots.tries, row.slots.tries);
        assert_eq!(changed.run, 3);
        let written = changed.write(&TriggerName::parse("nightly").unwrap());
        assert_eq!(decode(&written.value.unwrap()), Ok(changed));
        assert!(decode(&[9]).is_err());
    }
}
