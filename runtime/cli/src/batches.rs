//! Cuts a row of records into the requests that carry them. In: records in order. Out: the same records in the same
//! order, at most so many and so large at a time. Equal input is cut equally, which is what makes a put resumable.

use crate::failure::Failure;
use crate::limits::{PUT_BYTES_MAX, PUT_RECORDS_MAX};
use crate::records::Record;

/// Yields batches of `records`; a failure ends it after the records before it.
#[derive(Debug)]
pub(crate) struct Batches<I> {
    records: I,
    /// The record that did not fit into the batch before, or the failure that stopped it.
    next: Option<Result<Record, Failure>>,
}

impl<I> Batches<I> {
    pub(crate) const fn new(records: I) -> Self {
        Self {
            records,
            next: None,
        }
    }
}

impl<I: Iterator<Item = Result<Record, Failure>>> Iterator for Batches<I> {
    type Item = Result<Vec<Record>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = Vec::new();
        let mut bytes = 0_usize;
        while batch.len() < PUT_RECORDS_MAX {
            match self.next.take().or_else(|| self.records.next()) {
                None => break,
                Some(Err(failure)) if batch.is_empty() => return Some(Err(failure)),
                Some(Err(failure)) => {
                    self.next = Some(Err(failure));
                    break;
                }
                Some(Ok(record)) => {
                    let size = record.key.len() + record.data.len();
                    // A record larger than a batch goes alone: the server says whether it is too large.
                    if !batch.is_empty() && bytes + size > PUT_BYTES_MAX {
                        self.next = Some(Ok(record));
                        break;
                    }
                    bytes += size;
                    batch.push(record);
                }
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Place;

    const MIB: usize = 1 << 20;

    fn check(sizes: &[usize], expected: &[usize]) {
        let records = sizes.iter().map(|size| {
            let data = vec![0; *size - 1];
            Ok(Record {
                key: "k".to_owned(),
                hash_key: None,
                data,
                place: Place::whole("x"),
            })
        });
        let actual: Vec<usize> = Batches::new(records)
            .map(|batch| batch.unwrap().len())
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn a_batch_ends_at_either_bound() {
        check(&[], &[]);
        check(&[1], &[1]);
        check(&[1; 500], &[500]);
        check(&[1; 1_001], &[500, 500, 1]);
        check(&[MIB; 4], &[4]);
        check(&[MIB, MIB, MIB, MIB + 1, 1], &[3, 2]);
        check(&[1, 9 * MIB, 1], &[1, 1, 1]);
    }

    #[test]
    fn records_before_a_failure_are_still_put() {
        let record = || {
            Ok(Record {
                key: "k".to_owned(),
                hash_key: None,
                data: Vec::new(),
                place: Place::whole("x"),
            })
        };
        let failure = Failure::failed("read line 3");
        let batches: Vec<_> = Batches::new([record(), record(), Err(failure.clone())].into_iter())
            .map(|batch| batch.map(|records| records.len()))
            .collect();
        assert_eq!(batches, [Ok(2), Err(failure)]);
    }
}
