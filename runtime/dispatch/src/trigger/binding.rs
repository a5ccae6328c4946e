//! Which stream the checkpoints of a trigger are about, and where it was told to begin.
//!
//! In: what the settings say and what was written when the trigger was new. Out: nothing, or a sentence that refuses the
//! start, because positions of one stream mean nothing in another.

use model::{
    StreamKey, Timestamp, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
};
use serde::{Deserialize, Serialize};

use super::StartError;
use crate::{progress::DamagedProgress, settings::TriggerSettings, shard::Rooms};

/// First byte of a stored row.
const VERSION: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Binding {
    stream: StreamKey,
    created: Timestamp,
    /// As it was written, because "an hour ago" is another moment at each start.
    start: String,
}

/// Why a trigger may not go on with its checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error(
        "trigger `{trigger}` has read stream {before} so far, and its checkpoints mean nothing in {now}: name {before} again, or give the trigger another name (`shardmill trigger seek` moves it within its stream only)"
    )]
    Stream {
        trigger: TriggerName,
        before: String,
        now: String,
    },
    #[error(
        "stream {stream} was deleted and created again since trigger `{trigger}` read it, and its checkpoints mean nothing in the new one: `shardmill trigger seek {trigger} --from oldest` begins anew in it"
    )]
    Created {
        trigger: TriggerName,
        stream: String,
    },
    #[error(
        "trigger `{trigger}` began at `{before}`, and `start: {now}` would not move it: write `start: {before}` again and say `shardmill trigger seek {trigger} --from {now}`, or give the trigger another name"
    )]
    Start {
        trigger: TriggerName,
        before: String,
        now: String,
    },
}

impl Binding {
    pub(super) fn of(settings: &TriggerSettings, created: Timestamp) -> Self {
        Self {
            stream: settings.stream.clone(),
            created,
            start: settings.start_word.clone(),
        }
    }

    fn mismatch(&self, now: &Self, trigger: &TriggerName) -> Option<Mismatch> {
        let trigger = trigger.clone();
        if self.stream != now.stream {
            Some(Mismatch::Stream {
                trigger,
                before: self.stream.name.to_string(),
                now: now.stream.name.to_string(),
            })
        } else if self.created != now.created {
            let stream = now.stream.name.to_string();
            Some(Mismatch::Created { trigger, stream })
        } else if self.start != now.start {
            Some(Mismatch::Start {
                trigger,
                before: self.start.clone(),
                now: now.start.clone(),
            })
        } else {
            None
        }
    }

    fn encode(&self) -> Result<Vec<u8>, DamagedProgress> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).map_err(|e| DamagedProgress(e.to_string()))?;
        Ok(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DamagedProgress> {
        match bytes.split_first() {
            Some((&VERSION, json)) => {
                serde_json::from_slice(json).map_err(|e| DamagedProgress(e.to_string()))
            }
            Some((version, _)) => Err(DamagedProgress(format!("version {version} is not known"))),
            None => Err(DamagedProgress("it is empty".to_owned())),
        }
    }
}

/// The stream that a stored row names; `None` where it cannot be read.
#[must_use]
pub fn bound_stream(stored: &[u8]) -> Option<StreamKey> {
    Binding::decode(stored).ok().map(|binding| binding.stream)
}

/// Whether the stream was deleted and created again since the trigger began.
pub fn is_another_stream(rooms: &Rooms, settings: &TriggerSettings) -> Result<bool, StartError> {
    let key = keys::named(Namespace::Binding, settings.name.as_str());
    let Some(stored) = rooms.journal.get(&key)? else {
        return Ok(false);
    };
    let before = Binding::decode(&stored)?;
    let created = rooms.source.created(&settings.stream)?;
    Ok(before.stream == settings.stream && before.created != created)
}

/// The row of a trigger that begins anew in the stream that there is now.
pub(super) fn anew(rooms: &Rooms, settings: &TriggerSettings) -> Result<ViewWrite, StartError> {
    let created = rooms.source.created(&settings.stream)?;
    Ok(ViewWrite {
        key: keys::named(Namespace::Binding, settings.name.as_str()),
        value: Some(Binding::of(settings, created).encode()?.into()),
    })
}

/// Refuses what differs from the time the trigger began; a trigger that has not begun is bound to what it says now, and
/// so is one that began before bindings were kept.
pub(super) async fn hold(
    rooms: &Rooms,
    trigger: &TriggerName,
    now: &Binding,
    has_begun: bool,
) -> Result<(), StartError> {
    let key = keys::named(Namespace::Binding, trigger.as_str());
    let stored = rooms.journal.get(&key)?;
    let before = stored.map(|bytes| Binding::decode(&bytes)).transpose()?;
    match before {
        Some(before) if has_begun => match before.mismatch(now, trigger) {
            Some(mismatch) => return Err(mismatch.into()),
            None => return Ok(()),
        },
        Some(before) if before == *now => return Ok(()),
        Some(_) | None => {}
    }
    let write = ViewWrite {
        key,
        value: Some(now.encode()?.into()),
    };
    let writes = vec![write];
    rooms
        .journal
        .commit(Transaction {
            writes,
            ..Transaction::default()
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region, StreamName};

    use super::*;

    fn binding(stream: &str, created: u64, start: &str) -> Binding {
        Binding {
            stream: StreamKey {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("us-east-1").unwrap(),
                name: StreamName::parse(stream).unwrap(),
            },
            created: Timestamp::from_millis(created),
            start: start.to_owned(),
        }
    }

    #[test]
    fn a_trigger_goes_on_only_with_the_stream_and_the_start_it_began_with() {
        let before = binding("flights", 5, "oldest");
        let trigger = TriggerName::parse("board").unwrap();
        for (now, refused) in [
            (binding("flights", 5, "oldest"), None),
            (
                binding("late", 5, "oldest"),
                Some("has read stream flights so far"),
            ),
            (
                binding("flights", 6, "oldest"),
                Some("deleted and created again"),
            ),
            (binding("flights", 5, "latest"), Some("began at `oldest`")),
        ] {
            let mismatch = before.mismatch(&now, &trigger).map(|m| m.to_string());
            match (&mismatch, refused) {
                (None, None) => {}
                (Some(sentence), Some(fact)) => {
                    assert!(sentence.contains(fact), "{sentence}");
                    assert!(sentence.contains("trigger seek"), "{sentence}");
                }
                (Some(_), None) | (None, Some(_)) => panic!("{now:?}: {mismatch:?}"),
            }
        }
        assert_eq!(Binding::decode(&before.encode().unwrap()), Ok(before));
    }
}
