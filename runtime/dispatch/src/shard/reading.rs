//! How a shard gets its records: where it begins, page by page, and which of them are settled already.

use model::{Record, SequenceNumber};
use tokio::task::yield_now;

use super::*;
use crate::{filter::Looked, glance::Glance, losses, progress::Try, tumbling::Place};

/// Records of a row's tries, by the index of the try.
type Found = BTreeMap<usize, Vec<UserRecord>>;

/// The row of an earlier holder that is taken up, and what of its tries was found.
type Resumed<'a> = Option<(&'a Progress, &'a mut Found)>;

/// What becomes of a record that counts.
#[derive(Clone, Copy)]
enum Verdict {
    Keep,
    Stray(Condition),
}

impl ShardTask {
    /// Takes up where the last holder stopped: at the exact user record, in each lane.
    pub(super) async fn resume(&mut self) -> Result<(), Halt> {
        let stored = self.rooms.journal.get(&keys::progress(&self.holder.key))?;
        let row = match stored {
            Some(bytes) => Progress::decode(&bytes)?,
            None => Progress::starting(self.holder.token(), self.lease.row().initial),
        };
        self.losses = Losses::resume(&row, self.began(&row));
        if row.is_open() {
            self.lanes = row.divided();
        }
        self.ledger = Ledger::resume(&row, self.lanes);
        self.written = row.low;
        self.last = row.last;
        self.look_at_parked()?;
        self.resume_windows()?;
        (self.reader, self.floor) = start_of(row.low);
        self.ended = row.through == Checkpoint::ShardEnd;
        if row.is_open() && !self.ended {
            self.take_up(&row).await?;
        }
        self.show(ShardState::Running);
        Ok(())
    }

    /// Where the trigger began on the shard, or where a row stands that does not say how many records lie before it.
    fn began(&self, row: &Progress) -> Option<Seen> {
        let lease = self.lease.row();
        let first = lease.initial_records.filter(|_| row.low == lease.initial);
        let (through, records) = match row.low {
            Checkpoint::Settled(_) if row.seen.is_some() => return None,
            Checkpoint::Settled(at) => {
                let place = ReadFrom::After(at.sequence);
                let (source, stream) = (&self.rooms.source, &self.settings.stream);
                let before = || source.records_before(stream, self.shard.id, place);
                (at.sequence, first.or_else(before))
            }
            Checkpoint::AtTimestamp(_)
            | Checkpoint::TrimHorizon
            | Checkpoint::Latest
            | Checkpoint::ShardEnd => (SequenceNumber::MIN, first),
        };
        Some(Seen {
            through,
            records: records?,
            open: 0,
            within_record: false,
        })
    }

    /// Reads again what lies between the checkpoint of a row and its end, which some lanes had begun and others not. What
    /// the stream has trimmed meanwhile is not there any more.
    async fn take_up(&mut self, row: &Progress) -> Result<(), Halt> {
        let mut found = Found::new();
        loop {
            let page = self.next_page().await?;
            let over = page.records.is_empty() || self.ended;
            self.take_page(&page, &mut Some((row, &mut found)));
            let reached = self.floor.map(Checkpoint::Settled) >= Some(row.through);
            if over || reached {
                break;
            }
        }
        // Everything up to there is at hand or settled.
        self.ledger.see(row.through);
        for (index, records) in found {
            if let Some(tried) = row.tries.get(index) {
                let lane = tried.lane.unwrap_or(LaneId(0));
                let window = records.first().and_then(|record| self.window_of(record));
                let work = Work {
                    window,
                    ..self.work_of_try(tried, records)
                };
                self.ledger.begin(lane, work);
            }
        }
        self.ledger.taken_up();
        Ok(())
    }

    /// One page into the batchers.
    pub(super) async fn read(&mut self) -> Result<(), Halt> {
        let page = self.next_page().await?;
        self.take_page(&page, &mut None);
        // A backlog that is in memory is read without waiting for anything; others have their turn too.
        if page.records.len() >= PAGE_RECORDS_MAX {
            yield_now().await;
        }
        Ok(())
    }

