//! How many records a seek repeats or skips.
//!
//! In: where a shard stands, and where it is to. Out: counts of the records between both; none where there is more than
//! is looked at.

use model::{
    Checkpoint, SequenceNumber, ShardId, UserRecord,
    seams::{ReadFrom, ReadLimit, ShardFacts},
};

use super::Counts;
use crate::{
    progress::{Progress, Standing},
    settings::TriggerSettings,
    shard::Rooms,
    trigger::StartError,
    walk::{Walk, reading_from},
};

/// Looks at every record between both places.
pub(super) async fn count(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: &ShardFacts,
    before: &Progress,
    after: &Progress,
) -> Result<Option<Counts>, StartError> {
    let mut counts = Counts::default();
    if before.low == after.low && before.through == after.through && before.tries.is_empty() {
        return Ok(Some(counts));
    }
    let from = earlier(rooms, settings, shard.id, before.low, after.low).await?;
    let end = before.through.max(after.through);
    let mut walk = Walk::new(rooms, settings, shard, from);
    'shard: while let Some(page) = walk.page().await? {
        for record in page {
            if Checkpoint::Settled(record.position) > end && !is_by_time(before, after) {
                break 'shard;
            }
            match (is_settled(before, &record), is_settled(after, &record)) {
                (true, false) => counts.repeats += 1,
                (false, true) => counts.skips += 1,
                (true, true) | (false, false) => {}
            }
        }
    }
    Ok((!walk.is_cut_off()).then_some(counts))
}

/// A place in time may lie behind every position that is known.
fn is_by_time(before: &Progress, after: &Progress) -> bool {
    [before, after]
        .iter()
        .any(|row| matches!(row.through, Checkpoint::AtTimestamp(_)))
}

fn is_settled(row: &Progress, record: &UserRecord) -> bool {
    if let Checkpoint::AtTimestamp(at) = row.low
        && record.arrived < at
    {
        return true;
    }
    let at = Checkpoint::Settled(record.position);
    let lane = row.divided().of(record);
    row.low == Checkpoint::Latest
        || at <= row.low
        || row.of(record.position, lane) == Standing::Settled
}

/// The place of which both are behind.
async fn earlier(
    rooms: &Rooms,
    settings: &TriggerSettings,
    shard: ShardId,
    one: Checkpoint,
    other: Checkpoint,
) -> Result<ReadFrom, StartError> {
    let mut earliest: Option<SequenceNumber> = None;
    for checkpoint in [one, other] {
        let sequence = match reading_from(checkpoint) {
            ReadFrom::Oldest => return Ok(ReadFrom::Oldest),
            ReadFrom::Latest => continue,
            ReadFrom::At(sequence) | ReadFrom::After(sequence) => sequence,
            arrived @ ReadFrom::Arrived(_) => {
                let limit = ReadLimit {
                    records: 1,
                    bytes: 1,
                };
                let page = rooms.source.read(&settings.stream, shard, arrived, limit);
                match page.await?.records.first() {
                    Some(record) => record.sequence,
                    None => continue,
                }
            }
        };
        earliest = Some(earliest.map_or(sequence, |earliest| earliest.min(sequence)));
    }
    Ok(earliest.map_or(ReadFrom::Latest, ReadFrom::At))
}
