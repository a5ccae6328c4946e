//! What was handed to a log, in its order, and what must therefore be found when it is opened again.
//!
//! A log is whole when it holds a beginning of this list: all of what was acknowledged, perhaps more, nothing in part.

use std::collections::BTreeMap;

use super::*;
use crate::append::commit::Placed;

#[derive(Debug, Clone)]
pub(super) struct Put {
    pub slot: ShardSlot,
    pub index: u64,
    pub arrived: Timestamp,
    pub data: Bytes,
    /// Hidden by a trim: it may come back after a restart, and it may be gone.
    pub trimmed: bool,
}

/// One commit that the log placed.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub commit: Commit,
    pub placed: Placed,
    pub puts: Vec<Put>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    pub sent: Vec<Sent>,
}

impl Book {
    pub(super) fn add(&mut self, commit: Commit, placed: Placed, shown: u64) {
        let mut puts: Vec<Put> = Vec::new();
        for (append, assigned) in commit.appends.iter().zip(&placed.appends) {
            let above = assigned.first_index > shown.max(self.highest_index());
            assert!(above, "an index came twice: {assigned:?}");
            for (at, record) in append.records.iter().enumerate() {
                puts.push(Put {
                    slot: append.slot,
                    index: assigned.first_index + at as u64,
                    arrived: assigned.arrived,
                    data: record.data.clone(),
                    trimmed: false,
                });
            }
        }
        self.sent.push(Sent {
            commit,
            placed,
            puts,
        });
    }

    pub(super) fn highest_index(&self) -> u64 {
        let last = self.sent.iter().rev().find_map(|sent| sent.puts.last());
        last.map_or(0, |put| put.index)
    }

    /// How many commits a disk has to hold.
    pub(super) fn acknowledged(&self, up_to: u64) -> u64 {
        let held = self.sent.iter().filter(|sent| sent.placed.at.0 <= up_to);
        held.count() as u64
    }

    pub(super) fn trim(&mut self, slot: ShardSlot, before: Timestamp) {
        for put in self.sent.iter_mut().flat_map(|sent| &mut sent.puts) {
            put.trimmed |= put.slot == slot && put.arrived < before;
        }
    }

    /// Compares, and forgets what the log does not hold: it was never acknowledged.
    pub(super) async fn check(&mut self, name: &str, log: &Log, acknowledged: u64) {
        let checked = self.try_check(name, log, acknowledged).await;
        checked.unwrap_or_else(|refused| panic!("{name}: {refused}"));
    }

    /// The same of a log that may find out meanwhile that it is damaged, and stop.
    pub(super) async fn try_check(
        &mut self,
        name: &str,
        log: &Log,
        acknowledged: u64,
    ) -> Result<(), Refused> {
        let end = log.status().durable.0;
        assert!(end >= acknowledged, "{name}: {end} of {acknowledged}");
        self.sent.retain(|sent| sent.placed.at.0 <= end);
        self.check_records(name, log).await;
        self.check_view(name, log);
        self.check_tokens(name, log).await?;
        self.check_producers(name, log).await
    }

    async fn check_records(&self, name: &str, log: &Log) {
        for slot in [A, B] {
            let mut expected: BTreeMap<u64, &Put> = BTreeMap::new();
            for put in self.sent.iter().flat_map(|sent| &sent.puts) {
                if put.slot == slot {
                    expected.insert(put.index, put);
                }
            }
            for record in all_records(log, slot, Cursor::Index(0)).await {
                let put = expected.remove(&record.index);
                let put = put.unwrap_or_else(|| panic!("{name}: {} in {slot:?}", record.index));
                assert_eq!(
                    (record.data, record.arrived),
                    (put.data.clone(), put.arrived),
                    "{name}"
                );
            }
            expected.retain(|_, put| !put.trimmed);
            assert!(expected.is_empty(), "{name}: lost {:?}", expected.keys());
        }
    }

    fn check_view(&self, name: &str, log: &Log) {
        let mut expected = BTreeMap::new();
        for write in self.sent.iter().flat_map(|sent| &sent.commit.writes) {
            expected.insert(write.key.clone(), write.value.clone());
        }
        let expected: Vec<(Bytes, Bytes)> = expected
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        assert_eq!(
            log.scan(b"k", None, usize::MAX).unwrap(),
            expected,
            "{name}"
        );
    }

    async fn check_tokens(&self, name: &str, log: &Log) -> Result<(), Refused> {
        let mut newest = BTreeMap::new();
        for grant in self.sent.iter().flat_map(|sent| &sent.commit.grants) {
            newest.insert(grant.slot, grant.token);
        }
        for (slot, current) in newest {
            for token in 0..=current.0 {
                let token = FencingToken(token);
                let guards = vec![Guard { slot, token }];
                let placed = log
                    .place(Commit {
                        guards,
                        ..Commit::default()
                    })
                    .await;
                if let Err(stopped @ Refused::Stopped(_)) = placed {
                    return Err(stopped);
                }
                let fenced = placed == Err(Refused::Fenced { current });
                assert_eq!(fenced, token < current, "{name}: {token:?} {current:?}");
            }
        }
        Ok(())
    }

    async fn check_producers(&self, name: &str, log: &Log) -> Result<(), Refused> {
        let mut newest = BTreeMap::new();
        for sent in &self.sent {
            if let Some(mark) = &sent.commit.producer {
                newest.insert(mark.id.clone(), sent);
            }
        }
        for sent in newest.into_values() {
            let again = log.place(sent.commit.clone()).await?;
            let expected = Placed {
                repeated: true,
                ..sent.placed.clone()
            };
            assert_eq!(again, expected, "{name}");
        }
        Ok(())
    }
}