    async fn next_page(&mut self) -> Result<Page, Halt> {
        let limit = ReadLimit {
            records: PAGE_RECORDS_MAX,
            bytes: PAGE_BYTES_MAX,
        };
        let stream = &self.settings.stream;
        let source = &self.rooms.source;
        let page = source.read(stream, self.shard.id, self.reader, limit);
        let page = page.await?;
        self.reach(&page);
        self.reader = page.next;
        self.ended = page.ended;
        self.at_tip = page.records.is_empty();
        if self.at_tip {
            self.saw_nothing();
        }
        self.behind_ms = page.behind_ms;
        Ok(page)
    }

    /// What lies before a page and was not read is lost.
    pub(super) fn reach(&mut self, page: &Page) {
        let lost = self.losses.reach(page);
        if lost > 0 {
            let (trigger, shard) = (&self.settings.name, self.shard.id);
            warn!(%trigger, %shard, records = lost, "records expired before they were read");
        }
    }

    /// One more record that has to be settled some day.
    fn at_hand(&mut self, record: &UserRecord) {
        self.ledger.read(record);
        self.losses.find(record.position.sequence);
    }

    /// Takes in a page. `resumed` is the row that says which of it is settled or was being tried.
    fn take_page(&mut self, page: &Page, resumed: &mut Resumed<'_>) {
        self.losses.take(page);
        self.taken_at = self.now();
        let records = &page.records;
        if records.is_shared() {
            for (record, glance) in records.made(Glance::at) {
                self.take(record, glance, resumed);
            }
        } else {
            for record in records.iter() {
                self.take(record, None, resumed);
            }
        }
        let lost = self.losses.close(losses::ends(page));
        if lost > 0 {
            let (trigger, shard) = (&self.settings.name, self.shard.id);
            warn!(%trigger, %shard, records = lost, "records expired before their next attempt");
        }
    }

    /// Puts what is in a record where it belongs: into the batcher of its lane, among the strays, or nowhere.
    fn take(&mut self, record: &Record, glance: Option<&Glance>, resumed: &mut Resumed<'_>) {
        let packed = || glance.map_or_else(|| is_packed(record), |glance| glance.packed);
        if !self.settings.deaggregate || !packed() {
            let looked = Looked {
                outline: glance.map(|glance| &glance.outline),
                ..record.into()
            };
            // Most of what a filter drops is never copied.
            if let Some(verdict) = self.judge(&looked, false, resumed) {
                self.carry_out(raw(record.clone()), verdict, resumed);
            }
            return;
        }
        let unpacked = unpack(record.clone(), self.shard.range, self.settings.range_check);
        self.counters.malformed_aggregates += u64::from(unpacked.malformed);
        let strays = unpacked.strays.into_iter().map(|stray| (stray, true));
        let inside = unpacked.records.into_iter().map(|record| (record, false));
        let mut records: Vec<(UserRecord, bool)> = strays.chain(inside).collect();
        records.sort_by_key(|(record, _)| record.position);
        for (record, out_of_range) in records {
            if let Some(verdict) = self.judge(&Looked::from(&record), out_of_range, resumed) {
                self.carry_out(record, verdict, resumed);
            }
        }
    }

    /// What becomes of a record; nothing where it was taken before or nobody wants it.
    fn judge(
        &mut self,
        looked: &Looked<'_>,
        out_of_range: bool,
        resumed: &Resumed<'_>,
    ) -> Option<Verdict> {
        let position = looked.position;
        if self.floor.is_some_and(|floor| position <= floor) {
            return None;
        }
        self.floor = Some(position);
        self.ledger.see(Checkpoint::Settled(position));
        self.saw(looked.arrived);
        let verdict = match self.settings.filter.sift(looked) {
            Sifted::Kept | Sifted::Unparsable if out_of_range => {
                Some(Verdict::Stray(Condition::OutOfRange))
            }
            Sifted::Kept => return Some(Verdict::Keep),
            Sifted::Unparsable => Some(Verdict::Stray(Condition::Unparsable)),
            Sifted::FilteredOut => None,
        };
        // What is given no lane was settled with everything else up to there.
        let passed = |(row, _): &(&Progress, _)| Checkpoint::Settled(position) <= row.through;
        if resumed.as_ref().is_some_and(passed) {
            return None;
        }
        self.counters.records_in += 1;
        self.counters.filtered_out += u64::from(verdict.is_none());
        verdict
    }

