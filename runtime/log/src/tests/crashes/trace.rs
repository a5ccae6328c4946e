//! A user of the log that does everything a server does, drawn from a seed, and writes down what it handed in and what
//! was acknowledged to it.

use super::*;

/// The log said that it stopped; the operation may have happened or not.
#[derive(Debug)]
pub(super) struct Ended;

pub(super) struct Trace {
    platform: Platform,
    /// `None` between two lives.
    log: Option<Log>,
    pub book: Book,
    promised: Arc<Promised>,
    producer_number: u64,
    archive_after: Duration,
}

impl From<Stopped> for Ended {
    fn from(_: Stopped) -> Self {
        Self
    }
}

impl From<OpenError> for Ended {
    fn from(_: OpenError) -> Self {
        Self
    }
}

impl Trace {
    pub(super) async fn begin(
        platform: &Platform,
        promised: &Arc<Promised>,
        archive_after: Duration,
    ) -> Result<Self, OpenError> {
        let log = open(platform, archive_after).await?;
        let book = Book::default();
        Ok(Self::on(platform, log, book, promised, archive_after))
    }

    pub(super) fn on(
        platform: &Platform,
        log: Log,
        book: Book,
        promised: &Arc<Promised>,
        archive_after: Duration,
    ) -> Self {
        Self {
            platform: platform.clone(),
            log: Some(log),
            book,
            promised: Arc::clone(promised),
            producer_number: 0,
            archive_after,
        }
    }

    /// Stops the log, or lets it go as a killed process would.
    pub(super) async fn end(self, clean: bool) -> Book {
        if clean {
            self.log().stop().await;
        }
        self.book
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn below(&self, n: u64) -> usize {
        usize::try_from(self.platform.rng.below(n)).unwrap()
    }

    fn text(&self, len_max: u64) -> Bytes {
        let mut bytes = vec![0; self.below(len_max)];
        self.platform.rng.fill(&mut bytes);
        bytes.into()
    }

    fn append(&self, slot: ShardSlot, len_max: u64) -> Append {
        let record = |_| NewRecord {
            partition_key: Bytes::from_static(b"key"),
            explicit_hash_key: None,
            data: self.text(len_max),
        };
        let records = (0..=self.below(3)).map(record).collect();
        Append { slot, records }
    }

    fn writes(&self) -> Vec<ViewWrite> {
        let write = |_| {
            let key = Bytes::from(format!("k{:02}", self.below(20)));
            let value = (self.below(4) > 0).then(|| self.text(400));
            ViewWrite { key, value }
        };
        (0..=self.below(3)).map(write).collect()
    }

    async fn place(&mut self, commit: Commit) -> Result<u64, Ended> {
        match self.log().place(commit.clone()).await {
            Ok(placed) => {
                let at = placed.at.0;
                let highest = self.promised.highest_index.load(Ordering::SeqCst);
                self.book.add(commit, placed, highest);
                Ok(at)
            }
            Err(Refused::Full) => Ok(0),
            Err(_) => Err(Ended),
        }
    }

    async fn acknowledged(&self, at: u64) -> Result<(), Ended> {
        self.log().durable(LogPosition(at)).await?;
        self.promised.acknowledged.fetch_max(at, Ordering::SeqCst);
        let shown = self.book.highest_index();
        self.promised
            .highest_index
            .fetch_max(shown, Ordering::SeqCst);
        Ok(())
    }

    pub(super) async fn put(&mut self) -> Result<(), Ended> {
        let appends = vec![self.append(A, 600)];
        self.commit(Commit {
            appends,
            ..Commit::default()
        })
        .await
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), Ended> {
        let at = self.place(commit).await?;
        self.acknowledged(at).await
    }

    pub(super) async fn step(&mut self) -> Result<(), Ended> {
        match self.below(100) {
            0..30 => self.put().await,
            30..45 => {
                let appends = vec![self.append(A, 300), self.append(B, 300)];
                let commit = Commit {
                    appends,
                    writes: self.writes(),
                    ..Commit::default()
                };
                self.commit(commit).await
            }
            45..60 => {
                let writes = self.writes();
                self.commit(Commit {
                    writes,
                    ..Commit::default()
                })
                .await
            }
            60..70 => self.burst().await,
            70..78 => self.marked_put().await,
            78..82 => self.grant().await,
            82..90 => self.trim().await,
            90..93 => {
                let appends = vec![self.append(B, 12_000)];
                self.commit(Commit {
                    appends,
                    ..Commit::default()
                })
                .await
            }
            93..96 => self.restart(true).await,
            _ => self.restart(false).await,
        }
    }

    /// Several commits in one write: a power loss may tear it anywhere.
    async fn burst(&mut self) -> Result<(), Ended> {
        let mut at = 0;
        for _ in 0..=self.below(5) {
            let commit = Commit {
                appends: vec![self.append(B, 900)],
                writes: self.writes(),
                ..Commit::default()
            };
            at = self.place(commit).await?.max(at);
        }
        self.acknowledged(at).await
    }

    async fn marked_put(&mut self) -> Result<(), Ended> {
        self.producer_number += 1;
        let commit = Commit {
            appends: vec![self.append(A, 100)],
            producer: Some(ProducerMark {
                id: format!("p{}", self.below(3)),
                number: self.producer_number,
            }),
            ..Commit::default()
        };
        self.commit(commit).await
    }

    async fn grant(&mut self) -> Result<(), Ended> {
        let slot = LeaseSlot(self.below(2) as u64);
        let token = self.log().next_fencing_token();
        let grants = vec![Guard { slot, token }];
        self.commit(Commit {
            grants,
            ..Commit::default()
        })
        .await
    }

    /// Hides what is older than now, so that segments can go, and lets the cleaner work.
    async fn trim(&mut self) -> Result<(), Ended> {
        let slot = if self.below(2) == 0 { A } else { B };
        let before = self.platform.clock.wall();
        self.platform.clock.sleep(Duration::from_millis(5)).await;
        self.log().trim(slot, before);
        self.book.trim(slot, before);
        self.platform.clock.sleep(Duration::from_millis(5)).await;
        Ok(())
    }

    async fn restart(&mut self, clean: bool) -> Result<(), Ended> {
        if clean {
            self.log().stop().await;
        }
        self.log = None;
        self.log = Some(open(&self.platform, self.archive_after).await?);
        Ok(())
    }
}
