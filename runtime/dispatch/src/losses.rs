//! What a shard lost to retention before it was settled: counted to the record, and named once.
//!
//! Pure. In: the progress row that a holder takes up, the pages that it reads, and of each record that it had before it. Out:
//! how many records there were that nobody will handle any more, for the row, the status and a dead letter. The stream counts
//! what lies before a page that does not go on where it should; here that is held against how many records were read.

use model::{Checkpoint, SequenceNumber, seams::Page};
use serde::{Deserialize, Serialize};

use crate::progress::Progress;

/// How far a shard was read; as stored in its progress row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The last record that was read.
    pub through: SequenceNumber,
    /// How many records the shard ever had up to there.
    pub records: u64,
    /// User records that were read and are not settled.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub open: u64,
    /// The checkpoint lies in an aggregate of which later records are among them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub within_record: bool,
}

/// Records of which nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    pub records: u64,
    /// The last record before them that was read, where there was one.
    pub after: Option<SequenceNumber>,
    /// The first behind them, where there was one.
    pub before: Option<SequenceNumber>,
}

#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// None where nobody counts, and before the first page of a shard whose row does not say.
    seen: Option<Seen>,
    /// Read by an earlier holder, not settled, and not found again yet.
    wanted: Option<Wanted>,
    /// Before anything is read: whether the checkpoint lies in a record.
    within_record: bool,
    /// What no dead letter names yet.
    gap: Option<Gap>,
    /// By this trigger in this shard, ever, and since this holder began.
    total: u64,
    here: u64,
}

/// The first and the last record of a page, where it has any.
pub(crate) type Ends = Option<(SequenceNumber, SequenceNumber)>;

pub(crate) fn ends(page: &Page) -> Ends {
    let (first, last) = (page.records.first()?, page.records.last()?);
    Some((first.sequence, last.sequence))
}

#[derive(Debug)]
struct Wanted {
    /// Settled before them.
    after: Option<SequenceNumber>,
    through: SequenceNumber,
    records: u64,
    /// How many records lie before the first that is read again, where its number is not known.
    begins: Option<u64>,
    /// Something behind the checkpoint is gone.
    has_gap: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

impl Losses {
    /// `begins` is where the trigger began on the shard, which counts where the row does not say more.
    pub(crate) fn resume(row: &Progress, begins: Option<Seen>) -> Self {
        let after = match row.low {
            Checkpoint::Settled(position) => Some(position.sequence),
            Checkpoint::AtTimestamp(_)
            | Checkpoint::TrimHorizon
            | Checkpoint::Latest
            | Checkpoint::ShardEnd => None,
        };
        let first = begins.filter(|_| after.is_none());
        let wanted = Wanted {
            after,
            through: row.seen.map_or_else(|| row.last(), |seen| seen.through),
            records: row.seen.map_or_else(|| row.tried(), |seen| seen.open),
            begins: first.map(|seen| seen.records),
            has_gap: false,
        };
        Self {
            seen: row.seen.or(begins),
            wanted: Some(wanted).filter(|wanted| wanted.records > 0),
            within_record: row.seen.is_some_and(|seen| seen.within_record),
            total: row.lost,
            ..Self::default()
        }
    }

    /// A page comes: what lies before it and was not read is lost. Says how many records that are.
    pub(crate) fn reach(&mut self, page: &Page) -> u64 {
        let Some(before) = page.records_before else {
            return 0;
        };
        if let Some(wanted) = &mut self.wanted {
            wanted.has_gap |= wanted.begins.is_none_or(|begins| before > begins);
        }
        let Some(seen) = &mut self.seen else {
            self.seen = Some(Seen {
                through: SequenceNumber::MIN,
                records: before,
                open: 0,
                within_record: false,
            });
            return 0;
        };
        let lost = before.saturating_sub(seen.records);
        let after = Some(seen.through).filter(|through| *through > SequenceNumber::MIN);
        seen.records += lost;
        self.lose(lost, after, ends(page));
        lost
    }

