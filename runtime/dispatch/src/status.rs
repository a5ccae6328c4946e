//! What is known about a shard of a trigger: one state, one sentence, the checkpoint and counters.

use std::fmt;

use model::{ByteSize, Checkpoint, FencingToken, Position, ShardId, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStatus {
    pub shard: ShardId,
    /// Prints as the one reason why the shard does not move, or as `running`.
    pub state: ShardState,
    pub checkpoint: Checkpoint,
    /// The checkpoint lies in an aggregate of which later records are not settled.
    pub within_record: bool,
    /// Of the newest record read, behind the tip of the shard.
    pub behind_ms: u64,
    pub counters: Counters,
    /// Records that were read and whose end is open.
    pub in_flight: u64,
    /// Parked keys of the shard's hash range, and when the oldest record came that waits behind one.
    pub parked_keys: u64,
    pub parked_since: Option<Timestamp>,
    /// What the newest invocation came to, of whichever holder.
    pub last: Option<LastOutcome>,
}

/// What an invocation came to, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastOutcome {
    pub at_ms: u64,
    /// As a whole, or some of its records.
    pub failed: bool,
}

impl ShardStatus {
    /// Every record that was due is passed, settled, given up, lost to retention or in flight: nothing gets lost beside that
    /// or counts twice.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        let counters = &self.counters;
        let due = counters.records_in + counters.resumed + counters.lost_here;
        let ended = counters.filtered_out
            + counters.settled
            + counters.dead_lettered
            + counters.parked
            + counters.lost_here;
        due == ended + self.in_flight
    }
}

/// Since this host took the shard, except where it says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Read from the stream, those outside the shard and those that the filter passes included.
    pub records_in: u64,
    /// Records of an earlier holder that were still to be settled.
    pub resumed: u64,
    pub settled: u64,
    pub dead_lettered: u64,
    /// They wait behind a parked key.
    pub parked: u64,
    /// Of those that waited: settled or given up.
    pub unparked: u64,
    pub invocations: u64,
    pub failures: u64,
    /// Records handed to the function, each time they were, and those that failed, each time they did.
    pub invoked_records: u64,
    pub failed_records: u64,
    /// How old the last record of the newest batch was when it was handed over.
    pub iterator_age_ms: u64,
    pub out_of_range: u64,
    pub malformed_aggregates: u64,
    /// Records that no pattern of the filter matches.
    pub filtered_out: u64,
    /// Records that are not JSON although the filter reads them: given up.
    pub unparsable: u64,
    pub oversized: u64,
    /// Records whose tumbling window had closed: given up.
    pub late: u64,
    /// Last invocations of tumbling windows that came to an end.
    pub windows_closed: u64,
    /// Records that were given up because the stream was about to lose them.
    pub retention_expired: u64,
    /// Records that retention took before they were settled, since the trigger began: nothing of them is left.
    pub lost_to_retention: u64,
    /// Of those: since this host took the shard.
    pub lost_here: u64,
}

