//! The progress row of a (trigger, shard): what is settled, and what is being tried again.
//!
//! Everything up to `low` is settled; between `low` and `through` everything is, except the spans of `tries`. A row is
//! written with every effect, so a restart repeats nothing that was committed. A damaged row stops the shard.

use model::{Checkpoint, FencingToken, Position, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{dead_letters::Note, limits::PROGRESS_BYTES_MAX};

/// First byte of a stored row.
const VERSION: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Of the holder that wrote the row.
    pub token: FencingToken,
    /// Settled up to and including; `ShardEnd` when nothing is left.
    pub low: Checkpoint,
    /// The last position that was looked at; no less than `low`.
    pub through: Checkpoint,
    /// Unsettled spans above `low`, in order.
    pub tries: Vec<Try>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    pub first: Position,
    pub last: Position,
    /// Invocations that failed so far.
    pub attempts: u32,
    /// Written by earlier versions; records that failed together are told apart in another way now.
    #[serde(default)]
    pub alone: bool,
    /// Attempts are spent and the policy blocks: nothing is run until an operator resumes the trigger.
    #[serde(default, skip_serializing_if = "is_false")]
    pub blocked: bool,
    /// How many records the span held; 0 in rows written before they were counted.
    #[serde(default)]
    pub records: usize,
    pub first_failed_ms: u64,
    pub not_before_ms: u64,
    /// What the attempts came to, as far as the row has room for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored progress cannot be read: {0}")]
pub struct DamagedProgress(pub String);

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Progress {
    /// A shard of which nothing was settled yet.
    #[must_use]
    pub fn starting(token: FencingToken, initial: Checkpoint) -> Self {
        Self {
            token,
            low: initial,
            through: initial,
            tries: Vec::new(),
        }
    }

    /// Notes give way where the row would be too large: first what functions said, then the ends of long messages, then
    /// all but the newest note of each try, then all of them.
    pub fn encode(mut self) -> Result<Vec<u8>, DamagedProgress> {
        let shorter: [fn(&mut Vec<Note>); 4] = [
            |notes| notes.iter_mut().for_each(|note| note.log_tail.clear()),
            |notes| notes.iter_mut().for_each(Note::shorten),
            |notes| drop(notes.drain(..notes.len().saturating_sub(1))),
            Vec::clear,
        ];
        let mut bytes = self.written()?;
        for shorten in shorter {
            if bytes.len() <= PROGRESS_BYTES_MAX {
                break;
            }
            let notes = self.tries.iter_mut().map(|tried| &mut tried.notes);
            notes.for_each(shorten);
            bytes = self.written()?;
        }
        if bytes.len() > PROGRESS_BYTES_MAX {
            return Err(DamagedProgress(format!(
                "it has {} bytes, at most {PROGRESS_BYTES_MAX} are kept",
                bytes.len()
            )));
        }
        Ok(bytes)
    }

    fn written(&self) -> Result<Vec<u8>, DamagedProgress> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).map_err(|e| DamagedProgress(e.to_string()))?;
        Ok(bytes)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DamagedProgress> {
        match bytes.split_first() {
            Some((&VERSION, json)) => {
                serde_json::from_slice(json).map_err(|e| DamagedProgress(e.to_string()))
            }
            Some((version, _)) => Err(DamagedProgress(format!("version {version} is not known"))),
            None => Err(DamagedProgress("it is empty".to_owned())),
        }
    }

    /// What a record above `low` means to a holder that resumes here.
    #[must_use]
    pub fn of(&self, position: Position) -> Standing {
        let mut tries = self.tries.iter();
        if let Some(index) = tries.position(|t| t.first <= position && position <= t.last) {
            Standing::Tried(index)
        } else if Checkpoint::Settled(position) <= self.through {
            Standing::Settled
        } else {
            Standing::New
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Settled,
    /// Belongs to the try of this index.
    Tried(usize),
    New,
}

impl Try {
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        Timestamp::from_millis(self.not_before_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::SHORT_NOTE_BYTES_MAX, testing::position};

    fn row() -> Progress {
        Progress {
            token: FencingToken(4),
            low: Checkpoint::Settled(position(2)),
            through: Checkpoint::Settled(position(9)),
            tries: vec![Try {
                first: position(3),
                last: position(5),
                attempts: 2,
                alone: false,
                blocked: false,
                records: 3,
                first_failed_ms: 10,
                not_before_ms: 20,
                notes: Vec::new(),
            }],
        }
    }

    #[test]
    fn a_row_reads_back() {
        assert_eq!(Progress::decode(&row().encode().unwrap()), Ok(row()));
    }

    #[test]
    fn notes_give_way_to_the_bound_of_a_row() {
        for (message, log_tail, kept) in [
            (10, 10, (10, 10)),
            (10, PROGRESS_BYTES_MAX, (10, 0)),
            (PROGRESS_BYTES_MAX, 10, (SHORT_NOTE_BYTES_MAX, 0)),
        ] {
            let mut noted = row();
            noted.tries[0].notes.push(Note {
                at_ms: 1,
                version: model::FunctionVersion(1),
                duration_ms: 1,
                error_type: "Trap".to_owned(),
                message: "m".repeat(message),
                log_tail: "l".repeat(log_tail),
            });
            let read = Progress::decode(&noted.encode().unwrap()).unwrap();
            let note = read.tries[0].notes.first();
            let lengths = note.map_or((0, 0), |note| (note.message.len(), note.log_tail.len()));
            assert_eq!(lengths, kept, "{message} {log_tail}");
        }
    }

    #[test]
    fn the_newest_note_of_each_of_many_tries_survives() {
        let mut noted = row();
        let note = |error_type: &str| Note {
            at_ms: 1,
            version: model::FunctionVersion(1),
            duration_ms: 1,
            error_type: error_type.to_owned(),
            message: "m".repeat(4_096),
            log_tail: "l".repeat(4_096),
        };
        noted.tries[0].notes = vec![note("Old"); 19];
        noted.tries[0].notes.push(note("New"));
        noted.tries = vec![noted.tries.remove(0); 100];
        let read = Progress::decode(&noted.encode().unwrap()).unwrap();
        for tried in read.tries {
            assert_eq!(tried.notes.len(), 1);
            assert_eq!(tried.notes[0].error_type, "New");
        }
    }

    #[test]
    fn rows_of_version_1_that_count_no_records_are_read() {
        let stored = concat!(
            "\x01",
            r#"{"token":4,"low":{"Settled":{"sequence":"2","sub_sequence":0}},"#,
            r#""through":{"Settled":{"sequence":"9","sub_sequence":0}},"tries":[{"#,
            r#""first":{"sequence":"3","sub_sequence":0},"last":{"sequence":"5","sub_sequence":0},"#,
            r#""attempts":2,"alone":false,"first_failed_ms":10,"not_before_ms":20}]}"#
        );
        let mut uncounted = row();
        uncounted.tries[0].records = 0;
        assert_eq!(Progress::decode(stored.as_bytes()), Ok(uncounted));
    }

    #[test]
    fn what_a_record_means_to_a_holder_that_resumes() {
        for (index, standing) in [
            (3, Standing::Tried(0)),
            (5, Standing::Tried(0)),
            (6, Standing::Settled),
            (9, Standing::Settled),
            (10, Standing::New),
        ] {
            assert_eq!(row().of(position(index)), standing, "{index}");
        }
    }

    #[test]
    fn unknown_versions_are_refused() {
        for bytes in [b"".as_slice(), b"\x02{}", b"\x01{"] {
            assert!(Progress::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