    /// The records of a page are at hand.
    pub(crate) fn take(&mut self, page: &Page) {
        self.within_record = false;
        let Some(seen) = &mut self.seen else { return };
        let through = seen.through;
        let known = page.records.partition_point(|it| it.sequence <= through);
        seen.records += wide(page.records.len() - known);
        if let Some(last) = page.records.last() {
            seen.through = through.max(last.sequence);
        }
    }

    /// A record that is to be settled is at hand.
    pub(crate) fn find(&mut self, sequence: SequenceNumber) {
        let wanted = self.wanted.as_mut();
        if let Some(wanted) = wanted.filter(|wanted| sequence <= wanted.through) {
            wanted.records = wanted.records.saturating_sub(1);
        }
    }

    /// Every record of a page was looked at: what an earlier holder had, and should have been found by now, is lost. Says how
    /// many records that are.
    pub(crate) fn close(&mut self, page: Ends) -> u64 {
        let over = |wanted: &mut Wanted| page.is_none_or(|(_, last)| last >= wanted.through);
        let Some(wanted) = self.wanted.take_if(over) else {
            return 0;
        };
        let lost = if wanted.has_gap { wanted.records } else { 0 };
        self.lose(lost, wanted.after, page);
        lost
    }

    fn lose(&mut self, records: u64, after: Option<SequenceNumber>, page: Ends) {
        if records == 0 {
            return;
        }
        self.total += records;
        self.here += records;
        let known = self.gap.unwrap_or(Gap {
            records: 0,
            after,
            before: None,
        });
        self.gap = Some(Gap {
            records: known.records + records,
            after: known.after.min(after),
            before: page.map(|(first, _)| first),
        });
    }

    /// Whether the checkpoint lies in a record, as far as the row said.
    pub(crate) fn is_within_record(&self) -> bool {
        self.within_record
    }

    /// What no dead letter names yet.
    pub(crate) fn gap(&self) -> Option<Gap> {
        self.gap
    }

    /// It is written.
    pub(crate) fn named(&mut self) {
        self.gap = None;
    }

