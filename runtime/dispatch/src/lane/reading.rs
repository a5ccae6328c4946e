//! How a lane gets its records: where it begins, page by page, and which of them are settled already.

use super::*;

impl Lane {
    /// Takes up where the last holder stopped: at the exact user record.
    pub(super) async fn resume(&mut self) -> Result<(), Halt> {
        let stored = self.rooms.journal.get(&keys::progress(&self.holder.key))?;
        let row = match stored {
            Some(bytes) => Progress::decode(&bytes)?,
            None => Progress::starting(self.holder.token(), self.lease.row().initial),
        };
        let queue = if row.tries.is_empty() {
            VecDeque::new()
        } else {
            self.tried(&row).await?
        };
        (self.reader, self.floor) = start_of(row.through);
        self.ended = row.through == Checkpoint::ShardEnd;
        self.ledger = Ledger::resume(&row, queue);
        self.show(ShardState::Running);
        Ok(())
    }

    /// Reads the unsettled records of a row again. What the stream has trimmed meanwhile is not there any more.
    async fn tried(&mut self, row: &Progress) -> Result<VecDeque<Work>, Halt> {
        let mut found: BTreeMap<usize, Vec<UserRecord>> = BTreeMap::new();
        let (mut from, _) = start_of(row.low);
        'pages: loop {
            let page = self.page(from).await?;
            from = page.next;
            let over = page.ended || page.records.is_empty();
            for record in page.records {
                let unpacked = self.unpacked(record);
                for user_record in unpacked.records {
                    let kept = self.settings.filter.sift(&user_record) == Sifted::Kept;
                    match row.of(user_record.position) {
                        // Between the records of a batch lie those that its filter did not take.
                        Standing::Tried(_) if !kept => {}
                        Standing::Tried(index) => found.entry(index).or_default().push(user_record),
                        Standing::Settled => {}
                        Standing::New => break 'pages,
                    }
                }
            }
            if over {
                break;
            }
        }
        self.count_lost(row, &found);
        let resumed: usize = found.values().map(Vec::len).sum();
        self.counters.resumed += u64::try_from(resumed).unwrap_or(u64::MAX);
        let work = |(index, records): (usize, Vec<UserRecord>)| {
            let tried = row.tries.get(index)?;
            Some(Work {
                mode: if tried.blocked {
                    Mode::Blocked
                } else {
                    Mode::Together
                },
                attempts: tried.attempts,
                failures: tried.attempts,
                first_failed: (tried.first_failed_ms > 0)
                    .then(|| Timestamp::from_millis(tried.first_failed_ms)),
                not_before: tried.not_before(),
                notes: tried.notes.clone(),
                ..Work::new(records)
            })
        };
        Ok(found.into_iter().filter_map(work).collect())
    }

    /// Records of a row's tries that the stream no longer has were neither handled nor given up.
    fn count_lost(&mut self, row: &Progress, found: &BTreeMap<usize, Vec<UserRecord>>) {
        for (index, tried) in row.tries.iter().enumerate() {
            let there = found.get(&index).map_or(0, Vec::len);
            let lost = tried.records.saturating_sub(there);
            if lost > 0 {
                let (trigger, shard) = (&self.settings.name, self.shard.id);
                warn!(%trigger, %shard, lost, "records expired before their next attempt");
                self.counters.lost_to_retention += u64::try_from(lost).unwrap_or(u64::MAX);
            }
        }
    }

    /// One page into the batcher.
    pub(super) async fn read(&mut self) -> Result<(), Halt> {
        let page = self.page(self.reader).await?;
        let now = self.now();
        self.reader = page.next;
        self.ended = page.ended;
        self.at_tip = page.records.is_empty();
        self.behind_ms = page.behind_ms;
        for record in page.records {
            let unpacked = self.unpacked(record);
            self.counters.malformed_aggregates += u64::from(unpacked.malformed);
            let floor = self.floor;
            let new = |record: &UserRecord| floor.is_none_or(|floor| record.position > floor);
            let out_of_range = |stray| (stray, Condition::OutOfRange);
            let strays = unpacked.strays.into_iter().filter(new).map(out_of_range);
            let mut strays: Vec<(UserRecord, Condition)> = strays.collect();
            let mut last = strays.last().map(|(stray, _)| stray.position);
            self.counters.records_in += u64::try_from(strays.len()).unwrap_or(u64::MAX);
            for user_record in unpacked.records.into_iter().filter(new) {
                last = last.max(Some(user_record.position));
                self.counters.records_in += 1;
                match self.settings.filter.sift(&user_record) {
                    Sifted::Kept => {
                        let encoded = self.encoded_len(&user_record);
                        self.batcher.push(user_record, encoded, now);
                    }
                    Sifted::FilteredOut => self.counters.filtered_out += 1,
                    Sifted::Unparsable => strays.push((user_record, Condition::Unparsable)),
                }
            }
            strays.sort_by_key(|(stray, _)| stray.position);
            self.strays.extend(strays);
            self.floor = self.floor.max(last);
        }
        Ok(())
    }

    fn encoded_len(&self, record: &UserRecord) -> usize {
        let handler = &self.rooms.handler;
        handler.encoded_len(&self.settings.stream, record)
    }

    async fn page(&self, from: ReadFrom) -> Result<model::seams::Page, SourceError> {
        let limit = ReadLimit {
            records: PAGE_RECORDS_MAX,
            bytes: PAGE_BYTES_MAX,
        };
        let stream = &self.settings.stream;
        self.rooms
            .source
            .read(stream, self.shard.id, from, limit)
            .await
    }

    fn unpacked(&self, record: model::Record) -> Unpacked {
        if self.settings.deaggregate {
            unpack(record, self.shard.range, self.settings.range_check)
        } else {
            Unpacked {
                records: vec![raw(record)],
                ..Unpacked::default()
            }
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
