//! A batch as a person looks at it: who ran it, its records, what came out, what failed. Plain values, made once.

use std::time::Duration;

use model::{Invocation, Outcome, RecordAction};

#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Of the batch, in this run of the loop.
    pub number: u64,
    pub function: String,
    pub version: u64,
    pub trigger: String,
    pub stream: String,
    pub shard: u32,
    pub attempt: u32,
    pub records: Vec<SeenRecord>,
    pub outputs: Vec<SeenOutput>,
    /// Values written, with the keys they stand under.
    pub values: Vec<SeenOutput>,
    pub failures: Vec<SeenFailure>,
    /// Kind and message, where the whole invocation failed.
    pub fault: Option<(String, String)>,
    pub took: Duration,
    /// From the put of its first record.
    pub since_put: Duration,
    /// What the function said.
    pub log: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRecord {
    pub key: String,
    pub data: Vec<u8>,
}

/// A record for an output, or a value of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenOutput {
    pub name: String,
    pub key: String,
    /// None: deleted.
    pub data: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFailure {
    pub index: u32,
    /// `retry`, `dead-letter`, `park`, `not-tried`.
    pub action: &'static str,
    pub kind: String,
    pub reason: String,
}

impl Seen {
    pub(crate) fn of(
        number: u64,
        invocation: &Invocation,
        outcome: &Outcome,
        (log, since_put): (String, Duration),
    ) -> Self {
        let key_of = |index: u32| {
            let record = invocation.records.get(index as usize);
            record.map_or_else(String::new, |record| record.key_text().into_owned())
        };
        let mut seen = Self {
            number,
            function: invocation.function.to_string(),
            version: invocation.version.0,
            trigger: invocation.trigger.to_string(),
            stream: invocation.stream.name.to_string(),
            shard: invocation.shard.0,
            attempt: invocation.attempt,
            records: invocation
                .records
                .iter()
                .map(|record| SeenRecord {
                    key: record.key_text().into_owned(),
                    data: record.data.to_vec(),
                })
                .collect(),
            outputs: Vec::new(),
            values: Vec::new(),
            failures: Vec::new(),
            fault: None,
            took: Duration::ZERO,
            since_put,
            log,
        };
        match outcome {
            Outcome::Failed(fault) => {
                seen.took = fault.usage.duration;
                seen.fault = Some((fault.kind.clone(), fault.message.clone()));
            }
            Outcome::Answered(answer) => {
                seen.took = answer.usage.duration;
                seen.outputs = answer
                    .outputs
                    .iter()
                    .map(|record| SeenOutput {
                        name: record.output.clone(),
                        key: String::from_utf8_lossy(&record.partition_key).into_owned(),
                        data: Some(record.data.to_vec()),
                    })
                    .collect();
                let written = answer.state.iter().map(|write| SeenOutput {
                    name: write.name.clone(),
                    key: key_of(write.source),
                    data: write.value.as_ref().map(|value| value.to_vec()),
                });
                seen.values = written.collect();
                let failed = answer.failures.iter().map(|failure| SeenFailure {
                    index: failure.index,
                    action: word(failure.action),
                    kind: failure.kind.clone(),
                    reason: failure.reason.clone(),
                });
                seen.failures = failed.collect();
            }
        }
        seen
    }

    #[must_use]
    pub fn is_good(&self) -> bool {
        self.fault.is_none() && self.failures.is_empty()
    }

    /// What went wrong first, in one line.
    #[must_use]
    pub fn problem(&self) -> String {
        if let Some((kind, message)) = &self.fault {
            return format!("{kind}: {}", message.lines().next().unwrap_or_default());
        }
        let first = self
            .failures
            .iter()
            .find(|failure| failure.action != "not-tried");
        first.map_or_else(String::new, |failure| {
            let key = self
                .records
                .get(failure.index as usize)
                .map_or("", |record| record.key.as_str());
            let (number, of) = (failure.index + 1, self.records.len());
            let (kind, reason) = (&failure.kind, &failure.reason);
            format!("{kind}: {reason}   record {number} of {of}, key {key}")
        })
    }
}

fn word(action: RecordAction) -> &'static str {
    match action {
        RecordAction::Retry => "retry",
        RecordAction::DeadLetter => "dead-letter",
        RecordAction::Park => "park",
        RecordAction::NotTried => "not-tried",
    }
}