    /// For the row; `open` are at hand.
    pub(crate) fn seen(&self, open: usize, within_record: bool) -> Option<Seen> {
        let wanted = self.wanted.as_ref().map_or(0, |wanted| wanted.records);
        let open = wide(open) + wanted;
        self.seen.map(|seen| Seen {
            open,
            within_record,
            ..seen
        })
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Since this holder began.
    pub(crate) fn here(&self) -> u64 {
        self.here
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{FencingToken, Position, Record, Timestamp, seams::ReadFrom};

    use super::*;
    use crate::testing::position;

    fn number(of: u64) -> SequenceNumber {
        position(of).sequence
    }

    fn page(records: std::ops::Range<u64>, records_before: Option<u64>) -> Page {
        let record = |of| Record {
            sequence: number(of),
            arrived: Timestamp::default(),
            partition_key: Bytes::new(),
            explicit_hash_key: None,
            data: Bytes::new(),
            encrypted: false,
        };
        Page {
            records: records.map(record).collect::<Vec<_>>().into(),
            next: ReadFrom::Oldest,
            behind_ms: 0,
            ended: false,
            records_before,
        }
    }

    /// Settled up to the record `low`, read up to `through`, of which so many are open.
    fn row(low: u64, through: u64, open: u64) -> Progress {
        Progress {
            seen: Some(Seen {
                through: number(through),
                records: through,
                open,
                within_record: false,
            }),
            ..Progress::starting(FencingToken(1), Checkpoint::Settled(position(low)))
        }
    }

    /// A holder that takes the row up reads this page; every record of it that it should find is found.
    fn check(row: &Progress, read: std::ops::Range<u64>, before: Option<u64>, lost: u64) {
        let Checkpoint::Settled(Position { sequence: low, .. }) = row.low else {
            panic!("{row:?}");
        };
        let mut losses = Losses::resume(row, None);
        let page = page(read, before);
        losses.reach(&page);
        losses.take(&page);
        let later = page.records.iter().filter(|record| record.sequence > low);
        later.for_each(|record| losses.find(record.sequence));
        losses.close(ends(&page));
        assert_eq!(losses.total(), lost, "{row:?} {before:?}");
        assert_eq!(losses.gap().map_or(0, |gap| gap.records), lost);
        let last = page.records.last().map(|record| record.sequence);
        let read_to = row.seen.unwrap().through.max(last.unwrap_or_default());
        assert_eq!(losses.seen(0, false).unwrap().through, read_to);
    }

    #[test]
    fn what_is_missing_was_unread_or_unsettled() {
        // Nothing is gone but what was settled.
        check(&row(5, 5, 0), 5..9, None, 0);
        check(&row(5, 5, 0), 6..9, Some(5), 0);
        // Two that were not read.
        check(&row(5, 5, 0), 8..9, Some(7), 2);
        // Two of four that were read, and were not settled.
        check(&row(5, 9, 4), 8..12, Some(7), 2);
        // All four, and two behind them.
        check(&row(5, 9, 4), 12..14, Some(11), 6);
        // All of both, and nothing came after them.
        check(&row(5, 9, 4), 0..0, Some(11), 6);
        // Three of the four had been settled out of their order.
        check(&row(5, 9, 1), 9..10, Some(8), 0);
    }

    #[test]
    fn a_shard_that_nobody_counts_loses_nothing_that_is_known() {
        let row = Progress::starting(FencingToken(1), Checkpoint::TrimHorizon);
        let mut losses = Losses::resume(&row, None);
        losses.reach(&page(5..7, None));
        losses.take(&page(5..7, None));
        assert_eq!((losses.total(), losses.seen(0, false)), (0, None));
    }

    #[test]
    fn what_is_due_from_the_first_record_on_is_missed_from_there() {
        let row = Progress::starting(FencingToken(1), Checkpoint::TrimHorizon);
        let began = |records| Seen {
            through: SequenceNumber::MIN,
            records,
            open: 0,
            within_record: false,
        };
        for (begins, lost) in [(None, 0), (Some(began(0)), 4), (Some(began(3)), 1)] {
            let mut losses = Losses::resume(&row, begins);
            assert_eq!(losses.reach(&page(5..7, Some(4))), lost);
            losses.take(&page(5..7, Some(4)));
            assert_eq!(losses.seen(2, false).unwrap().records, 6);
            let gap = (lost > 0).then_some(Gap {
                records: lost,
                after: None,
                before: Some(number(5)),
            });
            assert_eq!(losses.gap(), gap);
        }
    }

    #[test]
    fn what_is_not_wanted_any_more_is_no_loss() {
        // A filter that passes more than before leaves out what was open.
        let mut losses = Losses::resume(&row(5, 9, 4), None);
        let page = page(5..12, None);
        losses.reach(&page);
        losses.take(&page);
        assert_eq!(losses.close(ends(&page)), 0);
    }

    #[test]
    fn what_is_still_looked_for_stays_in_the_row() {
        let mut losses = Losses::resume(&row(5, 9, 4), None);
        losses.find(number(6));
        assert_eq!(losses.seen(1, true).map(|seen| seen.open), Some(4));
    }

    #[test]
    fn gaps_that_are_not_written_yet_are_one() {
        let mut losses = Losses::resume(&row(5, 5, 0), None);
        losses.reach(&page(8..8, Some(7)));
        losses.reach(&page(10..11, Some(9)));
        let gap = losses.gap().unwrap();
        assert_eq!((gap.records, gap.after), (4, Some(number(5))));
        assert_eq!(gap.before, Some(number(10)));
        losses.named();
        assert_eq!((losses.gap(), losses.total(), losses.here()), (None, 4, 4));
    }
}
