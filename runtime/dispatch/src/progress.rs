//! The progress row of a (trigger, shard): what is settled, and what is being tried again.
//!
//! Everything up to `low` is settled; between `low` and `through` everything is, except the spans of `tries`, what a lane
//! has not begun, and the `open` records of a shard with a lane for each key. A row is written with every effect, so a
//! restart repeats nothing that was committed. A damaged row stops the shard.

use model::{Checkpoint, FencingToken, FunctionVersion, Position, SequenceNumber, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    dead_letters::Note,
    lanes::{LaneId, Lanes},
    limits::PROGRESS_BYTES_MAX,
    losses::{Seen, is_false, is_zero},
    status::LastOutcome,
};

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
    /// Unsettled spans above `low`, in order within their lane.
    pub tries: Vec<Try>,
    /// How the shard was divided, where it had more than one lane and something was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lanes: Option<Lanes>,
    /// The last position that each hashed lane began: up to there its records are settled, except its tries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lane_through: Vec<Checkpoint>,
    /// With a lane for each key: unsettled records up to `through` that are in no try.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        with = "packed::positions"
    )]
    pub open: Vec<Position>,
    /// Tries without notes, where there are so many that they would not fit as `tries`; only as it is stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "packed::tries")]
    pub packed: Vec<Try>,
    /// Settled records within the span of a try.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        with = "packed::positions"
    )]
    pub holes: Vec<Position>,
    /// After a seek back: up to here records were delivered before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Checkpoint>,
    /// How far the shard was read; absent where nobody counts, and in rows written before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Records that retention took before they were settled, ever.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// What the newest invocation came to; absent before the first, and in rows written before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastOutcome>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    pub first: Position,
    pub last: Position,
    /// Records of other lanes between the first and the last are not meant; absent with one lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<LaneId>,
    /// Invocations that failed so far.
    pub attempts: u32,
    /// Written by earlier versions; records that failed together are told apart in another way now.
    #[serde(default)]
    pub alone: bool,
    /// Of the function that ran the attempts; absent in rows written before versions were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<FunctionVersion>,
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

impl Progress {
    /// A shard of which nothing was settled yet.
    #[must_use]
    pub fn starting(token: FencingToken, initial: Checkpoint) -> Self {
        Self {
            token,
            low: initial,
            through: initial,
            tries: Vec::new(),
            lanes: None,
            lane_through: Vec::new(),
            open: Vec::new(),
            packed: Vec::new(),
            holes: Vec::new(),
            replayed: None,
            seen: None,
            lost: 0,
            last: None,
        }
    }

