//! What the server's own log lines say about its workers: when it opened its log, what was called, what was written.
//!
//! Lines come in as they are said, over all lives of a story; invariants are held against them as a whole.

use std::collections::BTreeMap;

/// A trigger and one of its shards.
pub type Worker = (String, String);

/// A checkpoint or a position, as far as it can be compared: its kind, then its numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    kind: u8,
    numbers: Vec<u64>,
}

const SETTLED: u8 = 3;
const ENDED: u8 = 4;

impl Reached {
    /// From how Rust shows it.
    fn parse(shown: &str) -> Self {
        let kind = match shown {
            shown if shown.contains("ShardEnd") => ENDED,
            shown if shown.contains("Position") => SETTLED,
            shown if shown.contains("Latest") => 2,
            shown if shown.contains("TrimHorizon") => 1,
            _ => 0,
        };
        let digits = shown.split(|c: char| !c.is_ascii_digit());
        Self {
            kind,
            numbers: digits.filter_map(|number| number.parse().ok()).collect(),
        }
    }

    #[must_use]
    pub fn is_end(&self) -> bool {
        self.kind == ENDED
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A life begins; the log holds everything up to there, and nothing else.
    Opened { end: u64 },
    Checkpoint {
        worker: Worker,
        token: u64,
        reached: Reached,
        at: u64,
    },
    Invoked {
        worker: Worker,
        token: u64,
        first: Reached,
    },
}

impl Event {
    /// What a log line says, if it is one of these.
    pub(crate) fn of(fields: &BTreeMap<&'static str, String>) -> Option<Self> {
        let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let number = |name: &str| text(name).parse().ok();
        let worker = || (text("trigger"), text("shard"));
        match text("message").as_str() {
            "log opened" => Some(Self::Opened {
                end: number("end")?,
            }),
            "checkpoint placed" => Some(Self::Checkpoint {
                worker: worker(),
                token: number("token")?,
                reached: Reached::parse(&text("low")),
                at: number("at")?,
            }),
            // The last invocation of a tumbling window has no record of the shard.
            "function invoked" if text("first") == "None" => None,
            "function invoked" => Some(Self::Invoked {
                worker: worker(),
                token: number("token")?,
                first: Reached::parse(&text("first")),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_ordered_as_the_server_orders_them() {
        let shown = [
            "AtTimestamp(Timestamp(99))",
            "TrimHorizon",
            "Settled(Position { sequence: SequenceNumber([0, 9, 9]), sub_sequence: 0 })",
            "Settled(Position { sequence: SequenceNumber([0, 10, 1]), sub_sequence: 0 })",
            "Settled(Position { sequence: SequenceNumber([0, 10, 1]), sub_sequence: 7 })",
            "ShardEnd",
        ];
        let parsed = shown.map(Reached::parse);
        assert!(parsed.is_sorted() && parsed.windows(2).all(|two| two[0] != two[1]));
        let first = "Some(Position { sequence: SequenceNumber([0, 10, 1]), sub_sequence: 0 })";
        assert_eq!(Reached::parse(first), parsed[3]);
    }
}
