//! What became of each record of a batch: done, unless the verdict says otherwise.
use crate::packed::{Batch, Record};
use crate::{Action, Error};
use std::collections::BTreeSet;

/// One record that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Place in the batch.
    pub index: u32,
    pub action: Action,
    pub kind: String,
    pub reason: String,
}

impl Failure {
    pub(crate) fn new(index: u32, error: &Error) -> Self {
        Self {
            index,
            action: error.action(),
            kind: error.kind_name().to_owned(),
            reason: error.reason().to_owned(),
        }
    }
}

/// The answer of a handler that takes a whole batch. Start with [`Verdict::all_done`] and add what failed.
///
/// Later records of a key that failed count as not tried, whatever the handler did with them: order within a key holds,
/// and their effects are dropped with those of the failed record. [`Verdict::holds`] lets a handler skip the work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    failed: Vec<Failure>,
    keys: BTreeSet<String>,
    window_state: Option<Vec<u8>>,
}

impl Verdict {
    #[must_use]
    pub fn all_done() -> Self {
        Self::default()
    }

    /// The trigger's retry policy decides about this record.
    pub fn retry(&mut self, record: Record<'_>, error: impl Into<Error>) {
        self.fail(record, error.into().with_action(Action::Retry));
    }

    /// The record goes to the dead-letter store at once.
    pub fn dead_letter(&mut self, record: Record<'_>, error: impl Into<Error>) {
        self.fail(record, error.into().with_action(Action::DeadLetter));
    }

    /// The key of the record is set aside.
    pub fn park(&mut self, record: Record<'_>, error: impl Into<Error>) {
        self.fail(record, error.into().with_action(Action::Park));
    }

    /// The record failed and the error says what to do.
    #[expect(clippy::needless_pass_by_value, reason = "like the three verbs above")]
    pub fn fail(&mut self, record: Record<'_>, error: Error) {
        if self
            .failed
            .iter()
            .all(|failure| failure.index != record.index())
        {
            self.failed.push(Failure::new(record.index(), &error));
            self.keys.insert(record.key().to_owned());
        }
    }

    /// Whether an earlier record of this key failed: this one will come again and needs no work now.
    #[must_use]
    pub fn holds(&self, record: Record<'_>) -> bool {
        self.keys.contains(record.key())
    }

    /// The value that the next batch of a tumbling window by shard starts with.
    #[must_use]
    pub fn with_window_state(mut self, state: Vec<u8>) -> Self {
        self.window_state = Some(state);
        self
    }

    /// Adds the records that have to wait, in the order of the batch.
    pub(crate) fn settle(mut self, batch: &Batch<'_>) -> (Vec<Failure>, Option<Vec<u8>>) {
        if self.failed.is_empty() {
            return (self.failed, self.window_state);
        }
        self.failed.sort_by_key(|failure| failure.index);
        let mut failed = self.failed.into_iter().peekable();
        let mut held = BTreeSet::new();
        let mut all = Vec::new();
        for record in batch {
            let own = failed.next_if(|failure| failure.index == record.index());
            match own {
                _ if held.contains(record.key()) => {
                    all.push(Failure::new(record.index(), &Error::not_tried()));
                }
                Some(failure) => {
                    held.insert(record.key());
                    all.push(failure);
                }
                None => {}
            }
        }
        (all, self.window_state)
    }
}