impl Counters {
    /// Of several shards together; an age is the oldest.
    pub fn add(&mut self, one: &Self) {
        self.records_in += one.records_in;
        self.resumed += one.resumed;
        self.settled += one.settled;
        self.dead_lettered += one.dead_lettered;
        self.parked += one.parked;
        self.unparked += one.unparked;
        self.invocations += one.invocations;
        self.failures += one.failures;
        self.invoked_records += one.invoked_records;
        self.failed_records += one.failed_records;
        self.iterator_age_ms = self.iterator_age_ms.max(one.iterator_age_ms);
        self.out_of_range += one.out_of_range;
        self.malformed_aggregates += one.malformed_aggregates;
        self.filtered_out += one.filtered_out;
        self.unparsable += one.unparsable;
        self.oversized += one.oversized;
        self.late += one.late;
        self.windows_closed += one.windows_closed;
        self.retention_expired += one.retention_expired;
        self.lost_to_retention += one.lost_to_retention;
        self.lost_here += one.lost_here;
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardState {
    Running,
    CaughtUp,
    /// An open batch window.
    Collecting {
        until: Timestamp,
    },
    BackingOff {
        until: Timestamp,
        because: String,
    },
    /// Everything fails: the next try is made then, and nothing is given up.
    BreakerOpen {
        until: Timestamp,
        because: String,
    },
    Paused,
    /// This shard alone.
    PausedShard,
    /// While an order is carried out that nothing may run beside.
    Held,
    /// By its settings.
    Disabled,
    Blocked {
        record: Position,
        because: String,
    },
    WaitingForParent(ShardId),
    /// The lease could not be had.
    NoLease(String),
    DiskFull,
    DeadLettersFull {
        bytes: ByteSize,
        max: ByteSize,
    },
    /// A record is to be parked, and parked records take all the room they have.
    ParkFull {
        bytes: ByteSize,
        max: ByteSize,
    },
    StateFull {
        bytes: ByteSize,
        max: ByteSize,
    },
    /// Of this name no stream takes what the function wrote.
    NoOutput(String),
    /// The function runs as often as it may, or every sandbox is taken.
    WaitingForSlot,
    LogStopped(String),
    Fenced {
        current: FencingToken,
    },
    /// Something stored cannot be read, or the stream is gone.
    Broken(String),
    Stopped,
    Ended,
}

impl fmt::Display for ShardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::CaughtUp => f.write_str("caught up: everything in the shard is settled"),
            Self::Collecting { until } => {
                write!(f, "collecting a batch until {until}")
            }
            Self::BackingOff { until, because } => {
                write!(f, "backing off until {until} after {because}")
            }
            Self::BreakerOpen { until, because } => write!(
                f,
                "everything fails, so nothing is given up: the next try is at {until}, after {because}"
            ),
            Self::Paused => f.write_str("paused by an operator: resume the trigger"),
            Self::PausedShard => {
                f.write_str("paused by an operator, this shard alone: resume the shard")
            }
            Self::Held => f.write_str("held for a moment, while an operator's order is carried out"),
            Self::Disabled => f.write_str("disabled: the trigger says `enabled: false`"),
            Self::Blocked { record, because } => {
                write!(
                    f,
                    "blocked by record {record}, whose attempts are spent after {because}"
                )
            }
            Self::WaitingForParent(parent) => write!(f, "waiting for parent {parent} to end"),
            Self::NoLease(why) => write!(f, "without a lease: {why}"),
            Self::DeadLettersFull { bytes, max } => write!(
                f,
                "the dead-letter store is full ({bytes} of {max}): a record that was given up waits rather than be lost"
            ),
            Self::ParkFull { bytes, max } => write!(
                f,
                "parked records take {bytes} of {max}: a record that is to be parked waits for room, and its lane with it"
            ),
            Self::StateFull { bytes, max } => write!(
                f,
                "the state of the trigger is full ({bytes} of {max} with what the function wrote): nothing of it is lost, the shard waits for room"
            ),
            Self::NoOutput(stream) => write!(
                f,
                "output stream {stream} is gone or being deleted: what the function wrote waits until it is there again"
            ),
            Self::WaitingForSlot => f.write_str(
                "waiting for a place to run in: the function runs as often as its `concurrency` allows, or every sandbox is taken",
            ),
            Self::DiskFull => f.write_str("the data disk is full: nothing can be committed"),
            Self::LogStopped(why) => write!(f, "the log has stopped: {why}"),
            Self::Fenced { current } => {
                write!(f, "fenced: another holder has the newer token {current}")
            }
            Self::Broken(why) => write!(f, "stopped for good: {why}"),
            Self::Stopped => f.write_str("stopped: the lease is released"),
            Self::Ended => f.write_str("ended: the shard is closed and settled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::position;

    const UNTIL: Timestamp = Timestamp::from_millis(1_795_603_167_157);

    fn check(state: &ShardState, sentence: &str) {
        assert_eq!(state.to_string(), sentence);
    }

    #[test]
    fn what_goes_its_way() {
        check(&ShardState::Running, "running");
        let all = "caught up: everything in the shard is settled";
        check(&ShardState::CaughtUp, all);
        let collecting = ShardState::Collecting { until: UNTIL };
        let sentence = "collecting a batch until 2026-11-25T10:39:27.157Z";
        check(&collecting, sentence);
        let ended = "ended: the shard is closed and settled";
        check(&ShardState::Ended, ended);
        let released = "stopped: the lease is released";
        check(&ShardState::Stopped, released);
    }

    #[test]
    fn what_waits_for_somebody() {
        let because = "attempt 2: Timeout: over 3 s".to_owned();
        let backing_off = ShardState::BackingOff {
            until: UNTIL,
            because: because.clone(),
        };
        let sentence =
            "backing off until 2026-11-25T10:39:27.157Z after attempt 2: Timeout: over 3 s";
        check(&backing_off, sentence);
        let open = ShardState::BreakerOpen {
            until: UNTIL,
            because: because.clone(),
        };
        let sentence = "everything fails, so nothing is given up: the next try is at 2026-11-25T10:39:27.157Z, after attempt 2: Timeout: over 3 s";
        check(&open, sentence);
        let blocked = ShardState::Blocked {
            record: position(7),
            because,
        };
        let sentence =
            "blocked by record 7, whose attempts are spent after attempt 2: Timeout: over 3 s";
        check(&blocked, sentence);
        let paused = "paused by an operator: resume the trigger";
        check(&ShardState::Paused, paused);
        let paused = "paused by an operator, this shard alone: resume the shard";
        check(&ShardState::PausedShard, paused);
        let held = "held for a moment, while an operator's order is carried out";
        check(&ShardState::Held, held);
        let disabled = "disabled: the trigger says `enabled: false`";
        check(&ShardState::Disabled, disabled);
        let parent = ShardState::WaitingForParent(ShardId(1));
        check(&parent, "waiting for parent shardId-000000000001 to end");
    }

    #[test]
    fn what_lacks_room_or_right() {
        let full = "the data disk is full: nothing can be committed";
        check(&ShardState::DiskFull, full);
        let [bytes, max] = [ByteSize::mib(9), ByteSize::mib(10)];
        let sentence = "the dead-letter store is full (9MiB of 10MiB): a record that was given up waits rather than be lost";
        check(&ShardState::DeadLettersFull { bytes, max }, sentence);
        let [bytes, max] = [ByteSize::mib(10), ByteSize::mib(10)];
        let sentence = "parked records take 10MiB of 10MiB: a record that is to be parked waits for room, and its lane with it";
        check(&ShardState::ParkFull { bytes, max }, sentence);
        let [bytes, max] = [ByteSize::mib(11), ByteSize::mib(10)];
        let sentence = "the state of the trigger is full (11MiB of 10MiB with what the function wrote): nothing of it is lost, the shard waits for room";
        check(&ShardState::StateFull { bytes, max }, sentence);
        let sentence = "output stream board is gone or being deleted: what the function wrote waits until it is there again";
        check(&ShardState::NoOutput("board".to_owned()), sentence);
        let sentence = "waiting for a place to run in: the function runs as often as its `concurrency` allows, or every sandbox is taken";
        check(&ShardState::WaitingForSlot, sentence);
        let current = FencingToken(4);
        let sentence = "fenced: another holder has the newer token 4";
        check(&ShardState::Fenced { current }, sentence);
        let why = || "a sync failed".to_owned();
        for (state, sentence) in [
            (ShardState::NoLease(why()), "without a lease: a sync failed"),
            (
                ShardState::LogStopped(why()),
                "the log has stopped: a sync failed",
            ),
            (ShardState::Broken(why()), "stopped for good: a sync failed"),
        ] {
            check(&state, sentence);
        }
    }
}
