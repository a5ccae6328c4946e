//! Where a new trigger begins on a shard: the start of its settings as a place that later starts keep.

use model::{
    Checkpoint, Position, SequenceNumber, ShardId,
    seams::{ReadFrom, ReadLimit},
};

use super::StartError;
use crate::{
    losses::Seen,
    settings::{StartAt, TriggerSettings},
    shard::Rooms,
    walk::reading_from,
};

/// `Latest` becomes a place at once, so that a restart before the first settlement skips nothing.
pub(super) async fn place(
    rooms: &Rooms,
    settings: &TriggerSettings,
    start: StartAt,
    shard: ShardId,
) -> Result<Checkpoint, StartError> {
    match start {
        StartAt::Oldest => Ok(Checkpoint::TrimHorizon),
        StartAt::At(at) => Ok(Checkpoint::AtTimestamp(at)),
        StartAt::Latest => {
            let limit = ReadLimit {
                records: 1,
                bytes: 1,
            };
            let stream = &settings.stream;
            let page = rooms
                .source
                .read(stream, shard, ReadFrom::Latest, limit)
                .await?;
            Ok(match page.next {
                ReadFrom::After(sequence) => Checkpoint::Settled(end_of(sequence)),
                ReadFrom::At(sequence) => Checkpoint::Settled(end_of(before(sequence))),
                ReadFrom::Arrived(at) => Checkpoint::AtTimestamp(at),
                ReadFrom::Oldest => Checkpoint::TrimHorizon,
                ReadFrom::Latest => Checkpoint::AtTimestamp(rooms.platform.clock.wall()),
            })
        }
    }
}

/// How much of a shard lies before a checkpoint at which a trigger begins. What is gone already is not missed.
pub(super) fn seen(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: ShardId,
    low: Checkpoint,
) -> Option<Seen> {
    let through = match low {
        Checkpoint::Settled(position) => position.sequence,
        Checkpoint::AtTimestamp(_) | Checkpoint::TrimHorizon | Checkpoint::Latest => {
            SequenceNumber::MIN
        }
        Checkpoint::ShardEnd => return None,
    };
    let place = match reading_from(low) {
        ReadFrom::At(sequence) => ReadFrom::After(sequence),
        place @ (ReadFrom::Oldest
        | ReadFrom::Latest
        | ReadFrom::After(_)
        | ReadFrom::Arrived(_)) => place,
    };
    let count = |place| rooms.source.records_before(&settings.stream, shard, place);
    let records = count(place).or_else(|| count(ReadFrom::Oldest))?;
    Some(Seen {
        through,
        records,
        open: 0,
        within_record: false,
    })
}

/// After every sub-record of a record.
fn end_of(sequence: SequenceNumber) -> Position {
    Position {
        sequence,
        sub_sequence: u64::MAX,
    }
}

/// Behind everything before the record of this number.
pub(super) fn just_before(sequence: SequenceNumber) -> Position {
    end_of(before(sequence))
}

/// The integer before this one; stays at 0.
fn before(sequence: SequenceNumber) -> SequenceNumber {
    let [high, middle, low] = sequence.0;
    let (low, borrow) = low.overflowing_sub(1);
    let (middle, borrow) = middle.overflowing_sub(u64::from(borrow));
    high.checked_sub(u64::from(borrow))
        .map_or(SequenceNumber::MIN, |high| {
            SequenceNumber([high, middle, low])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepping_back_borrows_over_limbs() {
        for (of, is) in [
            ([0, 0, 5], [0, 0, 4]),
            ([0, 1, 0], [0, 0, u64::MAX]),
            ([1, 0, 0], [0, u64::MAX, u64::MAX]),
            ([0, 0, 0], [0, 0, 0]),
        ] {
            assert_eq!(before(SequenceNumber(of)), SequenceNumber(is), "{of:?}");
        }
    }
}