    fn carry_out(&mut self, record: UserRecord, verdict: Verdict, resumed: &mut Resumed<'_>) {
        let lane = match verdict {
            Verdict::Stray(condition) => return self.stray(record, condition),
            Verdict::Keep => self.lanes.of(&record),
        };
        if let Some((row, found)) = resumed {
            match row.of(record.position, lane) {
                Standing::Settled => return,
                Standing::Tried(index) => {
                    self.counters.resumed += 1;
                    self.at_hand(&record);
                    found.entry(index).or_default().push(record);
                    return;
                }
                Standing::New => {}
            }
        }
        self.counters.records_in += 1;
        self.sort(lane, record);
    }

    fn stray(&mut self, record: UserRecord, condition: Condition) {
        self.at_hand(&record);
        self.strays.push_back((record, condition));
    }

    /// Into its batch, by its tumbling window where there are any.
    fn sort(&mut self, lane: LaneId, record: UserRecord) {
        match self.placed_in_window(&record) {
            None => self.collect(lane, record, None),
            Some(Place::In(start)) => self.collect(lane, record, Some(start)),
            Some(Place::Late) => self.stray(record, Condition::Late),
            Some(Place::Timeless) => self.stray(record, Condition::Unparsable),
        }
    }

    fn collect(&mut self, lane: LaneId, record: UserRecord, window: Option<Timestamp>) {
        self.at_hand(&record);
        let now = self.taken_at;
        let encoded = self.encoded_len(&record);
        let policy = self.settings.batch;
        let tumbling = self.settings.tumbling.as_ref();
        let by_clock = tumbling.filter(|tumbling| !tumbling.reads_time());
        let every = by_clock.map(|tumbling| tumbling.every);
        let batcher = self.batchers.entry(lane);
        batcher
            .or_insert_with(|| Batcher::new(policy).within_windows(every))
            .push(record, encoded, window, now);
    }

    pub(super) fn encoded_len(&self, record: &UserRecord) -> usize {
        let handler = &self.rooms.handler;
        handler.encoded_len(&self.settings.stream, record)
    }

    fn work_of_try(&self, tried: &Try, records: Vec<UserRecord>) -> Work {
        let now = self.now();
        // Where the clock was set back while nothing ran, no pause is as long as what lies between.
        let longest = now.plus(self.settings.retry.pause_max());
        let first_failed = Timestamp::from_millis(tried.first_failed_ms);
        Work {
            mode: if tried.blocked {
                Mode::Blocked
            } else {
                Mode::Together
            },
            version: tried.version,
            attempts: tried.attempts,
            failures: tried.attempts,
            first_failed: (tried.first_failed_ms > 0).then(|| first_failed.min(now)),
            not_before: Some(tried.not_before())
                .filter(|until| *until <= longest)
                .unwrap_or_default(),
            notes: tried.notes.clone(),
            ..Work::new(records)
        }
    }
}

/// Where reading begins after a checkpoint, and up to where what is read was settled before (CP-6).
fn start_of(checkpoint: Checkpoint) -> (ReadFrom, Option<Position>) {
    match checkpoint {
        Checkpoint::AtTimestamp(at) => (ReadFrom::Arrived(at), None),
        Checkpoint::TrimHorizon => (ReadFrom::Oldest, None),
        Checkpoint::Latest | Checkpoint::ShardEnd => (ReadFrom::Latest, None),
        Checkpoint::Settled(at) => (ReadFrom::At(at.sequence), Some(at)),
    }
}
