//! Tumbling windows as such: where they lie, which one a record belongs to, and when the last of it has come.
//!
//! Pure. Windows are counted from 1970, so that every shard and every restart means the same ones (TW-1). What a shard
//! keeps of its windows is a row that is written with its checkpoint (TW-10); a row that cannot be read stops the shard.

use std::time::Duration;

use base64_simd::STANDARD;
use bytes::Bytes;
use model::{Timestamp, UserRecord};
use serde::{Deserialize, Serialize};

use crate::{
    event_time::EventTime,
    progress::DamagedProgress,
    settings::{Tumbling, WindowsBy},
};

/// First byte of a stored row.
const VERSION: u8 = 1;

/// Which invocation of its window a work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// More may follow.
    Some,
    /// The last one (TW-5).
    Last,
    /// The last one of a state that grew too large (TW-7).
    Early,
    /// The last one of some keys: its records stand for them.
    Keys,
}

/// The window of a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InWindow {
    pub start: Timestamp,
    pub part: Part,
}

/// What a record is to the windows of its trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    In(Timestamp),
    /// Its window has closed.
    Late,
    /// It does not say when it happened.
    Timeless,
}

impl Tumbling {
    /// The start of the window that a moment lies in.
    #[must_use]
    pub fn start_of(&self, at: Timestamp) -> Timestamp {
        let every = u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX);
        let at = at.as_millis();
        Timestamp::from_millis(at - at % every.max(1))
    }

    #[must_use]
    pub fn end_of(&self, start: Timestamp) -> Timestamp {
        start.plus(self.every)
    }

    /// When the record happened.
    pub(crate) fn time_of(&self, record: &UserRecord) -> Option<Timestamp> {
        match &self.by {
            WindowsBy::Shard => Some(record.arrived),
            WindowsBy::Key { time, .. } => match time {
                EventTime::Arrival => Some(record.arrived),
                EventTime::Path(path) => path.time_in(&record.data),
            },
        }
    }

    pub(crate) fn is_by_key(&self) -> bool {
        matches!(self.by, WindowsBy::Key { .. })
    }

    /// Whether records say themselves when they happened.
    pub(crate) fn reads_time(&self) -> bool {
        matches!(
            self.by,
            WindowsBy::Key {
                time: EventTime::Path(_),
                ..
            }
        )
    }

    pub(crate) fn lateness(&self) -> Duration {
        match &self.by {
            WindowsBy::Shard => Duration::ZERO,
            WindowsBy::Key { lateness, .. } => *lateness,
        }
    }

    pub(crate) fn place(&self, record: &UserRecord, watermark: Timestamp) -> Place {
        let Some(at) = self.time_of(record) else {
            return Place::Timeless;
        };
        let start = self.start_of(at);
        // By arrival nothing is late: time does not go back within a shard, and what comes again comes for its window.
        if self.reads_time() && self.end_of(start) <= watermark {
            Place::Late
        } else {
            Place::In(start)
        }
    }
}

/// What a shard keeps of its windows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowsRow {
    /// By shard: the window that has a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<OpenWindow>,
    /// By key, where records say when they happened: windows that end here or before have closed.
    #[serde(default)]
    pub(crate) watermark_ms: u64,
}

/// A window by shard that had a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenWindow {
    pub(crate) start_ms: u64,
    /// The state is too large: the window ends with it.
    #[serde(default)]
    pub(crate) is_early: bool,
    #[serde(with = "base64_text")]
    pub(crate) state: Bytes,
}

impl OpenWindow {
    pub(crate) fn start(&self) -> Timestamp {
        Timestamp::from_millis(self.start_ms)
    }
}

impl WindowsRow {
    pub(crate) fn watermark(&self) -> Timestamp {
        Timestamp::from_millis(self.watermark_ms)
    }

    pub(crate) fn encode(&self) -> Result<Bytes, DamagedProgress> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).map_err(|e| DamagedProgress(e.to_string()))?;
        Ok(bytes.into())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DamagedProgress> {
        match bytes.split_first() {
            Some((&VERSION, json)) => {
                serde_json::from_slice(json).map_err(|e| DamagedProgress(e.to_string()))
            }
            Some((version, _)) => Err(DamagedProgress(format!("version {version} is not known"))),
            None => Err(DamagedProgress("it is empty".to_owned())),
        }
    }
}

mod base64_text {
    use std::borrow::Cow;

    use super::{Bytes, STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode_to_string(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        STANDARD
            .decode_to_vec(text.as_bytes())
            .map(Bytes::from)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event_time::TimePath, testing::user_record};

    fn minutes(by: WindowsBy) -> Tumbling {
        Tumbling {
            every: Duration::from_secs(60),
            by,
        }
    }

    #[test]
    fn windows_are_counted_from_1970() {
        let tumbling = minutes(WindowsBy::Shard);
        for (at, start) in [(0, 0), (59_999, 0), (60_000, 60_000), (61_234, 60_000)] {
            let start = Timestamp::from_millis(start);
            assert_eq!(tumbling.start_of(Timestamp::from_millis(at)), start);
            assert_eq!(tumbling.end_of(start).since(start).as_secs(), 60);
        }
    }

    #[test]
    fn a_record_is_late_once_its_window_has_closed() {
        let tumbling = minutes(WindowsBy::Key {
            time: EventTime::Path(TimePath::parse("$.at").unwrap()),
            lateness: Duration::from_secs(30),
        });
        let record = |data: &str| UserRecord {
            data: data.to_owned().into(),
            ..user_record(1, "k")
        };
        let watermark = Timestamp::from_millis(120_000);
        for (data, place) in [
            (r#"{"at":59}"#, Place::Late),
            (r#"{"at":119}"#, Place::Late),
            (r#"{"at":120}"#, Place::In(Timestamp::from_millis(120_000))),
            (r#"{"at":200}"#, Place::In(Timestamp::from_millis(180_000))),
            (r#"{"at":null}"#, Place::Timeless),
            ("no json", Place::Timeless),
        ] {
            assert_eq!(tumbling.place(&record(data), watermark), place, "{data}");
        }
    }

    #[test]
    fn a_row_reads_back() {
        let row = WindowsRow {
            open: Some(OpenWindow {
                start_ms: 60_000,
                is_early: true,
                state: Bytes::from_static(b"{}"),
            }),
            watermark_ms: 7,
        };
        assert_eq!(WindowsRow::decode(&row.encode().unwrap()), Ok(row));
        for damaged in [b"".as_slice(), b"\x02{}", b"\x01{"] {
            assert!(WindowsRow::decode(damaged).is_err(), "{damaged:?}");
        }
    }
}
