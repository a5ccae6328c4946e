//! Reads a shard as its trigger sees it, beside the trigger: user records in order, page by page, within a bound.
//!
//! It takes nothing from the trigger and changes nothing; what the stream no longer has is not there.

use model::{
    Checkpoint, UserRecord,
    seams::{ReadFrom, ReadLimit, ShardFacts, SourceError},
};

use crate::{
    deaggregate::{raw, unpack},
    filter::{Looked, Sifted},
    limits::{PAGE_BYTES_MAX, PAGE_RECORDS_MAX, WALKED_RECORDS_MAX},
    settings::TriggerSettings,
    shard::Rooms,
};

#[derive(Debug)]
pub(crate) struct Walk<'a> {
    rooms: &'a Rooms,
    settings: &'a TriggerSettings,
    shard: &'a ShardFacts,
    from: ReadFrom,
    over: bool,
    walked: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        rooms: &'a Rooms,
        settings: &'a TriggerSettings,
        shard: &'a ShardFacts,
        from: ReadFrom,
    ) -> Self {
        Self {
            rooms,
            settings,
            shard,
            from,
            over: false,
            walked: 0,
        }
    }

    /// The next records that the trigger is for: those that its filter passes and its shard holds. None at the tip, and
    /// where the bound is reached.
    pub(crate) async fn page(&mut self) -> Result<Option<Vec<UserRecord>>, SourceError> {
        if self.over || self.is_cut_off() {
            return Ok(None);
        }
        let limit = ReadLimit {
            records: PAGE_RECORDS_MAX,
            bytes: PAGE_BYTES_MAX,
        };
        let source = &self.rooms.source;
        let page = source.read(&self.settings.stream, self.shard.id, self.from, limit);
        let page = page.await?;
        self.from = page.next;
        self.over = page.ended || page.records.is_empty();
        self.walked += page.records.len();
        let mut records = Vec::with_capacity(page.records.len());
        for record in page.records.iter().cloned() {
            if self.settings.deaggregate {
                records.extend(unpack(record, self.shard.range, self.settings.range_check).records);
            } else {
                records.push(raw(record));
            }
        }
        records.retain(|record| self.settings.filter.sift(&Looked::from(record)) == Sifted::Kept);
        Ok(Some(records))
    }

    /// Whether there may be more than was looked at.
    pub(crate) fn is_cut_off(&self) -> bool {
        !self.over && self.walked >= WALKED_RECORDS_MAX
    }
}

/// Where reading begins so that nothing behind a checkpoint is missed.
pub(crate) fn reading_from(checkpoint: Checkpoint) -> ReadFrom {
    match checkpoint {
        Checkpoint::AtTimestamp(at) => ReadFrom::Arrived(at),
        Checkpoint::TrimHorizon => ReadFrom::Oldest,
        Checkpoint::Settled(at) => ReadFrom::At(at.sequence),
        Checkpoint::Latest | Checkpoint::ShardEnd => ReadFrom::Latest,
    }
}
