//! Sequence numbers of one shard: made from indexes of the log, and turned back into places to read from.
//!
//! In: an index and an arrival, or any number that a client holds. Out: the number, or the index from which on
//! records lie at or after it. Total: a number of another shard or layout sorts before or behind this shard's.

use std::cmp::Ordering;

use model::{
    SequenceNumber, ShardId, Timestamp,
    sequence::{INDEX_LAST, SequenceParts},
};

/// What the numbers of a shard's records have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardNumbers {
    pub(crate) shard: ShardId,
    pub(crate) created_s: u64,
}

impl ShardNumbers {
    /// The second is never before that of the shard, which children have a little in the future, as on AWS.
    pub(crate) fn of_record(self, index: u64, arrived: Timestamp) -> SequenceNumber {
        self.number(index, arrived.as_seconds().max(self.created_s))
    }

    /// The number that the shard itself has.
    pub(crate) fn starting(self) -> SequenceNumber {
        self.number(0, self.created_s)
    }

    /// Above the number of every record of a shard that was closed then.
    pub(crate) fn ending(self, closed: Timestamp) -> SequenceNumber {
        self.number(INDEX_LAST, closed.as_seconds().max(self.created_s))
    }

    /// A number at or below that of the record with this index, and above those before it.
    pub(crate) fn place(self, index: u64) -> SequenceNumber {
        self.number(index.min(INDEX_LAST), 0)
    }

    /// The first index whose record may lie at `number` or after it.
    pub(crate) fn index_at(self, number: SequenceNumber) -> u64 {
        let (head, index) = split(number);
        match head.cmp(&split(self.starting()).0) {
            Ordering::Less => 0,
            Ordering::Equal => index,
            Ordering::Greater => u64::MAX,
        }
    }

    /// The first index whose record lies after the record with `number`.
    pub(crate) fn index_after(self, number: SequenceNumber) -> u64 {
        let (head, index) = split(number);
        match head.cmp(&split(self.starting()).0) {
            Ordering::Less => 0,
            // A place stands before the record with its index, and so does what lies below it.
            Ordering::Equal if number <= self.place(index) => index,
            Ordering::Equal => index.saturating_add(1),
            Ordering::Greater => u64::MAX,
        }
    }

    fn number(self, index: u64, record_s: u64) -> SequenceNumber {
        SequenceNumber::from_parts(SequenceParts {
            shard_created_s: self.created_s,
            index,
            record_s,
            shard: self.shard.0,
        })
    }
}

/// The place right behind a record, before whatever follows it.
pub(crate) fn after_record(number: SequenceNumber) -> SequenceNumber {
    number.parts().map_or(number, |parts| {
        SequenceNumber::from_parts(SequenceParts {
            index: parts.index.saturating_add(1).min(INDEX_LAST),
            record_s: 0,
            ..parts
        })
    })
}

/// The index of the record with this number.
pub(crate) fn index_of(number: SequenceNumber) -> u64 {
    split(number).1
}

/// What stands before the index (version, creation, nibble of the shard), and the index: bits 144 to 191 and 80 to 143.
fn split(number: SequenceNumber) -> (u64, u64) {
    let [high, middle, _] = number.0;
    (high >> 16, high << 48 | middle >> 16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHARD: ShardNumbers = ShardNumbers {
        shard: ShardId(3),
        created_s: 1_700_000_000,
    };

    #[test]
    fn any_number_is_a_place() {
        let sibling = |shard| ShardNumbers {
            shard: ShardId(shard),
            ..SHARD
        };
        let arrived = Timestamp::from_millis(1_700_000_005_000);
        for (number, at, after) in [
            (SequenceNumber::MIN, 0, 0),
            (SHARD.starting(), 0, 1),
            (SHARD.of_record(7, arrived), 7, 8),
            (SHARD.place(7), 7, 7),
            (after_record(SHARD.of_record(7, arrived)), 8, 8),
            (sibling(2).place(7), 0, 0),
            (SHARD.place(u64::MAX), INDEX_LAST, INDEX_LAST),
            (sibling(2).of_record(7, arrived), 0, 0),
            (sibling(4).of_record(7, arrived), u64::MAX, u64::MAX),
            (SequenceNumber::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(
                (SHARD.index_at(number), SHARD.index_after(number)),
                (at, after),
                "{number}"
            );
        }
    }

    #[test]
    fn no_record_is_older_than_its_shard() {
        let second = |arrived_s: u64| {
            let arrived = Timestamp::from_millis(arrived_s * 1000);
            SHARD.of_record(1, arrived).parts().unwrap().record_s
        };
        assert_eq!(second(SHARD.created_s - 1), SHARD.created_s);
        assert_eq!(second(SHARD.created_s + 1), SHARD.created_s + 1);
    }

    proptest! {
        #[test]
        fn places_lie_between_records(index in 1..=INDEX_LAST, seconds in 1_700_000_000..2_000_000_000_u64) {
            let record = |index| SHARD.of_record(index, Timestamp::from_millis(seconds * 1000));
            prop_assert!(record(index - 1) < SHARD.place(index));
            prop_assert!(SHARD.place(index) < record(index));
            prop_assert!(SHARD.starting() < record(index));
        }
    }
}
