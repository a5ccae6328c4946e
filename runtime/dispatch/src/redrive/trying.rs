//! In which order the records of an entry are tried: all together, and one after another where that fails.
//!
//! In: an entry that is open, and the keys that failed before. Out: what became of it, each step written before the next
//! begins; more keys may be among the failed ones afterwards.

use std::collections::BTreeSet;

use bytes::Bytes;
use model::UserRecord;

use super::{Came, Open, Redrive, RedriveOrder, invoking::Verdict};

impl Redrive {
    /// All records together; where that fails, one after another.
    pub(super) async fn records(
        &self,
        open: &mut Open,
        records: Vec<UserRecord>,
        failed: &mut BTreeSet<Bytes>,
    ) -> Came {
        let count = records.len();
        let verdict = self.invoke(open, &records).await;
        if self.how.dry_run {
            return tried(count, verdict);
        }
        match verdict {
            Verdict::Done(answer) => {
                let outputs = answer.outputs.len();
                match self.commit(open, &records, Ok(answer)).await {
                    Ok(()) => Came::Done {
                        records: count,
                        outputs,
                    },
                    Err(refused) => Came::Refused(refused),
                }
            }
            Verdict::Failed(note) if count == 1 => {
                failed.extend(records.iter().map(|record| record.partition_key.clone()));
                match self.commit(open, &records, Err(&note)).await {
                    Ok(()) => Came::Failed {
                        records: count,
                        note,
                    },
                    Err(refused) => Came::Refused(refused),
                }
            }
            Verdict::Failed(_) => self.one_by_one(open, records, failed).await,
        }
    }

    async fn one_by_one(
        &self,
        open: &mut Open,
        records: Vec<UserRecord>,
        failed: &mut BTreeSet<Bytes>,
    ) -> Came {
        let (mut done, mut outputs, mut left, mut newest) = (0, 0, 0, None);
        for record in records {
            let keeps_order = self.how.order == RedriveOrder::InOrder;
            if keeps_order && failed.contains(&record.partition_key) {
                left += 1;
                continue;
            }
            let one = std::slice::from_ref(&record);
            let written = match self.invoke(open, one).await {
                Verdict::Done(answer) => {
                    done += 1;
                    outputs += answer.outputs.len();
                    self.commit(open, one, Ok(answer)).await
                }
                Verdict::Failed(note) => {
                    left += 1;
                    failed.insert(record.partition_key.clone());
                    let written = self.commit(open, one, Err(&note)).await;
                    newest = Some(note);
                    written
                }
            };
            if let Err(refused) = written {
                return Came::Refused(refused);
            }
        }
        let id = open.letter.id.clone();
        match (newest, done) {
            (None, _) => Came::Done {
                records: done,
                outputs,
            },
            (Some(note), 0) => Came::Failed {
                records: left,
                note,
            },
            (Some(note), _) => Came::Partly {
                done,
                left,
                id,
                note,
            },
        }
    }
}

fn tried(records: usize, verdict: Verdict) -> Came {
    match verdict {
        Verdict::Done(answer) => Came::Tried {
            records,
            outputs: answer.outputs.len(),
            state: answer.state.len(),
            failed: None,
        },
        Verdict::Failed(note) => Came::Tried {
            records,
            outputs: 0,
            state: 0,
            failed: Some(note),
        },
    }
}