    /// Whether records above `low` were read by the holder that wrote the row.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.through > self.low || !self.tries.is_empty()
    }

    /// The last record that was looked at.
    pub(crate) fn last(&self) -> SequenceNumber {
        match self.through {
            Checkpoint::Settled(position) => position.sequence,
            Checkpoint::ShardEnd => SequenceNumber::MAX,
            Checkpoint::AtTimestamp(_) | Checkpoint::TrimHorizon | Checkpoint::Latest => {
                SequenceNumber::MIN
            }
        }
    }

    /// How many records the tries hold.
    pub(crate) fn tried(&self) -> u64 {
        let records = self.tries.iter().map(|tried| tried.records).sum::<usize>();
        u64::try_from(records).unwrap_or(u64::MAX)
    }

    /// How the shard was divided when the row was written.
    #[must_use]
    pub fn divided(&self) -> Lanes {
        self.lanes.unwrap_or(Lanes::ONE)
    }

    /// Notes give way where the row would be too large: first what functions said, then the ends of long messages, then
    /// all but the newest note of each try, then all of them. A row of very many tries packs them.
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
            self.packed = std::mem::take(&mut self.tries);
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
                let row: Result<Self, _> = serde_json::from_slice(json);
                let mut row = row.map_err(|e| DamagedProgress(e.to_string()))?;
                row.tries.append(&mut row.packed);
                Ok(row)
            }
            Some((version, _)) => Err(DamagedProgress(format!("version {version} is not known"))),
            None => Err(DamagedProgress("it is empty".to_owned())),
        }
    }

    /// What a record above `low` means to a holder that resumes here.
    #[must_use]
    pub fn of(&self, position: Position, lane: LaneId) -> Standing {
        let within = |t: &Try| t.first <= position && position <= t.last;
        let same = |t: &Try| t.lane.is_none_or(|of| of == lane);
        if self.holes.binary_search(&position).is_ok() {
            return Standing::Settled;
        }
        // A try may lie within another one, which then does not hold its records.
        let tries = self.tries.iter().enumerate();
        let around = tries.filter(|(_, t)| within(t) && same(t));
        if let Some((index, _)) = around.max_by_key(|(_, t)| t.first) {
            return Standing::Tried(index);
        }
        let number = usize::try_from(lane.0).unwrap_or(usize::MAX);
        let hashed = self.lane_through.get(number).copied();
        let through = hashed.unwrap_or(self.through);
        if Checkpoint::Settled(position) <= through && !self.open.contains(&position) {
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

mod packed;

impl Try {
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        Timestamp::from_millis(self.not_before_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        limits::{
            HOLES_MAX, HOLES_SPARE, KEY_TRIES_MAX, LANES_MAX, OPEN_KEYS_MAX, OPEN_RECORDS_MAX,
            SETS_MAX, SHORT_NOTE_BYTES_MAX,
        },
        testing::position,
    };

    const FARTHEST: Seen = Seen {
        through: SequenceNumber::MAX,
        records: u64::MAX,
        open: u64::MAX,
        within_record: true,
    };

    const LASTING: LastOutcome = LastOutcome {
        at_ms: u64::MAX,
        failed: false,
    };

    fn row() -> Progress {
        Progress {
            token: FencingToken(4),
            low: Checkpoint::Settled(position(2)),
            through: Checkpoint::Settled(position(9)),
            tries: vec![Try {
                first: position(3),
                last: position(5),
                lane: None,
                attempts: 2,
                alone: false,
                version: None,
                blocked: false,
                records: 3,
                first_failed_ms: 10,
                not_before_ms: 20,
                notes: Vec::new(),
            }],
            lanes: None,
            lane_through: Vec::new(),
            open: Vec::new(),
            packed: Vec::new(),
            holes: Vec::new(),
            replayed: None,
            seen: None,
            lost: 0,
            last: None,
        }
    }

    #[test]
    fn a_row_reads_back() {
        assert_eq!(Progress::decode(&row().encode().unwrap()), Ok(row()));
        let told = Progress {
            last: Some(LASTING),
            ..row()
        };
        assert_eq!(Progress::decode(&told.clone().encode().unwrap()), Ok(told));
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
                version: FunctionVersion(1),
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
            version: FunctionVersion(1),
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
            let only = LaneId(0);
            assert_eq!(row().of(position(index), only), standing, "{index}");
        }
    }

    #[test]
    fn a_try_holds_neither_what_was_settled_in_it_nor_what_is_tried_on_its_own() {
        let mut holed = row();
        holed.holes = vec![position(4)];
        let inner = Try {
            first: position(5),
            last: position(5),
            ..holed.tries[0].clone()
        };
        holed.tries[0].last = position(7);
        holed.tries.push(inner);
        for (index, standing) in [
            (3, Standing::Tried(0)),
            (4, Standing::Settled),
            (5, Standing::Tried(1)),
            (6, Standing::Tried(0)),
        ] {
            assert_eq!(holed.of(position(index), LaneId(0)), standing, "{index}");
        }
        let stored = holed.clone().encode().unwrap();
        assert_eq!(Progress::decode(&stored), Ok(holed));
    }

    #[test]
    fn with_lanes_a_record_is_held_against_its_own() {
        let mut hashed = row();
        hashed.lanes = Some(Lanes::Hashed(2));
        hashed.tries[0].lane = Some(LaneId(1));
        hashed.lane_through = [4, 9].map(|at| Checkpoint::Settled(position(at))).to_vec();
        for (index, lane, standing) in [
            (3, 1, Standing::Tried(0)),
            (3, 0, Standing::Settled),
            (5, 0, Standing::New),
            (6, 1, Standing::Settled),
            (10, 1, Standing::New),
        ] {
            let lane = LaneId(lane);
            assert_eq!(
                hashed.of(position(index), lane),
                standing,
                "{index} {lane:?}"
            );
        }
        let stored = hashed.clone().encode().unwrap();
        assert_eq!(Progress::decode(&stored), Ok(hashed));
    }

    #[test]
    fn with_a_lane_for_each_key_what_is_open_is_named() {
        let key = LaneId(u128::MAX);
        let mut keys = row();
        keys.lanes = Some(Lanes::Keys(256));
        keys.tries[0].lane = Some(key);
        keys.open = vec![position(4), position(8)];
        for (index, lane, standing) in [
            (4, key, Standing::Tried(0)),
            (4, LaneId(5), Standing::New),
            (7, LaneId(5), Standing::Settled),
            (8, key, Standing::New),
            (9, key, Standing::Settled),
        ] {
            assert_eq!(keys.of(position(index), lane), standing, "{index} {lane:?}");
        }
        let stored = keys.clone().encode().unwrap();
        assert_eq!(Progress::decode(&stored), Ok(keys));
    }

    #[test]
    fn a_row_has_room_for_every_open_record_and_the_tries_beside_them() {
        let long = Position {
            sequence: SequenceNumber::MAX,
            sub_sequence: u64::MAX,
        };
        let mut full = row();
        full.lanes = Some(Lanes::Keys(1_000));
        full.open = vec![long; OPEN_KEYS_MAX];
        full.holes = vec![long; HOLES_MAX + HOLES_SPARE];
        full.tries[0].lane = Some(LaneId(u128::MAX));
        (full.tries[0].first, full.tries[0].last) = (long, long);
        (full.seen, full.lost, full.last) = (Some(FARTHEST), u64::MAX, Some(LASTING));
        full.tries = vec![full.tries.remove(0); KEY_TRIES_MAX];
        let stored = full.clone().encode().unwrap();
        assert_eq!(Progress::decode(&stored), Ok(full));
    }

    #[test]
    fn a_row_has_room_for_all_sets_that_can_be_open() {
        let long = Position {
            sequence: SequenceNumber::MAX,
            sub_sequence: u64::MAX,
        };
        let mut full = row();
        full.lanes = Some(Lanes::Hashed(10).shared(Some(0.5)));
        full.lane_through = vec![Checkpoint::Settled(long); LANES_MAX];
        (full.seen, full.lost, full.last) = (Some(FARTHEST), u64::MAX, Some(LASTING));
        full.holes = vec![long; HOLES_MAX + HOLES_SPARE];
        full.tries[0] = Try {
            first: long,
            last: long,
            lane: Some(LaneId(19)),
            attempts: u32::MAX,
            version: Some(FunctionVersion(u64::MAX)),
            records: OPEN_RECORDS_MAX,
            blocked: true,
            first_failed_ms: u64::MAX,
            not_before_ms: u64::MAX,
            ..full.tries[0].clone()
        };
        full.tries = vec![full.tries.remove(0); SETS_MAX];
        let stored = full.clone().encode().unwrap();
        assert_eq!(Progress::decode(&stored), Ok(full));
    }

    #[test]
    fn unknown_versions_are_refused() {
        for bytes in [b"".as_slice(), b"\x02{}", b"\x01{"] {
            assert!(Progress::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
